// First: Dexie looks for an IndexedDB while it is loaded.
import 'fake-indexeddb/auto'
import { expect, test } from 'vitest'
import type { UserId } from '#shared/ids'
import { openDb, type IdentityRow, type ListRow } from '../../../extension/db/db.ts'
import { forgetOldKeys } from '../../../extension/engine/old-keys.ts'

const day = 24 * 60 * 60_000
const now = 1_800_000_000_000

test('sessions, ways into them and lists go 45 days after their last use; the newest list of anybody stays', async () => {
  const db = openDb('parley old keys')
  const [old, young] = [now - 46 * day, now - 44 * day]
  const state = new Uint8Array(1)
  await db.ratchetsIn.bulkPut([
    { ratchet: 'old', rev: 1, state, usedAt: old },
    { ratchet: 'young', rev: 1, state, usedAt: young },
  ])
  await db.welcomes.bulkPut([
    { ratchet: 'old', welcome: state, at: old },
    { ratchet: 'young', welcome: state, at: young },
  ])
  const list = (hash: string, at: number) => ({ hash, at }) as ListRow
  await db.lists.bulkPut([list('old', old), list('young', young), list('pinned', old), list('other', old)])
  await db.identities.put({
    peer: 'bob' as UserId,
    hash: 'pinned',
    other: { hash: 'other' },
  } as IdentityRow)

  await forgetOldKeys(db, now)

  expect(await db.ratchetsIn.toCollection().primaryKeys()).toEqual(['young'])
  expect(await db.welcomes.toCollection().primaryKeys()).toEqual(['young'])
  expect(await db.lists.toCollection().primaryKeys()).toEqual(['other', 'pinned', 'young'])
  db.close()
})
