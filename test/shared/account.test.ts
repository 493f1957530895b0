import { createPrivateKey, createPublicKey } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  accountOf,
  deviceListHash,
  deviceListProblem,
  passwordSalt,
  powHolds,
  registerBytes,
  zeroHash,
  type DeviceList,
} from '#shared/account'
import { toBase64 } from '#shared/bytes'
import type { UserId } from '#shared/ids'
import { verify } from '../../relay/http/web-crypto.ts'
import { makeDevice, makeKeys, signList, signUpBody } from '../support/sign-up.ts'

// Vectors of the cryptography reference, §4.0.
const relayId = toBase64(new Uint8Array(32).fill(7))

/** The public key of an Ed25519 seed. */
function publicKeyOf(seed: Uint8Array): Uint8Array {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex') // PKCS #8 around a seed
  const key = createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' })
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32))
}

test('the salt of a password follows from relay and name', () => {
  expect(toBase64(passwordSalt(relayId, 'alice'))).toBe('KgqwUVoMNQqYLVyxS8i4a1W4aMdP43ACVZg7XXrOC8w')
})

test.each([
  [1, 'iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w', 'oHqiP5Q2SArGz-CLj05s8Q'],
  [9, '_RckOFqgx1tk-3jNYC-h2ZH96_drE8WO1wLqyDXp9hg', 'DTkTUwnZ85tvJ7A6yl-j6Q'],
])('an account is named by its key (seed %i)', (byte, publicKey, acct) => {
  const key = publicKeyOf(new Uint8Array(32).fill(byte))

  expect(toBase64(key)).toBe(publicKey)
  expect(accountOf(key)).toBe(acct)
})

async function owner() {
  const account = await makeKeys()
  const acct = accountOf(Uint8Array.from(Buffer.from(account.publicKey, 'base64url')))
  const device = await makeDevice()
  const first = await signList({ acct, account }, [device])
  return { acct, account, device, first }
}

test('a first list, and each that names the one before it, are fine', async () => {
  const { first, device, ...keys } = await owner()
  const second = await signList(keys, [device, await makeDevice()], { ver: 2, prev: deviceListHash(first) })

  expect(await deviceListProblem(first, null, verify)).toBeNull()
  expect(await deviceListProblem(first, first, verify)).toBeNull()
  expect(await deviceListProblem(second, first, verify)).toBeNull()
})

test('a list that lies is found out', async () => {
  const { first, device, ...keys } = await owner()
  const prev = deviceListHash(first)
  const second = await signList(keys, [device], { ver: 2, prev })
  const other = await owner()
  const problem = (list: DeviceList, known: DeviceList | null = first) =>
    deviceListProblem(list, known, verify)

  expect(await problem(first, second)).toBe('rollback')
  expect(await problem(await signList(keys, [device], { ver: 2, prev: zeroHash }))).toBe('fork')
  expect(await problem(await signList(keys, [device, await makeDevice()]))).toBe('fork')
  expect(await problem(await signList(keys, [device], { ver: 3, prev }))).toBe('gap')
  expect(await problem(second, null)).toBe('gap')
  expect(await problem({ ...second, ts: second.ts + 1 })).toBe('signature')
  expect(await problem({ ...second, aik: other.account.publicKey })).toBe('account')
  expect(await problem(other.first)).toBe('account')
  expect(await problem(await signList(keys, [device, device], { ver: 2, prev }))).toBe('duplicate')
})

test('a device that has not agreed to belong to the account is found out', async () => {
  const { first, device, ...keys } = await owner()
  const stolen = await owner()
  const mine = { ...device, dsk: { ...device.dsk, sign: stolen.device.dsk.sign } }

  expect(await deviceListProblem(await signList(keys, [mine]), null, verify)).toBe('device')
  expect(first.devices).toHaveLength(1)
})

test('the name that people give a device is not signed', async () => {
  const { first } = await owner()
  const renamed = { ...first, devices: first.devices.map((device) => ({ ...device, name: 'Another' })) }

  expect(deviceListHash(renamed)).toBe(deviceListHash(first))
})

test('every part of a sign-up changes what is signed', async () => {
  const work = { salt: 'A'.repeat(22), bits: 0, exp: 0, mac: 'A'.repeat(43), answer: 0 }
  const { body } = await signUpBody({ relayId, user: 'alice', work })
  const slot = body.slots[0]!
  const { list } = body
  const user = 'alice' as UserId
  const bytes = [
    registerBytes(relayId, user, [slot], list, work.salt),
    registerBytes(toBase64(new Uint8Array(32)), user, [slot], list, work.salt),
    registerBytes(relayId, 'alicf' as UserId, [slot], list, work.salt),
    registerBytes(relayId, user, [{ ...slot, slot: 'code' }], list, work.salt),
    registerBytes(relayId, user, [{ ...slot, loginKey: 'A'.repeat(43) }], list, work.salt),
    registerBytes(relayId, user, [{ ...slot, bundle: { ...slot.bundle, ct: 'AAAA' } }], list, work.salt),
    registerBytes(relayId, user, [slot, slot], list, work.salt),
    registerBytes(relayId, user, [slot], { ...list, ts: 1 }, work.salt),
    registerBytes(relayId, user, [slot], list, 'B'.repeat(22)),
  ]

  expect(new Set(bytes.map(toBase64)).size).toBe(bytes.length)
})

test('work holds when the hash begins with enough zeros', () => {
  const answers = Array.from({ length: 4096 }, (_, answer) => answer)
  const holds = (bits: number) => answers.filter((answer) => powHolds('A'.repeat(22), answer, bits)).length

  expect(holds(0)).toBe(4096)
  expect(holds(4)).toBeGreaterThan(150)
  expect(holds(4)).toBeLessThan(400)
  expect(holds(10)).toBeLessThan(30)
})
