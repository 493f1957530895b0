import { expect, test } from 'vitest'
import { hashOf } from '#shared/account'
import { toBase64 } from '#shared/bytes'
import { limits } from '#shared/limits'
import { idOf, testRelay, type TestClient, type TestRelay } from '../../support/test-relay.ts'

const bytesOf = (fill: number) => new Uint8Array(16).fill(fill)
const token = toBase64(bytesOf(1))
const invite = hashOf(bytesOf(1))
const otherToken = toBase64(bytesOf(2))

const knock = { kind: 'knock' } as const
const invited = { kind: 'knock', invite: token } as const

async function strangers(relay: TestRelay): Promise<[TestClient, TestClient]> {
  return [await relay.connect('alice'), await relay.connect('bob')]
}
const relations = (alice: TestClient, bob: TestClient) => [
  alice.relationTo(bob.user)?.relation,
  bob.relationTo(alice.user)?.relation,
]
const failures = (client: TestClient) => client.entries('failed').map(({ id, code }) => [id, code])

// --- The policy itself -----------------------------------------------------------------------------------

test('[RO11] everybody may knock and read marks are shown, until somebody chooses', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  expect(alice.last('welcome').snapshot!.policy).toEqual({ reach: 'everyone', invite: null, reads: true })
  expect(alice.entries('policy')).toEqual([])
})

test('[RO11] what is given changes, the rest stays, and all devices learn of it', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const laptop = await relay.connect('alice', { device: 1 })

  await alice.policy({ reach: 'buddies' })
  await laptop.policy({ invite })
  await alice.policy({ reads: false })
  await alice.policy({ invite: null })

  const changes = laptop.entries('policy').map(({ reach, invite: link, reads }) => [reach, link, reads])
  expect(changes).toEqual([
    ['buddies', null, true],
    ['buddies', invite, true],
    ['buddies', invite, false],
    ['buddies', null, false],
  ])
  expect(alice.entries('policy')).toEqual(laptop.entries('policy'))
  expect(alice.received('ok').map(({ request }) => request)).toEqual(['r1', 'r2', 'r3'])
  const fresh = await relay.connect('alice', { device: 2 })
  expect(fresh.last('welcome').snapshot!.policy).toEqual({ reach: 'buddies', invite: null, reads: false })
})

test('[RO11] what is so already is confirmed and is no news', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  await alice.policy({ reach: 'invite', invite })
  alice.forget()

  await alice.policy({ reach: 'invite', invite })
  await alice.policy({})

  expect(alice.received('ok')).toHaveLength(2)
  expect(alice.entries('policy')).toEqual([])
})

test('[RO11] it outlives the process, and a room that is older than policies has the first one', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await alice.policy({ reach: 'invite' })
  await relay.kill('alice')
  const { policy: _, ...meta } = relay.row<{ policy: object }>('bob', 'meta')
  relay.rows('bob').set('meta', JSON.stringify(meta))

  await bob.send('alice', 'k1', knock)
  const back = await relay.connect('alice')
  await back.send('bob', 'k2', knock)

  expect(failures(bob)).toEqual([[idOf('k1'), 'item-not-found']])
  expect(bob.inbox).toEqual(['k2'])
})

test.each(['buddies', 'invite'] as const)('[RO11] reach `%s` concerns no buddy', async (reach) => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.policy({ reach })

  await alice.send('bob', 'e1')
  await alice.read('bob', relay.now)
  await bob.send('alice', 'e2')

  expect([alice.inbox, bob.inbox]).toEqual([['e2'], ['e1']])
  expect(alice.entries('receipts')).not.toEqual([])
})

test.each(['buddies', 'invite'] as const)(
  '[RO11] with reach `%s` others still answer my knock',
  async (reach) => {
    const relay = testRelay()
    const [alice, bob] = await strangers(relay)
    const carol = await relay.connect('carol')
    await bob.policy({ reach })
    await bob.send('alice', 'k1', knock)
    await bob.send('carol', 'k2', knock)

    await alice.send('bob', 'yes', { kind: 'accept' })
    await carol.send('bob', 'k3', knock) // crossing

    expect(relations(alice, bob)).toEqual(['buddies', 'buddies'])
    expect(relations(carol, bob)).toEqual(['buddies', 'buddies'])
    expect(bob.inbox).toEqual(['yes', 'k3'])
  },
)

test('[RO11] a knock that waits already stays when the reach gets narrower', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await alice.send('bob', 'k1', knock)

  await bob.policy({ reach: 'invite' })
  const waiting = relations(alice, bob)
  await bob.send('alice', 'yes', { kind: 'accept' })

  expect(waiting).toEqual(['asking', 'asked'])
  expect(relations(alice, bob)).toEqual(['buddies', 'buddies'])
})

// --- The invite link -------------------------------------------------------------------------------------

test.each(['everyone', 'buddies', 'invite'] as const)(
  '[RO12] with reach `%s` the link makes both buddies at once',
  async (reach) => {
    const relay = testRelay()
    const [alice, bob] = await strangers(relay)
    await bob.policy({ reach, invite })

    await alice.send('bob', 'hello', invited)

    expect(relations(alice, bob)).toEqual(['buddies', 'buddies'])
    expect(bob.entries('roster').map(({ relation }) => relation)).toEqual(['buddies'])
    expect(bob.entries('message')).toMatchObject([{ kind: 'knock', direction: 'in', via: 'invite' }])
    expect(JSON.stringify([alice.frames, bob.frames])).not.toContain(token)
    await alice.send('bob', 'e1')
    expect(bob.inbox).toEqual(['hello', 'e1'])
  },
)

test('[RO12] a knock by name says nothing of a link', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await bob.policy({ invite })

  await alice.send('bob', 'hello', knock)

  expect(bob.entries('message')[0]).not.toHaveProperty('via')
  expect(relations(alice, bob)).toEqual(['asking', 'asked'])
})

test('[RO12] it holds after a rejection, and while a knock by name is open', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  const carol = await relay.connect('carol')
  await bob.policy({ invite })
  await alice.send('bob', 'k1', knock)
  await carol.send('bob', 'k2', knock)
  await bob.roster('reject', 'alice')

  await alice.send('bob', 'k3', invited)
  await carol.send('bob', 'k4', invited)
  await relay.advance(31 * 24 * 3_600_000)

  expect(relations(alice, bob)).toEqual(['buddies', 'buddies'])
  expect(relations(carol, bob)).toEqual(['buddies', 'buddies'])
  expect(bob.inbox).toEqual(['k1', 'k2', 'k3', 'k4'])
  expect((await relay.connect('alice')).entries('failed')).toEqual([])
})

test('[RO12] who is blocked is swallowed with the link as without', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await bob.policy({ reach: 'invite', invite })
  await bob.roster('block', 'alice')

  await alice.send('bob', 'k1', invited)

  expect(relations(alice, bob)).toEqual(['asking', 'none'])
  expect(failures(alice)).toEqual([])
  expect(bob.inbox).toEqual([])
})

test('[RO12] a wrong token, or a link that was replaced or taken back, is as none', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  const [alice, carol, dave] = [
    await relay.connect('alice'),
    await relay.connect('carol'),
    await relay.connect('dave'),
  ]
  await bob.policy({ invite })

  await alice.send('bob', 'k1', { kind: 'knock', invite: otherToken })
  await bob.policy({ invite: hashOf(bytesOf(2)) })
  await carol.send('bob', 'k2', invited)
  await bob.policy({ invite: null, reach: 'invite' })
  await dave.send('bob', 'k3', { kind: 'knock', invite: otherToken })

  expect(relations(alice, bob)).toEqual(['asking', 'asked'])
  expect(relations(carol, bob)).toEqual(['asking', 'asked'])
  expect(failures(dave)).toEqual([[idOf('k3'), 'item-not-found']])
  expect(bob.entries('message').map(({ via }) => via)).toEqual([undefined, undefined])
})

test('[RO12] the token outlives everything that the knock outlives', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await bob.policy({ invite })
  const backup = relay.backup('bob')
  relay.fault = () => 'answer' // taken, and nobody hears of it
  await alice.send('bob', 'hello', invited)
  await relay.kill('alice')
  await relay.restore('bob', backup)

  relay.fault = () => null
  const [again, back] = [await relay.connect('alice'), await relay.connect('bob')]
  await relay.advance(60_000)

  expect(relations(again, back)).toEqual(['buddies', 'buddies'])
  expect(back.entries('message')).toMatchObject([{ via: 'invite' }])
})

test('[RO12] a link cannot fill a list that is full', async () => {
  const relay = testRelay({ rosterMax: 1 })
  const [, bob] = await relay.pair('carol', 'bob')
  const alice = await relay.connect('alice')
  await bob.policy({ invite })

  await alice.send('bob', 'k1', invited)

  expect(relations(alice, bob)).toEqual(['asking', 'asked'])
})

test('a token that is none is refused', async () => {
  const relay = testRelay()
  const [alice] = await strangers(relay)

  await alice.send('bob', 'k1', { kind: 'knock', invite: 'short' })

  expect(alice.last('error')).toMatchObject({ id: idOf('k1'), code: 'bad-request' })
})

// --- Buddies only ----------------------------------------------------------------------------------------

test('[RO13] a stranger may knock at the door of `buddies`, but not talk', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await bob.policy({ reach: 'buddies' })

  await alice.send('bob', 'k1', knock)
  const refused = relations(alice, bob)
  await alice.send('bob', 'k2', { ...knock, payload: '' })

  expect(failures(alice)).toEqual([[idOf('k1'), 'forbidden']])
  expect(alice.entries('roster').map(({ relation }) => relation)).toEqual(['asking', 'none', 'asking'])
  expect(refused).toEqual(['none', undefined])
  expect(relations(alice, bob)).toEqual(['asking', 'asked'])
  expect(bob.entries('message')).toMatchObject([{ id: idOf('k2'), kind: 'knock', payload: '' }])
})

test('[RO13] what was refused never turns delivered, nor does it fail twice', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await bob.policy({ reach: 'buddies' })
  await alice.send('bob', 'k1', knock)
  const { ts } = alice.last('ok')
  await bob.send('alice', 'k2', knock)
  await alice.send('bob', 'yes', { kind: 'accept' })

  expect(alice.entries('receipts').at(-1)!.except).toEqual([[ts, ts]])
  await relay.advance(31 * 24 * 3_600_000)
  const late = await relay.connect('alice')
  expect(late.entries('failed').filter(({ id }) => id === idOf('k1'))).toEqual([])
})

// --- By invitation only ----------------------------------------------------------------------------------

/** All that came, without what differs by chance or by who it is. */
const transcript = ({ texts }: TestClient, to: string) =>
  texts.map((text) => text.replaceAll(/"(mark|ts|version)":\d+/g, '').replaceAll(to, 'them'))

test('[RO14] the door that only a link opens is as if there were none', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  const carol = await relay.connect('carol')
  await bob.policy({ reach: 'invite', invite })
  const stored = new Map(relay.rows('bob'))
  alice.forget()
  carol.forget()
  relay.posts.length = 0

  for (const [client, to] of [
    [alice, 'bob'],
    [carol, 'eve'],
  ] as const) {
    await client.send(to, 'k1', knock)
    await client.send(to, 'k2', { kind: 'knock', invite: otherToken })
    await client.send(to, 'e1')
    await client.send(to, 'k3', { kind: 'knock', payload: '' })
    await client.roster('withdraw', to)
  }

  expect(failures(alice).map(([, code]) => code)).toEqual(Array(3).fill('item-not-found'))
  const device = /"device":"[^"]+",?/g
  const lines = (client: TestClient, to: string) =>
    transcript(client, to).map((text) => text.replaceAll(device, ''))
  expect(lines(alice, 'bob')).toEqual(lines(carol, 'eve'))
  const calls = (to: string) => relay.posts.filter((post) => post.to === to).map(({ reply }) => reply)
  expect(calls('bob')).toEqual(calls('eve'))
  expect(relay.rows('bob')).toEqual(stored)
  expect(bob.inbox).toEqual([])
})

test('[RO14] whoever tries such names runs into the limit of unknown ones', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  await relay.advance(limits.youngAccountMs)
  for (let i = 0; i < 20; i++) await (await relay.connect(`hidden${i}`)).policy({ reach: 'invite' })
  const again = await relay.connect('alice')
  for (let i = 0; i < 10; i++) await again.send(`hidden${i}`, `a${i}`, knock)
  for (let i = 0; i < 10; i++) await again.send(`nobody${i}`, `b${i}`, knock)

  await again.send('hidden15', 'one more', knock)

  expect(alice.closed).not.toBeNull()
  expect(again.entries('failed')).toHaveLength(limits.unknownNamesPerHourMax)
  expect(again.last('error')).toMatchObject({ code: 'policy-violation', detail: 'too many unknown names' })
})

test.each(['buddies', 'invite'] as const)(
  '[RO14] the answer of reach `%s` tells nobody that they are blocked or were rejected',
  async (reach) => {
    const relay = testRelay()
    const bob = await relay.connect('bob')
    const seen: unknown[] = []
    for (const [name, before] of [
      ['alice', null],
      ['carol', 'reject'],
      ['daisy', 'block'],
      ['emily', 'unblock'],
    ] as const) {
      const one = await relay.connect(name)
      await bob.policy({ reach: 'everyone' })
      await one.send('bob', `knock of ${name}`, knock)
      if (before) await bob.roster(before === 'unblock' ? 'block' : before, name)
      if (before === 'unblock') await bob.roster('unblock', name)
      await one.roster('withdraw', 'bob')
      await bob.policy({ reach })
      one.forget()
      await one.send('bob', 'again', knock)
      seen.push(transcript(one, name).map((text) => text.replaceAll(/"device":"[^"]+"/g, '')))
    }

    expect(seen[0]).toContainEqual(
      expect.stringContaining(reach === 'invite' ? 'item-not-found' : 'forbidden'),
    )
    for (const other of seen) expect(other).toEqual(seen[0])
  },
)

test('[RO14] a refusal concerns that knock alone: what waits beside it is taken', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.policy({ reach: 'invite', invite })
  relay.fault = () => 'request'
  await alice.roster('remove', 'bob')
  await alice.send('bob', 'k1', knock)
  await alice.roster('withdraw', 'bob')
  await alice.send('bob', 'k2', invited)

  relay.fault = () => null
  await relay.advance(60_000)
  const again = await relay.connect('alice')
  const back = await relay.connect('bob')

  expect(failures(alice)).toEqual([[idOf('k1'), 'item-not-found']])
  expect(relations(again, back)).toEqual(['buddies', 'buddies'])
  expect([...bob.inbox, ...back.inbox]).toEqual(['k2'])
})

test('[RO14] an open knock that its sender has lost ends when the door is closed meanwhile', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  const backup = relay.backup('alice')
  await alice.send('bob', 'k1', knock)
  await relay.restore('alice', backup)
  await bob.policy({ reach: 'invite' })

  const again = await relay.connect('alice')
  await again.send('bob', 'k2', knock)
  await relay.advance(60_000)

  expect(failures(again)).toEqual([[idOf('k2'), 'item-not-found']])
  expect(relations(again, bob)).toEqual(['none', 'none'])
})
