import type { Millis } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Memory } from './ports.ts'

/** How often something may happen: once every `everyMs` in the long run, `burst` times at once. */
export interface Rate {
  everyMs: number
  burst: number
}

type Wanted = readonly [bucket: string, rate: Rate]

/** Names that turned out not to exist: few, or somebody is trying out who is here. */
export const unknownNames: Wanted = [
  'unknown',
  { everyMs: 3_600_000 / limits.unknownNamesPerHourMax, burst: limits.unknownNamesPerHourMax },
]

/**
 * Generic cell rate algorithm: a bucket is one number, the time at which it will be empty again. Takes from all
 * buckets or from none, so that what one of them refuses costs nothing in the others.
 * @returns 0, or after how many milliseconds to try again.
 */
export function take(memory: Memory, now: Millis, wanted: readonly Wanted[]): number {
  const waitMs = waitFor(memory, now, wanted)
  if (waitMs > 0) return waitMs
  const buckets = bucketsIn(memory, now)
  for (const one of wanted) buckets.set(one[0], emptiesAt(buckets, now, one) + one[1].everyMs)
  return 0
}

/** What `take` would return, without taking. */
export function waitFor(memory: Memory, now: Millis, wanted: readonly Wanted[]): number {
  const buckets = bucketsIn(memory, now)
  const waits = wanted.map((one) => emptiesAt(buckets, now, one) - now - (one[1].burst - 1) * one[1].everyMs)
  return Math.ceil(Math.max(0, ...waits))
}

/** Fuller than full is what stems from before the clock was set back: it says nothing any more. */
function emptiesAt(buckets: Map<string, Millis>, now: Millis, [bucket, { everyMs, burst }]: Wanted): Millis {
  const at = buckets.get(bucket) ?? 0
  if (at > now + burst * everyMs) buckets.delete(bucket)
  return buckets.has(bucket) ? Math.max(now, at) : now
}

const bucketsMax = 2000

function bucketsIn(memory: Memory, now: Millis): Map<string, Millis> {
  let buckets = memory.get('buckets') as Map<string, Millis> | undefined
  if (!buckets) memory.set('buckets', (buckets = new Map()))
  if (buckets.size > bucketsMax) {
    for (const [bucket, emptyAt] of buckets) if (emptyAt <= now) buckets.delete(bucket) // says nothing any more
  }
  return buckets
}
