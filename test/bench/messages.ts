/** Messages between pairs: Parley beside a relay that keeps nothing and one that commits each message by itself. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { v7 as uuidv7 } from 'uuid'
import { WebSocket } from 'ws'
import { limits } from '#shared/limits'
import { endGroup, spawnGroup } from '../support/group.ts'
import { freePort } from '../support/ports.ts'
import type { RelayProcess } from '../support/processes.ts'
import { befriend, type WireClient } from '../support/wire-client.ts'
import { onRelayCore, pinning } from './cores.ts'
import { burst, percentile, steady, type Link, type Result } from './load.ts'
import type { Table } from './main.ts'
import { inGroups, peopleOf, progress, rounded } from './people.ts'
import { plantAccounts } from './planted.ts'

const pairCounts = [50, 200]
/** What one device may send at once; the relay slows down whoever sends more. */
const burstEach = limits.deviceSendsBurst - 4
/** After so long a pair may send as many again. */
const refillMs = (burstEach * 1000) / limits.pairSendsPerSecond
const rounds = 4
/** A burst is short: only after some of them is the code as fast as in a relay that has run for a minute. */
const warmUps = 4
const steadyPairs = 50
/** 500 a second in all. */
const steadyPerSecond = 5
const steadyEach = 40
const uninvolved = 100_000
/** 120 bytes as base64url. */
const payload = 'A'.repeat(160)

export async function benchMessages(relay: RelayProcess): Promise<Table[]> {
  const bursts: Table['rows'] = []
  const even: Table['rows'] = []
  progress(`${Math.max(...pairCounts)} pairs become buddies`)
  const people = await peopleOf(relay, 'pair', 2 * Math.max(...pairCounts))
  await inGroups(people, 20, (one) => one.connect())
  const pairs = people.flatMap((one, i) => (i % 2 === 0 ? [[one, people[i + 1]!] as const] : []))
  await inGroups(pairs, 20, ([alice, bob]) => befriend(alice, bob))
  /** The relay counts in memory what each may send, and lets go whoever is silent: everybody begins anew. */
  const fresh = async (count: number) => {
    await Promise.all(people.map((one) => one.drop()))
    await relay.restart()
    await inGroups(people.slice(0, 2 * count), 20, (one) => one.connect())
    return pairs.slice(0, count).flatMap(([alice, bob]) => linksOf(alice, bob))
  }

  for (const count of pairCounts) {
    const perSecond: number[] = []
    for (const kind of ['bare', 'naive'] as const) {
      progress(`${count} pairs, burst, ${kind}`)
      const row = rowOf(kind, count, await plainly(kind, count, repeated))
      perSecond.push(row['messages/s'])
      bursts.push(row)
    }
    progress(`${count} pairs, burst, Parley`)
    const links = await fresh(count)
    const row = rowOf('Parley', count, await repeated(links, relay.pid, refillMs))
    bursts.push({ ...row, '% of bare': Math.round((100 * row['messages/s']) / perSecond[0]!) })
  }

  progress(`${steadyPairs} pairs, evenly`)
  /** Here too the first is to warm up. */
  const evenly = async (links: Link[], pid: number) => {
    await steady(links, steadyEach / 2, steadyPerSecond, pid)
    return [await steady(links, steadyEach, steadyPerSecond, pid)]
  }
  even.push(rowOf('bare', steadyPairs, await plainly('bare', steadyPairs, evenly)))
  even.push(rowOf('Parley', steadyPairs, await evenly(await fresh(steadyPairs), relay.pid)))

  progress(`${uninvolved} accounts that have nothing to do with it`)
  const crowds: Table['rows'] = []
  const amongThem = async (accounts: number) =>
    crowds.push({
      accounts,
      ...rowOf('Parley', steadyPairs, await repeated(await fresh(steadyPairs), relay.pid, refillMs)),
    })
  await amongThem(people.length)
  const [model] = (await peopleOf(relay, 'model', 1)) as [WireClient]
  await relay.stop()
  plantAccounts(relay.data, model.user, uninvolved)
  await amongThem(people.length + uninvolved)
  await Promise.all(people.map((one) => one.drop()))
  const notes = [
    pinning,
    'Aims: at most 0.1 CPU-ms a message, at least 35 % of the bare relay; evenly p50 < 4 ms, p99 < 25 ms.',
  ]
  return [
    {
      title: '120-byte messages, both directions of each pair, 16 in flight: as fast as it goes',
      notes,
      rows: bursts,
    },
    { title: 'The same, 500 a second in all', rows: even },
    { title: 'As fast as it goes, beside accounts that nobody uses', rows: crowds },
  ]
}

/** The first ones are to warm up, for all alike. */
async function repeated(links: readonly Link[], pid: number, restMs = 0): Promise<Result[]> {
  const results: Result[] = []
  for (let round = 0; round < warmUps + rounds; round++) {
    const result = await burst(links, burstEach, pid)
    if (round >= warmUps) results.push(result)
    await new Promise((resume) => setTimeout(resume, restMs))
  }
  return results
}

function rowOf(relay: string, pairs: number, results: readonly Result[]) {
  const perSecond = results.map(({ messages, seconds }) => messages / seconds).toSorted((a, b) => a - b)
  const messages = results.reduce((sum, result) => sum + result.messages, 0)
  const cpuSeconds = results.reduce((sum, result) => sum + result.cpuSeconds, 0)
  const latencies = results.flatMap((result) => result.latencies).toSorted((a, b) => a - b)
  return {
    relay,
    pairs,
    'messages/s': Math.round(percentile(perSecond, 0.5)),
    'CPU-ms each': Math.round((cpuSeconds * 1e6) / messages) / 1000,
    'p50 ms': rounded(percentile(latencies, 0.5)),
    'p99 ms': rounded(percentile(latencies, 0.99)),
  }
}

// --- Parley -----------------------------------------------------------------------------------------------------

/** Both directions between two connected devices, with no more work on this side than the protocol asks for. */
function linksOf(alice: WireClient, bob: WireClient): [Link, Link] {
  const links: [LeanLink, LeanLink] = [lean(alice, bob), lean(bob, alice)]
  listen(alice, links[0], links[1])
  listen(bob, links[1], links[0])
  return links
}

interface LeanLink extends Link {
  confirm(): void
  numbers: Map<string, number>
}

/** The last that each has sent: the chain goes on over all links. */
const lastSent = new WeakMap<WebSocket, string>()

function lean(from: WireClient, to: WireClient): LeanLink {
  const numbers = new Map<string, number>()
  const welcome = from.frames.find((frame) => frame.type === 'welcome')
  const socket = from.socket!
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
      const previous = lastSent.get(socket) ?? welcome?.last ?? null
      lastSent.set(socket, id)
      numbers.set(id, number)
      waiting += 1
      from.raw(
        JSON.stringify({ type: 'send', id, to: to.user, kind: 'message', payload, previous, attempt: 0 }),
      )
    },
  }
}

/** Takes over the socket of a connected device. */
function listen(device: WireClient, outgoing: LeanLink, incoming: LeanLink) {
  device.socket!.removeAllListeners('message')
  device.socket!.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString())
    if (frame.type === 'ok') outgoing.confirm()
    else if (frame.type === 'error') throw new Error(`refused: ${data.toString()}`)
    else if (frame.type === 'deliver') {
      for (const entry of frame.entries) {
        if (entry.type !== 'message' || entry.direction !== 'in') continue
        const number = incoming.numbers.get(entry.id)
        if (number !== undefined) incoming.onArrived(number)
      }
      const last = frame.entries.at(-1)
      device.raw(`{"type":"ack","seq":${last.seq}}`)
      device.head = last.seq // so that it goes on here when it connects again
      device.log.set(last.seq, last)
    }
  })
}

// --- The others -------------------------------------------------------------------------------------------------

/** Starts one of them, and runs a load on so many pairs of it. */
async function plainly(
  kind: 'bare' | 'naive',
  pairs: number,
  load: (links: Link[], pid: number) => Promise<Result[]>,
): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-bench-'))
  const port = await freePort()
  const file = kind === 'naive' ? [join(folder, 'messages.sqlite')] : []
  const script = join(import.meta.dirname, 'plain-relay.ts')
  const child = spawnGroup([...onRelayCore, process.execPath, script, String(port), ...file])
  try {
    await new Promise((ready) => child.stdout.once('data', ready))
    const all = Array.from({ length: pairs }, (_, i) => plainPair(`ws://127.0.0.1:${port}/${i}`))
    return await load((await Promise.all(all)).flat(), child.pid!)
  } finally {
    await endGroup(child)
    rmSync(folder, { recursive: true, force: true })
  }
}

async function plainPair(url: string): Promise<Link[]> {
  const sockets = await Promise.all([openPlain(url), openPlain(url)])
  const links = sockets.map(plainLink)
  for (const [i, socket] of sockets.entries()) {
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString())
      if (frame.type === 'ok') links[i]!.confirm()
      else links[1 - i]!.onArrived(frame.number)
    })
  }
  return links
}

function plainLink(socket: WebSocket) {
  let waiting = 0
  return {
    onConfirmed: () => undefined as void,
    onArrived: (() => undefined) as (number: number) => void,
    unconfirmed: () => waiting,
    confirm() {
      waiting -= 1
      this.onConfirmed()
    },
    send(number: number) {
      waiting += 1
      socket.send(JSON.stringify({ type: 'send', number, payload }))
    },
  }
}

async function openPlain(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  await new Promise((ready, fail) => socket.once('open', ready).once('error', fail))
  return socket
}
