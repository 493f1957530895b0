/** The relay on Node under load, beside a relay that only echoes: what durability and order cost. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { v7 as uuidv7 } from 'uuid'
import { WebSocket } from 'ws'
import { limits } from '#shared/limits'
import { endGroup, spawnGroup } from '../support/group.ts'
import { freePort } from '../support/ports.ts'
import { spawnRelay, type RelayProcess } from '../support/processes.ts'
import { befriend, WireClient } from '../support/wire-client.ts'
import { burst, memoryBytesOf, percentile, steady, type Link, type Result } from './load.ts'
import type { Table } from './main.ts'

const pairCounts = [50, 200]
const idleCounts = [1000, 5000]
const queuedCount = 5000
/** What one device may send at once; the relay slows down whoever sends more. */
const burstEach = limits.deviceSendsBurst - 4
const rounds = 3
/** Below the rate that a pair may keep up. */
const steadyPerSecond = 4
const steadyEach = 24
/** As much as a short message is when it is sealed. */
const payload = 'A'.repeat(400)

export async function benchRelay(): Promise<Table[]> {
  const data = mkdtempSync(join(tmpdir(), 'parley-bench-'))
  const relay = await spawnRelay({
    data,
    env: {
      PARLEY_POW_BITS: '0',
      PARLEY_REGISTRATIONS_PER_DAY: '100000',
      PARLEY_WAITING_SOCKETS: '10000',
      PARLEY_LOG: 'error',
    },
  })
  try {
    return [await benchMessages(relay), await benchQueue(relay), await benchIdle(relay)]
  } finally {
    await relay.stop()
    rmSync(data, { recursive: true, force: true })
  }
}

function progress(text: string) {
  console.log(`… ${text}`)
}

// --- Messages ---------------------------------------------------------------------------------------------------

async function benchMessages(relay: RelayProcess): Promise<Table> {
  const rows: Table['rows'] = []
  progress(`${Math.max(...pairCounts)} pairs become buddies`)
  const people = await peopleOf(relay, 'pair', 2 * Math.max(...pairCounts))
  await inGroups(people, 20, (one) => one.connect())
  const pairs = people.flatMap((one, i) => (i % 2 === 0 ? [[one, people[i + 1]!] as const] : []))
  await inGroups(pairs, 20, ([alice, bob]) => befriend(alice, bob))

  for (const count of pairCounts) {
    const some = pairs.slice(0, count)
    const everybody = some.flat()
    for (const kind of ['burst', 'steady'] as const) {
      progress(`${count} pairs, ${kind}`)
      const echo = await spawnEcho()
      const echoLinks = await Promise.all(some.map((_, i) => echoPair(echo.url, i)))
      rows.push(rowOf('echo', kind, count, [await run(kind, echoLinks.flat(), echo.pid)]))
      await echo.stop()

      const results: Result[] = []
      for (let round = 0; round < (kind === 'burst' ? rounds : 1); round++) {
        await relay.restart() // the relay counts what each may send in memory: everybody begins anew
        await inGroups(everybody, 20, (one) => one.connect())
        const links = some.flatMap(([alice, bob]) => linksOf(alice, bob))
        results.push(await run(kind, links, relay.pid))
      }
      rows.push(rowOf('Parley', kind, count, results))
    }
  }
  await Promise.all(people.map((one) => one.drop()))
  return { title: `Messages of ${payload.length} characters, both directions of each pair`, rows }
}

const run = (kind: 'burst' | 'steady', links: readonly Link[], pid: number) =>
  kind === 'burst' ? burst(links, burstEach, pid) : steady(links, steadyEach, steadyPerSecond, pid)

function rowOf(relay: string, load: string, pairs: number, results: readonly Result[]) {
  const perSecond = results.map(({ messages, seconds }) => messages / seconds).toSorted((a, b) => a - b)
  const median = percentile(perSecond, 0.5)
  const messages = results.reduce((sum, result) => sum + result.messages, 0)
  const cpuSeconds = results.reduce((sum, result) => sum + result.cpuSeconds, 0)
  const latencies = results.flatMap((result) => result.latencies).toSorted((a, b) => a - b)
  return {
    relay,
    load,
    pairs,
    'messages/s': Math.round(median),
    'messages/CPU-s': Math.round(messages / cpuSeconds),
    'p50 ms': rounded(percentile(latencies, 0.5)),
    'p99 ms': rounded(percentile(latencies, 0.99)),
  }
}

const rounded = (value: number) => Math.round(value * 10) / 10

/** Both directions between two connected devices, with no more work on this side than the protocol asks for. */
function linksOf(alice: WireClient, bob: WireClient): [Link, Link] {
  const links: [Link, Link] = [lean(alice, bob), lean(bob, alice)]
  listen(alice, links[0], links[1])
  listen(bob, links[1], links[0])
  return links
}

interface LeanLink extends Link {
  confirm(): void
  numbers: Map<string, number>
}

function lean(from: WireClient, to: WireClient): LeanLink {
  const numbers = new Map<string, number>()
  const welcome = from.frames.find((frame) => frame.type === 'welcome')
  let previous: string | null = welcome?.last ?? null
  let waiting = 0
  return {
    numbers,
    onConfirmed: () => undefined,
    onArrived: () => undefined,
    unconfirmed: () => waiting,
    confirm() {
      waiting -= 1
      this.onConfirmed()
    },
    send(number) {
      const id = uuidv7()
      numbers.set(id, number)
      waiting += 1
      from.raw(
        JSON.stringify({ type: 'send', id, to: to.user, kind: 'message', payload, previous, attempt: 0 }),
      )
      previous = id
    },
  }
}

/** Takes over the socket of a connected device. */
function listen(device: WireClient, outgoing: Link, incoming: Link) {
  const out = outgoing as LeanLink
  const into = incoming as LeanLink
  device.socket!.removeAllListeners('message')
  device.socket!.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString())
    if (frame.type === 'ok') out.confirm()
    else if (frame.type === 'error') throw new Error(`refused: ${data.toString()}`)
    else if (frame.type === 'deliver') {
      for (const entry of frame.entries) {
        if (entry.type !== 'message' || entry.direction !== 'in') continue
        const number = into.numbers.get(entry.id)
        if (number !== undefined) into.onArrived(number)
      }
      const { seq } = frame.entries.at(-1)
      device.raw(`{"type":"ack","seq":${seq}}`)
      device.head = seq // so that it goes on here when it connects again
      device.log.set(seq, frame.entries.at(-1))
    }
  })
}

async function spawnEcho() {
  const port = await freePort()
  const child = spawnGroup([process.execPath, join(import.meta.dirname, 'echo-relay.ts'), String(port)])
  await new Promise((ready) => child.stdout.once('data', ready))
  return { url: `ws://127.0.0.1:${port}`, pid: child.pid!, stop: () => endGroup(child) }
}

async function echoPair(url: string, pair: number): Promise<[Link, Link]> {
  const [a, b] = await Promise.all([openEcho(`${url}/${pair}`), openEcho(`${url}/${pair}`)])
  const links: [Link, Link] = [echoLink(a), echoLink(b)]
  const into = [links[1], links[0]] as const
  for (const [i, socket] of [a, b].entries()) {
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString())
      if (frame.type === 'ok') (links[i] as LeanLink).confirm()
      else into[i]!.onArrived(frame.number)
    })
  }
  return links
}

function echoLink(socket: WebSocket): Link {
  let waiting = 0
  const link = {
    numbers: new Map<string, number>(),
    onConfirmed: () => undefined as void,
    onArrived: (() => undefined) as (number: number) => void,
    unconfirmed: () => waiting,
    confirm() {
      waiting -= 1
      link.onConfirmed()
    },
    send(number: number) {
      waiting += 1
      socket.send(JSON.stringify({ type: 'send', number, payload }))
    },
  }
  return link
}

async function openEcho(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  await new Promise((ready, fail) => socket.once('open', ready).once('error', fail))
  return socket
}

// --- A queue ------------------------------------------------------------------------------------------------------

async function benchQueue(relay: RelayProcess): Promise<Table> {
  const senders = Math.ceil(queuedCount / burstEach)
  progress(`${queuedCount} messages wait for somebody who is away`)
  const [bob] = (await peopleOf(relay, 'away', 1)) as [WireClient]
  const people = await peopleOf(relay, 'sender', senders)
  await bob.connect()
  await inGroups(people, 10, async (one) => {
    await one.connect()
    await befriend(one, bob)
  })
  await bob.drop()
  await relay.restart()
  await inGroups(people, 20, async (one, i) => {
    await one.connect()
    const count = Math.min(burstEach, queuedCount - i * burstEach)
    for (let n = 0; n < count; n++) one.send(bob.user, payload)
    while (one.outbox.length > 0) await one.confirmed(one.outbox.at(-1)!.id)
    await one.drop()
  })

  const before = bob.head
  const startedAt = performance.now()
  await bob.connect()
  await bob.entry(({ seq }) => seq >= before + queuedCount, 60_000)
  const seconds = (performance.now() - startedAt) / 1000
  await bob.drop()
  const row = {
    messages: queuedCount,
    'until all are there, s': rounded(seconds),
    'messages/s': Math.round(queuedCount / seconds),
  }
  return {
    title: 'What waited for one device, from connecting to the last message acknowledged',
    rows: [row],
  }
}

// --- Idle connections ---------------------------------------------------------------------------------------------

async function benchIdle(relay: RelayProcess): Promise<Table> {
  const rows: Table['rows'] = []
  progress(`${Math.max(...idleCounts)} accounts`)
  const people = await peopleOf(relay, 'idle', Math.max(...idleCounts))
  for (const count of idleCounts) {
    progress(`${count} idle connections`)
    await relay.restart()
    const before = memoryBytesOf(relay.pid)
    const startedAt = performance.now()
    await inGroups(people.slice(0, count), 50, (one) => one.connect())
    const seconds = (performance.now() - startedAt) / 1000
    const after = memoryBytesOf(relay.pid)
    rows.push({
      connections: count,
      'kB each': rounded((after - before) / count / 1000),
      'MB in all': rounded(after / 1_000_000),
      'sign-ons/s': Math.round(count / seconds),
    })
    await Promise.all(people.map((one) => one.drop()))
  }
  return { title: 'Idle connections, each of an account of its own', rows }
}

// --- People ---------------------------------------------------------------------------------------------------------

async function peopleOf(relay: RelayProcess, name: string, count: number): Promise<WireClient[]> {
  const people: WireClient[] = []
  const names = Array.from({ length: count }, (_, i) => `${name}-${i}`)
  await inGroups(names, 20, async (user, i) => {
    people[i] = await WireClient.signUp(relay.url, user)
  })
  return people
}

/** So many at a time. */
async function inGroups<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<unknown>,
) {
  const left = [...items.entries()]
  const worker = async () => {
    for (let next = left.shift(); next; next = left.shift()) await work(next[1], next[0])
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
