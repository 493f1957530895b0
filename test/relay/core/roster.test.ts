import { expect, test } from 'vitest'
import { limits } from '#shared/limits'
import { idOf, testRelay, type TestClient, type TestRelay } from '../../support/test-relay.ts'

const day = 24 * 3_600_000

async function strangers(relay: TestRelay): Promise<[TestClient, TestClient]> {
  return [await relay.connect('alice'), await relay.connect('bob')]
}
const relations = (alice: TestClient, bob: TestClient) => [
  alice.relationTo(bob.user)?.relation,
  bob.relationTo(alice.user)?.relation,
]

/** Entries and answers, without what differs by chance or by who it is. */
const entriesOf = ({ frames }: TestClient) =>
  JSON.stringify(frames.filter(({ type }) => type === 'deliver' || type === 'ok'))
    .replaceAll(/"(mark|ts|version)":\d+/g, '')
    .replaceAll(/"(peer|device)":"[^"]+"/g, '')

/** Everything that came over the socket, likewise. */
const textsOf = ({ texts }: TestClient) =>
  texts.map((text) =>
    text.replaceAll(/"(mark|ts|seq)":\d+|"device":"[^"]+"/g, '').replaceAll(/bob|dave/g, 'them'),
  )

test('[RO1] a knock makes `asking` here and `asked` there, an answer makes both buddies', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)

  await alice.send('bob', 'hello', { kind: 'knock' })
  const knocked = relations(alice, bob)
  await bob.send('alice', 'yes', { kind: 'accept' })

  expect(knocked).toEqual(['asking', 'asked'])
  expect(relations(alice, bob)).toEqual(['buddies', 'buddies'])
  expect(bob.entries('message')[0]).toMatchObject({ kind: 'knock', direction: 'in' })
  expect([alice.inbox, bob.inbox]).toEqual([['yes'], ['hello']])
})

test('[RO1] answering twice, from two devices, changes nothing more', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  const laptop = await relay.connect('bob', { device: 1 })
  await alice.send('bob', 'hello', { kind: 'knock' })

  await bob.send('alice', 'yes1', { kind: 'accept' })
  await laptop.send('alice', 'yes2', { kind: 'accept' })

  expect(laptop.last('ok').id).toBe(idOf('yes2'))
  expect(relations(alice, bob)).toEqual(['buddies', 'buddies'])
})

test('[RO1] there is nothing to accept without a knock', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)

  await alice.send('bob', 'yes', { kind: 'accept' })

  expect(alice.last('error').code).toBe('forbidden')
  expect(bob.inbox).toEqual([])
})

test('[RO1] a knock may be without a text', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)

  await alice.send('bob', 'k', { kind: 'knock', payload: '' })

  expect(bob.entries('message')).toMatchObject([{ kind: 'knock', payload: '' }])
})

test('[RO2] two crossing knocks make buddies', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  relay.fault = () => 'request'
  await alice.send('bob', 'k1', { kind: 'knock' })
  await bob.send('alice', 'k2', { kind: 'knock' })

  relay.fault = () => null
  await relay.advance(30_000)

  expect(relations(alice, bob)).toEqual(['buddies', 'buddies'])
  expect([alice.inbox, bob.inbox]).toEqual([['k2'], ['k1']])
})

test('[RO2] a knock that answers a waiting one makes buddies too', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await alice.send('bob', 'k1', { kind: 'knock' })

  await bob.send('alice', 'k2', { kind: 'knock' })

  expect(relations(alice, bob)).toEqual(['buddies', 'buddies'])
})

test('[RO2] also when the first was swallowed by a rejection', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await alice.send('bob', 'k1', { kind: 'knock' })
  await bob.roster('reject', 'alice')

  await bob.send('alice', 'k2', { kind: 'knock' })

  expect(relations(alice, bob)).toEqual(['buddies', 'buddies'])
})

test('[RO3] withdrawing takes the knock back', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await alice.send('bob', 'k1', { kind: 'knock' })

  expect(await alice.roster('withdraw', 'bob')).toBe('ok')
  const withdrawn = relations(alice, bob)
  await alice.send('bob', 'k2', { kind: 'knock' })

  expect(withdrawn).toEqual(['none', 'none'])
  expect(bob.inbox).toEqual(['k1', 'k2'])
})

test('[RO3] a knock that is withdrawn while it is accepted makes no buddies on either side', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await alice.send('bob', 'k1', { kind: 'knock' })
  relay.fault = () => 'request'
  await alice.roster('withdraw', 'bob')
  await bob.send('alice', 'yes', { kind: 'accept' })

  relay.fault = () => null
  await relay.advance(30_000)

  expect(relations(alice, bob)).toEqual(['none', 'none'])
})

test('[RO4] the asker of a rejected knock sees what every asker sees', async () => {
  const relay = testRelay({ keepMs: 30 * day })
  const [alice, bob] = await strangers(relay)
  const carol = await relay.connect('carol')
  const dave = await relay.connect('dave')
  await alice.send('bob', 'k', { kind: 'knock' })
  await carol.send('dave', 'k', { kind: 'knock' })

  await bob.roster('reject', 'alice')
  expect(dave.inbox).toEqual(['k'])

  expect(entriesOf(alice)).toBe(entriesOf(carol))
  await relay.advance(31 * day)
  const [later, other] = [await relay.connect('alice'), await relay.connect('carol')]
  expect(later.entries('failed')).toMatchObject([{ peer: 'bob', code: 'expired' }])
  expect(other.entries('failed')).toMatchObject([{ peer: 'dave', code: 'expired' }])
  expect(later.relationTo('bob')!.relation).toBe('none')
  expect(relations(await relay.connect('dave'), other)).toEqual(['none', 'none'])
})

test('[RO4] further knocks are swallowed for 30 days, and then no longer', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await alice.send('bob', 'k1', { kind: 'knock' })
  await bob.roster('reject', 'alice')
  await alice.roster('withdraw', 'bob')

  await alice.send('bob', 'k2', { kind: 'knock' })
  await relay.advance(31 * day)
  const again = await relay.connect('alice')
  await again.send('bob', 'k3', { kind: 'knock' })
  const back = await relay.connect('bob')

  expect(again.entries('failed')).toMatchObject([{ id: idOf('k2'), code: 'expired' }])
  expect([...bob.inbox, ...back.inbox]).toEqual(['k1', 'k3'])
})

test('[RO5] removing ends it on both sides', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()

  expect(await alice.roster('remove', 'bob')).toBe('ok')
  await bob.send('alice', 'e1')

  expect(relations(alice, bob)).toEqual(['none', 'none'])
  expect(bob.last('error').code).toBe('forbidden')
})

test('[RO5] what was sent before the other side knew of it is dropped', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  relay.fault = (from) => (from === 'alice' ? 'request' : null)
  await alice.roster('remove', 'bob')

  await bob.send('alice', 'e1')

  expect(bob.last('ok').id).toBe(idOf('e1'))
  expect(alice.inbox).toEqual([])
})

/** Bob's room forgets Alice, as when answers and removals have crossed in an unlucky way. */
function forgetAlice(relay: TestRelay, blocked: boolean) {
  const rows = relay.rows('bob')
  const meta = relay.row<{ buddies: number; blocks: number }>('bob', 'meta')
  const row = relay.row<object>('bob', 'peer:alice')
  rows.delete('seen:alice')
  rows.set('meta', JSON.stringify({ ...meta, buddies: 0, blocks: blocked ? 1 : 0 }))
  rows.set('peer:alice', JSON.stringify({ ...row, relation: 'none', blocked }))
}

test.each([
  [false, 'none'],
  [true, 'buddies'],
])(
  '[RO5] who writes to a person that is no buddy any more learns it; blocked (%s), nothing',
  async (blocked, after) => {
    const relay = testRelay()
    const [alice, bob] = await relay.pair()
    forgetAlice(relay, blocked)

    await alice.send('bob', 'e1')

    expect(alice.relationTo('bob')?.relation).toBe(after)
    expect(bob.inbox).toEqual([])
    expect(alice.entries('failed')).toEqual([])
  },
)

test('[RO6] a second knock to the same person is refused', async () => {
  const relay = testRelay()
  const [alice] = await strangers(relay)
  await alice.send('bob', 'k1', { kind: 'knock' })

  await alice.send('bob', 'k2', { kind: 'knock' })

  expect(alice.last('error')).toMatchObject({ id: idOf('k2'), code: 'not-allowed', action: 'cancel' })
})

test('[RO6] nor can anybody knock at their own door', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  await alice.send('alice', 'k1', { kind: 'knock' })

  expect(alice.last('error').code).toBe('not-allowed')
})

test('[RO7] who is blocked gets the same answers as from somebody who is away', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const [carol, dave] = await relay.pair('carol', 'dave')
  await bob.roster('block', 'alice')
  await dave.close()
  await relay.advance(50_000) // what they see of each other has settled
  for (const one of [alice, bob, carol]) await one.text('{"type":"ping"}')
  const stored = relay.rowsLike('bob', 'log:').length
  alice.forget()
  carol.forget()
  relay.posts.length = 0

  for (const [sender, to] of [
    [alice, 'bob'],
    [carol, 'dave'],
  ] as const) {
    await sender.send(to, 'e1')
    await sender.say('typing', { to: to as never, state: 'composing' })
    await sender.send(to, 'e2', { kind: 'control' })
  }

  expect(textsOf(alice)).toEqual(textsOf(carol))
  const replies = (to: string) =>
    relay.posts.filter((post) => post.to === to).map(({ reply }) => [reply!.type, Object.keys(reply!)])
  expect(replies('bob')).toEqual(replies('dave'))
  expect(relay.rowsLike('bob', 'log:')).toHaveLength(stored)
})

test('[RO7] who is blocked learns of new devices as from somebody who is away', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const [carol, dave] = await relay.pair('carol', 'dave')
  await bob.roster('block', 'alice')
  await dave.close()
  await relay.advance(50_000)
  const old = { own: relay.row<{ devices: { hash: string } }>('alice', 'meta').devices.hash, peer: '' }
  const back = [await relay.connect('alice'), await relay.connect('carol')] as const

  await relay.addDevice('bob')
  await relay.addDevice('dave')
  await relay.advance(10_000)
  await back[0].send('bob', 'e1', { lists: old })
  await back[1].send('dave', 'e1', {
    lists: { ...old, own: relay.row<{ devices: { hash: string } }>('carol', 'meta').devices.hash },
  })

  const seen = [back[0].entries('devices'), back[1].entries('devices')]
  expect(seen.map((entries) => entries.map(({ version }) => version))).toEqual([[2], [2]])
  expect([alice.closed, carol.closed]).toEqual([4409, 4409])
})

test('[RO7] nothing of theirs is stored, and a knock neither', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await bob.roster('block', 'alice')

  await alice.send('bob', 'k', { kind: 'knock' })
  await bob.roster('unblock', 'alice')

  expect(bob.inbox).toEqual([])
  expect(relations(alice, bob)).toEqual(['asking', 'none'])
})

test.each([false, true])(
  '[RO7] a knock that crosses mine makes buddies, whether I block them (%s) or not',
  async (blocks) => {
    const relay = testRelay()
    const [alice, bob] = await strangers(relay)
    await bob.send('alice', 'k1', { kind: 'knock' })
    await alice.roster('reject', 'bob')
    await bob.roster('withdraw', 'alice')
    await bob.send('alice', 'k2', { kind: 'knock' }) // swallowed
    if (blocks) await bob.roster('block', 'alice')
    bob.forget()

    await alice.send('bob', 'k3', { kind: 'knock' })

    expect(relations(alice, bob)).toEqual(['buddies', 'buddies'])
    expect(bob.inbox).toEqual(blocks ? [] : ['k3'])
    expect(alice.shows('bob')).toBe(blocks ? 'offline' : 'online')
  },
)

test('[RO7] blocking somebody whose knock waits answers it with silence', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await alice.send('bob', 'k', { kind: 'knock' })

  await bob.roster('block', 'alice')

  expect(bob.relationTo('alice')).toMatchObject({ relation: 'none', blocked: true })
  expect(alice.relationTo('bob')).toMatchObject({ relation: 'asking', blocked: false })
})

test('[RO7] what they end while blocked has ended when the block is over', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.roster('block', 'alice')
  await alice.roster('remove', 'bob')

  await bob.roster('unblock', 'alice')

  expect(relations(alice, bob)).toEqual(['none', 'none'])
})

test.each(['message', 'control', 'knock', 'accept'] as const)(
  '[RO8] a %s to somebody I blocked is refused',
  async (kind) => {
    const relay = testRelay()
    const [alice, bob] = await relay.pair()
    await alice.roster('block', 'bob')

    await alice.send('bob', 'e1', { kind })

    expect(alice.last('error')).toMatchObject({ id: idOf('e1'), code: 'not-acceptable', action: 'cancel' })
    expect(bob.inbox).toEqual([])
  },
)

test('[RO9] 5 knocks leave an account in its first day, then 20 a day', async () => {
  const relay = testRelay()
  await relay.person('alice')
  for (let i = 0; i < 25; i++) await relay.person(`stranger${i}`)
  const knockAtAll = async () => {
    const alice = await relay.connect('alice')
    for (let i = 0; i < 25; i++) await alice.send(`stranger${i}`, `k${i}-${relay.now}`, { kind: 'knock' })
    return alice
  }

  const first = await knockAtAll()
  await relay.advance(2 * day)
  const second = await knockAtAll()

  expect([first.entries('message').length, second.entries('message').length]).toEqual([
    limits.knocksPerDayYoungMax,
    20,
  ])
  expect(first.last('error')).toMatchObject({ code: 'policy-violation', action: 'wait' })
  expect(first.last('error').retryAfterMs).toBeGreaterThan(0)
})

test('[RO9] it holds however often the relay is restarted', async () => {
  const relay = testRelay()
  await relay.person('alice')
  const refused = []
  for (let i = 0; i < 7; i++) {
    await relay.person(`stranger${i}`)
    const alice = await relay.connect('alice')
    await alice.send(`stranger${i}`, `k${i}`, { kind: 'knock' })
    refused.push(...alice.received('error'))
    await relay.kill('alice')
  }

  expect(refused).toHaveLength(2)
})

test('[RO10] every change of the roster reaches all devices as an entry, with a growing version', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  const laptop = await relay.connect('alice', { device: 1 })
  laptop.forget()

  for (const operation of ['mute', 'block', 'unblock', 'unmute', 'remove'] as const) {
    expect(await alice.roster(operation, 'bob')).toBe('ok')
  }

  const entries = laptop.entries('roster')
  expect(entries.map(({ relation, muted, blocked }) => [relation, muted, blocked])).toEqual([
    ['buddies', true, false],
    ['buddies', true, true],
    ['buddies', true, false],
    ['buddies', false, false],
    ['none', false, false],
  ])
  const versions = entries.map(({ version }) => version)
  expect(versions).toEqual(versions.toSorted((a, b) => a - b))
  expect(new Set(versions).size).toBe(5)
})

test('[RO10] asking for a change twice changes nothing the second time', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  const operations = ['mute', 'mute', 'block', 'block', 'unblock', 'unblock', 'remove', 'remove'] as const

  const answers = []
  for (const operation of operations) answers.push(await alice.roster(operation, 'bob'))

  expect(answers).toEqual(operations.map(() => 'ok'))
  expect(alice.entries('roster')).toHaveLength(4)
})

test('a change that was never possible is refused', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()

  expect(await alice.roster('withdraw', 'bob')).toBe('not-allowed')
  expect(await alice.roster('reject', 'bob')).toBe('not-allowed')
  expect(await alice.roster('block', 'alice')).toBe('not-allowed')
})
