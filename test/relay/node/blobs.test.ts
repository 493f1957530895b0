import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { globSync, mkdirSync, readdirSync, statfsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { blobPath, partsOf } from '#shared/blobs'
import { toBase64 } from '#shared/bytes'
import type { BlobId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Reservation } from '../../../relay/core/blob-token.ts'
import type { Log } from '../../../relay/core/ports.ts'
import { nodeBlobs } from '../../../relay/node/blobs.ts'
import { download, getPart, partOf, putPart, reserve, stateOf, upload } from '../../support/files.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { until } from '../../support/until.ts'
import { befriend, WireClient } from '../../support/wire-client.ts'
import { testSettings } from '../host.contract.ts'
import { temporaryFolder } from './start.ts'

const MiB = limits.partBytes
const day = 86_400_000
const env = { ...testSettings, PARLEY_WAITING_SOCKETS: '100', PARLEY_LOG: 'error' }

// --- The folder -------------------------------------------------------------------------------------------------

function place({ folder = temporaryFolder(), keepFree = 0 } = {}) {
  let now = Date.UTC(2026, 0, 15, 12)
  const clock = () => now
  const log = vi.fn<Log>()
  const open = () => nodeBlobs({ folder, clock, log, keepFree })
  const room = (bytes: number, keepMs = 30 * day): Reservation => ({
    blob: toBase64(randomBytes(16)) as BlobId,
    user: 'alice' as UserId,
    bytes,
    uploadUntil: now + day,
    until: now + keepMs,
  })
  const files = () => globSync('**/*', { cwd: join(folder, 'blobs') }).toSorted()
  return { folder, open, blobs: open(), room, files, log, clock, pass: (ms: number) => (now += ms) }
}

test('[BL6] what is not whole is gone after a day, a whole file at its end, and the folder is empty then', async () => {
  const { blobs, room, pass, files } = place()
  const [begun, whole] = [room(MiB + 1), room(3)]
  expect(await blobs.put(begun, 1, Buffer.from('x'))).toBe('stored')
  expect(await blobs.put(whole, 0, Buffer.from('abc'))).toBe('whole')

  pass(day - 1)
  expect([await blobs.state(begun.blob), await blobs.state(whole.blob)]).toEqual([
    { bytes: MiB + 1, until: begun.uploadUntil, have: [1] },
    { bytes: 3, until: whole.until, have: [0] },
  ])
  pass(1)
  expect([await blobs.state(begun.blob), await blobs.part(begun.blob, 1)]).toEqual([null, null])
  pass(29 * day - 1)
  await blobs.sweep()
  expect(await blobs.state(whole.blob)).not.toBeNull()
  expect(files()).not.toContainEqual(expect.stringContaining(begun.blob))
  pass(1)
  expect([await blobs.state(whole.blob), await blobs.part(whole.blob, 0)]).toEqual([null, null])
  pass(day)
  await blobs.sweep()
  expect(files()).toEqual(['new'])
})

test('[BL6] where messages are kept for a day, a file is too', async () => {
  const { blobs, room, pass } = place()
  const one = room(MiB + 3, day)

  expect(await blobs.put(one, 0, new Uint8Array(MiB))).toBe('stored')
  expect(await blobs.put(one, 1, Buffer.from('abc'))).toBe('whole')
  pass(day - 1)
  expect(await blobs.state(one.blob)).toMatchObject({ have: [0, 1] })
  pass(1)
  expect(await blobs.state(one.blob)).toBeNull()
})

test('[BL7] what was released stays so as long as its token lasts, and over a restart', async () => {
  const { blobs, room, open, pass, files } = place()
  const [whole, untouched] = [room(3), room(3)]
  await blobs.put(whole, 0, Buffer.from('abc'))

  blobs.drop([whole, untouched])
  await until(async () => files().filter((name) => name.includes(untouched.blob)).length === 1)

  for (const one of [whole, untouched]) {
    expect(await blobs.state(one.blob)).toBeNull()
    expect(await open().put(one, 0, Buffer.from('abc'))).toBe('gone')
  }
  pass(2 * day)
  await blobs.sweep()
  expect(files().filter((name) => name.includes(whole.blob))).toEqual([])
})

test('what a killed relay was writing is nothing, and goes at the next start', async () => {
  const { blobs, folder, room, open, files } = place()
  const one = room(MiB + 1)
  await blobs.put(one, 1, Buffer.from('x'))
  writeFileSync(join(folder, 'blobs/new/7'), 'half of a part')
  const today = readdirSync(join(folder, 'blobs')).find((name) => name !== 'new')!
  const other = room(3)
  mkdirSync(join(folder, 'blobs', today, other.blob)) // killed before its head was there

  const again = open()

  expect(files().filter((name) => name.startsWith('new/'))).toEqual([])
  expect(await again.state(one.blob)).toMatchObject({ have: [1] })
  expect(await again.state(other.blob)).toBeNull()
  expect(await again.put(other, 0, Buffer.from('abc'))).toBe('whole')
})

test('a file is found while its last parts come, all the time', async () => {
  const { blobs, room } = place()
  for (let round = 0; round < 20; round++) {
    const one = room(2 * MiB + 1)
    await blobs.put(one, 2, Buffer.from('x'))
    const uploading = { isOver: false }
    const looking = (async () => {
      while (!uploading.isOver) {
        const [state, part] = await Promise.all([blobs.state(one.blob), blobs.part(one.blob, 2)])
        if (!state || !part) return 'not found'
        await part.body.cancel()
      }
      return 'found'
    })()
    await Promise.all([0, 1].map((n) => blobs.put(one, n, new Uint8Array(MiB))))
    uploading.isOver = true
    expect(await looking).toBe('found')
  }
})

test('a fault of the disk is told without the id', async () => {
  const { blobs, folder, room } = place()
  const one = room(3)
  // Where the day's folder belongs there is a file.
  writeFileSync(join(folder, 'blobs', new Date(one.uploadUntil).toISOString().slice(0, 10)), '')

  await expect(blobs.put(one, 0, Buffer.from('abc'))).rejects.toThrow(
    /^a part could not be written \(E[A-Z]+\)$/,
  )
})

// --- A full disk ------------------------------------------------------------------------------------------------

/** A small disk of its own; null where this user may not make one. */
function smallDisk(megabytes: number): string | null {
  const folder = temporaryFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'parley-test', folder], {
      stdio: 'ignore',
    })
  } catch {
    return null
  }
  onTestFinished(() => void execFileSync('umount', ['--lazy', folder]))
  return folder
}

test('[BL9] a part for which the disk has no room leaves nothing behind, and fits later', async ({
  skip,
}) => {
  const folder = smallDisk(4)
  if (!folder) return skip('this user may not mount a small disk')
  const { blobs, room, files } = place({ folder })
  const [first, second, ...rooms] = Array.from({ length: 8 }, () => room(MiB))
  const bytes = randomBytes(MiB)
  for (const one of [first!, second!]) expect(await blobs.put(one, 0, bytes)).toBe('whole')

  const results = await Promise.all(rooms.map((one) => blobs.put(one, 0, bytes)))
  const refused = rooms.filter((_, i) => results[i] === 'full')

  expect(refused.length).toBeGreaterThanOrEqual(4)
  expect(files().filter((name) => name.startsWith('new/'))).toEqual([])
  for (const { blob } of refused) expect(await blobs.part(blob, 0)).toBeNull()
  blobs.drop([first!, second!])
  await until(async () => (await blobs.put(refused[0]!, 0, bytes)) === 'whole')
})

test('[BL9] files leave room on the disk for everything else, which goes on', async ({ skip }) => {
  const data = smallDisk(24)
  if (!data) return skip('this user may not mount a small disk')
  const relay = await spawnRelay({ data, env })
  onTestFinished(() => relay.stop())
  const [alice, bob] = await Promise.all(['alice', 'bob'].map((user) => WireClient.signUp(relay.url, user)))
  await Promise.all([alice!.connect(), bob!.connect()])
  await befriend(alice!, bob!)
  const room = await reserve(alice!, 40 * MiB)
  const part = randomBytes(MiB)

  let n = 0
  while ((await putPart(relay.url, room, n, part)).status === 200) n++
  const refused = await putPart(relay.url, room, n, part)
  alice!.send('bob', 'still here')
  await bob!.message('still here')

  expect(refused).toEqual({ status: 507, code: 'resource-constraint' })
  expect(n).toBeGreaterThan(10)
  const { bavail, bsize } = statfsSync(data)
  expect(bavail * bsize).toBeGreaterThan(2 * MiB) // a tenth of the disk, less what the message took
  expect((await stateOf(relay.url, room.blob))!.have).toHaveLength(n)
  await alice!.ask({ type: 'release', blob: room.blob })
  const other = await reserve(alice!, MiB)
  await expect.poll(() => putPart(relay.url, other, 0, part)).toEqual({ status: 200, code: null })
}, 30_000)

// --- The process ------------------------------------------------------------------------------------------------

async function relayWith(settings: Record<string, string> = {}): Promise<RelayProcess> {
  const relay = await spawnRelay({ data: temporaryFolder(), env: { ...env, ...settings } })
  onTestFinished(() => relay.stop())
  return relay
}
async function connected(relay: RelayProcess, user = 'alice') {
  const client = await WireClient.signUp(relay.url, user)
  await client.connect()
  return client
}

test('[BL1] [BL3] 100 MB come back byte for byte', async () => {
  const relay = await relayWith()
  const alice = await connected(relay)
  const bytes = randomBytes(100_000_000)

  const room = await reserve(alice, bytes.length)
  await upload(relay.url, room, bytes, 4)

  expect((await download(relay.url, room.blob, bytes.length, 4)).equals(bytes)).toBe(true)
}, 30_000)

test('[BL3] SIGKILL in the middle of uploads: what was confirmed is there, and the rest goes on', async () => {
  const relay = await relayWith()
  const alice = await connected(relay)
  const bytes = randomBytes(24 * MiB + 5)
  const room = await reserve(alice, bytes.length)
  const confirmed = new Set<number>()
  let next = 0
  const work = async () => {
    for (let n = next++; n < partsOf(bytes.length); n = next++) {
      for (;;) {
        const answer = await putPart(relay.url, room, n, partOf(bytes, n)).catch(() => null)
        if (answer?.status === 200) break
        expect(answer?.status ?? 503).toBe(503)
        await new Promise((resume) => setTimeout(resume, 20))
      }
      confirmed.add(n)
    }
  }

  const working = Promise.all([work(), work(), work()])
  for (const killAt of [4, 10, 17]) {
    await until(async () => confirmed.size >= killAt)
    const known = [...confirmed]
    await relay.restart('SIGKILL')
    expect((await stateOf(relay.url, room.blob))!.have).toEqual(expect.arrayContaining(known))
    for (const n of known.slice(-3))
      expect(Buffer.from(await getPart(relay.url, room.blob, n)).equals(partOf(bytes, n))).toBe(true)
  }
  await working

  expect(await stateOf(relay.url, room.blob)).toMatchObject({ until: room.until })
  expect((await download(relay.url, room.blob, bytes.length)).equals(bytes)).toBe(true)
  expect(readdirSync(join(relay.data, 'blobs/new'))).toEqual([])
}, 60_000)

/** Says this much and no more; resolves with what comes back. */
function say(relay: RelayProcess, text: string, { hangUp = false } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(relay.url).port), '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
    socket.write(text)
    if (hangUp) socket.end()
  })
}

test('[BL3] whoever lies about a length, hangs up or sends chunks stores nothing and harms nobody', async () => {
  const relay = await relayWith()
  const alice = await connected(relay)
  const room = await reserve(alice, 10)
  const head = (headers: string) =>
    `PUT ${blobPath(room.blob, 0)} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n` +
    `authorization: Parley ${room.token}\r\n${headers}\r\n\r\n`

  await say(relay, `${head('content-length: 10')}abc`, { hangUp: true })
  const chunked = await say(relay, `${head('transfer-encoding: chunked')}a\r\n0123456789\r\n0\r\n\r\n`)
  const both = await say(relay, `${head('content-length: 10\r\ntransfer-encoding: chunked')}0\r\n\r\n`)
  const negative = await say(relay, `${head('content-length: -10')}0123456789`)
  const much = await say(relay, `${head('content-length: 10')}0123456789 and more`)

  for (const answer of [chunked, both, negative, much]) expect(answer).toMatch(/^HTTP\/1\.1 400 /)
  expect(await putPart(relay.url, room, 0, '0123456789')).toEqual({ status: 200, code: null })
  expect(Buffer.from(await getPart(relay.url, room.blob, 0)).toString()).toBe('0123456789')
  expect(relay.log()).not.toMatch(/"level":"(?:error|warn)"/)
  expect(readdirSync(join(relay.data, 'blobs/new'))).toEqual([])
})

test('[BL1] PARLEY_FILE_MB=0: nobody sends files', async () => {
  const relay = await relayWith({ PARLEY_FILE_MB: '0' })
  const alice = await connected(relay)

  expect(await alice.ask({ type: 'reserve', bytes: 1 })).toMatchObject({ code: 'too-large' })
})
