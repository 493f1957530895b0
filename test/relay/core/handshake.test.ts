import { expect, test } from 'vitest'
import { limits } from '#shared/limits'
import { testRelay } from '../../support/test-relay.ts'

const withoutNonce = (text: string) => text.replace(/"nonce":"[^"]*"/, '')

test('[HS1] the relay speaks first, with another nonce for each socket', async () => {
  const relay = testRelay()
  await relay.person('alice')

  const first = await relay.open('alice')
  const second = await relay.open('alice')

  const hello = { type: 'hello', relayId: relay.relayId, now: relay.now, versions: [1] }
  expect(first.frames).toMatchObject([hello])
  expect(second.last('hello').nonce).not.toBe(first.last('hello').nonce)
})

test('[HS2] a socket that has not said who it is after 5 s is closed', async () => {
  const relay = testRelay()
  await relay.person('alice')
  const alice = await relay.open('alice')

  await relay.advance(4999)
  expect(alice.closed).toBeNull()
  await relay.advance(1)

  expect(alice.closed).toBe(4401)
})

test('[HS2] so is one to a name that nobody has', async () => {
  const relay = testRelay()
  const nobody = await relay.open('nobody-here')

  await relay.advance(5000)

  expect(nobody.closed).toBe(4401)
})

test.each([
  ['another frame', '{"type":"ack","seq":1}'],
  ['a ping', '{"type":"ping"}'],
  ['what is no frame', 'hello'],
  ['an unknown type', '{"type":"dance"}'],
  ['an `auth` that is too large', JSON.stringify({ type: 'auth', client: 'x'.repeat(5000) })],
])('[HS2] %s instead of `auth` ends the socket', async (_, text) => {
  const relay = testRelay()
  await relay.person('alice')
  const alice = await relay.open('alice')

  await alice.text(text)

  expect(alice.last('error').code).toBe('not-authorized')
  expect(alice.closed).toBe(4401)
})

test('[HS2] an `auth` after the deadline is too late, even if nobody has looked at the clock', async () => {
  const relay = testRelay()
  await relay.person('alice')
  const alice = await relay.open('alice')
  const { nonce } = alice.last('hello')
  await relay.advance(5000)
  const late = await relay.open('alice')

  await late.auth({ nonce })

  expect(late.closed).toBe(4401)
})

test.each([
  ['account', { acct: 'B'.repeat(22) }],
  ['generation', { signedGeneration: 7 }],
  ['nonce', { nonce: 'C'.repeat(21) + 'A' }],
  ['signature', { signature: 'A'.repeat(86) }],
  ['device', { device: 'DDDDDDDDDDA' as never }],
])('[HS3] another %s is not authorized', async (_, changes) => {
  const relay = testRelay()
  await relay.person('alice')
  const alice = await relay.open('alice')

  await alice.auth(changes)

  expect(alice.last('error').code).toBe('not-authorized')
  expect(alice.closed).toBe(4401)
})

test('[HS3] a relay id or a time that was not signed is not authorized', async () => {
  const relay = testRelay()
  const { devices } = await relay.person('alice')
  const alice = await relay.open('alice')
  const signature = await devices[0]!.own.dak.sign(new TextEncoder().encode('something else'))

  await alice.auth({ signature })

  expect(alice.last('error').code).toBe('not-authorized')
})

test('[HS3] a name that does not exist gives the same answers', async () => {
  const relay = testRelay()
  await relay.person('alice')
  const alice = await relay.open('alice')
  const nobody = await relay.open('nobody-here')

  await alice.auth({ signature: 'A'.repeat(86) })
  await nobody.auth({ signature: 'A'.repeat(86) })

  expect(nobody.texts.map(withoutNonce)).toEqual(alice.texts.map(withoutNonce))
  expect(nobody.closed).toBe(alice.closed)
})

test('[HS4] a recorded `auth` opens nothing on another socket', async () => {
  const relay = testRelay()
  await relay.person('alice')
  const alice = await relay.open('alice')
  const { nonce } = alice.last('hello')
  await alice.auth()
  const thief = await relay.open('alice')

  await thief.auth({ nonce, generation: 2, signedGeneration: 2 })

  expect(alice.received('welcome')).toHaveLength(1)
  expect(thief.last('error').code).toBe('not-authorized')
})

test('[HS5] a generation that is not above the last one is a copied profile', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const copy = await relay.open('alice')

  await copy.auth({ generation: alice.device.generation })

  expect(copy.last('error').code).toBe('credentials-expired')
  expect(copy.closed).toBe(4401)
  expect(alice.closed).toBeNull()
})

test('[HS5] a new generation is stored before `welcome`', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  await relay.kill('alice')
  const copy = await relay.open('alice')
  await copy.auth({ generation: alice.device.generation })

  expect(copy.last('error').code).toBe('credentials-expired')
})

test('[HS5] also when the device brings news of how far it has the log', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  await alice.send('alice', 'note', { kind: 'control' })
  await relay.kill('alice')
  const again = await relay.open('alice')
  await again.auth()
  const { generation } = alice.device

  const copy = await relay.open('alice')
  await copy.auth({ generation })

  expect(relay.row<{ cursor: number }>('alice', `device:${alice.device.own.id}`)).toMatchObject({
    cursor: 1,
    generation,
  })
  expect(copy.last('error').code).toBe('credentials-expired')
})

test('[HS6] nothing is written before a socket is authenticated', async () => {
  const relay = testRelay()
  await relay.person('alice')
  const before = relay.backup('alice')

  const alice = await relay.open('alice')
  await alice.auth({ signature: 'A'.repeat(86) })
  const nobody = await relay.open('nobody-here')
  await nobody.auth({ signature: 'A'.repeat(86) })
  await relay.advance(10_000)

  expect(relay.backup('alice')).toEqual(before)
  expect(relay.backup('nobody-here').size).toBe(0)
})

test('[HS7] the same device connecting again replaces its older socket', async () => {
  const relay = testRelay()
  const older = await relay.connect('alice')

  const newer = await relay.connect('alice')

  expect(older.closed).toBe(4409)
  expect(newer.closed).toBeNull()
})

test('[HS7] another device, or a socket that is not authenticated, replaces nobody', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  const laptop = await relay.connect('alice', { device: 1 })
  const stranger = await relay.open('alice')
  await stranger.auth({ signature: 'A'.repeat(86) })

  expect([alice.closed, laptop.closed]).toEqual([null, null])
})

test('[HS8] a version that the relay does not speak is refused, with those it does speak', async () => {
  const relay = testRelay()
  await relay.person('alice')
  const alice = await relay.open('alice')

  await alice.auth({ version: 99 })

  expect(alice.last('error')).toMatchObject({ code: 'unsupported-version', versions: [1] })
  expect(alice.closed).toBe(4426)
})

test('beyond 16 sockets that have not said who they are, the oldest goes', async () => {
  const relay = testRelay()
  await relay.person('alice')
  const first = await relay.open('alice')

  for (let i = 1; i <= limits.unauthenticatedPerRoomMax; i++) await relay.open('alice')

  expect(first.closed).toBe(1013)
})
