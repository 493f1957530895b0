/** What a device makes when an account is made, with real keys: by WebCrypto, as a browser would. */
import {
  accountOf,
  deviceListBytes,
  deviceSelfBytes,
  kdf,
  loginBytes,
  powHolds,
  registerBytes,
  zeroHash,
  type DeviceList,
  type Slot,
} from '#shared/account'
import type { LoginFinish, LoginNonce, Pow, Register } from '#shared/api'
import { toBase64 } from '#shared/bytes'
import type { AccountId, DeviceId, UserId } from '#shared/ids'

export interface Keys {
  publicKey: string
  sign(message: Uint8Array): Promise<string>
}

export async function makeKeys(): Promise<Keys> {
  const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair
  return {
    publicKey: toBase64(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))),
    sign: async (message) =>
      toBase64(new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, new Uint8Array(message)))),
  }
}

const randomText = (bytes: number) => toBase64(crypto.getRandomValues(new Uint8Array(bytes)))

/** A device with its keys: `dsk` speaks inside conversations, `dak` opens sockets. */
export interface OwnDevice {
  id: DeviceId
  dsk: Keys
  dak: Keys
}

export async function makeDevice(): Promise<OwnDevice> {
  return { id: randomText(8) as DeviceId, dsk: await makeKeys(), dak: await makeKeys() }
}

/** The account's virtual mailbox: in the list, with a key to sign with and none to open sockets with. */
export async function makeMailbox(): Promise<OwnDevice> {
  const dak: Keys = { publicKey: '', sign: () => Promise.reject(new Error('`@` has no such key')) }
  return { id: '@' as DeviceId, dsk: await makeKeys(), dak }
}

async function listed(acct: AccountId, { id, dsk, dak }: OwnDevice): Promise<DeviceList['devices'][number]> {
  const self = await dsk.sign(deviceSelfBytes(acct, { id, dak: dak.publicKey }))
  return { id, dsk: dsk.publicKey, dak: dak.publicKey, created: Date.now(), name: 'A test', self }
}

export interface SignUp {
  user: UserId
  acct: AccountId
  /** Signs device lists. */
  account: Keys
  /** What a password would give. */
  login: Keys
  device: OwnDevice
  body: Register
}

/** Signs the next list of an account, or its first. */
export async function signList(
  { acct, account }: Pick<SignUp, 'acct' | 'account'>,
  devices: readonly OwnDevice[],
  { ver = 1, prev = zeroHash }: { ver?: number; prev?: string } = {},
): Promise<DeviceList> {
  const list = {
    v: 1 as const,
    acct,
    aik: account.publicKey,
    rkpub: '',
    suite: 'none',
    minProto: 1,
    ver,
    prev,
    ts: Date.now(),
    devices: await Promise.all(devices.map((device) => listed(acct, device))),
  }
  return { ...list, sig: await account.sign(deviceListBytes(list)) }
}

export async function signUpBody(options: {
  relayId: string
  user: string
  work: Pow & { answer: number }
  /** Is `@` in the list too? */
  mailbox?: boolean
}): Promise<SignUp> {
  const { relayId, work } = options
  const user = options.user as UserId
  const [account, login, device] = await Promise.all([makeKeys(), makeKeys(), makeDevice()])
  const acct = accountOf(Uint8Array.from(Buffer.from(account.publicKey, 'base64url')))
  const mailboxes = options.mailbox ? [await makeMailbox()] : []
  const list = await signList({ acct, account }, [device, ...mailboxes])
  const bundle = { v: 1 as const, kdf, iv: randomText(12), ct: randomText(100) }
  const slots: Slot[] = [{ slot: 'pw', loginKey: login.publicKey, bundle }]
  const message = registerBytes(relayId, user, slots, list, work.salt)
  const signatures = { login: await login.sign(message), account: await account.sign(message) }
  return { user, acct, account, login, device, body: { user, slots, list, pow: work, signatures } }
}

/** Works a task out; at 18 bits that takes a second or two, tests ask for fewer. */
export function workOut(task: Pow): Pow & { answer: number } {
  for (let answer = 0; ; answer++) if (powHolds(task.salt, answer, task.bits)) return { ...task, answer }
}

export async function loginBody(
  relayId: string,
  user: string,
  login: Keys,
  nonce: LoginNonce,
): Promise<LoginFinish> {
  const signature = await login.sign(loginBytes(relayId, user, 'pw', nonce.nonce, nonce.ts))
  return { ...nonce, user: user as UserId, slot: 'pw', signature }
}
