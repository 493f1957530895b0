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
import type { DeviceId, Millis } from '#shared/ids'
import { limits } from '#shared/limits'
import { decrypt, encrypt, makeLocalKey, makeStoredKey, own, signingKey, storedKey } from './keys.ts'

/** What every device of the account holds, under its local key. base64url of 32 bytes each. */
export interface Secrets {
  /** Account identity key: signs device lists. */
  aik: string
  /** Device signing key: what this device says inside a conversation. */
  dsk: string
}

export const randomSeed = (): string => toBase64(crypto.getRandomValues(new Uint8Array(32)))

// --- The bundle: what a password or a recovery code brings back --------------------------------------------

interface Bundle {
  v: 1
  aikSeed: string
  /** Recovery key of the archive; empty until there is one. */
  rk: string
}

export async function wrapBundle(
  wrap: CryptoKey,
  relayId: string,
  user: string,
  aik: string,
): Promise<WrappedBundle> {
  const bundle: Bundle = { v: 1, aikSeed: aik, rk: '' }
  return { v: 1, kdf, ...(await encrypt(wrap, utf8(JSON.stringify(bundle)), bundleAad(relayId, user))) }
}

/**
 * The account key's seed. @throws Error when the key is another, or when the relay offers a hash that is too cheap:
 * it must not be able to make passwords easy to guess.
 */
export async function unwrapBundle(
  wrap: CryptoKey,
  relayId: string,
  user: string,
  bundle: WrappedBundle,
): Promise<string> {
  if (bundle.kdf.m < limits.argonMemoryKiBMin || bundle.kdf.t < 1)
    throw new Error('the password hash is too cheap')
  const plain = await decrypt(wrap, bundle, bundleAad(relayId, user))
  const { v, aikSeed } = JSON.parse(new TextDecoder().decode(plain)) as Bundle
  if (v !== 1 || fromBase64(aikSeed).length !== 32) throw new Error('a bundle of another version')
  return aikSeed
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

export async function makeDevice(aik: string): Promise<NewDevice> {
  const id = toBase64(crypto.getRandomValues(new Uint8Array(8))) as DeviceId
  const [dak, lsk] = await Promise.all([makeStoredKey(), makeLocalKey()])
  const secrets: Secrets = { aik, dsk: randomSeed() }
  const sealedSecrets = await encrypt(lsk, utf8(JSON.stringify(secrets)), localAad(id))
  return { id, dak, lsk, secrets, sealedSecrets }
}

export async function openSecrets(
  lsk: CryptoKey,
  id: DeviceId,
  sealed: { iv: string; ct: string },
): Promise<Secrets> {
  return JSON.parse(new TextDecoder().decode(await decrypt(lsk, sealed, localAad(id)))) as Secrets
}

/** No session with a name of its own yet: the placeholder needs none, MLS will write its suite here. */
const suite = 'placeholder'

/** The next list of the account, with `device` added; the first when `previous` is null. `ts` is the relay's time. */
export async function listWith(
  device: NewDevice,
  name: string,
  previous: DeviceList | null,
  ts: Millis,
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
    rkpub: previous?.rkpub ?? '',
    suite: previous?.suite ?? suite,
    minProto: previous?.minProto ?? 1,
    ver: (previous?.ver ?? 0) + 1,
    prev: previous ? deviceListHash(previous) : zeroHash,
    ts,
    devices: [...(previous?.devices ?? []), added],
  }
  return { ...list, sig: await account.sign(deviceListBytes(list)) }
}
