/** What many people at once cost, and what somebody has to wait for who comes back. */
import { writeFileSync } from 'node:fs'
import { toBase64 } from '#shared/bytes'
import { hashOf } from '#shared/account'
import type { RelayProcess } from '../support/processes.ts'
import { WireClient } from '../support/wire-client.ts'
import type { Table } from './main.ts'
import { inGroups, peopleOf, progress, rounded } from './people.ts'
import { plantHistory } from './planted.ts'

const watchers = 200
const stormers = 500
/** To each side in a ring: 20 buddies each. */
const knocksEach = 10
const waitingCount = 5000
const historyEach = 20_000
const historians = 5
const payload = 'A'.repeat(160)
const twoDaysMs = 2 * 86_400_000
const betweenChangesMs = 11_000
const changes = 3

const token = new Uint8Array(16).fill(7)
const link = toBase64(token)
const opensDoor = (one: WireClient) => one.ask({ type: 'policy', reach: 'everyone', invite: hashOf(token) })

/** Both buddies at once: the link saves the answer. */
async function join(one: WireClient, other: WireClient) {
  await one.sendAndWait(other.user, 'by link', { kind: 'knock', invite: link })
  const isBuddy = ({ type, ...entry }: { type: string; peer?: string; relation?: string }) =>
    type === 'roster' && entry.peer === other.user && entry.relation === 'buddies'
  await one.entry(isBuddy, 30_000)
}

export async function benchPresence(relay: RelayProcess): Promise<Table> {
  progress(`${watchers} buddies watch one`)
  const [alice] = (await peopleOf(relay, 'watched', 1)) as [WireClient]
  const people = await peopleOf(relay, 'watcher', watchers, { keepFrames: false })
  await alice.connect()
  await opensDoor(alice)
  await inGroups(people, 20, async (one) => {
    await one.connect()
    await join(one, alice)
  })
  const times: number[] = []
  for (let i = 0; i < changes; i++) {
    await new Promise((resume) => setTimeout(resume, betweenChangesMs))
    const mode = i % 2 === 0 ? 'away' : 'dnd'
    const seen = Promise.all(people.map((one) => saw(one, alice.user, mode)))
    const startedAt = performance.now()
    alice.frame({ type: 'presence', mode })
    await seen
    times.push(performance.now() - startedAt)
    for (const one of [alice, ...people]) one.frame({ type: 'ping' })
  }
  await Promise.all([alice, ...people].map((one) => one.drop()))
  const median = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!
  return {
    title: 'A change of presence, until the last buddy sees it',
    notes: ['Aim: 200 buddies in under 20 ms.'],
    rows: [{ buddies: watchers, 'median ms': rounded(median), 'worst ms': rounded(Math.max(...times)) }],
  }
}

/** No more work than has to be: the load's core is not what is measured. */
function saw(one: WireClient, peer: string, show: string): Promise<void> {
  return new Promise((resolve) => {
    one.socket!.on('message', function look(data: Buffer) {
      const text = data.toString()
      if (!text.startsWith('{"type":"presence"') || !text.includes(`"${peer}"`) || !text.includes(show))
        return
      one.socket!.off('message', look)
      resolve()
    })
  })
}

/** @param clock A file with how much later the relay lives: who is new may knock five times a day only. */
export async function benchStorm(relay: RelayProcess, clock: string): Promise<Table> {
  progress(`${stormers} people with ${2 * knocksEach} buddies each`)
  const people = await peopleOf(relay, 'storm', stormers, { keepFrames: false })
  writeFileSync(clock, String(twoDaysMs))
  await relay.restart()
  await inGroups(people, 50, async (one) => {
    await one.connect()
    await opensDoor(one)
  })
  await inGroups(people, 25, async (one, i) => {
    for (let step = 1; step <= knocksEach; step++) await join(one, people[(i + step) % stormers]!)
  })
  await Promise.all(people.map((one) => one.drop()))
  const times: number[] = []
  for (let round = 0; round < 3; round++) {
    await relay.restart('SIGKILL')
    const startedAt = performance.now()
    await Promise.all(people.map((one) => one.connect()))
    times.push((performance.now() - startedAt) / 1000)
    await Promise.all(people.map((one) => one.drop()))
  }
  writeFileSync(clock, '0')
  const seconds = times.toSorted((a, b) => a - b)[1]!
  return {
    title: 'Everybody comes back at once after the relay was killed',
    notes: [
      'Aim: 500 with 20 buddies each in under 1.5 s. The load signs and checks for all of them on its one core.',
    ],
    rows: [
      {
        people: stormers,
        'buddies each': 2 * knocksEach,
        'median s': rounded(seconds),
        'sign-ons/s': Math.round(stormers / seconds),
      },
    ],
  }
}

export async function benchCatchUp(relay: RelayProcess): Promise<Table> {
  progress(`${historians} logs of ${historyEach} entries`)
  const people = await peopleOf(relay, 'historian', historians)
  const [bob] = (await peopleOf(relay, 'returning', 1)) as [WireClient]
  for (const one of [...people, bob]) {
    await one.connect()
    await one.drop()
  }
  await relay.stop()
  plantHistory(
    relay.data,
    people.map(({ user }) => user),
    historyEach,
    payload,
  )
  plantHistory(relay.data, [bob.user], waitingCount, payload)
  await relay.restart()

  const rows: Table['rows'] = []
  for (const [what, devices, each] of [
    ['what waited for one device', [bob], waitingCount],
    ['whole logs, each read by one device', people, historyEach],
  ] as const) {
    const startedAt = performance.now()
    await Promise.all(devices.map((one) => readTo(one, one.head + each)))
    const ms = performance.now() - startedAt
    const entries = devices.length * each
    rows.push({ what, entries, ms: Math.round(ms), 'entries/s': Math.round((entries * 1000) / ms) })
    await Promise.all(devices.map((one) => one.drop()))
  }
  return {
    title: 'Catching up, from connecting to the last entry',
    notes: ['Aims: 5,000 in under 150 ms; 100,000 at more than 50,000 a second.'],
    rows,
  }
}

/** Signs on and reads the log, acknowledging each frame. */
async function readTo(one: WireClient, last: number) {
  const hello = await one.open()
  const auth = await one.auth(hello)
  one.socket!.removeAllListeners('message')
  const read = new Promise<void>((resolve) => {
    one.socket!.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString())
      if (frame.type === 'error') throw new Error(`refused: ${data.toString()}`)
      if (frame.type !== 'deliver') return
      const { seq } = frame.entries.at(-1)
      one.raw(`{"type":"ack","seq":${seq}}`)
      if (seq >= last) resolve()
    })
  })
  one.frame(auth)
  await read
}
