/**
 * What `relay admin` reads: straight from the file, on a connection of its own that cannot write, so that a running
 * relay does not notice.
 */
import { existsSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { ConfigError } from '../http/settings.ts'
import { databaseFile } from './store.ts'

export interface AccountLine {
  name: string
  state: 'active' | 'blocked' | 'deleted'
  created: number
  /** When a device was last here; 0 for a deleted account. */
  seen: number
  devices: number
  buddies: number
}

export interface Totals {
  accounts: number
  blocked: number
  deleted: number
  rows: number
  databaseBytes: number
  walBytes: number
}

/** @throws ConfigError when there are no data. */
export function openReports(folder: string) {
  const file = databaseFile(folder)
  if (!existsSync(file))
    throw new ConfigError(`There are no data of a relay in ${folder}: set PARLEY_DATA to its folder.`)
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
  const accounts = database.prepare(`
    SELECT name, meta.v ->> 'created' AS created, meta.v ->> 'barred' AS barred, meta.v ->> 'gone' AS gone,
      meta.v ->> 'buddies' AS buddies,
      (SELECT count(*) FROM kv WHERE room = room.id AND k >= 'device:' AND k < 'device;') AS devices,
      (SELECT coalesce(max(v ->> 'seen'), 0) FROM kv WHERE room = room.id AND k >= 'device:' AND k < 'device;') AS seen
    FROM room JOIN kv AS meta ON meta.room = room.id AND meta.k = 'meta'
    WHERE instr(name, ?) > 0 ORDER BY name`)
  const totals = database.prepare(`
    SELECT count(*) AS accounts, count(v ->> 'barred') AS blocked, count(v ->> 'gone') AS deleted
    FROM room JOIN kv ON kv.room = room.id AND kv.k = 'meta'`)
  const rows = database.prepare(
    'SELECT k, v FROM kv JOIN room ON room.id = kv.room WHERE name = ? ORDER BY k',
  )
  const about = database.prepare("SELECT v FROM meta WHERE k = 'relayId'")

  return {
    *accounts(part = ''): Generator<AccountLine> {
      for (const row of accounts.iterate(part)) {
        const { name, created, barred, gone, buddies, devices, seen } = row as Record<string, number> & {
          name: string
        }
        const state = gone ? 'deleted' : barred ? 'blocked' : 'active'
        yield { name, state, created, seen, devices, buddies } as AccountLine
      }
    },
    totals(): Totals {
      const all = totals.get() as Pick<Totals, 'accounts' | 'blocked' | 'deleted'>
      const { n } = database.prepare('SELECT count(*) AS n FROM kv').get() as { n: number }
      return { ...all, rows: n, databaseBytes: bytesOf(file), walBytes: bytesOf(`${file}-wal`) }
    },
    /** Everything that the relay holds of somebody, one JSON text a row; nothing when there is nobody of that name. */
    *everythingOf(name: string): Generator<string> {
      let isFirst = true
      for (const { k, v } of rows.iterate(name) as Iterable<{ k: string; v: string }>) {
        if (isFirst) yield JSON.stringify({ account: name, relay: about.get()!.v, at: Date.now() })
        isFirst = false
        yield `{"key":${JSON.stringify(k)},"value":${v}}`
      }
    },
    close: () => database.close(),
  }
}

const bytesOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0
