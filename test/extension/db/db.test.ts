import { Dexie } from 'dexie'
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb'
import { expect, test } from 'vitest'
import type { UserId } from '#shared/ids'
import { openDb } from '../../../extension/db/db.ts'

test('a database of an earlier Parley opens with everything in it, and with the new tables', async () => {
  const options = { indexedDB: new IDBFactory(), IDBKeyRange }
  const before = new Dexie('parley', options)
  before.version(1).stores({ roster: 'peer', messages: '[from+id], [peer+ts+from+id], [peer+direction+ts]' })
  await before.table('roster').put({ peer: 'bob', relation: 'buddies' })
  await before.table('messages').put({ from: 'bob', id: 'm1', peer: 'bob', ts: 1, direction: 'in' })
  const closed = {
    from: 'bob',
    id: 'm2',
    peer: 'bob',
    ts: 99,
    direction: 'in',
    content: null,
    payload: 'AQID',
  }
  await before.table('messages').put(closed)
  before.close()

  const db = openDb('parley', options)
  expect(await db.roster.get('bob' as UserId)).toMatchObject({ relation: 'buddies' })
  expect(
    await db.messages.where('[peer+direction+ts]').between(['bob', 'in', 0], ['bob', 'in', 9]).count(),
  ).toBe(1)
  // What an earlier version could not open is found by the index of this one.
  expect(await db.messages.where('waits').equals(1).primaryKeys()).toEqual([['bob', 'm2']])
  for (const table of [db.changes, db.prompts, db.ratchetsIn, db.lists]) expect(await table.count()).toBe(0)
  db.close()
})
