/** Time for stores: a test hands in one that stands still. */
import { signal, type ReadonlySignal } from '@preact/signals'
import type { Millis } from '#shared/ids'

export interface Clock {
  now(): Millis
  /** Goes on every second, but only while somebody looks at it. */
  readonly seconds: ReadonlySignal<Millis>
  /** Runs once after `ms`; returns what cancels it. */
  after(ms: number, run: () => void): () => void
}

export function systemClock(): Clock {
  let timer: ReturnType<typeof setInterval> | undefined
  const seconds = signal(Date.now(), {
    watched() {
      seconds.value = Date.now()
      timer = setInterval(() => (seconds.value = Date.now()), 1000)
    },
    unwatched: () => clearInterval(timer),
  })
  return {
    now: () => Date.now(),
    seconds,
    after(ms, run) {
      const waiting = setTimeout(run, ms)
      return () => clearTimeout(waiting)
    },
  }
}
