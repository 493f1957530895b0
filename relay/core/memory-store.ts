/** The shortest Store that meets the contract: rows as JSON text in a Map. */
import type { Millis } from '#shared/ids'
import { compareKeys, createBatch, isIn, type Range, type Rows } from './batch.ts'
import type { Store, Tx } from './ports.ts'

export interface MemoryStore extends Store {
  /** When the room is to be woken, or null. */
  readonly alarm: Millis | null
  /** The alarm is about to be handled: forget it. */
  rung(): void
}

/** @param rows The committed rows, for who wants to look at them, or to lose them. */
export function memoryStore(rows: Map<string, string> = new Map()): MemoryStore {
  let alarm: Millis | null = null
  let last: Promise<unknown> = Promise.resolve()
  const committed: Rows = {
    async get(keys) {
      return new Map(keys.filter((key) => rows.has(key)).map((key) => [key, rows.get(key)!]))
    },
    async list(range: Range) {
      const order = range.reverse ? -1 : 1
      return [...rows]
        .filter(([key]) => isIn(range, key))
        .toSorted(([a], [b]) => compareKeys(a, b) * order)
        .slice(0, Math.max(0, range.limit))
    },
  }

  return {
    get alarm() {
      return alarm
    },
    rung() {
      alarm = null
    },
    transact<R>(run: (tx: Tx) => Promise<R>, inOrder?: (result: R) => void): Promise<R> {
      const result = last.then(async () => {
        const batch = createBatch(committed)
        const returned = await run(batch)
        for (const [key, json] of batch.writes) {
          if (json === null) rows.delete(key)
          else rows.set(key, json)
        }
        if (batch.wish !== null) alarm = alarm === null ? batch.wish : Math.min(alarm, batch.wish)
        inOrder?.(returned)
        return returned
      })
      last = result.catch(() => undefined) // whoever asked is told; the next in turn need not know
      return result
    },
  }
}
