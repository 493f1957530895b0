/**
 * The one writer. It owns the connection that writes, so that neither a slow disk nor a checkpoint ever stops the
 * loop that serves sockets. What it gets in one message becomes durable in one transaction, or not at all.
 */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { Millis } from '#shared/ids'
import { schemaVersion } from './schema.ts'

/** A wish to be woken, unless it is to be earlier; while an alarm rings, it is for the time after it. */
export type Alarm =
  | { at: Millis; ringing: boolean }
  /** The alarm that was ringing has been handled: the next wish takes its place. */
  | 'rung'

/** What one room wants to become durable. */
export interface Commit {
  room: string
  /** So many rows of the order's are of this room. */
  count: number
  alarms: Alarm[]
}

export interface Order {
  commits: Commit[]
  /** Key, JSON text (or null for what goes), key, text… */
  rows: (string | null)[]
}

export type Ask = ({ type: 'commit' } & Order) | { type: 'probe' | 'checkpoint' } | { type: 'close' }
export type Answer =
  | { type: 'ready'; synchronous: number }
  | { type: 'done' }
  | { type: 'failed'; reason: string }

const schema = `
  CREATE TABLE IF NOT EXISTS meta (k TEXT PRIMARY KEY, v TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS room (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE IF NOT EXISTS kv (room INTEGER NOT NULL, k TEXT NOT NULL, v TEXT NOT NULL, PRIMARY KEY (room, k)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS alarm (room INTEGER PRIMARY KEY, at INTEGER NOT NULL, next INTEGER);
  CREATE INDEX IF NOT EXISTS alarm_at ON alarm (at);
`

const { file, relayId } = workerData as { file: string; relayId: string }
const port = parentPort!
const database = new DatabaseSync(file, { timeout: 5000 })
database.exec(`
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL; -- in WAL mode NORMAL may lose what was acknowledged when the power fails
  PRAGMA wal_autocheckpoint = 4000;
  PRAGMA cache_size = -65536;
  PRAGMA temp_store = MEMORY;
`)
// Before anything is written: a relay that goes on with a damaged file damages it further, and loses what it confirms.
const [damage] = database.prepare('PRAGMA quick_check(1)').all() as { quick_check: string }[]
if (damage && damage.quick_check !== 'ok')
  throw new Error(`the file is damaged: ${damage.quick_check.replaceAll('\n', ' ')}`)
database.exec(schema)
const found = database.prepare("SELECT v FROM meta WHERE k = 'schema'").get() as { v: string } | undefined
if (found && Number(found.v) > schemaVersion) throw new Error('the data are of a newer version of Parley')
const setMeta = database.prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING')
setMeta.run('schema', String(schemaVersion))
setMeta.run('relayId', relayId)

const findRoom = database.prepare('SELECT id FROM room WHERE name = ?')
const addRoom = database.prepare('INSERT INTO room (name) VALUES (?)')
const put = database.prepare(
  'INSERT INTO kv VALUES (?, ?, ?) ON CONFLICT (room, k) DO UPDATE SET v = excluded.v',
)
const remove = database.prepare('DELETE FROM kv WHERE room = ? AND k = ?')
const wake = database.prepare(
  'INSERT INTO alarm (room, at) VALUES (?1, ?2) ON CONFLICT (room) DO UPDATE SET at = min(at, ?2)',
)
// An alarm stays until it has been handled, or a crash while it rings would lose it. What is wished for meanwhile
// waits beside it.
const wakeAfterwards = database.prepare(
  'INSERT INTO alarm (room, at) VALUES (?1, ?2) ON CONFLICT (room) DO UPDATE SET next = min(coalesce(next, ?2), ?2)',
)
const rungForGood = database.prepare('DELETE FROM alarm WHERE room = ? AND next IS NULL')
const ringNext = database.prepare('UPDATE alarm SET at = next, next = NULL WHERE room = ?')
const mark = database.prepare(
  "INSERT INTO kv VALUES (0, 'probe', '0') ON CONFLICT (room, k) DO UPDATE SET v = excluded.v",
)

function roomOf(name: string): number {
  const known = findRoom.get(name) as { id: number } | undefined
  return known?.id ?? Number(addRoom.run(name).lastInsertRowid)
}

function ring(room: number, alarm: Alarm) {
  if (alarm !== 'rung') (alarm.ringing ? wakeAfterwards : wake).run(room, alarm.at)
  else if (rungForGood.run(room).changes === 0) ringNext.run(room)
}

function write({ commits, rows }: Order) {
  let i = 0
  for (const { room: name, count, alarms } of commits) {
    const room = roomOf(name)
    for (const end = i + 2 * count; i < end; i += 2) {
      const key = rows[i]!
      const json = rows[i + 1]!
      if (json === null) remove.run(room, key)
      else put.run(room, key, json)
    }
    for (const alarm of alarms) ring(room, alarm)
  }
}

const handlers: { [Type in Ask['type']]: (ask: Extract<Ask, { type: Type }>) => void } = {
  commit(order) {
    database.exec('BEGIN IMMEDIATE')
    try {
      write(order)
      database.exec('COMMIT')
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  },
  /** Writes what is there already, into the tables that matter. */
  probe() {
    mark.run()
  },
  checkpoint() {
    database.exec('PRAGMA wal_checkpoint(PASSIVE)')
  },
  close() {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    database.close()
  },
}

port.on('message', (request: Ask) => {
  let answer: Answer = { type: 'done' }
  try {
    handlers[request.type](request as never)
  } catch (error) {
    answer = { type: 'failed', reason: error instanceof Error ? error.message : String(error) }
  }
  port.postMessage(answer)
  if (request.type === 'close') port.close()
})

const { synchronous } = database.prepare('PRAGMA synchronous').get() as { synchronous: number }
port.postMessage({ type: 'ready', synchronous } satisfies Answer)
