/** What the routes of files do with many, slow and broken uploads: the app in memory, the clock held. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { BlobId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { blobToken } from '../../relay/core/blob-token.ts'
import { announcedLimits } from '../../relay/http/announced.ts'
import { createApp } from '../../relay/http/app.ts'
import { partWithinMs } from '../../relay/http/blobs.ts'
import { random } from '../../relay/http/web-crypto.ts'
import { answerOf } from '../support/files.ts'
import { memoryBlobs } from '../support/memory-blobs.ts'

const blobKey = new Uint8Array(32)
const day = 86_400_000

function relay() {
  const blobs = memoryBlobs(Date.now)
  const uploaded: string[] = []
  const app = createApp({
    rooms: {
      async account(user, operation) {
        if (operation.type === 'uploaded') uploaded.push(`${user} ${operation.blob}`)
        return { type: 'ok' }
      },
    },
    blobs,
    settings: {
      relayId: 'A'.repeat(43),
      announced: announcedLimits(),
      blobKey,
      name: 'Test',
      powBits: 0,
      requestsPerMinute: 10_000,
      registrationsPerDay: 1,
    },
    secret: new Uint8Array(32),
    clock: Date.now,
    random,
    log: () => undefined,
    addressOf: (c) => c.req.header('x-address') ?? '192.0.2.1',
  })
  let made = 0
  return {
    blobs,
    uploaded,
    room(user: string, bytes: number, uploadUntil = Date.now() + day) {
      const blob = `${String(++made).padStart(21, 'b')}A` as BlobId
      const until = uploadUntil + 29 * day
      return {
        blob,
        token: blobToken(blobKey, { blob, user: user as UserId, bytes, uploadUntil, until }),
        until,
      }
    },
    put: ({ blob, token }: { blob: BlobId; token: string }, body: BodyInit, length?: number) =>
      answerOf(
        Promise.resolve(
          app.request(`http://relay.test/v1/blobs/${blob}/0`, {
            method: 'PUT',
            body,
            headers: {
              authorization: `Parley ${token}`,
              ...(length !== undefined && { 'content-length': String(length) }),
            },
            duplex: 'half',
          } as RequestInit),
        ),
      ),
    get: async (blob: BlobId, address: string) =>
      app.request(`http://relay.test/v1/blobs/${blob}/0`, { headers: { 'x-address': address } }),
  }
}

/** A body that never ends, and what breaks it off. */
function endless() {
  let fail: (error: Error) => void = () => undefined
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new Uint8Array(1))
      fail = (error) => controller.error(error)
    },
  })
  return { body, breakOff: () => fail(new Error('the connection was lost')) }
}

const busy = { status: 503, code: 'resource-constraint' }
const done = { status: 200, code: null }

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 15) })
})
afterEach(() => {
  vi.useRealTimers()
})

test('[BL3] a body of unknown length is refused before it is read', async () => {
  const { put, room, blobs } = relay()
  const alice = room('alice', 1)

  expect(await put(alice, endless().body)).toEqual({ status: 400, code: 'bad-request' })
  expect(await blobs.state(alice.blob)).toBeNull()
})

test('[BL3] a body that ends before the length it had named is refused, and nothing stays', async () => {
  const { put, room, blobs } = relay()
  const alice = room('alice', 10)

  expect(await put(alice, 'abc', 10)).toEqual({ status: 400, code: 'bad-request' })
  expect(await blobs.state(alice.blob)).toBeNull()
})

test('[BL2] a token ends with the time for uploading', async () => {
  const { put, room } = relay()
  const alice = room('alice', 3, Date.now() + 1000)

  vi.setSystemTime(Date.now() + 999)
  expect(await put(alice, 'abc', 3)).toEqual(done)
  vi.setSystemTime(Date.now() + 1)
  expect(await put(alice, 'abc', 3)).toEqual({ status: 401, code: 'not-authorized' })
})

test('[BL10] an account has four uploads at a time, all together 32; a slot is free again whatever became of it', async () => {
  const { put, room } = relay()
  const open = []
  for (let i = 0; i < 32; i++) {
    const { body, breakOff } = endless()
    open.push({ answer: put(room(`user-${i % 8}`, 10), body, 10), breakOff })
  }
  await vi.advanceTimersByTimeAsync(1)

  expect(await put(room('user-0', 3), 'abc', 3)).toEqual(busy)
  expect(await put(room('somebody', 3), 'abc', 3)).toEqual(busy)

  open[0]!.breakOff()
  expect(await open[0]!.answer).toEqual({ status: 400, code: 'bad-request' })
  expect(await put(room('user-0', 3), 'abc', 3)).toEqual(done)

  await vi.advanceTimersByTimeAsync(partWithinMs)
  for (const { answer } of open.slice(1)) expect(await answer).toEqual(busy)
  for (let i = 0; i < 9; i++) expect(await put(room('user-1', 3), 'abc', 3)).toEqual(done)
})

test('[BL10] what nobody takes is given up, and makes room for others', async () => {
  const { put, room, get } = relay()
  const alice = room('alice', limits.partBytes)
  await put(alice, new Uint8Array(limits.partBytes), limits.partBytes)
  const open = []
  for (let i = 0; i < 32; i++) open.push(await get(alice.blob, '192.0.2.1'))

  expect((await get(alice.blob, '192.0.2.1')).status).toBe(503)
  expect((await get(alice.blob, '192.0.2.2')).status).toBe(200)
  await open[0]!.body!.cancel()
  expect((await (await get(alice.blob, '192.0.2.1')).arrayBuffer()).byteLength).toBe(limits.partBytes)

  await vi.advanceTimersByTimeAsync(partWithinMs)
  expect((await get(alice.blob, '192.0.2.1')).status).toBe(200)
  await expect(open[1]!.arrayBuffer()).rejects.toThrow('took too long')
})

test('[BL6] the room is told of a whole file before its last part is confirmed', async () => {
  const { put, room, uploaded } = relay()
  const alice = room('alice', 3)

  expect(await put(alice, 'abc', 3)).toEqual(done)
  expect(await put(alice, 'abc', 3)).toEqual(done)

  expect(uploaded).toEqual([`alice ${alice.blob}`, `alice ${alice.blob}`])
})
