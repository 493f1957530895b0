/**
 * One transaction for several events, each of which happens or does not: what an event read and wrote is thrown away
 * when it is refused, and the others stay. A row is parsed and made into text once for all of them.
 */
import { isIn, overlaid, writesMax, type Range } from './batch.ts'
import { copy } from './copy.ts'
import type { Tx } from './ports.ts'

export interface Parts {
  /** Runs it on what the parts before it have left. When it throws, nothing of it has happened. */
  part<R>(run: (tx: Tx) => Promise<R>): Promise<R>
  /** Rows that were written so far. */
  readonly size: number
  /** Puts what all parts have written into the transaction. */
  flush(): void
}

/** Undefined stands for a row that is not there. */
type Values = Map<string, unknown>

export function createParts(tx: Tx): Parts {
  /** Rows as the parts so far have left them, as far as anybody has looked. Nobody is given these but as a copy. */
  const rows: Values = new Map()
  const dirty = new Set<string>()

  async function look(keys: readonly string[]) {
    const unseen = keys.filter((key) => !rows.has(key))
    if (unseen.length === 0) return
    const found = await tx.getMany(unseen)
    for (const key of unseen) rows.set(key, found.get(key))
  }

  function openPart(own: Values, wishes: number[]): Tx {
    const valueOf = (key: string) => (own.has(key) ? own.get(key) : rows.get(key))
    function write(key: string, value: unknown) {
      if (!own.has(key) && own.size >= writesMax)
        throw new RangeError(`more than ${writesMax} writes in one batch`)
      own.set(key, value)
    }
    return {
      async get<T>(key: string) {
        if (!own.has(key)) await look([key])
        return copy(valueOf(key)) as T | undefined
      },
      async getMany<T>(keys: readonly string[]) {
        await look(keys.filter((key) => !own.has(key)))
        const found = new Map<string, T>()
        for (const key of keys) {
          const value = valueOf(key)
          if (value !== undefined) found.set(key, copy(value) as T)
        }
        return found
      },
      async list<T>(range: Range) {
        const written = [...new Set([...dirty, ...own.keys()])].filter((key) => isIn(range, key))
        const below = await tx.list<T>({ ...range, limit: range.limit + written.length })
        const over = written.map((key) => [key, (copy(valueOf(key)) ?? null) as T | null] as const)
        return overlaid(below, over, range)
      },
      put: write,
      delete: (key) => write(key, undefined),
      wakeAt: (at) => wishes.push(at),
    }
  }

  return {
    async part(run) {
      const own: Values = new Map()
      const wishes: number[] = []
      const result = await run(openPart(own, wishes))
      for (const [key, value] of own) {
        rows.set(key, value)
        dirty.add(key)
      }
      for (const at of wishes) tx.wakeAt(at)
      return result
    },
    get size() {
      return dirty.size
    },
    flush() {
      for (const key of dirty) {
        const value = rows.get(key)
        if (value === undefined) tx.delete(key)
        else tx.put(key, value)
      }
    },
  }
}
