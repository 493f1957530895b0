/** A room's storage in its Durable Object. Values are JSON text, so that limits and copies are as everywhere. */
import type * as Party from 'partykit/server'
import type { Millis } from '#shared/ids'
import { createBatch, writesMax, type Range, type Rows } from '../core/batch.ts'
import type { Store, Tx } from '../core/ports.ts'
import { createTurns } from '../core/turns.ts'

export interface PartyStore extends Store {
  /** The alarm has rung: PartyKit has forgotten it, and so does the store. */
  rung(): void
  /** As `Turns` has it. */
  readonly failures: number
}

export function partyStore(storage: Party.Storage): PartyStore {
  const turns = createTurns()
  const { inTurn } = turns
  /** Undefined: not looked up yet. */
  let alarm: Millis | null | undefined

  const rows: Rows = {
    get: (keys) => storage.get<string>([...keys]),
    async list({ prefix, after, end, limit, reverse = false }: Range) {
      if (limit <= 0) return []
      const bounds = {
        ...(after === undefined ? {} : { startAfter: after }),
        ...(end === undefined ? {} : { end }),
      }
      return [...(await storage.list<string>({ prefix, limit, reverse, ...bounds }))]
    },
  }

  return {
    transact: <R>(run: (tx: Tx) => Promise<R>, inOrder?: (result: R) => void) =>
      inTurn(async () => {
        const batch = createBatch(rows)
        const result = await run(batch)
        if (batch.wish !== null && alarm === undefined) alarm = await storage.getAlarm()
        const puts = [...batch.writes].flatMap(([key, json]) =>
          json === null ? [] : [[key, narrow(json)] as const],
        )
        const deletes = [...batch.writes].filter(([, json]) => json === null).map(([key]) => key)
        // One synchronous block: PartyKit makes all of it durable as one, and holds back what is sent until it is.
        const writes: Promise<unknown>[] = []
        for (let i = 0; i < puts.length; i += writesMax)
          writes.push(storage.put(Object.fromEntries(puts.slice(i, i + writesMax))))
        for (let i = 0; i < deletes.length; i += writesMax)
          writes.push(storage.delete(deletes.slice(i, i + writesMax)))
        if (batch.wish !== null && (alarm === null || alarm === undefined || batch.wish < alarm)) {
          alarm = batch.wish
          writes.push(storage.setAlarm(batch.wish))
        }
        await Promise.all(writes)
        inOrder?.(result) // a room that is called is on another machine, so nothing may be said before
        return result
      }),
    rung() {
      alarm = null
    },
    get failures() {
      return turns.failures
    },
  }
}

/** The same JSON in characters of one byte: a text with any other takes two bytes for each, and might not fit. */
const narrow = (json: string): string =>
  json.replace(/[\u0100-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
