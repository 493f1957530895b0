import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { UserId } from '#shared/ids'
import { lookAlike, skeleton } from '../../../extension/stores/look-alike.ts'

const user = (name: string) => name as UserId

test.each([
  ['separators', 'anna.lee', 'anna_lee'],
  ['no separator', 'anna.lee', 'annalee'],
  ['zero', 'bob', 'b0b'],
  ['one and i', 'lilli', '1i1ii'],
  ['r and n', 'mia', 'rnia'],
  ['two v', 'will', 'vvill'],
  ['case', 'bob', 'BoB'],
  ['fullwidth', 'bob', 'ｂｏｂ'],
  ['mathematical letters', 'bob', '𝓫𝓸𝓫'],
  ['diacritics', 'zoe', 'Zoë'],
  ['a stroke', 'soren', 'søren'],
  ['Cyrillic', 'pacey', 'расеу'],
  ['Cyrillic capitals', 'bob', 'ВОВ'],
  ['Greek', 'voki', 'νοκι'],
  ['dotless i', 'ida', 'ıda'],
  ['dotted I', 'ida', 'İda'],
  ['a bar', 'lea', '|ea'],
  ['what is not seen', 'bob', 'b\u200bo\u202eb'],
  ['marks without end', 'bob', 'b̶̢o̴̧b̵̡'],
])('[R-53] %s makes no other skeleton', (_, one, other) => {
  expect(skeleton(other)).toBe(skeleton(one))
})

test.each([
  ['bob', 'rob'],
  ['anna', 'ana'],
  ['mia', 'nia'],
  ['李', '王'],
  ['🌻', '🌵'],
])('[R-53] %s and %s do not look alike', (one, other) => {
  expect(skeleton(one)).not.toBe(skeleton(other))
})

test('[R-53] a skeleton is its own skeleton', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(skeleton(skeleton(text))).toBe(skeleton(text))
    }),
    { numRuns: 2000 },
  )
})

test('[R-53] neither case nor width nor a separator anywhere changes a skeleton', () => {
  const letter = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789')
  const wide = (text: string) =>
    text.replaceAll(/[!-~]/g, (char) => String.fromCodePoint(char.codePointAt(0)! + 0xfee0))
  fc.assert(
    fc.property(
      fc.array(letter, { minLength: 1 }),
      fc.constantFrom('.', '-', '_', ' '),
      (letters, between) => {
        const name = letters.join('')
        const same = skeleton(name)
        expect(skeleton(name.toUpperCase())).toBe(same)
        expect(skeleton(wide(name))).toBe(same)
        expect(skeleton(letters.join(between))).toBe(same)
      },
    ),
  )
})

test('[R-53] a stranger is compared by both of their names, with all names of a buddy', () => {
  const buddies = [{ user: user('bob') }, { user: user('x.ray'), nickname: 'Mum', name: 'Rosa Müller' }]

  expect(lookAlike({ user: user('b0b') }, buddies)).toBe('bob')
  expect(lookAlike({ user: user('stranger'), name: 'ＢＯＢ' }, buddies)).toBe('bob')
  expect(lookAlike({ user: user('stranger'), name: 'mum' }, buddies)).toBe('x.ray')
  expect(lookAlike({ user: user('rosa-muller') }, buddies)).toBe('x.ray')
  expect(lookAlike({ user: user('carol'), name: 'Carol' }, buddies)).toBeNull()
})

test('[R-53] nobody looks like themselves, and a name of nothing looks like nobody', () => {
  const bob = { user: user('bob'), nickname: '', name: '…' }

  expect(lookAlike({ user: user('bob'), name: 'Bob' }, [bob])).toBeNull()
  expect(lookAlike({ user: user('carol'), name: '---' }, [bob])).toBeNull()
})
