import type { Millis } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Random } from './ports.ts'

/** How long to wait before the next try: full jitter, from 1 s to 5 min. `failures` counts from 1. */
export function backoff(failures: number, random: Random, baseMs: Millis = limits.linkBackoffBaseMs): Millis {
  const most = Math.min(limits.linkBackoffMaxMs, baseMs * 2 ** Math.min(failures, 16))
  return Math.ceil(baseMs / 2 + random.next() * (most - baseMs / 2))
}
