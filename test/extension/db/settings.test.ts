import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { UserId } from '#shared/ids'
import {
  arrivalOf,
  changed,
  defaultSettings,
  readSettings,
  type SettingsChange,
} from '../../../extension/db/settings.ts'

const bob = 'bob' as UserId

test('nothing stored, or something that cannot be settings, is the defaults', () => {
  for (const value of [
    undefined,
    null,
    7,
    'x',
    [],
    { sound: 'loud', buddies: [1], quietHours: { from: -1 } },
  ])
    expect(readSettings(value)).toMatchObject({ ...defaultSettings, buddies: expect.anything() })
})

test('one setting that cannot be right costs only itself', () => {
  const read = readSettings({
    sound: 'loud',
    preview: 'name',
    buddies: { bob: { nickname: 7 }, al: { group: 'x' } },
  })

  expect(read).toMatchObject({ sound: true, preview: 'name' })
  expect(read.buddies).toEqual({ bob: {}, al: { group: 'x' } })
})

test('what a newer version has added stays through a change', () => {
  const newer = readSettings({ shiny: true, buddies: { bob: { colour: 'red', nickname: 'B' } } })
  const after = changed(newer, { sound: false, buddies: { bob: { nickname: 'Bobby' } } })

  expect(after).toMatchObject({ shiny: true, sound: false })
  expect(after.buddies.bob).toEqual({ colour: 'red', nickname: 'Bobby' })
})

test('a change touches what it names and nothing else; null takes a field away', () => {
  const one = changed({}, { buddies: { bob: { nickname: 'Bobby', isFavourite: true } } })
  const two = changed(one, { buddies: { bob: { nickname: null }, carol: { group: 'Work' } } })

  expect(two.buddies).toEqual({ bob: { isFavourite: true }, carol: { group: 'Work' } })
  expect(changed(two, { buddies: { bob: { isFavourite: null } } }).buddies).toEqual({
    carol: { group: 'Work' },
  })
})

test('the order of changes to different fields does not matter', () => {
  const changes = fc.uniqueArray(
    fc.constantFrom<SettingsChange>(
      { sound: false },
      { preview: 'nothing' },
      { arrival: 'badge' },
      { buddies: { bob: { nickname: 'B' } } },
      { buddies: { bob: { isFavourite: true } } },
      { buddies: { al: { group: 'x' } } },
    ),
  )
  fc.assert(
    fc.property(changes, (some) => {
      expect(some.toReversed().reduce<unknown>(changed, readSettings({}))).toEqual(
        some.reduce<unknown>(changed, readSettings({})),
      )
    }),
  )
})

test('[R-41] how a message arrives: as chosen for the buddy, or in general, or by the browser', () => {
  const general = changed({}, { arrival: 'badge' })
  const special = changed(general, { buddies: { bob: { arrival: 'window' } } })

  expect(arrivalOf(defaultSettings, bob, 'prompt')).toBe('prompt')
  expect(arrivalOf(general, bob, 'prompt')).toBe('badge')
  expect(arrivalOf(special, bob, 'prompt')).toBe('window')
})
