import { fakeBrowser } from 'wxt/testing/fake-browser'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

let intervals: number[]
let state: 'active' | 'idle' | 'locked'
let become: (state: 'active' | 'idle' | 'locked') => void

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 })
  vi.resetModules()
  fakeBrowser.reset()
  intervals = []
  fakeBrowser.idle.onStateChanged.addListener = (listener) => void (become = listener)
  state = 'active'
  fakeBrowser.idle.setDetectionInterval = (seconds: number) => void intervals.push(seconds)
  fakeBrowser.idle.queryState = (async () => state) as never
})
afterEach(() => vi.useRealTimers())

async function watch(minutes: number) {
  const { setIdleAfter, watchActivity } = await import('../../../extension/platform/activity.ts')
  const told: string[] = []
  watchActivity((activity, since) => told.push(`${activity} ${Date.now() - since}`))
  setIdleAfter(minutes)
  await vi.advanceTimersByTimeAsync(0)
  told.length = 0
  return { told, setIdleAfter }
}

test('[R-3] idle begins after the minutes of the settings, and says since when', async () => {
  const { told } = await watch(2)

  become('idle')
  become('active')

  expect(intervals.at(-1)).toBe(120)
  expect(told).toEqual(['idle 120000', 'active 0'])
})

test('[R-3] with "never" nobody is idle, but a locked screen tells that nobody is there', async () => {
  const { told } = await watch(0)

  become('idle')
  become('locked')

  expect(told).toEqual(['active 0', 'idle 0'])
})

test('[R-3] who is idle already and chooses "never" is not any more', async () => {
  const { told, setIdleAfter } = await watch(1)
  state = 'idle'

  setIdleAfter(0)
  await vi.advanceTimersByTimeAsync(0)

  expect(told).toEqual(['active 0'])
})
