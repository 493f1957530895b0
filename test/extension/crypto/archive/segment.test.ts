import * as v from 'valibot'
import { expect, test } from 'vitest'
import { accountOf } from '#shared/account'
import { SegmentHead } from '#shared/archive'
import { tbs, toBase64, utf8 } from '#shared/bytes'
import { encryptAes } from '../../../../extension/crypto/aes.ts'
import { gunzip, gzip } from '../../../../extension/crypto/archive/gzip.ts'
import { makeArchiveKey } from '../../../../extension/crypto/archive/grant.ts'
import { openSegment, sealSegment, type Segment } from '../../../../extension/crypto/archive/segment.ts'

import { flipped } from '../mls/devices.ts'

const acct = accountOf(new Uint8Array(32).fill(1))
const key = makeArchiveKey()
const rows = Array.from({ length: 200 }, (_, i) => ({ ts: 1000 + i, text: `message ${i}` }))

test('a segment gives back its rows, and says of them only span and number', async () => {
  const segment = await sealSegment(acct, 1, key, rows)
  const { ct, ...head } = segment

  expect(await openSegment(acct, segment, key)).toEqual(rows)
  expect(v.parse(SegmentHead, head)).toEqual(head)
  expect(head).toMatchObject({ e: 1, fromTs: 1000, toTs: 1199, count: 200 })
  expect(ct.length).toBeLessThan(JSON.stringify(rows).length / 5)
})

test('a segment with any field exchanged, or under another key or account, does not open', async () => {
  const segment = await sealSegment(acct, 1, key, rows)
  const changes: Partial<Segment>[] = [
    { e: 2 },
    { segId: flipped(segment.segId) },
    { fromTs: 999 },
    { toTs: 1200 },
    { count: 199 },
    { iv: flipped(segment.iv) },
    { ct: segment.ct.with(100, segment.ct[100]! ^ 1) },
    { ct: segment.ct.slice(0, -1) },
    { ct: new Uint8Array() },
  ]

  for (const change of changes) {
    await expect(openSegment(acct, { ...segment, ...change }, key)).rejects.toMatchObject({
      reason: 'undecryptable',
    })
  }
  await expect(openSegment(acct, segment, makeArchiveKey())).rejects.toThrow('undecryptable')
  await expect(openSegment(accountOf(key), segment, key)).rejects.toThrow('undecryptable')
})

test('rows that would not come out again are not sealed', async () => {
  const large = [{ ts: 1, text: 'x'.repeat(8 * 1024 * 1024) }]

  await expect(sealSegment(acct, 1, key, large)).rejects.toMatchObject({ reason: 'too-large' })
  await expect(sealSegment(acct, 1, key, [])).rejects.toThrow('without rows')
})

/** Somebody with the archive key, who does not keep to the rules. */
async function crafted(plaintext: Uint8Array, count = 1): Promise<Segment> {
  const head = { e: 1, segId: toBase64(new Uint8Array(16)), fromTs: 1, toTs: 1, count }
  const { iv, ct } = await encryptAes(key, plaintext, tbs('seg', acct, 1, new Uint8Array(16), 1, 1, count))
  return { ...head, iv: toBase64(iv), ct }
}

test('a gzip bomb in the archive stops at 8 MB', async () => {
  const bomb = await gzip(new Uint8Array(64 * 1024 * 1024))
  const segment = await crafted(bomb)

  expect(bomb.length).toBeLessThan(100_000)
  await expect(openSegment(acct, segment, key)).rejects.toMatchObject({ reason: 'too-large' })
})

test('what is exactly as large as allowed comes out, one byte more does not', async () => {
  const zipped = await gzip(new Uint8Array(1000))

  expect(await gunzip(zipped, 1000)).toHaveLength(1000)
  await expect(gunzip(zipped, 999)).rejects.toMatchObject({ reason: 'too-large' })
})

test.each([
  ['no gzip', utf8('[{"ts":1}]')],
  ['half a gzip', (await gzip(utf8('[{"ts":1}]'))).slice(0, -9)],
  ['no JSON', await gzip(utf8('[{"ts":1}'))],
  ['no rows', await gzip(utf8('{"ts":1}'))],
  ['rows without a time', await gzip(utf8('[{"x":1}]'))],
  ['another number of rows', await gzip(utf8('[{"ts":1},{"ts":1}]'))],
  ['bytes that are not UTF-8', await gzip(Uint8Array.of(0xff))],
])('%s under the right key is refused', async (_, plaintext) => {
  await expect(openSegment(acct, await crafted(plaintext), key)).rejects.toMatchObject({
    reason: 'malformed',
  })
})
