/**
 * Every room's storage in one SQLite file. Writes go to a thread of their own (store-worker.ts), which commits all
 * that was finished meanwhile as one transaction: durable at once, and yet cheap. Reads are made here, on a
 * connection that sees committed rows only: exactly what may be shown.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Millis } from '#shared/ids'
import { compareKeys, createBatch, type Range, type Rows } from '../core/batch.ts'
import type { Store, Tx } from '../core/ports.ts'
import { createTurns } from '../core/turns.ts'
import type { Answer, Commit, Request } from './store-worker.ts'

/** A room's storage, with what only its host calls: how an alarm is rung without ever being lost. */
export interface RoomStore extends Store {
  /**
   * The room's alarm is due: handles it, and forgets it only then, in case we do not live on. What the room wishes
   * for meanwhile takes its place. @throws Error when anything of the room could not be stored meanwhile: the core
   * answers its own failures, so this is how they are known, and the alarm stays.
   */
  ring(handle: () => Promise<void>): Promise<void>
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
  const measure = reader.prepare(
    'SELECT count(*) AS rows, coalesce(sum(octet_length(k) + octet_length(v)), 0) AS bytes FROM kv WHERE room = ?',
  )
  const findDue = reader.prepare(
    'SELECT name AS room, at FROM alarm JOIN room ON room.id = alarm.room WHERE at <= ? ORDER BY at LIMIT ?',
  )
  const lists = new Map<string, StatementSync>()
  const cache = rowCache()

  // --- Writing: one request under way, everything else waits for the next -------------------------------

  interface Waiting {
    commit: Commit
    since: Millis
    done(): void
    fail(error: Error): void
  }
  let waiting: Waiting[] = []
  let underway: Waiting[] = []
  let queued = 0
  let scheduled = false
  let failing = false

  function write(commit: Commit): Promise<void> {
    return new Promise((done, fail) => {
      waiting.push({ commit, since: clock(), done, fail })
      queued += rowsOf(commit)
      if (scheduled || underway.length > 0) return
      scheduled = true
      setImmediate(() => {
        scheduled = false
        void flush()
      }) // at the end of this turn, with whatever else finishes in it
    })
  }

  async function flush() {
    if (underway.length > 0 || waiting.length === 0) return
    underway = waiting
    waiting = []
    const answer = await writer.ask({ type: 'commit', commits: underway.map(({ commit }) => commit) })
    const finished = underway
    underway = []
    failing = answer.type === 'failed'
    let rows = 0
    for (const { commit } of finished) rows += rowsOf(commit)
    queued -= rows
    if (onCommit && !failing) onCommit((clock() - finished[0]!.since) / 1000, rows)
    void flush() // before anybody is told: the writer works while the effects are performed
    for (const { done, fail } of finished) {
      if (answer.type === 'failed') fail(new Error(`not written: ${answer.reason}`))
      else done()
    }
  }

  // --- One room ------------------------------------------------------------------------------------------

  function room(name: string): RoomStore {
    let id: number | undefined
    let ringing = false
    const turns = createTurns()
    const { inTurn } = turns
    const idOf = () => (id ??= (findRoom.get(name) as { id: number } | undefined)?.id)

    const rows: Rows = {
      async get(keys) {
        const found = new Map<string, string>()
        if (idOf() === undefined) return found
        for (const key of keys) {
          const json = cache.get(id!, key, () => (findRow.get(id!, key) as { v: string } | undefined)?.v)
          if (json !== undefined) found.set(key, json)
        }
        return found
      },
      async list(range) {
        if (idOf() === undefined || range.limit <= 0) return []
        const { sql, values } = listQuery(range)
        let statement = lists.get(sql)
        if (!statement) lists.set(sql, (statement = reader.prepare(sql)))
        return (statement.all(id!, ...values) as { k: string; v: string }[]).map(({ k, v }) => [k, v])
      },
    }

    return {
      transact: <R>(run: (tx: Tx) => Promise<R>) =>
        inTurn(async () => {
          const batch = createBatch(rows)
          const result = await run(batch)
          if (batch.writes.size === 0 && batch.wish === null) return result
          await write({
            type: 'write',
            room: name,
            writes: [...batch.writes].flat(),
            wakeAt: batch.wish,
            ringing,
          })
          if (idOf() !== undefined) for (const [key, json] of batch.writes) cache.set(id!, key, json)
          return result
        }),
      wipe: () =>
        inTurn(async () => {
          await write({ type: 'wipe', room: name })
          if (id !== undefined) cache.forget(id)
          id = undefined
        }),
      usage: () =>
        inTurn(async () => {
          if (idOf() === undefined) return { rows: 0, bytes: 0 }
          return { ...(measure.get(id!) as { rows: number; bytes: number }) }
        }),
      async ring(handle) {
        ringing = true
        const before = turns.failures
        try {
          await handle()
          if (turns.failures > before) throw new Error('an event of the room failed meanwhile')
          await inTurn(() => write({ type: 'rung', room: name }))
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
    get queued() {
      return queued
    },
    get waitingSince() {
      return underway[0]?.since ?? waiting[0]?.since ?? null
    },
    get failing() {
      return failing
    },
    async probe() {
      if (underway.length === 0) failing = (await writer.ask({ type: 'probe' })).type === 'failed'
    },
    async checkpoint() {
      if (underway.length === 0) await writer.ask({ type: 'checkpoint' })
    },
    async close() {
      while (underway.length > 0 || waiting.length > 0) await new Promise((resume) => setImmediate(resume))
      reader.close()
      await writer.ask({ type: 'close' })
      await writer.ended
    },
  }
}

const rowsOf = (commit: Commit): number => (commit.type === 'write' ? commit.writes.length / 2 + 1 : 1)

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

// --- The writer's thread ---------------------------------------------------------------------------------

interface Writer {
  ask(request: Request): Promise<Answer>
  ended: Promise<void>
}

async function startWriter(file: string, relayId: string, onFatal: (error: Error) => void): Promise<Writer> {
  const worker = new Worker(new URL('./store-worker.ts', import.meta.url), { workerData: { file, relayId } })
  const asked: ((answer: Answer) => void)[] = []
  const next = () => new Promise<Answer>((resolve) => asked.push(resolve))
  let ending = false
  const first = next()
  worker.on('message', (answer: Answer) => asked.shift()?.(answer))
  const ended = new Promise<void>((done) => worker.on('exit', () => done()))

  const started = await Promise.race([
    first,
    new Promise<never>((_, fail) => worker.once('error', fail)), // a file that is no database, a full disk
  ])
  if (started.type !== 'ready' || started.synchronous !== 2) {
    throw new Error('SQLite would not write through to the disk (synchronous = FULL)')
  }
  worker.on('error', onFatal)
  void ended.then(() => {
    if (!ending) onFatal(new Error('the writer of the database ended'))
  })
  return {
    ended,
    ask(request) {
      if (request.type === 'close') ending = true
      const answer = next()
      // oxlint-disable-next-line require-post-message-target-origin -- a thread is no window
      worker.postMessage(request)
      return answer
    },
  }
}

// --- Rows that are read again and again --------------------------------------------------------------------

const cachedCharsMax = 32 * 1024 * 1024
/** Above this a row is payload: written once, read once or twice. */
const cachedRowCharsMax = 4 * 1024

const cost = (key: string, json: string | undefined) => key.length + (json?.length ?? 0) + 64

/** Committed rows, the longest unused forgotten first. It remembers absence too. */
function rowCache() {
  const rooms = new Map<number, Map<string, string | undefined>>()
  let chars = 0

  function drop(id: number, key: string) {
    const rows = rooms.get(id)
    if (!rows?.has(key)) return
    chars -= cost(key, rows.get(key))
    rows.delete(key)
    if (rows.size === 0) rooms.delete(id)
  }

  function set(id: number, key: string, json: string | undefined) {
    drop(id, key)
    if (json !== undefined && json.length > cachedRowCharsMax) return
    let rows = rooms.get(id)
    if (!rows) rooms.set(id, (rows = new Map()))
    rows.set(key, json)
    chars += cost(key, json)
    while (chars > cachedCharsMax) forget(rooms.keys().next().value!)
  }

  function forget(id: number) {
    for (const [key, json] of rooms.get(id) ?? []) chars -= cost(key, json)
    rooms.delete(id)
  }

  return {
    get(id: number, key: string, read: () => string | undefined): string | undefined {
      const rows = rooms.get(id)
      if (rows) {
        rooms.delete(id) // a room is used as a whole: it becomes the youngest
        rooms.set(id, rows)
        if (rows.has(key)) return rows.get(key)
      }
      const json = read()
      set(id, key, json)
      return json
    },
    set: (id: number, key: string, json: string | null) => set(id, key, json ?? undefined),
    forget,
  }
}
