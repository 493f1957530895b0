import { createHash } from 'node:crypto'
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb'
import { v7 } from 'uuid'
import { expect, test } from 'vitest'
import type { UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { openDb, type Db } from '../../../extension/db/db.ts'
import { deleteFile, filesUse, isDiskFull } from '../../../extension/db/files.ts'
import { blobFrom, openFrom, SealingCancelled, sealInto } from '../../../extension/stores/file-sealing.ts'
import { fullAfter } from '../../support/full-disk.ts'

const bob = 'bob' as UserId
const newDb = () => openDb('parley', { indexedDB: new IDBFactory(), IDBKeyRange })
const { partBytes } = limits

async function sealed(db: Db, plain: Uint8Array<ArrayBuffer>, onProgress?: (bytes: number) => void) {
  const key = v7()
  const blob = new Blob([plain])
  await sealInto(db, { key, peer: bob, caption: 'look', blob, meta: { name: 'a.bin', mime: '' } }, onProgress)
  return (await db.files.get(key))!
}

test.each([0, 1, partBytes - 2000, partBytes, 3 * partBytes + 1])(
  'a file of %i bytes is sealed in parts, and comes back as it was',
  async (length) => {
    const db = newDb()
    const plain = new Uint8Array(length).fill(7)
    const progress: number[] = []

    const row = await sealed(db, plain, (bytes) => progress.push(bytes))

    expect(row).toMatchObject({ state: 'queued', peer: bob, direction: 'out', caption: 'look', done: 0 })
    const parts = (await db.parts.toArray()).map(({ bytes }) => bytes)
    expect(parts.slice(0, -1).every(({ length: size }) => size === partBytes)).toBe(true)
    expect(parts.reduce((sum, { length: size }) => sum + size, 0)).toBe(row.file.sealedBytes)
    const hash = createHash('sha256')
    for (const part of parts) hash.update(part)
    expect(row.file.sha256).toBe(hash.digest('base64url'))
    expect(progress.at(-1) ?? 0).toBe(length)
    const back = await blobFrom(db, row, 'image/png')
    expect(back.type).toBe('image/png')
    expect(new Uint8Array(await back.arrayBuffer())).toEqual(plain)
  },
)

test('what is cancelled while it is sealed leaves nothing behind', async () => {
  const db = newDb()
  const key = v7()
  const blob = new Blob([new Uint8Array(8 * partBytes)])
  const forget = async () => {
    const row = await db.files.get(key)
    if (row) await db.transaction('rw', [db.files, db.parts], () => deleteFile(db, row))
  }

  const done = sealInto(db, { key, peer: bob, caption: '', blob, meta: { name: 'a', mime: '' } }, (bytes) => {
    if (bytes > partBytes) void forget()
  })

  await expect(done).rejects.toThrow(SealingCancelled)
  expect([await db.files.count(), await db.parts.count()]).toEqual([0, 0])
})

test('a disk that is full leaves nothing behind, and is called so', async () => {
  const db = newDb()
  fullAfter(db, 2)
  const key = v7()
  const blob = new Blob([new Uint8Array(4 * partBytes)])

  const error: unknown = await sealInto(db, {
    key,
    peer: bob,
    caption: '',
    blob,
    meta: { name: 'a', mime: '' },
  }).catch((reason: unknown) => reason)

  expect(isDiskFull(error)).toBe(true)
  expect([await db.files.count(), await db.parts.count()]).toEqual([0, 0])
})

test('a file that says another length than it has is refused', async () => {
  const db = newDb()
  const row = await sealed(db, new Uint8Array(1000))

  for (const bytes of [999, 1001]) {
    const opened = blobFrom(db, { ...row, file: { ...row.file, bytes } })
    await expect(opened).rejects.toMatchObject({ reason: 'malformed' })
  }
})

test('a file of which a part is missing does not open', async () => {
  const db = newDb()
  const row = await sealed(db, new Uint8Array(2 * partBytes))
  await db.parts.delete([row.parts, 1])

  await expect(blobFrom(db, row)).rejects.toMatchObject({ reason: 'undecryptable' })
})

test('looking at a file makes it one that was used lately', async () => {
  const db = newDb()
  const row = await sealed(db, new Uint8Array(10))
  const before = Date.now() - 60 * 60_000
  await db.files.update(row.key, { usedAt: before })

  await openFrom(db, { ...row, usedAt: before })

  expect((await db.files.get(row.key))!.usedAt).toBeGreaterThan(before)
})

test('what files take is told of all and of each conversation, half of one for what is half here', async () => {
  const db = newDb()
  const row = await sealed(db, new Uint8Array(10))
  const whole = { ...row.file, sealedBytes: 3 * partBytes }
  const { caption: _, ...isSent } = row
  await db.files.bulkPut([
    { ...isSent, key: 'a', peer: 'carol' as UserId, state: 'here', file: whole },
    { ...isSent, key: 'b', peer: 'carol' as UserId, state: 'paused', done: 2, file: whole },
    { ...isSent, key: 'c', peer: 'carol' as UserId, state: 'freed', done: 0, file: whole },
  ])

  const { bytes, byPeer } = await filesUse(db)

  expect([...byPeer]).toEqual(
    expect.arrayContaining([
      [bob, row.file.sealedBytes],
      ['carol', 5 * partBytes],
    ]),
  )
  expect(bytes).toBe(row.file.sealedBytes + 5 * partBytes)
})
