/**
 * In PartyKit an alarm that wakes a sleeping room leaves it without its name and without a way to other rooms, for as
 * long as it stays awake. It is shown that such a room does its work all the same, and is a whole room afterwards.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { freePort } from '../support/ports.ts'
import { spawnPartyKit, type RelayProcess } from '../support/processes.ts'
import { befriend, WireClient } from '../support/wire-client.ts'
import { testSettings } from './host.contract.ts'

/** How such a room finds its peers: as others of its isolate, by the public address, or only after it was made anew. */
const ways = ['isolate', 'public', 'reset'] as const
type Way = (typeof ways)[number]

const ask = async (relay: RelayProcess, user: string, what: 'sleep' | 'end') =>
  (await (
    await fetch(`${relay.url}/parties/user/${user}/test/${what}`, { method: 'POST' })
  ).json()) as boolean
const woken = (relay: RelayProcess, user: string) => relay.log().includes(`woken: ${user}`)
const people = async (relay: RelayProcess, ...names: string[]) => {
  const [alice, bob] = await Promise.all(names.map((name) => WireClient.signUp(relay.url, name)))
  await Promise.all([alice!.connect(), bob!.connect()])
  await befriend(alice!, bob!)
  return { alice: alice!, bob: bob! }
}
const shows = (peer: string, show: string) => (frame: object) =>
  'peer' in frame && 'show' in frame && frame.peer === peer && frame.show === show

/** An alarm rings in a room that sleeps with an open socket. */
async function withSockets(relay: RelayProcess, way: Way) {
  const { alice, bob } = await people(relay, 'alice', 'bob')

  await ask(relay, alice.user, 'sleep')
  await vi.waitUntil(() => woken(relay, alice.user), { timeout: 20_000 })

  const isReset = way === 'reset'
  const code = isReset ? (await alice.closed).code : null
  expect(code).toBe(isReset ? 1012 : null) // which means "connect again"
  if (isReset) await alice.connect()
  await alice.sendAndWait(bob.user, 'are you there?')
  await bob.message('are you there?')
  await bob.sendAndWait(alice.user, 'yes')
  await alice.message('yes')
  expect([...alice.gaps, ...bob.gaps]).toEqual([])
}

/** An alarm rings in a room that nobody is connected to: the grace period of somebody who was lost is over. */
async function withoutSockets(relay: RelayProcess, way: Way) {
  const { alice, bob } = await people(relay, 'carol', 'dave')

  await bob.drop()
  await vi.waitUntil(() => ask(relay, bob.user, 'end'), { timeout: 10_000 })
  await vi.waitUntil(() => woken(relay, bob.user), { timeout: 20_000 })

  if (way !== 'reset') await alice.until(shows(bob.user, 'offline'), 20_000) // one change in 10 s
  alice.frames = []
  await alice.sendAndWait(bob.user, 'are you asleep?')
  await bob.connect()
  await bob.message('are you asleep?')
  await bob.sendAndWait(alice.user, 'not any more')
  await alice.message('not any more')
  await alice.until(shows(bob.user, 'online'), 20_000)
  expect([...alice.gaps, ...bob.gaps]).toEqual([])
}

describe.concurrent('a room on PartyKit that an alarm has woken', { timeout: 60_000 }, () => {
  const relays = new Map<string, RelayProcess>()

  beforeAll(async () => {
    const ports = await Promise.all(ways.map(() => freePort()))
    const started = ways.map(async (way, i) => {
      const port = ports[i]!
      const url: Record<string, string> =
        way === 'public' ? { PARLEY_PUBLIC_URL: `http://127.0.0.1:${port}` } : {}
      const env = { ...testSettings, TEST_WAY: way, ...url }
      relays.set(way, await spawnPartyKit({ config: 'test/relay/partykit/cold.json', port, env }))
    })
    await Promise.all(started)
  }, 60_000)
  afterAll(() => Promise.all([...relays.values()].map((relay) => relay.stop())))

  test.each(ways)('[PR4] [LN2] does its work, or leaves it to the next event: %s', async (way) => {
    const relay = relays.get(way)!

    const ended = await Promise.all([withSockets(relay, way), withoutSockets(relay, way)])

    expect(ended).toHaveLength(2)
  })
})
