import { expect, test } from 'vitest'
import { idOf, testRelay } from '../../support/test-relay.ts'

const day = 24 * 3_600_000

test('[SN12] a control to oneself reaches all own devices, is confirmed and chained like any send', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const laptop = await relay.connect('alice', { device: 1 })

  await alice.send('alice', 'n1', { kind: 'control' })
  const first = alice.last('ok')
  await alice.send('alice', 'n2', { kind: 'control' })
  await alice.send('alice', 'n1', { kind: 'control', previous: null })
  await alice.send('alice', 'n3', { kind: 'control', previous: idOf('unknown') })

  const notes = laptop.entries('message')
  expect(notes).toMatchObject([
    { direction: 'out', peer: 'alice', id: idOf('n1'), kind: 'control', device: alice.device.own.id },
    { direction: 'out', peer: 'alice', id: idOf('n2'), kind: 'control' },
  ])
  expect(alice.entries('message')).toEqual(notes)
  expect(first).toMatchObject({ id: idOf('n1'), ts: notes[0]!.ts, seq: notes[0]!.seq })
  expect(alice.last('ok')).toEqual(first)
  expect(notes[1]!.ts).toBeGreaterThan(notes[0]!.ts)
  expect(alice.last('error')).toMatchObject({ code: 'unexpected-request', last: idOf('n2') })
})

test('[SN12] nothing of it leaves the room, and there is no pair of it', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  relay.posts.length = 0

  await alice.send('alice', 'n1', { kind: 'control' })
  await alice.read('alice', relay.now)
  await alice.say('typing', { to: alice.user, state: 'composing' })
  const fresh = await relay.connect('alice', { device: 1 }) // with the snapshot, and telling buddies' rooms of it

  const touched = ['peer:', 'outbox:', 'work:', 'seen:'].flatMap((rows) => relay.rowsLike('alice', rows))
  expect(touched.filter((key) => key.includes('alice'))).toEqual([])
  expect(relay.posts.filter(({ to }) => to === 'alice').map(({ from }) => from)).not.toContain('alice')
  const { roster, reads, receipts } = fresh.last('welcome').snapshot!
  expect([...roster, ...reads, ...receipts].map(({ peer }) => peer)).not.toContain('alice')
  expect(fresh.entries('roster').map(({ peer }) => peer)).not.toContain('alice')
})

test('[SN12] it never expires as a message does, and goes when all devices have it', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  await alice.send('alice', 'n1', { kind: 'control' })
  await alice.close()

  await relay.advance(4 * day)
  expect(relay.rowsLike('alice', 'log:')).toEqual([])

  const again = await relay.connect('alice')
  await again.send('alice', 'n2', { kind: 'control' })
  await again.close()
  await relay.advance(31 * day)
  expect((await relay.connect('alice')).entries('failed')).toEqual([])
  expect(relay.rowsLike('alice', 'peer:')).toEqual([])
})

test('[SN12] not even in a room that was put back from a backup', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  await alice.send('alice', 'n1', { kind: 'control' })
  relay.posts.length = 0

  await relay.restore('alice', relay.backup('alice'))
  await relay.connect('alice')
  await relay.advance(60_000)

  expect(relay.posts.filter(({ from, to }) => from === to)).toEqual([])
  expect(relay.rowsLike('alice', 'peer:')).toEqual(['peer:bob'])
})

test.each(['message', 'knock', 'accept'] as const)('[SN12] a %s to oneself is refused', async (kind) => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  await alice.send('alice', 'n1', { kind })

  expect(alice.last('error')).toMatchObject({ id: idOf('n1'), code: 'not-allowed', action: 'cancel' })
  expect(alice.entries('message')).toEqual([])
})
