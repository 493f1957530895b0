import { expect, test } from 'vitest'
import { pongText } from '#shared/frames'
import { limits } from '#shared/limits'
import { idOf, payloadOf, testRelay } from '../../support/test-relay.ts'

test('[FR1] unknown fields are ignored', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()

  await alice.send('bob', 'e1', { mood: 'fine' } as object)

  expect(bob.inbox).toEqual(['e1'])
})

test('[FR1] [FR5] an unknown type is refused and ends nothing, however often it comes', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  for (let i = 0; i < 5; i++) await alice.text('{"type":"dance"}')

  expect(alice.received('error')).toHaveLength(5)
  expect(alice.last('error')).toMatchObject({ code: 'feature-not-implemented', action: 'cancel' })
  expect(alice.closed).toBeNull()
})

test('[FR2] a frame that cannot be read stores nothing and disturbs no other socket', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const laptop = await relay.connect('alice', { device: 1 })
  const before = relay.backup('alice')
  laptop.forget()

  await alice.text('{"type":"send"}')

  expect(alice.last('error')).toMatchObject({ code: 'bad-request', action: 'modify' })
  expect(relay.backup('alice')).toEqual(before)
  expect(laptop.frames).toEqual([])
})

test('[FR2] the third such frame in a row ends the socket', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  await alice.text('{')
  await alice.text('[]')
  await alice.text('{"type":"ping"}')
  await alice.text('null')
  await alice.text('')
  expect(alice.closed).toBeNull()
  await alice.text('"send"')

  expect(alice.closed).toBe(4400)
})

test('[FR4] a ping is answered byte for byte, and written nowhere', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const before = relay.backup('alice')

  await alice.text('{"type":"ping"}')

  expect(alice.texts.at(-1)).toBe(pongText)
  expect(relay.backup('alice')).toEqual(before)
})

test('[FR5] a refusal names the frame it is about', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  await alice.send('not an address', 'e1')
  await alice.roster('block', 'bob@elsewhere.example')

  expect(alice.received('error')).toMatchObject([
    { id: idOf('e1'), code: 'bad-request', action: 'modify' },
    { request: 'r1', code: 'remote-server-not-found', action: 'cancel' },
  ])
})

test('[FR6] a sender over its rate is told when to go on, and can', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await relay.advance(10_000)

  for (let i = 0; i < limits.pairSendsBurst; i++) await alice.send('bob', `e${i}`)
  await alice.send('bob', 'too soon')
  const refusal = alice.last('error')
  await relay.advance(refusal.retryAfterMs!)
  await alice.send('bob', 'too soon')

  expect(refusal).toMatchObject({ id: idOf('too soon'), code: 'policy-violation', action: 'wait' })
  expect(bob.inbox).toHaveLength(limits.pairSendsBurst + 1)
  expect(bob.inbox.at(-1)).toBe('too soon')
})

test('[FR6] when the clock is set back, nobody waits for the time that it was', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')

  await relay.advance(-3_600_000)
  await alice.send('bob', 'e2')
  const refusal = alice.received('error').at(-1)
  await relay.advance(limits.pairSendsBurst * 1000)
  await alice.send('bob', 'e2')

  expect(refusal?.retryAfterMs ?? 0).toBeLessThan(2000)
  expect(bob.inbox).toEqual(['e1', 'e2'])
})

test('[SN6] a payload over the limit is refused, with its id', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()

  await alice.send('bob', 'e1', { payload: 'A'.repeat(limits.payloadBytesMax + 1) })

  expect(alice.last('error')).toMatchObject({ id: idOf('e1'), code: 'too-large', action: 'modify' })
  expect(alice.closed).toBeNull()
  expect(bob.inbox).toEqual([])
})

test('[SN6] an operator may set a lower limit', async () => {
  const relay = testRelay({ payloadBytesMax: 10 })
  const [alice] = await relay.pair('ann', 'bea')

  await alice.send('bea', 'e1', { payload: payloadOf('longer than ten') })

  expect(alice.last('error').code).toBe('too-large')
})
