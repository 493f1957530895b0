import { expect, test } from 'vitest'
import type { Epoch, LaneId } from '#shared/ids'
import type { RoomMessage } from '../../../relay/core/ports.ts'
import { idOf, payloadOf, testRelay, type TestRelay } from '../../support/test-relay.ts'

type Deliver = Extract<RoomMessage, { type: 'deliver' }>

const minute = 60_000

/** The last delivery from one room to the other, as it was made. */
function lastDeliver(relay: TestRelay, from: string): Deliver {
  return relay.posts.findLast((post) => post.from === from && isDeliver(post.message))!.message as Deliver
}
const isDeliver = (message: RoomMessage): message is Deliver => message.type === 'deliver'

/** The next item of the lane, made by hand. */
function nextItem({ items }: Deliver, name: string, skip = 0) {
  const { n, ts } = items.at(-1)!
  return {
    n: n + 1 + skip,
    id: idOf(name),
    kind: 'message' as const,
    ts: ts + 1 + skip,
    payload: payloadOf(name),
  }
}

test('[LN1] items are taken once, however often a call arrives', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  const call = lastDeliver(relay, 'alice')

  const again = await relay.peer('bob', 'alice', call)

  expect(again).toMatchObject({ type: 'confirmed', n: call.items.at(-1)!.n })
  expect(bob.inbox).toEqual(['e1'])
})

test('[LN1] an item that comes too early is not taken', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  const call = lastDeliver(relay, 'alice')

  const reply = await relay.peer('bob', 'alice', { ...call, items: [nextItem(call, 'e3', 1)] })

  expect(reply).toMatchObject({ type: 'gap', have: call.items.at(-1)!.ts })
  expect(bob.inbox).toEqual(['e1'])
})

test('[LN1] a new lane begins at 1, and an old one is over', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  const call = lastDeliver(relay, 'alice')
  const lane = '999999999999999-00000000' as LaneId
  const item = { ...nextItem(call, 'e2'), n: 1 }

  const middle = await relay.peer('bob', 'alice', { ...call, lane, items: [{ ...item, n: 2 }] })
  const first = await relay.peer('bob', 'alice', { ...call, lane, items: [item] })
  const old = await relay.peer('bob', 'alice', { ...call, items: [nextItem(call, 'e3')] })

  expect([middle.type, first.type, old]).toMatchObject(['lane', 'confirmed', { type: 'stale', lane }])
  expect(bob.inbox).toEqual(['e1', 'e2'])
})

test('[LN1] a copy under a new number is confirmed and not taken again', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  const call = lastDeliver(relay, 'alice')
  const lane = '999999999999999-00000000' as LaneId

  const reply = await relay.peer('bob', 'alice', { ...call, lane, items: [{ ...call.items[0]!, n: 1 }] })

  expect(reply).toMatchObject({ type: 'confirmed', n: 1 })
  expect(bob.inbox).toEqual(['e1'])
})

test('[LN1] [LN2] everything arrives in order and once over a link that loses half of all calls and answers', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  let calls = 0
  relay.fault = () => (['request', 'answer', null, null] as const)[calls++ % 4]!

  for (let i = 0; i < 20; i++) await alice.send('bob', `e${i}`)
  for (let i = 0; i < 20; i++) {
    await relay.advance(minute)
    await alice.text('{"type":"ping"}')
    await bob.text('{"type":"ping"}')
  }

  expect(bob.inbox).toEqual(Array.from({ length: 20 }, (_, i) => `e${i}`))
  expect(relay.rowsLike('alice', 'outbox:')).toEqual([])
})

test('[LN2] an item waits until the other room has confirmed it, through restarts of both', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  relay.fault = () => 'request'
  await alice.send('bob', 'e1')
  await relay.kill('alice')
  await relay.kill('bob')
  await relay.advance(10 * minute)
  expect(relay.rowsLike('alice', 'outbox:bob:')).toHaveLength(1)

  relay.fault = () => null
  await relay.advance(6 * minute)
  const back = await relay.connect('bob')

  expect(back.inbox).toEqual(['e1'])
  expect(relay.rowsLike('alice', 'outbox:')).toEqual([])
  expect(bob.inbox).toEqual([])
})

test('[LN2] due work is done by whatever happens first, should the alarm never ring', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  relay.fault = () => 'request'
  await alice.send('bob', 'e1')
  await relay.hibernate('alice')
  relay.fault = () => null
  await relay.advance(9_000)

  relay.rows('alice').set('due', JSON.stringify({ lanes: relay.now }))
  await alice.text('{"type":"ping"}')

  expect(bob.inbox).toEqual(['e1'])
})

test('[LN2] calls to a room that does not answer become rare', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  relay.fault = (from) => (from === 'alice' ? 'request' : null)
  await alice.send('bob', 'e1')
  relay.posts.length = 0

  await relay.advance(60 * minute)

  const calls = relay.posts.filter(({ from, message }) => from === 'alice' && isDeliver(message))
  expect(calls.length).toBeGreaterThan(10)
  expect(calls.length).toBeLessThan(80)
})

test('[LN2] a lane with much to carry does it in batches', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  relay.fault = () => 'request'
  for (let i = 0; i < 100; i++) {
    if (i % 30 === 29) await relay.advance(10_000)
    await alice.send('bob', `e${i}`)
  }
  relay.fault = () => null
  relay.posts.length = 0

  await relay.advance(6 * minute)
  const back = await relay.connect('bob')

  const sizes = relay.posts
    .map(({ message }) => message)
    .filter(isDeliver)
    .map(({ items }) => items.length)
  expect(sizes.filter((size) => size > 0)).toEqual([32, 32, 32, 4])
  expect([...bob.inbox, ...back.inbox]).toHaveLength(100)
})

test('[LN3] a receiver that lost its newest state is noticed, and gets from the log what it lacks', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  const backup = relay.backup('bob')
  await alice.send('bob', 'e2')
  await alice.send('bob', 'e3')
  expect(bob.inbox).toEqual(['e1', 'e2', 'e3'])

  await relay.restore('bob', backup, { silently: true })
  await alice.send('bob', 'e4')
  const laptop = await relay.connect('bob', { device: 1 })

  expect(laptop.inbox.slice(-4)).toEqual(['e1', 'e2', 'e3', 'e4'])
})

test('[LN3] also when more is lacking than one event can fetch', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  const backup = relay.backup('bob')
  for (let i = 0; i < 120; i++) {
    if (i % 30 === 29) await relay.advance(10_000)
    await alice.send('bob', `e${i}`)
  }

  await relay.restore('bob', backup, { silently: true })
  await alice.send('bob', 'last')
  await relay.advance(minute)
  const back = await relay.connect('bob')

  expect(back.inbox.slice(-121)).toEqual([...Array.from({ length: 120 }, (_, i) => `e${i}`), 'last'])
})

test('[LN3] a sender that lost its newest state opens a new lane and loses nothing new', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const backup = relay.backup('alice')
  await alice.send('bob', 'e1')
  await alice.send('bob', 'e2')

  await relay.restore('alice', backup, { silently: true })
  const again = await relay.connect('alice')
  await again.send('bob', 'e3')

  expect(bob.inbox).toEqual(['e1', 'e2', 'e3'])
  expect(relay.rowsLike('alice', 'outbox:')).toEqual([])
})

test('[LN3] a restored room asks for what it has lost, without waiting for traffic', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  const backup = relay.backup('bob')
  await alice.send('bob', 'e1')

  await relay.restore('bob', backup)
  const back = await relay.connect('bob')
  await relay.advance(minute)

  expect(back.last('welcome').resync).toBe('epoch')
  expect(back.inbox).toContain('e1')
})

test('[LN3] two rooms that were restored together ask each other once, and come to rest', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const backups = (['alice', 'bob'] as const).map((user) => [user, relay.backup(user)] as const)
  await alice.send('bob', 'e1')
  await bob.send('alice', 'e2')
  relay.fault = () => 'request'
  for (const [user, backup] of backups) await relay.restore(user, backup)
  for (const [user] of backups) await relay.hibernate(user)

  let calls = 0
  relay.fault = () => (++calls > 100 ? 'request' : null)
  await Promise.all(backups.map(([user]) => relay.ring(user)))
  await relay.advance(minute)
  const back = await relay.connect('bob')
  await back.send('alice', 'e3')

  expect(calls).toBeLessThan(30)
  expect(relay.rowsLike('bob', 'outbox:')).toEqual([])
})

test('[LN4] a confirmation from before the restore of the receiver is void', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  const backup = relay.backup('bob')
  // The answer to e1 is on its way while Bob's room is restored and asks for what it lacks.
  relay.fault = (from) => (from === 'alice' ? 'answer' : null)
  await alice.send('bob', 'e1')
  const late = relay.posts.findLast(({ from, message }) => from === 'alice' && isDeliver(message))!
  expect(late.reply).toMatchObject({ type: 'confirmed' })
  relay.fault = (from) => (from === 'alice' ? 'request' : null)
  await relay.restore('bob', backup)
  await relay.advance(1)

  relay.fault = (from) => (from === 'bob' ? 'request' : null)
  relay.answerInstead = late.reply!
  while (relay.answerInstead) await relay.advance(100)
  expect(relay.rowsLike('alice', 'outbox:bob:')).toHaveLength(1)
  await relay.advance(10 * minute)
  const back = await relay.connect('bob')

  expect(back.inbox).toContain('e1')
})

test('[LN4] a room whose epoch is older than what it once said begins another, or it would never be believed again', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  const backup = relay.backup('bob')
  await relay.restore('bob', backup)
  await alice.send('bob', 'e1')
  // Nobody says so, and the backup is from before the restore that alice knows of.
  await relay.restore('bob', backup, { silently: true })

  await alice.send('bob', 'e2')
  await relay.advance(10 * minute)
  const back = await relay.connect('bob')

  expect(back.inbox).toEqual(expect.arrayContaining(['e1', 'e2']))
  expect(relay.rowsLike('alice', 'outbox:bob:')).toEqual([])
})

for (const silently of [false, true]) {
  test(`[LN6] a ts that was given twice hides nothing from a room that is restored${silently ? ' silently' : ''}`, async () => {
    const relay = testRelay()
    const [alice, bob] = await relay.pair()
    const before = relay.backup('alice')
    for (const name of ['e1', 'e2', 'e3']) await alice.send('bob', name)
    const after = relay.backup('bob')

    // The clock stands still, so e4 gets the ts that e1 had.
    await relay.restore('alice', before)
    const again = await relay.connect('alice')
    await again.send('bob', 'e4')
    expect(bob.inbox).toEqual(['e1', 'e2', 'e3', 'e4'])
    await relay.restore('bob', after, { silently })
    await again.send('bob', 'e5')
    await relay.advance(minute)
    const back = await relay.connect('bob', { device: 1 })

    expect(back.inbox.slice(1)).toEqual(['e1', 'e2', 'e3', 'e4', 'e5']) // after the knock
  })
}

test('an epoch that was seen never goes back', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  await alice.send('bob', 'e1')
  const call = lastDeliver(relay, 'alice')
  const epoch = '999999999999999-00000000' as Epoch

  await relay.peer('bob', 'alice', { ...call, epoch })
  await relay.peer('bob', 'alice', call)

  expect(relay.row<{ in: { epoch: string } }>('bob', 'peer:alice').in.epoch).toBe(epoch)
})

test('what waits for one room holds up no other', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const carol = await relay.connect('carol')
  await relay.befriend(alice, carol)
  relay.fault = (_, to) => (to === 'bob' ? 'request' : null)

  await alice.send('bob', 'e1')
  await alice.send('carol', 'e2')

  expect([bob.inbox, carol.inbox]).toEqual([[], ['e2']])
})

test('order is by the clocks of the rooms: an answer is later than what it answers', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  await bob.send('alice', 'e2')
  await alice.send('bob', 'e3')

  const ts = (client: typeof alice) => client.entries('message').map((entry) => entry.ts)
  expect(ts(alice)).toEqual(ts(bob))
  expect(ts(alice)).toEqual(ts(alice).toSorted((a, b) => a - b))
  expect(new Set(ts(alice)).size).toBe(3)
})
