import { expect, test } from 'vitest'
import { reconnectWaitMs } from '../../../extension/engine/backoff.ts'

const almostOne = () => 1 - 2 ** -52
const wait = (failures: number, change: { failingForMs?: number; retryAfterMs?: number } = {}) =>
  reconnectWaitMs({ failures, failingForMs: 0, retryAfterMs: undefined, random: almostOne, ...change })

test('[R-45] the wait is up to a second at first, doubles, and ends at a minute', () => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 8, 1000].map((failures) => Math.round(wait(failures)))

  expect(longest).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
})

test('[R-45] all of it is random, so that nobody comes back together', () => {
  expect(reconnectWaitMs({ failures: 9, failingForMs: 0, retryAfterMs: undefined, random: () => 0 })).toBe(0)
  expect(reconnectWaitMs({ failures: 9, failingForMs: 0, retryAfterMs: undefined, random: () => 0.5 })).toBe(
    30_000,
  )
})

test('[R-45] after half an hour it ends at five minutes', () => {
  expect(Math.round(wait(20, { failingForMs: 30 * 60_000 + 1 }))).toBe(300_000)
})

test('[R-45] what the relay asks for goes before everything, within reason', () => {
  expect(wait(1, { retryAfterMs: 7300 })).toBe(7300)
  expect(wait(9, { retryAfterMs: 0 })).toBe(0)
  expect(wait(1, { retryAfterMs: 2 ** 40 })).toBe(300_000)
})
