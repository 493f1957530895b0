import { expect, test } from 'vitest'
import { fakeBrowser } from 'wxt/testing/fake-browser'
import { openOnce } from '../../../extension/platform/pages.ts'
import { cornerOf } from '../../../extension/platform/prompt-window.ts'
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

test('the prompt stands in the lower right corner, and on the screen however small that is', () => {
  const size = { width: 360, height: 200 }

  expect(cornerOf(screen, size)).toEqual({ left: 920, top: 600, ...size })
  expect(cornerOf({ left: 0, top: 24, width: 300, height: 100 }, size)).toEqual({ left: 0, top: 24, ...size })
})

test('two messages in one breath open one window', async () => {
  let isOpen = false
  let opened = 0
  const open = () =>
    openOnce(
      'chat:bob',
      async () => isOpen,
      async () => {
        opened++
        setTimeout(() => (isOpen = true), 100) // the browser lists a page once it has loaded
        return undefined
      },
    )

  const answers = await Promise.all([open(), open(), open()])
  const later = await open()

  expect(opened).toBe(1)
  expect([...answers, later].filter((answer) => answer)).toHaveLength(1)
})

test('a window that could not be opened can be opened the next time', async () => {
  const failing = openOnce(
    'chat:carol',
    async () => false,
    () => Promise.reject(new Error('no window')),
  )
  await expect(failing).rejects.toThrow('no window')

  let isOpen = false
  const opened = await openOnce(
    'chat:carol',
    async () => isOpen,
    async () => {
      isOpen = true
      return undefined
    },
  )

  expect(opened).toBe(true)
})

test('a window that has gone again at once holds up no other', async () => {
  fakeBrowser.tabs.get = () => Promise.reject(new Error('no tab'))
  const open = () =>
    openOnce(
      'prompt',
      async () => false,
      async () => 7,
    )

  expect(await Promise.all([open(), open()])).toEqual([true, true])
})
