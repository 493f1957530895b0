/**
 * PartyKit throws a room out of memory whenever it likes, without a word: between any two steps of a conversation, and
 * in the middle of one. What was confirmed is there afterwards, once and in its order.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Entry } from '#shared/frames'
import { spawnPartyKit, type RelayProcess } from '../support/processes.ts'
import { startTraffic } from '../support/traffic.ts'
import { until } from '../support/until.ts'
import { befriend, WireClient } from '../support/wire-client.ts'
import { testSettings } from './host.contract.ts'

/** Whose room goes between the steps. */
const victims = ['sender', 'receiver', 'both'] as const
const evictionsUnderLoad = 5
const confirmationsBetween = 12
/** Devices take 65 s. */
const silentMs = 500

let relay: RelayProcess

/** Whoever asks for it is cut off too, and is told so at best. */
async function evict(user: string): Promise<void> {
  const url = `${relay.url}/parties/user/${user}/test/evict`
  const isGone = async () =>
    (await fetch(url, { method: 'POST', signal: AbortSignal.timeout(2000) })).status === 500
  await until(isGone, `${user}'s room goes`, 20_000)
}

/** workerd may leave a socket open of which the next instance hears nothing: a device gives it up when no pong comes. */
async function hearsOrDrops(one: WireClient): Promise<void> {
  if (one.socket?.readyState !== WebSocket.OPEN) return
  one.raw('{"type":"ping"}')
  await one.until('pong', silentMs).catch(() => one.drop())
}

/** The rooms go; who was connected comes back. */
async function lose(...people: readonly WireClient[]): Promise<void> {
  await Promise.all(
    people.map(async (one) => {
      await evict(one.user)
      await hearsOrDrops(one)
      await one.closed
      await one.connectPatiently()
    }),
  )
}

const receipts = (name: 'delivered' | 'read', ts: number) => (entry: Entry) =>
  entry.type === 'receipts' && entry[name] >= ts

beforeAll(async () => {
  relay = await spawnPartyKit({
    config: 'test/relay/partykit/mortal.json',
    env: { ...testSettings, PARLEY_SENDS_PER_HOUR: '1000000' },
  })
}, 60_000)
afterAll(() => relay?.stop())

describe.concurrent('rooms on PartyKit that are evicted,', { timeout: 90_000 }, () => {
  test.each(victims)('[SN1] [SN2] [LN1] [LN2] [LG2] [RC1] between all steps: %s', async (victim) => {
    const [alice, bob] = (await Promise.all(
      ['alice', 'bob'].map((name) => WireClient.signUp(relay.url, `${name}-${victim}`)),
    )) as [WireClient, WireClient]
    const theirs = { sender: [alice], receiver: [bob], both: [alice, bob] }[victim]
    await Promise.all([alice.connect(), bob.connect()])
    await lose(...theirs)
    await befriend(alice, bob)
    await lose(...theirs)

    // Confirmed, delivered and read, each before and after the room is another one.
    const first = alice.send(bob.user, 'one')
    await alice.confirmed(first)
    await lose(...theirs)
    const { ts } = await bob.message('one')
    await alice.entry(receipts('delivered', ts))
    await lose(...theirs)
    bob.frame({ type: 'read', peer: alice.user, ts })
    await alice.entry(receipts('read', ts))
    await lose(...theirs)

    // Sent at the very moment: it is sent again, and counts once.
    const second = alice.send(bob.user, 'two')
    await lose(...theirs)
    await alice.confirmed(second)
    await alice.sendAndWait(bob.user, 'two', { id: second })

    // To somebody who is away.
    await bob.drop()
    await alice.sendAndWait(bob.user, 'three')
    await evict(bob.user)
    await alice.sendAndWait(bob.user, 'four')
    await bob.connect()
    await bob.message('four')
    await bob.sendAndWait(alice.user, 'all four')
    await alice.message('all four')
    await alice.entry(receipts('delivered', alice.stored.get(alice.outbox.at(-1)?.id ?? second)!.ts))

    // Each sees the other there, whoever of them came back last.
    await lose(...theirs)
    for (const [one, other] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      const { presence } = await one.connect()
      expect(presence).toContainEqual(expect.objectContaining({ peer: other.user, show: 'online' }))
    }
    expect(bob.textsFrom(alice.user)).toEqual(['may I?', 'one', 'two', 'three', 'four'])
    expect(alice.textsFrom(bob.user)).toEqual(['yes', 'all four'])
    expect([...alice.gaps, ...bob.gaps]).toEqual([])
  })

  test('[SN1] [SN2] [LN1] [LN2] [LG2] in the middle of a load: nothing is lost or repeated', async () => {
    const traffic = await startTraffic(relay.url, { pairs: 2 })

    for (let i = 0; i < evictionsUnderLoad; i++) {
      await traffic.confirmations(confirmationsBetween)
      const victim = traffic.people[i % traffic.people.length]!
      await victim.connected()
      await evict(victim.user)
      await hearsOrDrops(victim)
    }
    const result = await traffic.end()

    console.log(`${evictionsUnderLoad} evictions: ${JSON.stringify(result)}`)
    expect(result).toMatchObject({ acked: result.attempted, lost: 0, duplicated: 0, disordered: 0 })
    expect(result.acked).toBeGreaterThan(evictionsUnderLoad * confirmationsBetween)
    for (const one of traffic.people) {
      expect(one.gaps).toEqual([])
      expect(one.refused.size).toBe(0)
    }
  })
})
