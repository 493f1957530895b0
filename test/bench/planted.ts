/** Rows that would take days to come about: written into the database of a relay that is not running. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { UserId } from '#shared/ids'
import { keys, type Meta } from '../../relay/core/rows.ts'

function inDatabase(data: string, work: (database: DatabaseSync) => void) {
  const database = new DatabaseSync(join(data, 'relay.sqlite'))
  try {
    database.exec('BEGIN')
    work(database)
    database.exec('COMMIT')
  } finally {
    database.close()
  }
}

const roomOf = (database: DatabaseSync, user: string) =>
  (database.prepare('SELECT id FROM room WHERE name = ?').get(user) as { id: number }).id

/** So many messages in the log of each, from somebody they know nothing else of. */
export function plantHistory(data: string, users: readonly string[], count: number, payload: string) {
  inDatabase(data, (database) => {
    const get = database.prepare('SELECT v FROM kv WHERE room = ? AND k = ?')
    const put = database.prepare(
      'INSERT INTO kv VALUES (?, ?, ?) ON CONFLICT (room, k) DO UPDATE SET v = excluded.v',
    )
    for (const user of users) {
      const room = roomOf(database, user)
      const meta = JSON.parse((get.get(room, keys.meta) as { v: string }).v) as Meta
      for (let i = 0; i < count; i++) {
        const seq = ++meta.head
        const id = `00000000-0000-7000-8000-${String(i).padStart(12, '0')}`
        const peer = 'somebody' as UserId
        const at = Date.now()
        const entry = {
          type: 'message',
          peer,
          direction: 'in',
          id,
          ts: at,
          kind: 'message',
          payload,
          seq,
          mark: i,
        }
        meta.bytes += 200 + payload.length
        put.run(room, keys.log(seq), JSON.stringify({ at, entry }))
      }
      put.run(room, keys.meta, JSON.stringify(meta))
    }
  })
}

/** So many accounts more, all with the rows of one that there is. */
export function plantAccounts(data: string, user: string, count: number) {
  inDatabase(data, (database) => {
    const room = roomOf(database, user)
    const rows = database.prepare('SELECT k, v FROM kv WHERE room = ?').all(room) as {
      k: string
      v: string
    }[]
    const addRoom = database.prepare('INSERT INTO room (name) VALUES (?)')
    const put = database.prepare('INSERT INTO kv VALUES (?, ?, ?)')
    for (let i = 0; i < count; i++) {
      const id = addRoom.run(`planted-${i}`).lastInsertRowid
      for (const { k, v } of rows) put.run(id, k, v)
    }
  })
}
