/** A file's room from inside: what it keeps, and that an alarm empties it. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { toBase64, utf8 } from '#shared/bytes'
import type { BlobId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import BlobRoom from '../../../relay/partykit/blob-room.ts'
import { blobPaths, digestOf, partyBlobs } from '../../../relay/partykit/blobs.ts'
import { signedCall } from '../../../relay/partykit/link.ts'
import { spawnPartyKit, type RelayProcess } from '../../support/processes.ts'
import { until } from '../../support/until.ts'
import { testSettings } from '../host.contract.ts'

const secret = utf8(testSettings.PARLEY_SECRET)
const MiB = limits.partBytes
let relay: RelayProcess

beforeAll(async () => {
  relay = await spawnPartyKit({ config: 'test/relay/partykit/blobs.json', env: testSettings })
}, 60_000)
afterAll(() => relay?.stop())

const newBlob = () => toBase64(randomBytes(16)) as BlobId
const addressOf = (blob: BlobId) => `${relay.url}/parties/blob/${blob}`
const kept = async (blob: BlobId) =>
  (await (await fetch(addressOf(blob))).json()) as { values: [string, number][]; alarm: number | null }

/** As relay/partykit/blobs.ts calls it, but over the network. */
const blobs = () => {
  const get = (blob: string) => ({
    fetch: (path: string, init: RequestInit) => fetch(`${addressOf(blob as BlobId)}${path}`, init),
  })
  return partyBlobs(
    secret,
    () => ({ blob: { get } }) as unknown as ReturnType<Parameters<typeof partyBlobs>[1]>,
  )
}
const reservation = (bytes: number, ms: number) => {
  const uploadUntil = Date.now() + ms
  return { blob: newBlob(), user: 'alice' as UserId, bytes, uploadUntil, until: uploadUntil + 86_400_000 }
}

test('no value of a part is greater than 120 KiB, and a whole file moves the alarm', async () => {
  const one = reservation(MiB + 1, 60_000)

  expect(await blobs().put(one, 0, randomBytes(MiB))).toBe('stored')
  const begun = await kept(one.blob)
  expect(await blobs().put(one, 1, randomBytes(1))).toBe('whole')
  const whole = await kept(one.blob)

  expect(Math.max(...begun.values.map(([, length]) => length))).toBe(120 * 1024)
  expect(begun.values.reduce((sum, [, length]) => sum + length, 0)).toBe(MiB)
  expect([begun.alarm, whole.alarm]).toEqual([one.uploadUntil, one.until])
})

test('[BL6] what did not become whole is emptied by the alarm, without anybody asking', async () => {
  const one = reservation(MiB + 1, 500)
  await blobs().put(one, 0, randomBytes(MiB))

  await until(async () => (await kept(one.blob)).values.length === 0)

  expect(Date.now()).toBeGreaterThanOrEqual(one.uploadUntil)
  expect(await blobs().state(one.blob)).toBeNull()
  expect(await kept(one.blob)).toEqual({ values: [], alarm: null })
})

test('[BL7] of what was released a mark stays while its token lasts, and then nothing', async () => {
  const one = reservation(3, 1000)
  await blobs().put(one, 0, randomBytes(3))

  blobs().drop([one])
  await until(async () => (await kept(one.blob)).values.length === 1)

  expect(await blobs().put(one, 0, randomBytes(3))).toBe('gone')
  await until(async () => (await kept(one.blob)).values.length === 0)
})

test('[BL5] a question about what is not there writes nothing', async () => {
  const blob = newBlob()

  expect([await blobs().state(blob), await blobs().part(blob, 0)]).toEqual([null, null])
  expect(await kept(blob)).toEqual({ values: [], alarm: null })
})

test('[LN5] a room of a file answers signed calls only, and nothing from outside comes to it', async () => {
  const one = reservation(3, 60_000)
  const part = new Uint8Array(randomBytes(3))
  const path = blobPaths.put({ n: 0, ...one, hash: await digestOf(part) })
  const call = { from: '', to: one.blob, path, body: '' }
  const ask = async (init: RequestInit, to = one.blob, at = path) =>
    (await fetch(`${addressOf(to)}${at}`, { ...init, body: part })).status

  expect(await ask({ method: 'POST' })).toBe(404)
  expect(await ask(signedCall(utf8(`${testSettings.PARLEY_SECRET}!`), call, Date.now()))).toBe(404)
  expect(await ask(signedCall(secret, call, Date.now() - 120_001))).toBe(404)
  expect(await ask(signedCall(secret, { ...call, from: 'mallory' }, Date.now()))).toBe(404)
  expect(await ask(signedCall(secret, call, Date.now()), newBlob())).toBe(404)
  expect(await ask(signedCall(secret, call, Date.now()), one.blob, path.replace('/3/', '/4/'))).toBe(404)
  part[0]! ^= 1
  expect(await ask(signedCall(secret, call, Date.now()))).toBe(500)
  expect((await kept(one.blob)).values).toEqual([])
  expect([BlobRoom.onBeforeRequest().status, BlobRoom.onBeforeConnect().status]).toEqual([404, 404])
})
