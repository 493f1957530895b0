/** How often something may be done: a bucket that holds `burst` and refills over `perMs` (GCRA). */
import type { Millis } from '#shared/ids'

export interface RateLimit {
  /** Takes one. Null when it was there, else the milliseconds until it will be. */
  take(key: string): number | null
  /** Gives one back, after something that should not have counted. */
  giveBack(key: string): void
}

/**
 * Kept in memory and forgotten at a restart: enough against abuse, and nothing about addresses is ever stored.
 * Beyond `keysMax` keys the longest unused are forgotten first.
 */
export function rateLimit(
  { burst, perMs, keysMax = 20_000 }: { burst: number; perMs: number; keysMax?: number },
  clock: () => Millis,
): RateLimit {
  const intervalMs = perMs / burst
  /** When the bucket is full again ("theoretical arrival time"). In the order of their last use. */
  const fullAt = new Map<string, Millis>()

  function put(key: string, at: Millis) {
    fullAt.delete(key)
    if (at > clock()) fullAt.set(key, at)
    if (fullAt.size > keysMax) fullAt.delete(fullAt.keys().next().value!)
  }

  return {
    take(key) {
      const now = clock()
      const next = Math.max(fullAt.get(key) ?? 0, now) + intervalMs
      if (next - now > perMs) return Math.ceil(next - now - perMs)
      put(key, next)
      return null
    },
    giveBack(key) {
      const at = fullAt.get(key)
      if (at !== undefined) put(key, at - intervalMs)
    },
  }
}
