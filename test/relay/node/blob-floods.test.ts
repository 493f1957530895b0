/** Somebody with an account floods the relay's files from one address: memory and disk stay bounded, others go on. */
import { randomBytes } from 'node:crypto'
import { globSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { blobPath } from '#shared/blobs'
import { limits } from '#shared/limits'
import { memoryBytesOf } from '../../bench/load.ts'
import { download, reserve, stateOf, upload, type Room } from '../../support/files.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { until } from '../../support/until.ts'
import { befriend, WireClient } from '../../support/wire-client.ts'
import { testSettings } from '../host.contract.ts'

const MiB = limits.partBytes
/** Far more than one account may have under way, far less than what an address may open. */
const atOnce = 120
const flooder = '127.9.2.1'

let relay: RelayProcess
let alice: WireClient
let bob: WireClient
let mallory: WireClient

beforeAll(async () => {
  relay = await spawnRelay({ env: { ...testSettings, PARLEY_LOG: 'error' } })
  ;[alice, bob, mallory] = (await Promise.all(
    ['alice', 'bob', 'mallory'].map((user) => WireClient.signUp(relay.url, user)),
  )) as [WireClient, WireClient, WireClient]
  await Promise.all([alice, bob, mallory].map((one) => one.connect()))
  await befriend(alice, bob)
}, 30_000)
afterAll(() => relay?.stop())

let said = 0
/** A message arrives soon, and a file goes up and comes down again. */
async function othersGoOn() {
  const text = `still here ${++said}`
  await alice.sendAndWait('bob', text)
  await bob.message(text, 2000)
  const bytes = randomBytes(MiB + 5)
  const room = await reserve(alice, bytes.length)
  await upload(relay.url, room, bytes)
  expect((await download(relay.url, room.blob, bytes.length)).equals(bytes)).toBe(true)
  await alice.ask({ type: 'release', blob: room.blob })
}

interface Asked {
  socket: Socket
  answer: string
}

/** Says so much of a request, from the flooder's address, and keeps the connection. */
function ask(text: string, { reads = true } = {}): Asked {
  const { hostname: host, port } = new URL(relay.url)
  const socket = connect({ host, port: Number(port), localAddress: flooder })
  const asked: Asked = { socket, answer: '' }
  socket.on('error', () => undefined)
  socket.write(text)
  if (reads) socket.on('data', (chunk: Buffer) => (asked.answer += chunk.toString('latin1')))
  onTestFinished(() => void socket.destroy())
  return asked
}
const put = ({ blob, token }: Pick<Room, 'blob' | 'token'>, n: number, length: number, body: string) =>
  `PUT ${blobPath(blob, n)} HTTP/1.1\r\nhost: relay\r\nauthorization: Parley ${token}\r\ncontent-length: ${length}\r\n\r\n${body}`

/** What somebody is told who has to wait. */
const refusedForNow =
  /^HTTP\/1\.1 503 [^]*\r\nretry-after: 1\r\n[^]*"code":"resource-constraint","action":"wait","retryAfterMs":1000/i

const partsOnDisk = () => globSync('blobs/**/*', { cwd: relay.data }).filter((name) => /\/\d+$/.test(name))
const whileBusy = async (flood: () => Promise<void>) => {
  const before = memoryBytesOf(relay.pid)
  let most = 0
  const watching = setInterval(() => (most = Math.max(most, memoryBytesOf(relay.pid))), 50)
  await flood().finally(() => clearInterval(watching))
  return (most - before) / MiB
}

test('[BL10] uploads that never finish: few are waited for, the others are told to wait, and the disk has none of it', async () => {
  const room = await reserve(mallory, 100 * MiB)
  const before = partsOnDisk().length

  const grown = await whileBusy(async () => {
    const flood = Array.from({ length: atOnce }, (_, i) => ask(put(room, i % 100, MiB, 'x'.repeat(1000))))
    // Some are heard out before they get their answer, in case that they go on.
    await until(
      async () => flood.filter(({ answer }) => refusedForNow.test(answer)).length >= atOnce - 4 - 16,
      'most are refused',
    )
    await othersGoOn()
    expect(flood.filter(({ answer }) => answer !== '' && !refusedForNow.test(answer))).toEqual([])
  })

  expect(grown).toBeLessThan(64)
  expect(await stateOf(relay.url, room.blob)).toBeNull()
  await until(async () => partsOnDisk().length === before, 'what the others have released is gone')
  expect(relay.log()).not.toMatch(/"level":"error"/)
}, 30_000)

test('[BL1] [BL4] [BL10] uploads without end: an account fills what is its own, and no more', async () => {
  const room = await reserve(mallory, 4 * MiB)
  const bytes = 'x'.repeat(MiB)

  const grown = await whileBusy(async () => {
    // The same four parts again and again, as fast as they are taken; those in excess are refused.
    const flood = Array.from({ length: 12 }, (_, i) => ask(put(room, i % 4, MiB, bytes).repeat(8)))
    await othersGoOn()
    await until(async () => flood.every(({ answer }) => answer.split('HTTP/1.1 ').length > 8), 'all answers')
    for (const { answer } of flood) {
      const statuses = new Set(answer.match(/HTTP\/1\.1 \d+/g))
      expect([...statuses].filter((one) => !/ (200|503)$/.test(one))).toEqual([])
    }
  })
  const full: string[] = []
  for (let i = 0; i < 12; i++) {
    const answer = await mallory.ask({ type: 'reserve', bytes: 100 * MiB })
    full.push(answer.type === 'error' ? `${answer.code} ${answer.action}` : answer.type)
  }

  expect(grown).toBeLessThan(160)
  // On a slow machine every try of a part may have been one too many.
  const { have } = (await stateOf(relay.url, room.blob))!
  expect(have.length).toBeGreaterThan(0)
  expect(partsOnDisk().filter((name) => name.includes(room.blob))).toHaveLength(have.length)
  expect(globSync('blobs/new/*', { cwd: relay.data })).toEqual([])
  expect(full.at(-1)).toBe('resource-constraint wait')
}, 30_000)

test('[BL10] downloads that nobody reads: few are held, the others are told to wait, and memory does not grow with them', async () => {
  const bytes = randomBytes(4 * MiB)
  const room = await reserve(bob, bytes.length)
  await upload(relay.url, room, bytes)

  const grown = await whileBusy(async () => {
    const held = Array.from({ length: 40 }, (_, i) =>
      // The kernel alone keeps some of it for them.
      ask(`GET ${blobPath(room.blob, i % 4)} HTTP/1.1\r\nhost: relay\r\n\r\n`.repeat(16), { reads: false }),
    )
    await until(async () => held.every(({ socket }) => socket.bytesWritten > 0), 'all have asked')
    const more = () => ask(`GET ${blobPath(room.blob, 0)} HTTP/1.1\r\nhost: relay\r\n\r\n`)
    let last = more()
    await until(async () => {
      if (last.answer !== '' && !refusedForNow.test(last.answer)) {
        last.socket.destroy() // or an address would soon have too many connections, and hear of that
        last = more()
      }
      return refusedForNow.test(last.answer)
    }, 'another is refused')
    await othersGoOn()
  })

  expect(grown).toBeLessThan(96)
  expect(relay.log()).not.toMatch(/"level":"error"/)
}, 30_000)
