/**
 * Every room's storage in one SQLite file. Writes go to a thread of their own (commits.ts); reads are made here, on a
 * connection that sees committed rows only, with what is on its way to the disk laid over them. So a room, and the
 * rooms that it calls, go on while the disk works: what follows is committed later or together, and lost together.
 * Only what leaves the process waits until it is durable.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { join } from 'node:path'
import type { Millis } from '#shared/ids'
import { compareKeys, createBatch, isIn, overlaid, type Range, type Rows } from '../core/batch.ts'
import type { Store, Tx } from '../core/ports.ts'
import { createTurns } from '../core/turns.ts'
import { createCommits, type Request } from './commits.ts'
import { rowCache } from './row-cache.ts'
import { startWriter } from './writer.ts'

/** A room's storage, with what only its host calls: how an alarm is rung without ever being lost. */
export interface RoomStore extends Store {
  /**
   * The room's alarm is due: handles it, and forgets it only then, in case we do not live on. What the room wishes
   * for meanwhile takes its place. @throws Error when anything of the room could not be stored meanwhile: the core
   * answers its own failures, so this is how they are known, and the alarm stays.
   */
  ring(handle: () => Promise<void>): Promise<void>
  /** Another room of this process was heard: what happens here from now on follows from what it has written. */
  follow(): void
  /** Something was lost, and this room's work with it: whoever still has this store can do nothing any more. */
  end(): void
}

export interface Database {
  readonly relayId: string
  room(name: string): RoomStore
  /** Rooms whose alarm is due, the longest overdue first. */
  due(now: Millis, limit: number): { room: string; at: Millis }[]
  /** Rows that wait to be written. A queue that does not shrink means that the disk cannot keep up. */
  readonly queued: number
  /** When the oldest write that is not durable was asked for; null when there is none. */
  readonly waitingSince: Millis | null
  /** The last commit could not be written. */
  readonly failing: boolean
  /** A commit has failed, and with it everything that was not durable: rooms that were at work have to begin anew. */
  onLost(listener: () => void): void
  /** Resolves when it has been tried whether a commit can be written. */
  probe(): Promise<void>
  /** Moves what is in the write-ahead log into the file; for quiet moments. */
  checkpoint(): Promise<void>
  /** Everything asked for before is durable when this resolves. */
  close(): Promise<void>
}

interface Options {
  folder: string
  /** For a new file: 32 bytes that name this relay for ever. */
  newRelayId(): string
  clock(): Millis
  /** The writer is gone, so nothing can be promised any more: end the process. */
  onFatal(error: Error): void
  onCommit?(seconds: number, rows: number): void
}

/** Rows that belong to no user are those of a room whose name nobody can have. */
export const invitesRoom = '#invites'

export const databaseFile = (folder: string) => join(folder, 'relay.sqlite')

export async function openDatabase(options: Options): Promise<Database> {
  const { folder, newRelayId, clock, onFatal, onCommit } = options
  const file = databaseFile(folder)
  const writer = await startWriter(file, newRelayId(), onFatal)
  const reader = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
  reader.exec('PRAGMA cache_size = -32768')
  const relayId = (reader.prepare("SELECT v FROM meta WHERE k = 'relayId'").get() as { v: string }).v
  const findRoom = reader.prepare('SELECT id FROM room WHERE name = ?')
  const findRow = reader.prepare('SELECT v FROM kv WHERE room = ? AND k = ?')
  const findDue = reader.prepare(
    'SELECT name AS room, at FROM alarm JOIN room ON room.id = alarm.room WHERE at <= ? ORDER BY at LIMIT ?',
  )
  const lists = new Map<string, StatementSync>()
  const cache = rowCache()

  let lost: (() => void) | undefined
  const commits = createCommits(writer, {
    clock,
    onDurable: (name, writes) => {
      for (const [key, json] of writes) cache.set(name, key, json)
    },
    onLost: () => lost?.(),
    onCommit,
  })

  function room(name: string): RoomStore {
    let id: number | undefined
    let ringing = false
    let ended = false
    /** The last request that anything here is part of, or follows from. */
    let last: Request | null = null
    const turns = createTurns()
    const { inTurn } = turns
    const idOf = () => (id ??= (findRoom.get(name) as { id: number } | undefined)?.id)

    const committed = (key: string): string | undefined =>
      idOf() === undefined
        ? undefined
        : cache.get(name, key, () => (findRow.get(id!, key) as { v: string } | undefined)?.v)

    const rows: Rows = {
      async get(keys) {
        const found = new Map<string, string>()
        for (const key of keys) {
          const unwritten = commits.unwritten(name, key)
          const json = unwritten === undefined ? committed(key) : unwritten
          if (typeof json === 'string') found.set(key, json)
        }
        return found
      },
      async list(range) {
        if (range.limit <= 0) return []
        const unwritten = commits.unwrittenOf(name).filter(([key]) => isIn(range, key))
        return overlaid(listCommitted(range, unwritten.length), unwritten, range)
      },
    }

    function listCommitted(range: Range, more: number): [string, string][] {
      if (idOf() === undefined) return []
      const { sql, values } = listQuery({ ...range, limit: range.limit + more })
      let statement = lists.get(sql)
      if (!statement) lists.set(sql, (statement = reader.prepare(sql)))
      return (statement.all(id!, ...values) as { k: string; v: string }[]).map(({ k, v }) => [k, v])
    }

    /** Whoever had the room when something was lost acts on what never was. */
    function refuseIfEnded() {
      if (ended) throw new Error('what was not durable has been lost')
    }

    async function durable() {
      const request = last
      try {
        await request?.durable
      } finally {
        if (last === request) last = null
      }
    }

    return {
      async transact<R>(run: (tx: Tx) => Promise<R>, inOrder?: (result: R) => void): Promise<R> {
        const { result, stored } = await inTurn(async () => {
          refuseIfEnded()
          const batch = createBatch(rows)
          const returned = await run(batch)
          refuseIfEnded()
          const { writes, wish } = batch
          if (writes.size > 0 || wish !== null)
            last = commits.add(name, writes, wish === null ? null : { at: wish, ringing })
          inOrder?.(returned)
          return { result: returned, stored: durable() }
        })
        await stored
        return result
      },
      follow() {
        last = commits.last ?? last
      },
      end() {
        ended = true
      },
      async ring(handle) {
        ringing = true
        const before = turns.failures
        try {
          await handle()
          await inTurn(async () => {
            refuseIfEnded()
            if (turns.failures > before) throw new Error('an event of the room failed meanwhile')
            last = commits.add(name, new Map(), 'rung')
            ringing = false
          })
          await durable()
        } finally {
          ringing = false
        }
      },
    }
  }

  return {
    relayId,
    room,
    due: (now, limit) => findDue.all(now, limit).map((row) => ({ ...row })) as { room: string; at: Millis }[],
    onLost(listener) {
      lost = listener
    },
    get queued() {
      return commits.queued
    },
    get waitingSince() {
      return commits.waitingSince
    },
    get failing() {
      return commits.failing
    },
    probe: commits.probe,
    checkpoint: commits.checkpoint,
    async close() {
      await commits.idle()
      reader.close()
      await commits.close()
    },
  }
}

/**
 * The rows of a range. U+10FFFF is no character, so no key has it: it closes the range of a prefix. One bound on each
 * side: of two, SQLite seeks by the first and reads everything up to the other, which in a long log is all of it.
 */
function listQuery({ prefix, after, end, limit, reverse }: Range): {
  sql: string
  values: (string | number)[]
} {
  const last = `${prefix}\u{10ffff}`
  const isAfter = after !== undefined && compareKeys(after, prefix) >= 0
  const isBefore = end !== undefined && compareKeys(end, last) < 0
  const order = reverse ? 'DESC' : 'ASC'
  return {
    sql: `SELECT k, v FROM kv WHERE room = ? AND k ${isAfter ? '>' : '>='} ? AND k < ? ORDER BY k ${order} LIMIT ?`,
    values: [isAfter ? after : prefix, isBefore ? end : last, limit],
  }
}
