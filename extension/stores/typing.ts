/** Tells the other side that somebody is typing: rarely enough, and never longer than it is true. */
import type { Millis } from '#shared/ids'
import type { Clock } from './clock.ts'

const renewMs = 10_000
const pausedAfterMs = 5000

export function typingTeller(
  clock: Pick<Clock, 'now' | 'after'>,
  tell: (state: 'composing' | 'paused') => void,
) {
  let toldAt: Millis | null = null
  let cancel: (() => void) | null = null

  function pause() {
    cancel?.()
    if (toldAt === null) return
    toldAt = null
    tell('paused')
  }

  return {
    /** After every change of the text. */
    changed(text: string) {
      if (text.trim() === '') return pause()
      cancel?.()
      cancel = clock.after(pausedAfterMs, pause)
      if (toldAt !== null && clock.now() - toldAt < renewMs) return
      toldAt = clock.now()
      tell('composing')
    },
    /** The page goes, or the person looks elsewhere. */
    pause,
    /** The message itself says that nobody types any more. */
    sent() {
      cancel?.()
      toldAt = null
    },
  }
}
