/** How long to wait before the next try to connect: full jitter, so that nobody comes back together. */
import type { Millis } from '#shared/ids'
import { limits } from '#shared/limits'

const longFailureMs = 30 * 60_000

export interface Failures {
  /** Tries that failed in a row; 0 before the first. */
  failures: number
  failingForMs: Millis
  /** What the relay asked for, if it did. */
  retryAfterMs: number | undefined
  random: () => number
}

export function reconnectWaitMs({ failures, failingForMs, retryAfterMs, random }: Failures): number {
  // Within reason: a timer of more than 24 days would ring at once, and nobody is sent away for good.
  if (retryAfterMs !== undefined) return Math.min(retryAfterMs, limits.reconnectLongMaxMs)
  const cap = failingForMs > longFailureMs ? limits.reconnectLongMaxMs : limits.reconnectMaxMs
  return random() * Math.min(cap, limits.reconnectBaseMs * 2 ** Math.max(0, Math.min(failures - 1, 20)))
}
