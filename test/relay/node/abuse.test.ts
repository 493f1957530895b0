/** A real relay under attack: what is refused and how, and that nobody else notices. More of it: `npm run bench -- --only abuse`. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { memoryBytesOf } from '../../bench/load.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { until } from '../../support/until.ts'
import { befriend, WireClient } from '../../support/wire-client.ts'
import { testSettings } from '../host.contract.ts'

let relay: RelayProcess
let alice: WireClient
let bob: WireClient

beforeAll(async () => {
  // The limits that an operator gets who sets nothing, but for those that would take thousands of sockets to reach.
  const env = {
    ...testSettings,
    PARLEY_WAITING_IN_ALL: '20',
    PARLEY_SOCKETS_PER_ADDRESS: '40',
    PARLEY_FRAMES_PER_SECOND: '50',
    PARLEY_LOG: 'error',
  }
  relay = await spawnRelay({ env })
  alice = await WireClient.signUp(relay.url, 'alice')
  bob = await WireClient.signUp(relay.url, 'bob')
  await alice.connect()
  await bob.connect()
  await befriend(alice, bob)
}, 30_000)
afterAll(() => relay?.stop())

let said = 0
/** Honest people go on: a message arrives, and soon. */
async function aliceReachesBob() {
  const text = `still here ${++said}`
  await alice.sendAndWait('bob', text)
  await bob.message(text, 2000)
}

function open(user: string, localAddress: string): WebSocket {
  const url = `${relay.url.replace('http', 'ws')}/parties/user/${user}`
  const socket = new WebSocket(url, { localAddress, perMessageDeflate: false })
  socket.on('error', () => undefined)
  onTestFinished(() => socket.terminate())
  return socket
}

/** Resolves with the last error frame and the close code. */
async function endOf(socket: WebSocket) {
  const refusals: unknown[] = []
  socket.on('message', (data) => {
    const frame = JSON.parse(data.toString())
    if (frame.type === 'error') refusals.push(frame)
  })
  const [code] = await once(socket, 'close')
  return { code, refusal: refusals.at(-1) }
}

async function signedIn(client: WireClient): Promise<WebSocket> {
  await client.connect()
  return client.socket!
}

test('[HS10] many sockets from many addresses that never sign in make room, and who signs in comes in', async () => {
  const strangers = Array.from({ length: 60 }, (_, i) => open(`nobody-${i}`, `127.9.0.${1 + (i % 30)}`))
  const [first] = strangers as [WebSocket]
  const firstEnd = endOf(first)
  await Promise.all(strangers.map((one) => Promise.race([once(one, 'open'), once(one, 'close')])))
  const carol = await WireClient.signUp(relay.url, 'carol')

  await carol.connect()
  await aliceReachesBob()

  expect(await firstEnd).toEqual({
    code: 1013,
    refusal: { type: 'error', code: 'resource-constraint', action: 'wait', retryAfterMs: 5000 },
  })
  await until(
    async () => strangers.filter(({ readyState }) => readyState === WebSocket.OPEN).length <= 20,
    'few are left',
  )
  await carol.close()
})

test('[FR7] a flood of frames is refused with a typed code and a hint, and the room of others does not wait', async () => {
  const mallory = await WireClient.signUp(relay.url, 'mallory')
  const socket = await signedIn(mallory)
  const end = endOf(socket)

  for (let i = 0; i < 20_000; i++) socket.send('{"type":"ping"}')
  await aliceReachesBob()

  expect(await end).toEqual({
    code: 4429,
    refusal: { type: 'error', code: 'policy-violation', action: 'wait', retryAfterMs: 5000 },
  })
  await aliceReachesBob()
}, 20_000)

test('who pings and never reads costs no memory', async () => {
  const oscar = await WireClient.signUp(relay.url, 'oscar')
  const socket = await signedIn(oscar)
  socket.pause()
  const before = memoryBytesOf(relay.pid)

  const data = 'x'.repeat(120)
  for (let i = 0; i < 200; i++) {
    if (socket.readyState !== WebSocket.OPEN) break
    for (let n = 0; n < 1000; n++) socket.ping(data)
    await pause(1)
  }
  await aliceReachesBob()

  // 25 MB were sent, and would be kept as 25 MB of answers: they wait on the sender's side.
  expect(socket.bufferedAmount).toBeGreaterThan(10_000_000)
  expect(memoryBytesOf(relay.pid) - before).toBeLessThan(20_000_000)
}, 20_000)

test('connections that ask for nothing are few from one address, and nobody else is refused', async () => {
  const { port } = new URL(relay.url)
  let ended = 0
  const answers: string[] = []
  const bare: Socket[] = Array.from({ length: 300 }, () => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), localAddress: '127.9.1.1' })
    socket.on('error', () => undefined).on('close', () => ended++)
    socket.on('data', (chunk) => answers.push(chunk.toString()))
    onTestFinished(() => void socket.destroy())
    return socket
  })

  await until(async () => ended >= 300 - 140, 'the rest are cut off')
  await aliceReachesBob()
  expect(bare.filter(({ destroyed }) => !destroyed).length).toBeLessThanOrEqual(140)
  expect(answers.length).toBeGreaterThanOrEqual(300 - 140)
  const [head, body] = answers[0]!.split('\r\n\r\n')
  expect(head).toMatch(/^HTTP\/1\.1 429 [^]*\r\nretry-after: 5$/)
  expect(JSON.parse(body!)).toEqual({
    error: { code: 'policy-violation', action: 'wait', retryAfterMs: 5000 },
  })
  expect(new Set(answers).size).toBe(1)
  expect((await fetch(`${relay.url}/readyz`)).status).toBe(200)
})

test.each([
  ['a frame of 8 MiB', (socket: WebSocket) => socket.send('x'.repeat(8 * 1024 * 1024)), 'too-large', 1009],
  [
    'text that is no UTF-8',
    (socket: WebSocket) => socket.send(Buffer.from([0xff]), { binary: false }),
    'bad-request',
    1007,
  ],
] as const)(
  '[FR3] [FR5] %s is answered before the socket ends, also of a stranger',
  async (_, flood, code, closeCode) => {
    const socket = open('nobody-here', '127.9.3.1')
    await once(socket, 'open')
    const end = endOf(socket)

    flood(socket)

    expect(await end).toMatchObject({ code: closeCode, refusal: { type: 'error', code, action: 'modify' } })
    await aliceReachesBob()
  },
)

test.each([
  ['no HTTP at all', 'EHLO relay.example\r\n\r\n', 400, 'bad-request'],
  [
    'a head without end',
    `GET / HTTP/1.1\r\nhost: relay\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
    'too-large',
  ],
] as const)('[FR5] [AC7] %s gets an answer with a code', async (_, text, status, code) => {
  const socket = connect(Number(new URL(relay.url).port), '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk)).on('error', () => undefined)
  socket.write(text)
  await once(socket, 'close')

  expect(answer).toMatch(
    new RegExp(
      `^HTTP/1\\.1 ${status} [^]*\\r\\n\\r\\n\\{"error":\\{"code":"${code}","action":"modify"\\}\\}$`,
    ),
  )
})
