/** Sealed files on a running relay, seen from outside. Runs: blobs.*.test.ts beside this file. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blobPath, sealedBytesMax } from '#shared/blobs'
import { toBase64 } from '#shared/bytes'
import { deleteBytes } from '#shared/account'
import { limits } from '#shared/limits'
import {
  answerOf,
  download,
  getPart,
  partOf,
  putPart,
  reserve,
  stateOf,
  upload,
  type Room,
} from '../support/files.ts'
import type { RelayProcess } from '../support/processes.ts'
import { rawRequest } from '../support/raw-http.ts'
import { ask, infoOf, signIn, WireClient } from '../support/wire-client.ts'
import { testSettings } from './host.contract.ts'

const MiB = limits.partBytes
const fileMB = 4
const day = 86_400_000

/** Small quotas, so that they are soon reached. */
export const blobSettings = { ...testSettings, PARLEY_FILE_MB: String(fileMB), PARLEY_FILES_MB: '8' }

export function blobContract(name: string, spawn: () => Promise<RelayProcess>) {
  let relay: RelayProcess
  let people = 0

  async function connected(who = 'alice') {
    const client = await WireClient.signUp(relay.url, `${who}-${++people}`)
    await client.connect()
    return client
  }
  const refusalOf = async (client: WireClient, bytes: number) => {
    const answer = await client.ask({ type: 'reserve', bytes })
    return answer.type === 'error' ? answer.code : answer.type
  }
  const put = (room: Pick<Room, 'blob' | 'token'>, n: number, body: BodyInit) =>
    putPart(relay.url, room, n, body)
  const get = (path: string) => answerOf(fetch(`${relay.url}${path}`))
  const confirmed = { status: 200, code: null }
  const missing = { status: 404, code: 'item-not-found' }
  const refused = { status: 401, code: 'not-authorized' }

  describe(`${name} with files`, () => {
    beforeAll(async () => {
      relay = await spawn()
    }, 60_000)
    afterAll(() => relay?.stop())

    test('what may be sent is announced', async () => {
      const announced = { fileBytesMax: fileMB * MiB, filesBytesMax: 8 * MiB }
      const alice = await WireClient.signUp(relay.url, `alice-${++people}`)

      const { limits: told } = await alice.connect()

      expect(told).toMatchObject(announced)
      expect((await infoOf(relay.url)).limits).toMatchObject(announced)
    })

    test.each([
      ['1 B', 1],
      ['a part without a byte', MiB - 1],
      ['a part', MiB],
      ['a part and a byte', MiB + 1],
      ['three parts', 3 * MiB],
    ])('[BL1] [BL3] [BL5] %s comes back byte for byte', async (_, size) => {
      const alice = await connected()
      const bytes = randomBytes(size)

      const room = await reserve(alice, size)
      await upload(relay.url, room, bytes)

      const parts = Array.from({ length: Math.ceil(size / MiB) }, (__, n) => n)
      expect(await stateOf(relay.url, room.blob)).toEqual({ bytes: size, until: room.until, have: parts })
      expect((await download(relay.url, room.blob, size)).equals(bytes)).toBe(true)
    })

    test('[BL5] [BL6] who goes on later asks which parts are there; what is not whole ends after a day', async () => {
      const alice = await connected()
      const bytes = randomBytes(2 * MiB + 5)
      const room = await reserve(alice, bytes.length)
      const before = Date.now()

      await put(room, 2, partOf(bytes, 2))
      await put(room, 0, partOf(bytes, 0))
      const begun = await stateOf(relay.url, room.blob)
      const early = await getPart(relay.url, room.blob, 2)
      const absent = await get(blobPath(room.blob, 1))
      await put(room, 1, partOf(bytes, 1))

      expect(begun).toMatchObject({ bytes: bytes.length, have: [0, 2] })
      expect(Math.abs(begun!.until - before - day)).toBeLessThan(60_000)
      expect(Buffer.from(early).equals(partOf(bytes, 2))).toBe(true)
      expect(absent).toEqual(missing)
      expect(await stateOf(relay.url, room.blob)).toMatchObject({ until: room.until, have: [0, 1, 2] })
      expect(Math.abs(room.until - before - limits.keepMs)).toBeLessThan(60_000)
    })

    test('[BL1] a file over the limit is `too-large`', async () => {
      const alice = await connected()

      expect(await refusalOf(alice, sealedBytesMax(fileMB * MiB))).toBe('reserved')
      expect(await refusalOf(alice, sealedBytesMax(fileMB * MiB) + 1)).toBe('too-large')
      expect(await refusalOf(alice, 0)).toBe('bad-request')
    })

    test('[BL1] [BL7] when the account is full, it waits until something is released', async () => {
      const alice = await connected()
      const bob = await connected('bob')
      const rooms = [await reserve(alice, 3 * MiB), await reserve(alice, 4 * MiB)]

      const full = await refusalOf(alice, 2 * MiB)
      const byOther = await bob.ask({ type: 'release', blob: rooms[0]!.blob })
      const stillFull = await refusalOf(alice, 2 * MiB)
      const released = await alice.ask({ type: 'release', blob: rooms[0]!.blob })
      const again = await alice.ask({ type: 'release', blob: rooms[0]!.blob })

      expect([full, stillFull]).toEqual(['resource-constraint', 'resource-constraint'])
      expect([byOther.type, released.type, again.type]).toEqual(['ok', 'ok', 'ok'])
      expect(await refusalOf(alice, 2 * MiB)).toBe('reserved')
    })

    test('[BL2] a token is good for the parts of its file and for nothing else', async () => {
      const alice = await connected()
      const [one, other] = [await reserve(alice, MiB + 1), await reserve(alice, MiB + 1)]
      const part = randomBytes(MiB)
      const changed = one.token.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))

      for (const token of [
        other.token,
        changed,
        `${one.token}A`,
        one.token.slice(0, 75),
        '',
        'A'.repeat(300),
      ])
        expect(await put({ blob: one.blob, token }, 0, part)).toEqual(refused)
      expect(await put(one, 2, part)).toEqual(refused)
      expect(await put(one, 1e6, part)).toEqual(refused)
      const bare = fetch(`${relay.url}${blobPath(one.blob, 0)}`, { method: 'PUT', body: part })
      expect(await answerOf(bare)).toEqual(refused)

      expect(await stateOf(relay.url, one.blob)).toBeNull()
    })

    test('[BL3] a part of another length is refused, and nothing of it stays', async () => {
      const alice = await connected()
      const room = await reserve(alice, MiB + 7)

      for (const [n, length] of [
        [0, MiB - 1],
        [0, 7],
        [1, 8],
        [1, 6],
        [1, MiB],
        [1, 0],
      ] as const)
        expect(await put(room, n, randomBytes(length))).toEqual({ status: 400, code: 'bad-request' })

      expect(await stateOf(relay.url, room.blob)).toBeNull()
      expect(await get(blobPath(room.blob, 1))).toEqual(missing)
    })

    test('[BL4] the same part again is confirmed again, another one in its place is not taken', async () => {
      const alice = await connected()
      const room = await reserve(alice, MiB + 10)
      const [first, other] = [randomBytes(10), randomBytes(10)]

      const answers = [await put(room, 1, first), await put(room, 1, first), await put(room, 1, other)]

      expect(answers).toEqual([confirmed, confirmed, { status: 409, code: 'conflict' }])
      expect(Buffer.from(await getPart(relay.url, room.blob, 1)).equals(first)).toBe(true)
    })

    test('[BL4] of two different ones at the same time, one stays', async () => {
      const alice = await connected()
      const room = await reserve(alice, 100)
      const bodies = Array.from({ length: 4 }, () => randomBytes(100))

      const answers = await Promise.all(bodies.map((body) => put(room, 0, body)))

      const winners = bodies.filter((_, i) => answers[i]!.status === 200)
      expect(winners).toHaveLength(1)
      expect(Buffer.from(await getPart(relay.url, room.blob, 0)).equals(winners[0]!)).toBe(true)
    })

    test('[BL5] what is not there, was released or is no id is answered alike', async () => {
      const alice = await connected()
      const room = await reserve(alice, 10)
      await upload(relay.url, room, randomBytes(10))
      await alice.ask({ type: 'release', blob: room.blob })
      await expect.poll(() => stateOf(relay.url, room.blob)).toBeNull()

      const ids = [room.blob, toBase64(randomBytes(16)), 'A'.repeat(23), '%2e%2e', `${room.blob}%2f..`]
      const seen = new Set<string>()
      for (const id of ids) {
        for (const path of [`/v1/blobs/${id}`, `/v1/blobs/${id}/0`, `/v1/blobs/${id}/00`]) {
          const { status, body } = await rawRequest(relay.url, path)
          seen.add(`${status} ${JSON.parse(body).error.code} ${body.length}`)
        }
      }

      expect([...seen]).toEqual([expect.stringContaining('404 item-not-found')])
    })

    test('[BL7] what was released cannot be uploaded any more', async () => {
      const alice = await connected()
      const [begun, untouched] = [await reserve(alice, MiB + 1), await reserve(alice, 10)]
      const bytes = randomBytes(MiB + 1)
      await put(begun, 0, partOf(bytes, 0))

      for (const { blob } of [begun, untouched]) await alice.ask({ type: 'release', blob })
      await expect.poll(() => put(begun, 1, partOf(bytes, 1))).toEqual(missing)

      await expect.poll(() => put(untouched, 0, randomBytes(10))).toEqual(missing)
      expect(await stateOf(relay.url, begun.blob)).toBeNull()
    })

    test('[BL7] with the account go all of its files', async () => {
      const alice = await connected()
      const rooms = [await reserve(alice, 10), await reserve(alice, MiB + 1)]
      await upload(relay.url, rooms[0]!, randomBytes(10))
      await put(rooms[1]!, 1, randomBytes(1))
      const { relayId } = await infoOf(relay.url)
      const { ticket, list } = await signIn(relay.url, alice.account)
      const { user, acct, account } = alice.account
      const signature = await account.sign(deleteBytes(relayId, acct, user, ticket))

      await ask(relay.url, '/v1/delete', { user, acct, version: list.ver, ticket, signature })

      for (const { blob } of rooms) await expect.poll(() => stateOf(relay.url, blob)).toBeNull()
      expect(await put(rooms[1]!, 0, randomBytes(MiB))).toEqual(missing)
    })

    test('[BL8] a part is to be saved, never to be shown or kept on the way', async () => {
      const alice = await connected()
      const page = new TextEncoder().encode('<script>alert(1)</script>')
      const room = await reserve(alice, page.length)
      await upload(relay.url, room, page)

      const { headers } = await fetch(`${relay.url}${blobPath(room.blob, 0)}`)

      expect(Object.fromEntries(headers)).toMatchObject({
        'content-type': 'application/octet-stream',
        'content-disposition': 'attachment',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      })
      expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    })

    test('an extension may upload and fetch, a web page may not upload', async () => {
      const origin = 'chrome-extension://abcdefghijklmnop'
      const alice = await connected()
      const room = await reserve(alice, 3)
      const asking = {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'PUT',
          'access-control-request-headers': 'authorization',
        },
      }

      const { headers } = await fetch(`${relay.url}${blobPath(room.blob, 0)}`, asking)
      const fromPage = await putPart(relay.url, room, 0, 'abc', { origin: 'https://example.org' })
      const fromExtension = await putPart(relay.url, room, 0, 'abc', { origin })
      const fetched = await fetch(`${relay.url}${blobPath(room.blob, 0)}`, { headers: { origin } })
      const refusal = await fetch(`${relay.url}${blobPath(room.blob, 1)}`, {
        method: 'PUT',
        headers: { origin },
      })

      expect(headers.get('access-control-allow-origin')).toBe(origin)
      expect(headers.get('access-control-allow-methods')).toContain('PUT')
      expect(headers.get('access-control-allow-headers')).toContain('authorization')
      expect(fromPage).toEqual({ status: 403, code: 'forbidden' })
      expect(fromExtension).toEqual(confirmed)
      expect(fetched.headers.get('access-control-allow-origin')).toBe(origin)
      expect(await fetched.text()).toBe('abc')
      expect([refusal.status, refusal.headers.get('access-control-allow-origin')]).toEqual([401, origin])
    })

    test('nothing about a file is in the log', async () => {
      const alice = await connected()
      const room = await reserve(alice, 3)
      await put(room, 0, 'ab')
      await upload(relay.url, room, Buffer.from('abc'))
      await put(room, 0, 'xyz')
      await get(blobPath(room.blob))

      const log = relay.log().replaceAll(/^.*\[pk:inf\].*$/gm, '') // `partykit dev` tells of every request

      for (const secret of [room.blob, room.token] as string[]) expect(log).not.toContain(secret)
    })
  })
}
