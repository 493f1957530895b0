import { expect, test } from 'vitest'
import { sealedBytesMax } from '#shared/blobs'
import { deleteBytes } from '#shared/account'
import type { BlobId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { readBlobToken } from '../../../relay/core/blob-token.ts'
import type { BlobRow } from '../../../relay/core/rows.ts'
import { testRelay, type TestClient } from '../../support/test-relay.ts'

const MiB = limits.partBytes
const day = 86_400_000

async function reserve(client: TestClient, bytes: number) {
  const answer = await client.ask({ type: 'reserve', bytes })
  if (answer.type !== 'reserved') throw new Error(answer.type === 'error' ? answer.code : answer.type)
  return answer
}
const codeOf = async (asking: Promise<unknown>) => asking.then(() => null, String)

test('[BL1] room is given under a fresh id, with a token that says what it is for', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  const [one, other] = [await reserve(alice, 5 * MiB), await reserve(alice, 1)]

  expect(one.blob).toMatch(/^[A-Za-z0-9_-]{22}$/)
  expect(other.blob).not.toBe(one.blob)
  expect(one.until).toBe(relay.now + limits.keepMs)
  expect(readBlobToken(relay.blobKey, one.blob, one.token)).toEqual({
    blob: one.blob,
    user: 'alice',
    bytes: 5 * MiB,
    uploadUntil: relay.now + day,
    until: one.until,
  })
})

test('[BL2] a token of another blob, another key or with a bit changed is none', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const { blob, token } = await reserve(alice, 100)
  const { blob: other } = await reserve(alice, 100)

  expect(readBlobToken(relay.blobKey, other, token)).toBeNull()
  expect(readBlobToken(new Uint8Array(32), blob, token)).toBeNull()
  const bytes = Buffer.from(token, 'base64url')
  for (let i = 0; i < bytes.length; i++) {
    const changed = Buffer.from(bytes)
    changed[i]! ^= 1
    expect(readBlobToken(relay.blobKey, blob, changed.toString('base64url'))).toBeNull()
  }
  for (const text of ['', 'A', '*', token.slice(0, -1), `${token}=`, `${token} `])
    expect(readBlobToken(relay.blobKey, blob, text)).toBeNull()
})

test('[BL1] at most 300 an hour, by whichever device', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const phone = await relay.connect('alice', { device: 1 })
  for (let i = 0; i < limits.reservesPerHourMax; i++) await reserve(i % 2 ? alice : phone, 1)

  const answer = await phone.ask({ type: 'reserve', bytes: 1 })

  expect(answer).toMatchObject({ code: 'policy-violation', action: 'wait', retryAfterMs: 12_000 })
  expect(relay.rowsLike('alice', 'blob:')).toHaveLength(limits.reservesPerHourMax)
  await relay.advance(12_000)
  await reserve(alice, 1)
})

test('[BL1] 2,000 files and not one more, until one is released; what was refused has taken nothing', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const { blob } = await reserve(alice, 1)
  const row = relay.row<BlobRow>('alice', `blob:${blob}`)
  const rows = relay.rows('alice')
  for (let i = 1; i < limits.filesMax; i++) rows.set(`blob:${i}`, JSON.stringify(row))

  expect(await codeOf(reserve(alice, 1))).toContain('resource-constraint')
  expect(relay.rowsLike('alice', 'blob:')).toHaveLength(limits.filesMax)

  await alice.ask({ type: 'release', blob })
  await reserve(alice, 1)
})

test('[BL1] a relay whose operator wants no files takes none, however small', async () => {
  const relay = testRelay({ fileBytesMax: 0 })
  const alice = await relay.connect('alice')

  expect(await codeOf(reserve(alice, 1))).toContain('too-large')
})

test('[BL1] [BL6] a file that did not become whole takes no room after a day, a whole one until its end', async () => {
  const relay = testRelay({ filesBytesMax: 10 * MiB, keepMs: 3 * day })
  const first = await relay.connect('alice')
  const [whole] = [await reserve(first, 4 * MiB), await reserve(first, 6 * MiB)]
  const uploaded = { type: 'uploaded', blob: whole.blob } as const
  expect(await relay.account('alice', uploaded)).toEqual({ type: 'ok' })
  expect(await relay.account('alice', uploaded)).toEqual({ type: 'ok' })

  await relay.advance(day - 1)
  expect(await codeOf(reserve(await relay.connect('alice'), 1))).toContain('resource-constraint')

  await relay.advance(1)
  const second = await relay.connect('alice')
  expect(await codeOf(reserve(second, 6 * MiB + 1))).toContain('resource-constraint')
  await reserve(second, 6 * MiB)

  await relay.advance(2 * day)
  await reserve(await relay.connect('alice'), 10 * MiB)
  expect(relay.rowsLike('alice', 'blob:')).toHaveLength(1)
})

test('[BL6] [BL7] a file that was released, or never reserved, or is too old cannot become whole', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const [released, old] = [await reserve(alice, 1), await reserve(alice, 1)]
  await alice.ask({ type: 'release', blob: released.blob })
  const refused = { type: 'error', code: 'item-not-found' }

  expect(await relay.account('alice', { type: 'uploaded', blob: released.blob })).toEqual(refused)
  expect(await relay.account('nobody', { type: 'uploaded', blob: old.blob })).toEqual(refused)
  await relay.advance(day)
  expect(await relay.account('alice', { type: 'uploaded', blob: old.blob })).toEqual(refused)
})

test('[BL7] the owner alone releases; what is not there is no mistake', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const { blob, until } = await reserve(alice, 1)

  const byBob = await bob.ask({ type: 'release', blob })
  const before = [...relay.blobs.dropped]
  const byAlice = [await alice.ask({ type: 'release', blob }), await alice.ask({ type: 'release', blob })]

  expect([byBob, ...byAlice].map(({ type }) => type)).toEqual(['ok', 'ok', 'ok'])
  expect(before).toEqual([])
  expect(relay.blobs.dropped).toEqual([{ blob, uploadUntil: relay.now + day, until }])
  expect(relay.rowsLike('alice', 'blob:')).toEqual([])
})

test('[BL7] with the account go all of its files, whoever still waits for its last words', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  const blobs: BlobId[] = []
  for (let i = 0; i < 90; i++) blobs.push((await reserve(alice, 1)).blob)
  const { acct, account } = await relay.person('alice')
  relay.fault = (_, to) => (to === 'bob' ? 'request' : null)
  const signature = await account.sign(deleteBytes(relay.relayId, acct, 'alice' as UserId, 'T'))

  const reply = await relay.account('alice', { type: 'delete', ticket: 'T', change: 0, signature })
  await relay.advance(1000)

  expect(reply).toEqual({ type: 'ok' })
  expect(relay.blobs.dropped.map(({ blob }) => blob).toSorted()).toEqual(blobs.toSorted())
  expect(relay.rowsLike('alice', 'blob:')).toEqual([])
  expect(relay.rowsLike('alice', 'outbox:')).toHaveLength(1)
})

test('sealed, a file of the greatest size fits', () => {
  // age (v1): 16 bytes for each 64 KiB, and a header; a post-quantum recipient makes it some 2 kB.
  for (const bytes of [0, 1, 65_536, 65_537, 100 * MiB])
    expect(sealedBytesMax(bytes)).toBeGreaterThanOrEqual(
      bytes + Math.max(1, Math.ceil(bytes / 65_536)) * 16 + 2500,
    )
})
