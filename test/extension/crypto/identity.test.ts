import { expect, test } from 'vitest'
import { bundleAad, deviceListBytes, deviceListHash, kdf, type DeviceList } from '#shared/account'
import { fromBase64, toBase64, utf8 } from '#shared/bytes'
import { limits } from '#shared/limits'
import { checkOwnList } from '../../../extension/engine/accounts.ts'
import {
  listWith,
  makeDevice,
  openSecrets,
  randomSeed,
  unwrapBundle,
  wrapBundle,
} from '../../../extension/crypto/identity.ts'
import { encrypt, signingKey, slotKeys } from '../../../extension/crypto/keys.ts'

const relayId = toBase64(new Uint8Array(32).fill(7))
const wrapOf = async (root = randomSeed()) => (await slotKeys(root)).wrap

// --- The bundle ------------------------------------------------------------------------------------------

test('a bundle brings the account key and the recovery key back', async () => {
  const [wrap, aik] = [await wrapOf(), randomSeed()]
  const bundle = await wrapBundle(wrap, relayId, 'alice', { aik, rk: 'AGE-SECRET' })

  expect(await unwrapBundle(wrap, relayId, 'alice', bundle)).toEqual({ aik, rk: 'AGE-SECRET' })
  expect(JSON.stringify(bundle)).not.toMatch(new RegExp(`${aik}|SECRET`))
})

test('a bundle opens with no other password, for no other name and on no other relay', async () => {
  const wrap = await wrapOf()
  const bundle = await wrapBundle(wrap, relayId, 'alice', { aik: randomSeed(), rk: '' })

  await expect(unwrapBundle(await wrapOf(), relayId, 'alice', bundle)).rejects.toThrow(Error)
  await expect(unwrapBundle(wrap, relayId, 'bob', bundle)).rejects.toThrow(Error)
  await expect(unwrapBundle(wrap, randomSeed(), 'alice', bundle)).rejects.toThrow(Error)
})

test.each([
  ['less memory', { ...kdf, m: limits.argonMemoryKiBMin - 1 }],
  ['no pass', { ...kdf, t: 0 }],
])('a bundle that asks for a cheaper hash is refused (%s)', async (_, cheap) => {
  const wrap = await wrapOf()
  const bundle = await wrapBundle(wrap, relayId, 'alice', { aik: randomSeed(), rk: '' })

  await expect(unwrapBundle(wrap, relayId, 'alice', { ...bundle, kdf: cheap })).rejects.toThrow('too cheap')
})

test.each([
  ['no JSON', 'x'],
  ['another version', JSON.stringify({ v: 2, aikSeed: randomSeed(), rk: '' })],
  ['half a key', JSON.stringify({ v: 1, aikSeed: 'AAAA', rk: '' })],
])('a bundle with %s inside is refused', async (_, inside) => {
  const wrap = await wrapOf()
  const sealed = await encrypt(wrap, utf8(inside), bundleAad(relayId, 'alice'))

  await expect(unwrapBundle(wrap, relayId, 'alice', { v: 1, kdf, ...sealed })).rejects.toThrow(Error)
})

// --- The device ------------------------------------------------------------------------------------------

test('a device opens its secrets; another one, or under another name, does not', async () => {
  const aik = randomSeed()
  const [device, other] = [await makeDevice(aik, {}), await makeDevice(aik, {})]

  expect(await openSecrets(device.lsk, device.id, device.sealedSecrets)).toEqual(device.secrets)
  expect(device.secrets.aik).toBe(aik)
  await expect(openSecrets(other.lsk, device.id, device.sealedSecrets)).rejects.toThrow(Error)
  await expect(openSecrets(device.lsk, other.id, device.sealedSecrets)).rejects.toThrow(Error)
})

// --- The list of devices, as the relay shows it at sign-in ----------------------------------------------------

async function account() {
  const aik = randomSeed()
  const [one, two] = [await makeDevice(aik, {}), await makeDevice(aik, {})]
  const first = await listWith(one, 'first', null, 1)
  const second = await listWith(two, 'second', first, 2)
  return { aik, one, two, first, second }
}

/** By the account's own key, whatever it says. */
async function signed(aik: string, list: Omit<DeviceList, 'sig'>): Promise<DeviceList> {
  return { ...list, sig: await (await signingKey(fromBase64(aik))).sign(deviceListBytes(list)) }
}

test('[AC4] each list names the one before it and is signed by the account', async () => {
  const { aik, first, second, one, two } = await account()

  expect(second.prev).toBe(deviceListHash(first))
  expect(second.devices.map(({ id }) => id)).toEqual([one.id, two.id])
  await expect(checkOwnList(first, aik, null)).resolves.toBeUndefined()
  await expect(checkOwnList(second, aik, null)).resolves.toBeUndefined()
  await expect(checkOwnList(second, aik, first)).resolves.toBeUndefined()
})

test('a list of another account is refused, however well it is signed', async () => {
  const [{ aik }, other] = [await account(), await account()]

  await expect(checkOwnList(other.second, aik, null)).rejects.toMatchObject({ code: 'not-authorized' })
})

test('a device that the account has not signed is refused', async () => {
  const { aik, second } = await account()
  const ghost = (await listWith(await makeDevice(randomSeed(), {}), 'ghost', null, 3)).devices[0]!
  const list = { ...second, devices: [...second.devices, ghost] }

  await expect(checkOwnList(list, aik, null)).rejects.toMatchObject({ code: 'not-authorized' })
})

test('a device that has not agreed to belong to the account is refused, though the account signed it', async () => {
  const { aik, second } = await account()
  const ghost = (await listWith(await makeDevice(randomSeed(), {}), 'ghost', null, 3)).devices[0]!
  const list = await signed(aik, { ...second, devices: [...second.devices, ghost] })

  await expect(checkOwnList(list, aik, null)).rejects.toMatchObject({ code: 'not-authorized' })
})

test('a list older than the one this profile knows is refused, and so is another of the same number', async () => {
  const { aik, first, second } = await account()
  const fork = await listWith(await makeDevice(aik, {}), 'fork', first, 2)

  await expect(checkOwnList(first, aik, second)).rejects.toMatchObject({ code: 'not-authorized' })
  await expect(checkOwnList(fork, aik, second)).rejects.toMatchObject({ code: 'not-authorized' })
})

test('the list of another account that this profile knows says nothing about this one', async () => {
  const [{ aik, first }, other] = [await account(), await account()]

  await expect(checkOwnList(first, aik, other.second)).resolves.toBeUndefined()
})
