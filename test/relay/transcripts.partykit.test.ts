/** The same conversation on both hosts: what each device hears is the same, but for what is random or a time. */
import { expect, onTestFinished, test } from 'vitest'
import type { EntryOf, ServerFrame } from '#shared/frames'
import type { EnvelopeId } from '#shared/ids'
import { spawnPartyKit, spawnRelay, type RelayProcess } from '../support/processes.ts'
import { befriend, WireClient } from '../support/wire-client.ts'
import { testSettings } from './host.contract.ts'

/** What a device was told, each kind of frame in its order: how kinds interleave depends on when another room answers. */
type Transcript = Record<string, unknown[]>

async function conversation(relay: RelayProcess): Promise<Record<string, Transcript>> {
  const names = ['alice', 'bob', 'carol']
  const [alice, bob, carol] = (await Promise.all(
    names.map((name) => WireClient.signUp(relay.url, name)),
  )) as [WireClient, WireClient, WireClient]
  const people = [alice, bob, carol]
  const heard = new Map(people.map((one): [WireClient, ServerFrame[]] => [one, []]))
  for (const one of people) one.onFrame = (frame) => heard.get(one)!.push(frame)
  for (const one of people) await one.connect()

  await befriend(alice, bob)
  for (const text of ['one', 'two', 'three']) {
    const id = await alice.sendAndWait('bob', text)
    await bob.message(text)
    await delivered(alice, alice.stored.get(id)!.ts)
  }
  const { ts } = (await bob.message('three')) as EntryOf<'message'>
  bob.frame({ type: 'read', peer: alice.user, ts })
  await alice.entry((entry) => entry.type === 'receipts' && entry.read === ts)

  // What is refused is refused in the same words.
  const stranger = alice.send('carol', 'I am no buddy')
  await alice.until((frame) => frame.type === 'error' && frame.id === stranger)
  alice.raw('{"type":"nonsense"}')
  await alice.until((frame) => frame.type === 'error' && frame.code === 'feature-not-implemented')
  alice.raw('not JSON')
  await alice.until((frame) => frame.type === 'error' && frame.code === 'bad-request')
  const nobody = alice.send('nobody-at-all', 'knock knock', { kind: 'knock' })
  await alice.entry((entry) => entry.type === 'failed' && entry.id === nobody)
  await alice.ask({ type: 'sync', after: 0, limit: 1 })

  // Somebody who was away continues where they stopped.
  await bob.drop()
  const away: EnvelopeId[] = []
  for (const text of ['four', 'five']) away.push(await alice.sendAndWait('bob', text))
  await bob.connect()
  await bob.message('five')
  await delivered(alice, alice.stored.get(away[1]!)!.ts)

  await bob.ask({ type: 'roster', peer: alice.user, operation: 'block' })
  await alice.sendAndWait('bob', 'into the void')
  await bob.ask({ type: 'roster', peer: alice.user, operation: 'unblock' })
  const last = await alice.sendAndWait('bob', 'heard again')
  await bob.message('heard again')
  await delivered(alice, alice.stored.get(last)!.ts)
  await bob.ask({ type: 'policy', reach: 'buddies' })
  await carol.ask({ type: 'devices' })
  await Promise.all(people.map((one) => one.close()))
  const transcripts = people.map((one): [string, Transcript] => [one.user, normalised(heard.get(one)!)])
  expect(people.map((one) => one.gaps)).toEqual([[], [], []])
  return Object.fromEntries(transcripts)
}

const delivered = (to: WireClient, ts: number) =>
  to.entry((entry) => entry.type === 'receipts' && entry.delivered >= ts)

/** Values that differ from run to run; what stands for one stands for it everywhere. */
const random = new Set(['relayId', 'nonce', 'acct', 'epoch', 'mark', 'id', 'last', 'hash', 'device'])
const places = new Set(['seq', 'from', 'head', 'after'])
/** Smaller numbers count something; a time is far above them. */
const isTime = (value: number) => value > 1e12

function normalised(frames: readonly ServerFrame[]): Transcript {
  const names = new Map<unknown, string>()
  const nameOf = (key: string, value: unknown) => {
    if (!names.has(value)) names.set(value, `${key} ${names.size}`)
    return names.get(value)
  }
  const plain = (value: unknown, key = ''): unknown => {
    if (random.has(key) && (typeof value === 'string' || typeof value === 'number')) return nameOf(key, value)
    if (typeof value === 'number' && isTime(value)) return 'some time'
    if (places.has(key)) return 'a place' // what comes from another room takes its place when it comes
    if (Array.isArray(value)) return value.map((one) => plain(one, key))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field, name)]))
  }
  const kinds = Object.groupBy(frames.flatMap(told), ([kind]) => kind)
  return Object.fromEntries(
    Object.entries(kinds)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([kind, list]) => [
        kind,
        list!.slice(kind === watermarks ? -1 : 0).map(([, value]) => plain(value)),
      ]),
  )
}

/** They only grow, and how many steps are seen depends on how fast the rooms are: the last one counts. */
const watermarks = 'entry receipts'

/** Of each entry, whichever others came with it. Presence is left out: how often it is seen depends on how fast the rooms are. */
function told(frame: ServerFrame): [kind: string, value: unknown][] {
  if (frame.type === 'presence') return []
  if (frame.type === 'welcome') return [['welcome', { ...frame, presence: [] }]]
  if (frame.type !== 'deliver' || frame.request !== undefined) return [[frame.type, frame]]
  return frame.entries.map((entry) => [`entry ${entry.type}`, entry])
}

test('[FR5] [LG1] [SN1] [RC1] both hosts give identical transcripts of the same conversation', async () => {
  const relays = await Promise.all([
    spawnRelay({ env: { ...testSettings, PARLEY_LOG: 'none' } }),
    spawnPartyKit({ env: testSettings }),
  ])
  onTestFinished(async () => {
    await Promise.all(relays.map((relay) => relay.stop()))
  })

  const [onNode, onPartyKit] = await Promise.all(relays.map(conversation))

  expect(onPartyKit).toEqual(onNode)
  expect(Object.keys(onNode!['alice']!)).toContain('entry failed')
}, 60_000)
