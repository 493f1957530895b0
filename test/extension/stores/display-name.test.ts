import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { displayName, tooLongBy } from '../../../extension/stores/display-name.ts'

test.each([
  ['spaces', '  Ann\t\n  Lee ', 'Ann Lee'],
  ['control characters', 'An\u0000n\u0007', 'Ann'],
  ['marks of direction', '\u202eeelnnA\u202c \u2067x\u2069', 'eelnnA x'],
  ['what has no width', 'A\u200bn\ufeffn\u2060', 'Ann'],
  ['a joiner between letters', 'A\u200dnn', 'Ann'],
  ['composition', 'Zoe\u0308', 'Zoë'],
  ['a mark that was kept apart', 'Zoe\u200b\u0308', 'Zoë'],
])('[R-55] %s: put right', (_, typed, stored) => {
  expect(displayName(typed)).toBe(stored)
})

test.each(['👩‍👧‍👦', '🧑🏽‍🚀', '❤️‍🔥', '山田 太郎', 'نرگس', 'О́льга'])('[R-55] %s stays as it is', (name) => {
  expect(displayName(name)).toBe(name.normalize('NFC'))
})

test('[R-55] done twice is done once, and nothing unseen is left', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (typed) => {
      const name = displayName(typed)
      expect(displayName(name)).toBe(name)
      expect(name.replaceAll('\u200d', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    }),
    { numRuns: 2000 },
  )
})

test('[R-55] at most fifty characters', () => {
  expect(tooLongBy('x'.repeat(50))).toBe(0)
  expect(tooLongBy('x'.repeat(53))).toBe(3)
})
