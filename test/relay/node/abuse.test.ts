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
  const bare: Socket[] = Array.from({ length: 300 }, () => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), localAddress: '127.9.1.1' })
    socket.on('error', () => undefined).on('close', () => ended++)
    onTestFinished(() => void socket.destroy())
    return socket
  })

  await until(async () => ended >= 300 - 140, 'the rest are cut off')
  await aliceReachesBob()
  expect(bare.filter(({ destroyed }) => !destroyed).length).toBeLessThanOrEqual(140)
  expect((await fetch(`${relay.url}/readyz`)).status).toBe(200)
})
