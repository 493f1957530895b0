/** Virtual time: things that will happen, in the order in which they will. One seed gives one history. */
import { createHash } from 'node:crypto'
import type { Millis } from '#shared/ids'
import { mulberry32 } from '../support/seeded.ts'

export interface World {
  readonly now: Millis
  /** From 0 to 1. */
  random(): number
  chance(probability: number): boolean
  /** A whole number from 0 to `most`. */
  upTo(most: number): number
  pick<T>(choices: readonly T[]): T
  after(ms: Millis, happen: () => void): void
  sleep(ms: Millis): Promise<void>
  /** Lets everything happen that is due until then, unless it is to stop. */
  runUntil(end: Millis, isOver?: () => boolean): Promise<void>
  /** Time stands still until it is released: something is at work that takes turns of its own. */
  hold(): () => void
  /** Notes what happened: a count for each word, a hash of everything, and the lines themselves if they are wanted. */
  note(word: string, ...details: unknown[]): void
  readonly counts: ReadonlyMap<string, number>
  readonly hash: string
}

/** The core waits for nothing but promises that resolve at once: when this one does, all of it is done. */
const everythingAtOnce = () => new Promise((resolve) => setImmediate(resolve))

/** A database rests so many turns between two of its steps, at most. */
const restTurns = 4

interface Due {
  at: Millis
  order: number
  happen(): void
}

export function createWorld(seed: number, print?: (line: string) => void): World {
  const start = Date.UTC(2026, 0, 1)
  const random = mulberry32(seed)
  const heap: Due[] = []
  const counts = new Map<string, number>()
  const hash = createHash('sha256')
  let now = start
  let order = 0

  const isBefore = (a: Due, b: Due) => a.at < b.at || (a.at === b.at && a.order < b.order)

  function push(due: Due) {
    let i = heap.push(due) - 1
    for (let up = (i - 1) >> 1; i > 0 && isBefore(due, heap[up]!); i = up, up = (i - 1) >> 1) {
      heap[i] = heap[up]!
      heap[up] = due
    }
  }

  function pop(): Due {
    const top = heap[0]!
    const last = heap.pop()!
    if (heap.length > 0) sink(last)
    return top
  }

  function sink(due: Due) {
    let i = 0
    for (;;) {
      let down = 2 * i + 1
      if (down >= heap.length) break
      if (down + 1 < heap.length && isBefore(heap[down + 1]!, heap[down]!)) down++
      if (isBefore(due, heap[down]!)) break
      heap[i] = heap[down]!
      i = down
    }
    heap[i] = due
  }

  let held = 0
  let hasDatabases = false

  async function settle() {
    await everythingAtOnce()
    if (!hasDatabases) return
    for (let rest = 0; rest < restTurns; rest = held > 0 ? 0 : rest + 1) await everythingAtOnce()
  }

  const world: World = {
    get now() {
      return now
    },
    random,
    chance: (probability) => probability > 0 && random() < probability,
    upTo: (most) => Math.floor(random() * (most + 1)),
    pick: (choices) => choices[Math.floor(random() * choices.length)]!,
    after: (ms, happen) => push({ at: now + ms, order: order++, happen }),
    sleep: (ms) => new Promise((resolve) => world.after(ms, resolve)),
    async runUntil(end, isOver = () => false) {
      await settle()
      while (heap.length > 0 && heap[0]!.at <= end && !isOver()) {
        const due = pop()
        now = due.at
        due.happen()
        await settle()
      }
      now = end
    },
    hold() {
      hasDatabases = true
      held++
      return () => void held--
    },
    note(word, ...details) {
      counts.set(word, (counts.get(word) ?? 0) + 1)
      const line = `${now - start} ${word} ${details.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join(' ')}`
      hash.update(line)
      print?.(line)
    },
    counts,
    get hash() {
      return hash.copy().digest('hex').slice(0, 16)
    },
  }
  return world
}
