import { expect, test } from 'vitest'
import {
  deleteBytes,
  deviceListHash,
  kdf,
  loginBytes,
  slotBytes,
  type DeviceList,
  type Slot,
} from '#shared/account'
import type { Register } from '#shared/api'
import type { AccountId } from '#shared/ids'
import { makeKeys, makeDevice, makeMailbox, signList, signUpBody, type Keys } from '../../support/sign-up.ts'
import { testRelay, type TestRelay } from '../../support/test-relay.ts'

const noWork = { salt: 'A'.repeat(22), bits: 0, exp: 0, mac: 'A'.repeat(43), answer: 0 }
const nonce = 'B'.repeat(21) + 'A'

async function login(
  relay: TestRelay,
  user: string,
  key: Keys,
  changes: { nonce?: string; ts?: number } = {},
) {
  const { nonce: used = nonce, ts = relay.now } = changes
  const signature = await key.sign(loginBytes(relay.relayId, user, 'pw', used, ts))
  return relay.account(user, { type: 'login', slot: 'pw', nonce: used, ts, signature })
}

const registerAs = async (relay: TestRelay, change: (body: Register) => Promise<object> | object) => {
  const { body } = await signUpBody({ relayId: relay.relayId, user: 'alice', work: noWork })
  return relay.account('alice', { type: 'register', body: { ...body, ...(await change(body)) } })
}

test('[AC1] an account is made of a body that both keys have signed', async () => {
  const relay = testRelay()

  const { acct } = await relay.person('alice')

  expect(relay.row('alice', 'meta')).toMatchObject({ name: 'alice', acct, devices: { version: 1 } })
})

test.each([
  ['signed by nobody', () => ({ signatures: { login: 'A'.repeat(86), account: 'A'.repeat(86) } })],
  [
    'with swapped signatures',
    ({ signatures }: Register) => ({
      signatures: { login: signatures.account, account: signatures.login },
    }),
  ],
  [
    'with a bundle of somebody else',
    ({ slots }: Register) => ({ slots: [{ ...slots[0]!, loginKey: 'A'.repeat(43) }] }),
  ],
  ['for another name', () => ({ user: 'bob' })],
  ['without a way in', () => ({ slots: [] })],
  ['with a way in twice', ({ slots }: Register) => ({ slots: [...slots, ...slots] })],
  ['with a list that the account key has not signed', ({ list }: Register) => ({ list: { ...list, ts: 1 } })],
  ['with a list that is not the first', ({ list }: Register) => ({ list: { ...list, ver: 2 } })],
])('[AC1] one %s is not made', async (_, change) => {
  const relay = testRelay()

  const reply = await registerAs(relay, change)

  expect(reply.type).toBe('error')
  expect(relay.backup('alice').size).toBe(0)
})

test('[AC1] a name that is taken is refused with conflict', async () => {
  const relay = testRelay()
  await relay.person('alice')

  expect(await registerAs(relay, () => ({}))).toEqual({ type: 'error', code: 'conflict' })
})

test('[AC1] whoever lost the answer gets it again', async () => {
  const relay = testRelay()
  const { body, acct } = await relay.person('alice')

  expect(await relay.account('alice', { type: 'register', body })).toEqual({ type: 'registered', acct })
})

test('[AC2] a failed login answers the same for a name that exists and one that does not', async () => {
  const relay = testRelay()
  await relay.person('alice')
  const wrong = await makeKeys()

  const replies = [await login(relay, 'alice', wrong), await login(relay, 'nobody-here', wrong)]

  expect(replies).toEqual([
    { type: 'error', code: 'not-authorized' },
    { type: 'error', code: 'not-authorized' },
  ])
  expect(relay.backup('nobody-here').size).toBe(0)
})

test('a login gives back the bundle and the newest list', async () => {
  const relay = testRelay()
  const alice = await relay.person('alice')
  await relay.addDevice('alice')

  const reply = await login(relay, 'alice', alice.login)

  const { bundle } = alice.body.slots[0]!
  expect(reply).toEqual({ type: 'logged-in', acct: alice.acct, bundle, list: alice.list, change: 0 })
})

test('[AC3] a login nonce serves once, also after a restart', async () => {
  const relay = testRelay()
  const alice = await relay.person('alice')
  await login(relay, 'alice', alice.login)

  await relay.kill('alice')

  expect(await login(relay, 'alice', alice.login)).toEqual({ type: 'error', code: 'not-authorized' })
})

test('[AC3] and for two minutes', async () => {
  const relay = testRelay()
  const alice = await relay.person('alice')
  const ts = relay.now

  await relay.advance(120_001)

  expect(await login(relay, 'alice', alice.login, { ts })).toEqual({ type: 'error', code: 'not-authorized' })
})

test('[AC4] a list that does not follow the last one is refused, and the old one stays', async () => {
  const relay = testRelay()
  const alice = await relay.person('alice')
  const first = alice.list
  await relay.addDevice('alice')
  const own = alice.devices.map((device) => device.own)
  const mallory = { ...alice, account: await makeKeys() }
  const prev = deviceListHash(alice.list)
  const lists: DeviceList[] = [
    await signList(alice, own, { ver: 4, prev }),
    await signList(alice, own, { ver: 3, prev: deviceListHash(first) }),
    await signList(alice, own, { ver: 2, prev: deviceListHash(first) }),
    first,
    await signList(mallory, own, { ver: 3, prev }),
    { ...(await signList(alice, own, { ver: 3, prev })), ts: 1 },
    await signList(alice, [own[0]!, own[0]!], { ver: 3, prev }),
  ]

  const codes = []
  for (const list of lists) {
    const reply = await relay.account('alice', { type: 'put-devices', list })
    codes.push(reply.type === 'error' && reply.code)
  }

  expect(codes).toEqual([
    'conflict',
    'conflict',
    'conflict',
    'conflict',
    'not-authorized',
    'not-authorized',
    'bad-request',
  ])
  expect(relay.row<{ devices: object }>('alice', 'meta').devices).toEqual({ version: 2, hash: prev })
})

test('[AC4] the same list again is confirmed again, and is no news', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  await relay.addDevice('alice')
  const { list } = await relay.person('alice')

  const reply = await relay.account('alice', { type: 'put-devices', list })

  expect(reply).toEqual({ type: 'ok', version: 2, hash: deviceListHash(list) })
  expect(alice.entries('devices')).toHaveLength(1)
})

test('[AC5] a device that is no longer in the list is disconnected, and stays out', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const laptop = await relay.connect('alice', { device: 1 })
  const { devices } = await relay.person('alice')

  await relay.putDevices('alice', [devices[0]!])
  const back = await relay.open('alice')
  await back.auth({
    device: laptop.device.own.id,
    signature: await laptop.device.own.dak.sign(new Uint8Array(1)),
  })

  expect([alice.closed, laptop.closed]).toEqual([null, 4403])
  expect(back.last('error').code).toBe('not-authorized')
})

test('[AC5] a device whose key was replaced is another device', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const laptop = await relay.connect('alice', { device: 1 })
  const person = await relay.person('alice')
  const replaced = { ...laptop.device, own: { ...(await makeDevice()), id: laptop.device.own.id } }

  await relay.putDevices('alice', [person.devices[0]!, replaced])

  expect([alice.closed, laptop.closed]).toEqual([null, 4403])
})

test('[AC6] own devices and buddies learn of a changed list, blocked ones like the others, and strangers do not', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const carol = await relay.connect('carol')
  await relay.befriend(alice, carol)
  await alice.roster('block', 'carol')
  const dave = await relay.connect('dave')
  await alice.send('dave', 'k', { kind: 'knock' })

  await relay.addDevice('alice')
  await relay.advance(1000)

  const { version, hash } = relay.row<{ devices: { version: number; hash: string } }>('alice', 'meta').devices
  expect(alice.entries('devices')).toMatchObject([{ version, hash }])
  expect(bob.entries('devices')).toMatchObject([{ peer: 'alice', version, hash }])
  expect(carol.entries('devices')).toMatchObject([{ peer: 'alice', version, hash }])
  expect(dave.entries('devices')).toEqual([])
})

test('[AC6] also when there are more buddies than one event can tell', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const buddies = []
  for (let i = 0; i < 45; i++) {
    const buddy = await relay.connect(`buddy${i}`)
    await relay.befriend(buddy, alice)
    buddies.push(buddy)
    if (i % 15 === 14) {
      await relay.advance(5000)
      for (const one of [alice, ...buddies]) await one.text('{"type":"ping"}')
    }
  }

  await relay.addDevice('alice')
  await relay.advance(5000)

  expect(buddies.map((buddy) => buddy.entries('devices').length)).toEqual(buddies.map(() => 1))
})

test('[AC8] device lists are given to whoever names the account, from the version they know', async () => {
  const relay = testRelay()
  const alice = await relay.person('alice')
  await relay.addDevice('alice')
  await relay.addDevice('alice')

  const ask = (acct: AccountId | null, after: number) =>
    relay.account('alice', { type: 'get-devices', acct, after })
  const lists = async (after: number) => {
    const reply = await ask(alice.acct, after)
    return reply.type === 'devices' && reply.lists.map(({ ver }) => ver)
  }

  expect([await lists(0), await lists(2), await lists(3)]).toEqual([[1, 2, 3], [3], []])
})

test('[AC8] and to nobody who guesses: a wrong account is like a name that does not exist', async () => {
  const relay = testRelay()
  await relay.person('alice')
  const acct = 'A'.repeat(22) as AccountId

  const replies = [
    await relay.account('alice', { type: 'get-devices', acct, after: 0 }),
    await relay.account('alice', { type: 'get-devices', acct: null, after: 0 }),
    await relay.account('nobody-here', { type: 'get-devices', acct, after: 0 }),
  ]

  expect(replies).toEqual(replies.map(() => ({ type: 'error', code: 'item-not-found' })))
})

// --- Another way in --------------------------------------------------------------------------------------

const bundle = { v: 1 as const, kdf, iv: 'A'.repeat(16), ct: 'A'.repeat(100) }

async function putSlot(relay: TestRelay, by: Keys, slot: Slot, change: number) {
  const { acct } = await relay.person('alice')
  const signature = await by.sign(slotBytes(relay.relayId, acct, change, slot))
  const reply = await relay.account('alice', { type: 'put-slot', slot, change, signature })
  return reply.type === 'error' ? reply.code : reply.type
}

test('[AC9] a new password opens the account, the old one does not any more, and devices stay signed in', async () => {
  const relay = testRelay()
  const laptop = await relay.connect('alice')
  const { account, login: old } = await relay.person('alice')
  const fresh = await makeKeys()
  const slot: Slot = { slot: 'pw', loginKey: fresh.publicKey, bundle }

  expect(await putSlot(relay, account, slot, 1)).toBe('ok')
  expect(await putSlot(relay, account, slot, 1)).toBe('ok') // the answer was lost

  expect(await login(relay, 'alice', old)).toMatchObject({ code: 'not-authorized' })
  expect(await login(relay, 'alice', fresh)).toMatchObject({ type: 'logged-in', bundle, change: 1 })
  expect(laptop.closed).toBe(null)
})

test('[AC9] not without the signature of the account, not out of turn, not twice, and not with a cheap hash', async () => {
  const relay = testRelay()
  const { account, login: old } = await relay.person('alice')
  const slot: Slot = { slot: 'pw', loginKey: (await makeKeys()).publicKey, bundle }
  const code: Slot = { slot: 'code', loginKey: (await makeKeys()).publicKey, bundle }
  const cheap: Slot = { ...slot, bundle: { ...bundle, kdf: { ...kdf, m: 1024 } } }

  const refused = [
    await putSlot(relay, old, slot, 1),
    await putSlot(relay, account, slot, 2),
    await putSlot(relay, account, cheap, 1),
  ]
  expect(await putSlot(relay, account, slot, 1)).toBe('ok')
  expect(await putSlot(relay, account, code, 2)).toBe('ok')
  refused.push(await putSlot(relay, account, slot, 1))

  expect(refused).toEqual(['not-authorized', 'conflict', 'not-acceptable', 'conflict'])
  expect(relay.row<{ slots: Slot[] }>('alice', 'account').slots).toEqual([slot, code])
})

test('[AC9] a login from before the change allows no list of devices any more', async () => {
  const relay = testRelay()
  const alice = await relay.person('alice')
  const own = alice.devices.map((device) => device.own)
  const slot: Slot = { slot: 'pw', loginKey: (await makeKeys()).publicKey, bundle }
  await putSlot(relay, alice.account, slot, 1)
  const list = await signList(alice, own, { ver: 2, prev: deviceListHash(alice.list) })

  expect(await relay.account('alice', { type: 'put-devices', list, change: 0 })).toMatchObject({
    code: 'not-authorized',
  })
  expect(await relay.account('alice', { type: 'put-devices', list, change: 1 })).toMatchObject({ type: 'ok' })
})

test('[AC4] a list that leaves nobody who could come in is refused', async () => {
  const relay = testRelay()
  const alice = await relay.person('alice')
  const list = await signList(alice, [await makeMailbox()], { ver: 2, prev: deviceListHash(alice.list) })

  expect(await relay.account('alice', { type: 'put-devices', list })).toMatchObject({ code: 'bad-request' })
})

// --- Who is where ----------------------------------------------------------------------------------------

test('[DV1] a device learns when each of the account was last here, and which are now', async () => {
  const relay = testRelay()
  const laptop = await relay.connect('alice')
  const phone = await relay.connect('alice', { device: 1 })
  await relay.advance(60_000)
  await laptop.text('{"type":"ping"}')
  await phone.text('{"type":"ping"}')
  const left = relay.now
  await phone.send('alice', 'n1', { kind: 'control' })
  await phone.close()
  await relay.advance(50_000)

  const answer = await laptop.ask({ type: 'devices' })

  expect(answer.type === 'devices' && answer.devices.toSorted((a, b) => b.seen - a.seen)).toEqual([
    { id: phone.device.own.id, seen: left, connected: false },
    { id: laptop.device.own.id, seen: expect.any(Number), connected: true },
  ])
})

// --- Going for good --------------------------------------------------------------------------------------

const ticket = 'T'.repeat(40)

async function deleteAs(relay: TestRelay, by: Keys, change = 0) {
  const { acct, user } = await relay.person('alice')
  const signature = await by.sign(deleteBytes(relay.relayId, acct, user, ticket))
  const reply = await relay.account('alice', { type: 'delete', ticket, change, signature })
  return reply.type === 'error' ? reply.code : reply.type
}

test('[AC10] a deleted account is gone for its devices and for everybody on the roster, and nothing stays', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const phone = await relay.connect('alice', { device: 1 })
  const carol = await relay.connect('carol')
  await carol.send('alice', 'k', { kind: 'knock' })
  await alice.send('bob', 'last words')
  const { account } = await relay.person('alice')

  expect(await deleteAs(relay, account)).toBe('ok')
  await relay.advance(10_000)
  await bob.send('alice', 'are you there?')
  await relay.advance(200_000)

  expect([alice.closed, phone.closed]).toEqual([4410, 4410])
  expect(bob.entries('gone')).toMatchObject([{ peer: 'alice' }])
  expect(bob.entries('roster').at(-1)).toMatchObject({ peer: 'alice', relation: 'none' })
  expect(carol.entries('gone')).toMatchObject([{ peer: 'alice' }])
  expect([...relay.backup('alice').keys()].toSorted()).toEqual(['due', 'meta'])
})

test('[AC10] a device that was away hears that the account was deleted; whoever has no key of it hears nothing', async () => {
  const relay = testRelay()
  await relay.connect('alice')
  const phone = await relay.connect('alice', { device: 1 })
  const stranger = await relay.connect('mallory')
  await phone.close()
  const { account } = await relay.person('alice')
  await deleteAs(relay, account)
  await relay.advance(200_000)

  const back = await relay.connect('alice', { device: 1 })
  const other = await relay.open('alice')
  await other.auth({ device: phone.device.own.id, signature: stranger.person!.list.sig })

  expect(back.closed).toBe(4410)
  expect(back.received('error')).toEqual([])
  expect(other.closed).not.toBe(4410)
  expect(other.received('error')).toMatchObject([{ code: 'not-authorized' }])
})

test('[AC10] not without the signature, nor by a login from before the password was changed', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const { account, login: key } = await relay.person('alice')

  expect([await deleteAs(relay, key), await deleteAs(relay, account, 1)]).toEqual([
    'not-authorized',
    'not-authorized',
  ])
  expect(alice.closed).toBe(null)
})

test('[AC10] nobody gets the name for 90 days, nor in; then it is free', async () => {
  const relay = testRelay()
  const { account, login: key } = await relay.person('alice')
  await deleteAs(relay, account)
  await relay.advance(1000)

  expect(await registerAs(relay, () => ({}))).toMatchObject({ code: 'conflict' })
  expect(await login(relay, 'alice', key)).toMatchObject({ code: 'not-authorized' })
  await relay.advance(89 * 86_400_000)
  expect(await registerAs(relay, () => ({}))).toMatchObject({ code: 'conflict' })
  await relay.advance(2 * 86_400_000)

  expect(relay.backup('alice').size).toBe(0)
  expect(await registerAs(relay, () => ({}))).toMatchObject({ type: 'registered' })
})

// --- The operator ---------------------------------------------------------------------------------------------

test('[AC11] a barred account is kept out and told why, and nobody else is; let in again, everything goes on', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const { login: key } = await relay.person('alice')

  expect(await relay.account('alice', { type: 'bar', on: true })).toEqual({ type: 'ok' })
  expect(alice.closed).toBe(1012)
  const again = await relay.connect('alice')
  expect(again.last('error')).toMatchObject({ code: 'forbidden', action: 'cancel' })
  expect(again.received('welcome')).toEqual([])
  expect(again.closed).toBe(4401)
  expect(await login(relay, 'alice', key)).toMatchObject({ code: 'forbidden' })
  // Whoever has not proved anything learns nothing.
  expect(await login(relay, 'alice', await makeKeys())).toMatchObject({ code: 'not-authorized' })
  const stranger = await relay.open('alice')
  await stranger.auth({ signature: 'A'.repeat(86) })
  expect(stranger.last('error')).toMatchObject({ code: 'not-authorized' })
  await bob.send('alice', 'are you there?')
  expect(bob.entries('failed')).toEqual([])

  await relay.account('alice', { type: 'bar', on: false })
  const back = await relay.connect('alice')

  expect(back.inbox).toEqual(['are you there?'])
  expect(await login(relay, 'alice', key)).toMatchObject({ type: 'logged-in' })
})

test('[AC10] the operator deletes an account as its owner would', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()

  expect(await relay.account('alice', { type: 'remove' })).toEqual({ type: 'ok' })
  await relay.advance(10_000)

  expect(alice.closed).toBe(4410)
  expect(bob.entries('gone')).toMatchObject([{ peer: 'alice' }])
  expect(await relay.account('alice', { type: 'remove' })).toMatchObject({ code: 'item-not-found' })
  expect(await relay.account('nobody', { type: 'bar', on: true })).toMatchObject({ code: 'item-not-found' })
  expect(relay.backup('nobody').size).toBe(0)
})
