/**
 * Messages that take a place above what somebody has seen already: nobody would notice them there (R-16). It happens
 * when the other one wrote before, by the relays' clocks, and was heard later.
 */
import { computed, effect, signal, type ReadonlySignal } from '@preact/signals'
import type { Millis } from '#shared/ids'
import { pendingTs, type MessageRow } from '../db/db.ts'
import { keyOf } from './timeline.ts'

/** Which rows of theirs have come between the known ones; `known` is what was there before, by key. */
export function lateOf(rows: readonly MessageRow[], known: ReadonlySet<string>, oldestTs: Millis): string[] {
  const newestKnown = rows.findLast((row) => known.has(keyOf(row)) && row.ts !== pendingTs)
  if (!newestKnown) return []
  return rows
    .filter(({ direction, kind, ts }) => direction === 'in' && kind === 'message' && ts < newestKnown.ts)
    .filter((row) => row.ts > oldestTs && !known.has(keyOf(row)))
    .map(keyOf)
}

export function lateArrivals(
  recent: ReadonlySignal<{ messages: readonly MessageRow[] } | undefined>,
  length: ReadonlySignal<number>,
) {
  const late = signal<readonly string[]>([])
  let known: ReadonlySet<string> | null = null
  let oldestTs = Infinity
  let lengthBefore = 0

  effect(() => {
    if (!recent.value) return
    const { messages } = recent.value
    // Older ones that were asked for are no news.
    if (known && lengthBefore === length.peek()) {
      const found = lateOf(messages, known, oldestTs)
      if (found.length > 0) late.value = [...late.peek(), ...found]
    }
    known = new Set([...(known ?? []), ...messages.map(keyOf)])
    oldestTs = Math.min(oldestTs, messages[0]?.ts ?? Infinity)
    lengthBefore = length.peek()
  })

  return {
    first: computed(() => late.value[0] ?? null),
    /** That one has been seen now. */
    see(key: string) {
      if (late.peek().includes(key)) late.value = late.peek().filter((other) => other !== key)
    },
  }
}
