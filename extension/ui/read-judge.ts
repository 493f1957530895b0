/**
 * When a message counts as read: half of it on the screen for a second, in a window that has the focus, of
 * somebody who did something within the last minute. Never because a window opened by itself, or is merely visible.
 */
import type { Millis } from '#shared/ids'

export const seenForMs = 1000
export const presentForMs = 60_000

interface Surroundings {
  now(): Millis
  after(ms: number, run: () => void): () => void
  hasFocus(): boolean
  /** Up to this message of theirs everything is read. */
  onRead(ts: Millis): void
}

export function readJudge({ now, after, hasFocus, onRead }: Surroundings) {
  /** Messages on the screen, by their time at the relay. */
  const visible = new Set<Millis>()
  /** Since when each of them is seen by somebody who is there. */
  const seenSince = new Map<Millis, Millis>()
  let lastInput = -Infinity
  let cancel: (() => void) | null = null

  const isPresent = () => hasFocus() && now() - lastInput <= presentForMs

  function judge() {
    cancel?.()
    if (!isPresent()) {
      seenSince.clear()
      return
    }
    let newest = -Infinity
    let soonest = Infinity
    for (const ts of visible) {
      const since = seenSince.get(ts) ?? now()
      seenSince.set(ts, since)
      const leftMs = since + seenForMs - now()
      if (leftMs <= 0) newest = Math.max(newest, ts)
      else soonest = Math.min(soonest, leftMs)
    }
    if (soonest < Infinity) cancel = after(soonest, judge)
    if (newest > -Infinity) {
      for (const ts of visible) if (ts <= newest) visible.delete(ts)
      onRead(newest)
    }
  }

  return {
    /** What is on the screen of one message has changed. */
    sight(ts: Millis, isVisible: boolean) {
      if (isVisible) visible.add(ts)
      else {
        visible.delete(ts)
        seenSince.delete(ts)
      }
      judge()
    },
    /** A key, the pointer, the wheel: somebody is there. */
    input() {
      lastInput = now()
      judge()
    },
    /** The window got or lost the focus. */
    focusChanged: judge,
    stop: () => cancel?.(),
  }
}
