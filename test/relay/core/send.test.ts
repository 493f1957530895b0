import { expect, test } from 'vitest'
import { limits } from '#shared/limits'
import type { RoomMessage } from '../../../relay/core/ports.ts'
import { idOf, payloadOf, testRelay, textOf } from '../../support/test-relay.ts'

type Deliver = Extract<RoomMessage, { type: 'deliver' }>
const day = 24 * 3_600_000

test('[SN1] `ok` means that the message is in the log and in the outbox', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  relay.fault = () => 'request'

  await alice.send('bob', 'e1')
  await relay.kill('alice')

  const { ts, seq } = alice.last('ok')
  const { entry } = relay.row<{ entry: object }>('alice', `log:${String(seq).padStart(12, '0')}`)
  expect(entry).toMatchObject({ type: 'message', direction: 'out', id: idOf('e1'), ts, seq })
  expect(relay.rowsLike('alice', 'outbox:bob:')).toHaveLength(1)
})

test('[SN2] a repeated id is confirmed again with the first answer, and stored once', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  await alice.send('bob', 'e2')
  const [first] = alice.received('ok')

  await relay.advance(1000)
  await alice.send('bob', 'e1', { previous: null, payload: payloadOf('changed') })

  expect(alice.last('ok')).toEqual(first)
  expect(alice.entries('message')).toHaveLength(2)
  expect(bob.inbox).toEqual(['e1', 'e2'])
})

test('[SN2] also after the relay was killed, and 60 messages later', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  await alice.send('bob', 'e0')
  const [first] = alice.received('ok')
  for (let i = 1; i < 60; i++) {
    if (i % 30 === 0) await relay.advance(10_000)
    await alice.send('bob', `e${i}`)
  }

  await relay.kill('alice')
  const again = await relay.connect('alice')
  await again.send('bob', 'e0')

  expect(again.last('ok')).toEqual(first)
})

test('[SN3] a send that does not follow the last accepted one is refused with its id', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')

  await alice.send('bob', 'e3', { previous: idOf('e2'), attempt: 4 })

  const refusal = { id: idOf('e3'), code: 'unexpected-request', action: 'wait', last: idOf('e1'), attempt: 4 }
  expect(alice.last('error')).toMatchObject(refusal)
  expect(bob.inbox).toEqual(['e1'])
})

test('[SN3] what follows a refused send is refused too, so order is kept', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')

  await alice.send('carol', 'e2')
  await alice.send('bob', 'e3', { previous: idOf('e2') })

  expect(alice.received('error').map(({ code }) => code)).toEqual(['forbidden', 'unexpected-request'])
  expect(bob.inbox).toEqual(['e1'])
})

test('[SN3] nor does it slip in behind one that was only repeated', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  // Everything unconfirmed goes again, and e1 is among it; but e2, which stands before it, was refused for a while.
  await alice.send('carol', 'e2', { previous: idOf('e0'), attempt: 2 })
  await alice.send('bob', 'e1', { previous: idOf('e2'), attempt: 2 })

  await alice.send('bob', 'e3', { previous: idOf('e1'), attempt: 2 })

  expect(alice.last('error')).toMatchObject({ code: 'unexpected-request', id: idOf('e3'), last: idOf('e1') })
  expect(bob.inbox).toEqual(['e1'])
  await alice.send('bob', 'e3', { previous: idOf('e1'), attempt: 3 })
  expect(bob.inbox).toEqual(['e1', 'e3'])
})

test('[SN3] a device learns its last accepted send in `welcome`', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  await alice.send('bob', 'e1')

  const again = await relay.connect('alice')
  const laptop = await relay.connect('alice', { device: 1 })

  expect(again.last('welcome').last).toBe(idOf('e1'))
  expect(laptop.last('welcome').last).toBeNull()
})

test('[SN4] all devices of the sender get the message as an entry', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  const laptop = await relay.connect('alice', { device: 1 })

  await alice.send('bob', 'e1', { lists: undefined })

  const entry = {
    direction: 'out',
    peer: 'bob',
    id: idOf('e1'),
    kind: 'message',
    device: alice.device.own.id,
  }
  expect(alice.entries('message')).toMatchObject([entry])
  expect(laptop.entries('message').at(-1)).toMatchObject(entry)
  expect(textOf(laptop.entries('message').at(-1)!)).toBe('e1')
})

test.each(['message', 'control'] as const)(
  '[SN5] a %s to somebody who is no buddy is refused',
  async (kind) => {
    const relay = testRelay()
    const alice = await relay.connect('alice')
    const bob = await relay.connect('bob')

    await alice.send('bob', 'e1', { kind })

    expect(alice.last('error')).toMatchObject({ id: idOf('e1'), code: 'forbidden', action: 'cancel' })
    expect(bob.entries('message')).toEqual([])
  },
)

test('[SN5] also while a knock waits', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const bob = await relay.connect('bob')
  await alice.send('bob', 'k', { kind: 'knock' })

  await alice.send('bob', 'e1')
  await bob.send('alice', 'e2')

  expect([alice.last('error').code, bob.last('error').code]).toEqual(['forbidden', 'forbidden'])
})

test('[SN7] a send sealed for an old list of own devices gets the newest head, and may come again', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const old = relay.row<{ devices: { hash: string } }>('alice', 'meta').devices.hash
  await relay.addDevice('alice')
  const { devices } = relay.row<{ devices: { version: number; hash: string } }>('alice', 'meta')

  await alice.send('bob', 'e1', { lists: { own: old, peer: '' } })
  const refusal = alice.last('error')
  await alice.send('bob', 'e1', { lists: { own: devices.hash, peer: '' } })

  expect(refusal).toMatchObject({ id: idOf('e1'), code: 'conflict', action: 'modify', devices })
  expect(bob.inbox).toEqual(['e1'])
})

test('[SN7] an id that was accepted before is confirmed, whatever the list says now', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  const { hash } = relay.row<{ devices: { hash: string } }>('alice', 'meta').devices
  await alice.send('bob', 'e1', { lists: { own: hash, peer: '' } })
  await relay.addDevice('alice')
  alice.forget()

  await alice.send('bob', 'e1', { lists: { own: hash, peer: '' } })

  expect(alice.received('ok')).toHaveLength(1)
})

test('a message sealed for an old list of the peer is delivered, and the sender gets a hint once', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const { hash } = relay.row<{ devices: { hash: string } }>('alice', 'meta').devices
  const bobs = relay.row<{ devices: object }>('bob', 'meta').devices

  await alice.send('bob', 'e1', { lists: { own: hash, peer: 'A'.repeat(43) } })
  await alice.send('bob', 'e2', { lists: { own: hash, peer: 'A'.repeat(43) } })

  expect(bob.inbox).toEqual(['e1', 'e2'])
  expect(alice.entries('devices')).toMatchObject([{ peer: 'bob', ...bobs }])
})

test('[SN8] an address at another host is refused', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  await alice.send('bob@relay.example', 'e1', { kind: 'knock' })

  expect(alice.last('error')).toMatchObject({ code: 'remote-server-not-found', action: 'cancel' })
})

test('[SN9] a relay that keeps nothing for the absent says so at once', async () => {
  const relay = testRelay({ offline: 'refuse' })
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  await bob.close()

  await alice.send('bob', 'e2')

  expect(alice.entries('failed')).toMatchObject([
    { peer: 'bob', id: idOf('e2'), ts: alice.last('ok').ts, code: 'recipient-unavailable' },
  ])
  const back = await relay.connect('bob')
  expect(back.entries('message')).toEqual([])
})

test('[SN9] who is blocked gets the same answer from somebody who is there', async () => {
  const relay = testRelay({ offline: 'refuse' })
  const [alice, bob] = await relay.pair()
  await bob.roster('block', 'alice')

  await alice.send('bob', 'e1')

  expect(alice.entries('failed')).toMatchObject([{ id: idOf('e1'), code: 'recipient-unavailable' }])
})

test('[SN10] what nobody has fetched for 30 days has failed', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  await bob.close()
  await alice.send('bob', 'e2')
  await alice.close()

  await relay.advance(29 * day)
  const early = await relay.connect('alice')
  await early.close()
  await relay.advance(1 * day)
  const late = await relay.connect('alice')

  expect(early.entries('failed')).toEqual([])
  expect(late.entries('failed')).toMatchObject([{ peer: 'bob', id: idOf('e2'), code: 'expired' }])
})

test('[SN10] also when the other room was never reached; it is not delivered afterwards', async () => {
  const relay = testRelay({ keepMs: 2 * day })
  const [alice, bob] = await relay.pair()
  relay.fault = (from) => (from === 'alice' ? 'request' : null)
  await alice.send('bob', 'e1')
  await relay.advance(2 * day)
  const again = await relay.connect('alice')

  relay.fault = () => null
  await again.send('bob', 'e2')
  await relay.advance(10 * 60_000)

  const back = await relay.connect('bob')
  expect(again.entries('failed')).toMatchObject([{ id: idOf('e1'), code: 'expired' }])
  expect(back.inbox).toEqual(['e2'])
  expect(bob.inbox).toEqual([])
})

test('[SN11] a message to a name that does not exist has failed, and nothing remains of it', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  await alice.send('nobody-here', 'k', { kind: 'knock' })
  await alice.send('nobody-here', 'again', { kind: 'knock' })

  expect(alice.entries('failed')).toMatchObject([
    { peer: 'nobody-here', id: idOf('k'), code: 'item-not-found' },
    { peer: 'nobody-here', id: idOf('again'), code: 'item-not-found' },
  ])
  expect(alice.relationTo('nobody-here')).toMatchObject({ relation: 'none' })
  expect(relay.rowsLike('alice', 'outbox:')).toEqual([])
  expect(relay.backup('nobody-here').size).toBe(0)
})

test('[SN11] one that was deleted is reported as gone', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  const last = relay.posts.findLast(({ from, message }) => from === 'bob' && message.type === 'deliver')!
  const { n } = last.reply as { n: number }
  const item = { n: n + 1, id: idOf('gone'), kind: 'gone' as const, ts: relay.now + 1 }

  await relay.peer('alice', 'bob', { ...(last.message as Deliver), items: [item] })

  expect(alice.entries('gone')).toMatchObject([{ peer: 'bob' }])
  expect(alice.relationTo('bob')).toMatchObject({ relation: 'none' })
})

test('a full log takes no more sends, and says so', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  const meta = relay.row<object>('alice', 'meta')
  relay.rows('alice').set('meta', JSON.stringify({ ...meta, bytes: limits.logBytesMax }))

  await alice.send('bob', 'e1')

  expect(alice.last('error')).toMatchObject({ code: 'resource-constraint', action: 'wait' })
})

test('a message to a room that is full fails for a buddy', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const meta = relay.row<object>('bob', 'meta')
  relay.rows('bob').set('meta', JSON.stringify({ ...meta, bytes: limits.logBytesMax }))

  await alice.send('bob', 'e1')

  expect(alice.entries('failed')).toMatchObject([{ id: idOf('e1'), code: 'resource-constraint' }])
  expect(bob.inbox).toEqual([])
})

test('settings are shared by compare-and-set', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const laptop = await relay.connect('alice', { device: 1 })

  await alice.say('preferences', { request: 'p1', version: 0, payload: payloadOf('one') })
  await laptop.say('preferences', { request: 'p2', version: 0, payload: payloadOf('two') })

  expect(alice.last('ok').request).toBe('p1')
  expect(laptop.last('error')).toMatchObject({ request: 'p2', code: 'conflict' })
  expect(laptop.entries('preferences')).toMatchObject([{ version: 1, payload: payloadOf('one') }])
})
