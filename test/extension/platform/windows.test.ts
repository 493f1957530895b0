import { expect, test } from 'vitest'
import { clampPlace } from '../../../extension/platform/windows.ts'

const screen = { left: 0, top: 24, width: 1280, height: 776 }

test('a window keeps a place that is on the screen', () => {
  expect(clampPlace({ left: 100, top: 100, width: 380, height: 560, screen })).toEqual({
    left: 100,
    top: 100,
    width: 380,
    height: 560,
  })
})

test.each([
  ['right and below', { left: 2000, top: 2000 }, { left: 900, top: 240 }],
  ['left and above', { left: -500, top: -500 }, { left: 0, top: 24 }],
  ['between pixels', { left: 10.4, top: 30.6 }, { left: 10, top: 31 }],
])('a window that was %s of the screen comes back onto it', (_, place, expected) => {
  expect(clampPlace({ ...place, width: 380, height: 560, screen })).toMatchObject(expected)
})

test('a window is never smaller than it can be used, nor larger than the screen', () => {
  expect(clampPlace({ left: 0, top: 24, width: 10, height: 9000, screen })).toEqual({
    left: 0,
    top: 24,
    width: 300,
    height: 776,
  })
})
