/** An account's secrets, and the signed list of its devices. */
import {
  accountOf,
  bundleAad,
  deviceListBytes,
  deviceListHash,
  deviceSelfBytes,
  kdf,
  zeroHash,
  type Device,
  type DeviceList,
  type WrappedBundle,
} from '#shared/account'
import { fromBase64, tbs, toBase64, utf8 } from '#shared/bytes'
import type { AccountId, DeviceId, Millis } from '#shared/ids'
import { limits } from '#shared/limits'
import type { ArchiveKeys } from './for-me.ts'
import { decrypt, encrypt, makeLocalKey, makeStoredKey, own, signingKey, storedKey } from './keys.ts'
import { suiteName } from './mls/suite.ts'

/** What every device of the account holds, under its local key. base64url of 32 bytes each. */
export interface Secrets {
  /** Account identity key: signs device lists. */
  aik: string
  /** Device signing key: what this device says inside a conversation. */
  dsk: string
  /** Archive keys by their number. */
  aks: ArchiveKeys
}

export const randomSeed = (): string => toBase64(crypto.getRandomValues(new Uint8Array(32)))

// --- The bundle: what a password or a recovery code brings back --------------------------------------------

interface Bundle {
  v: 1
  aikSeed: string
  /** Recovery key: opens the vault. It is in the bundle only, and on no device. */
  rk: string
}

export async function wrapBundle(
  wrap: CryptoKey,
  relayId: string,
  user: string,
  { aik, rk }: { aik: string; rk: string },
): Promise<WrappedBundle> {
  const bundle: Bundle = { v: 1, aikSeed: aik, rk }
  return { v: 1, kdf, ...(await encrypt(wrap, utf8(JSON.stringify(bundle)), bundleAad(relayId, user))) }
}

/**
 * The account key's seed and the recovery key. @throws Error when the key is another, or when the relay offers a hash that is too cheap:
 * it must not be able to make passwords easy to guess.
 */
export async function unwrapBundle(
  wrap: CryptoKey,
  relayId: string,
  user: string,
  bundle: WrappedBundle,
): Promise<{ aik: string; rk: string }> {
  if (bundle.kdf.m < limits.argonMemoryKiBMin || bundle.kdf.t < 1)
    throw new Error('the password hash is too cheap')
  const plain = await decrypt(wrap, bundle, bundleAad(relayId, user))
  const { v, aikSeed, rk } = JSON.parse(new TextDecoder().decode(plain)) as Bundle
  if (v !== 1 || fromBase64(aikSeed).length !== 32) throw new Error('a bundle of another version')
  return { aik: aikSeed, rk }
}

// --- This device -------------------------------------------------------------------------------------------

export interface NewDevice {
  id: DeviceId
  dak: CryptoKeyPair
  lsk: CryptoKey
  secrets: Secrets
  sealedSecrets: { iv: string; ct: string }
}

const localAad = (id: DeviceId) => tbs('local', id)

export async function makeDevice(aik: string, aks: ArchiveKeys): Promise<NewDevice> {
  const id = toBase64(crypto.getRandomValues(new Uint8Array(8))) as DeviceId
  const [dak, lsk] = await Promise.all([makeStoredKey(), makeLocalKey()])
  const secrets: Secrets = { aik, dsk: randomSeed(), aks }
  const sealedSecrets = await sealSecrets(lsk, id, secrets)
  return { id, dak, lsk, secrets, sealedSecrets }
}

export const sealSecrets = (lsk: CryptoKey, id: DeviceId, secrets: Secrets) =>
  encrypt(lsk, utf8(JSON.stringify(secrets)), localAad(id))

export async function openSecrets(
  lsk: CryptoKey,
  id: DeviceId,
  sealed: { iv: string; ct: string },
): Promise<Secrets> {
  return JSON.parse(new TextDecoder().decode(await decrypt(lsk, sealed, localAad(id)))) as Secrets
}

/**
 * The next list of the account, with `device` added. `first` makes the first one: the account's recovery key, and the
 * signing key of its mailbox device. `ts` is the relay's time.
 */
export async function listWith(
  device: NewDevice,
  name: string,
  previous: DeviceList | null,
  ts: Millis,
  first?: { rkpub: string; mailboxSeed: Uint8Array },
): Promise<DeviceList> {
  const [account, speaker, auth] = await Promise.all([
    signingKey(fromBase64(device.secrets.aik)),
    signingKey(fromBase64(device.secrets.dsk)),
    storedKey(device.dak),
  ])
  const acct = accountOf(own(fromBase64(account.publicKey)))
  const self = await speaker.sign(deviceSelfBytes(acct, { id: device.id, dak: auth.publicKey }))
  const added: Device = {
    id: device.id,
    dsk: speaker.publicKey,
    dak: auth.publicKey,
    created: ts,
    name,
    self,
  }
  const list = {
    v: 1 as const,
    acct,
    aik: account.publicKey,
    rkpub: previous?.rkpub ?? first?.rkpub ?? '',
    suite: previous?.suite ?? suiteName,
    minProto: previous?.minProto ?? 1,
    ver: (previous?.ver ?? 0) + 1,
    prev: previous ? deviceListHash(previous) : zeroHash,
    ts,
    devices: [
      ...(previous?.devices ?? []),
      added,
      ...(first ? [await mailboxIn(first.mailboxSeed, acct, ts)] : []),
    ],
  }
  return { ...list, sig: await account.sign(deviceListBytes(list)) }
}

/**
 * The next list of the account, without one of its devices and with another mailbox device: the one that goes knows
 * the keys of the mailbox there was. @throws Error when it would leave none.
 */
export async function listWithout(
  device: DeviceId,
  previous: DeviceList,
  aik: string,
  ts: Millis,
  mailboxSeed: Uint8Array,
): Promise<DeviceList> {
  const { sig: _, ...known } = previous
  const mailbox = await mailboxIn(mailboxSeed, previous.acct, ts)
  const devices = known.devices
    .filter(({ id }) => id !== device)
    .map((one) => (one.id === mailbox.id ? mailbox : one))
  if (devices.every(({ id }) => id === mailbox.id)) throw new Error('a list without devices')
  const list = { ...known, devices, ver: previous.ver + 1, prev: deviceListHash(previous), ts }
  const account = await signingKey(fromBase64(aik))
  return { ...list, sig: await account.sign(deviceListBytes(list)) }
}

/** The line of the mailbox device `@`: it has a signing key and no socket. */
async function mailboxIn(seed: Uint8Array, acct: AccountId, created: Millis): Promise<Device> {
  const speaker = await signingKey(seed)
  const id = '@' as DeviceId
  const self = await speaker.sign(deviceSelfBytes(acct, { id, dak: '' }))
  return { id, dsk: speaker.publicKey, dak: '', created, self }
}
