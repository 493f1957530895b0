/**
 * Accounts: who may sign in, which devices belong to them, and what is signed to prove it.
 * Keys, reasons and the road to MLS: the cryptography reference, §4.1 to §4.4.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import * as v from 'valibot'
import { fromBase64, tbs, toBase64 } from './bytes.ts'
import type { AccountId, DeviceId, UserId } from './ids.ts'
import { limits } from './limits.ts'
import { accountId, blob, bytes, count, deviceId, hash, millis } from './schema.ts'

/** Checks an Ed25519 signature. Injected, because every platform has a faster one than the next. */
export type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => Promise<boolean>

export const zeroHash = toBase64(new Uint8Array(32))
export const hashOf = (message: Uint8Array): string => toBase64(sha256(message))

/** Names the account by its key: whoever holds the key is the account, whatever its user name. */
export function accountOf(identityKey: Uint8Array): AccountId {
  return toBase64(sha256(tbs('acct', identityKey)).slice(0, 16)) as AccountId
}

/** The salt of the password: computed, not asked for, so that nobody learns which names exist. */
export const passwordSalt = (relayId: string, user: string): Uint8Array =>
  sha256(tbs('salt', fromBase64(relayId), user))

// --- Devices ---------------------------------------------------------------------------------------------

export const Device = v.object({
  id: deviceId,
  /** Signs what the device says inside a conversation. */
  dsk: bytes(32),
  /** Signs the relay's challenge. The mailbox device `@` has none. */
  dak: v.union([bytes(32), v.literal('')]),
  created: millis,
  /** What people call it: "Firefox on Linux". Chosen on the device, not signed, at most 60 characters. */
  name: v.optional(v.pipe(v.string(), v.maxLength(60))),
  /** By `dsk`: the device agrees to belong to this account. */
  self: bytes(64),
})
export type Device = v.InferOutput<typeof Device>

/** All devices of an account; every version names the one before it, and the account key signs it. */
export const DeviceList = v.object({
  v: v.literal(1),
  acct: accountId,
  aik: bytes(32),
  /** Recovery key; empty until there is an archive to recover. */
  rkpub: v.pipe(v.string(), v.maxLength(3000)),
  suite: v.pipe(v.string(), v.maxLength(80)),
  minProto: count,
  ver: v.pipe(count, v.minValue(1)),
  prev: hash,
  ts: millis,
  devices: v.pipe(v.array(Device), v.minLength(1), v.maxLength(limits.devicesMax + 1)),
  sig: bytes(64),
})
export type DeviceList = v.InferOutput<typeof DeviceList>

export const deviceSelfBytes = (acct: AccountId, device: Pick<Device, 'id' | 'dak'>): Uint8Array =>
  tbs('devself', acct, device.id, device.dak)

export function deviceListBytes(list: Omit<DeviceList, 'sig'>): Uint8Array {
  const devices = list.devices.flatMap((d) => [d.id, d.dsk, d.dak, d.created, '', d.self])
  return tbs(
    'devlist',
    list.acct,
    list.aik,
    list.rkpub,
    list.suite,
    list.minProto,
    list.ver,
    list.prev,
    list.ts,
    ...devices,
  )
}

export const deviceListHash = (list: Omit<DeviceList, 'sig'>): string => hashOf(deviceListBytes(list))

export type ListProblem = 'account' | 'signature' | 'device' | 'duplicate' | 'rollback' | 'fork' | 'gap'

/**
 * Why `list` cannot follow `known`, or null. `known` is null at the account's first list. A gap means that
 * versions in between are missing: fetch those. Everything else is somebody lying.
 */
export async function deviceListProblem(
  list: DeviceList,
  known: DeviceList | null,
  verify: Verify,
): Promise<ListProblem | null> {
  const aik = fromBase64(list.aik)
  if (accountOf(aik) !== list.acct) return 'account'
  if (known && known.acct !== list.acct) return 'account'
  if (new Set(list.devices.map((d) => d.id)).size !== list.devices.length) return 'duplicate'
  if (!(await verify(aik, deviceListBytes(list), fromBase64(list.sig)))) return 'signature'
  for (const device of list.devices) {
    if ((device.id === '@') !== (device.dak === '')) return 'device'
    const agreed = await verify(
      fromBase64(device.dsk),
      deviceSelfBytes(list.acct, device),
      fromBase64(device.self),
    )
    if (!agreed) return 'device'
  }
  if (!known) return list.ver === 1 && list.prev === zeroHash ? null : 'gap'
  if (list.ver < known.ver) return 'rollback'
  if (list.ver === known.ver) return deviceListHash(list) === deviceListHash(known) ? null : 'fork'
  if (list.ver > known.ver + 1) return 'gap'
  return list.prev === deviceListHash(known) ? null : 'fork'
}

// --- Signing in ------------------------------------------------------------------------------------------

/** How hard the password is hashed. Written beside what it opens, checked against a floor by the client. */
export const Kdf = v.object({ a: v.literal('argon2id'), m: count, t: count, p: count })
export type Kdf = v.InferOutput<typeof Kdf>
/** 64 MiB, three passes: two to five seconds in a page, once at each sign-in. */
export const kdf: Kdf = { a: 'argon2id', m: 64 * 1024, t: 3, p: 1 }

/** The account's secrets, encrypted under a key that only the password (or the recovery code) gives. */
export const WrappedBundle = v.object({ v: v.literal(1), kdf: Kdf, iv: bytes(12), ct: blob(4000) })
export type WrappedBundle = v.InferOutput<typeof WrappedBundle>

export const slotNames = ['pw', 'code'] as const
/** One way in: by the password or by the recovery code. Each has a login key and a bundle of its own. */
export const Slot = v.object({ slot: v.picklist(slotNames), loginKey: bytes(32), bundle: WrappedBundle })
export type Slot = v.InferOutput<typeof Slot>
export type SlotName = Slot['slot']

export const bundleAad = (relayId: string, user: string): Uint8Array =>
  tbs('bundle', fromBase64(relayId), user, 1)

const slotParts = (slot: Slot): string[] => [
  slot.slot,
  slot.loginKey,
  hashOf(
    tbs('slot', slot.bundle.kdf.m, slot.bundle.kdf.t, slot.bundle.kdf.p, slot.bundle.iv, slot.bundle.ct),
  ),
]

/** Signed by the password's login key and by the account key: nobody can swap a part of a sign-up. */
export const registerBytes = (
  relayId: string,
  user: UserId,
  slots: readonly Slot[],
  list: DeviceList,
  powSalt: string,
): Uint8Array =>
  tbs(
    'register',
    fromBase64(relayId),
    user,
    list.aik,
    deviceListHash(list),
    powSalt,
    ...slots.flatMap(slotParts),
  )

/**
 * Signed by the account key: from now on this slot is opened so. `change` counts the changes of the account's ways in,
 * so that one that was recorded is worth nothing later.
 */
export const slotBytes = (relayId: string, acct: AccountId, change: number, slot: Slot): Uint8Array =>
  tbs('slot-change', fromBase64(relayId), acct, change, ...slotParts(slot))

/** Signed by the account key: everything of the account is to go. */
export const deleteBytes = (relayId: string, acct: AccountId, user: UserId, ticket: string): Uint8Array =>
  tbs('delete-account', fromBase64(relayId), acct, user, ticket)

/** Signed by the login key. `ts` is the relay's. */
export const loginBytes = (
  relayId: string,
  user: string,
  slot: SlotName,
  nonce: string,
  ts: number,
): Uint8Array => tbs('login', fromBase64(relayId), user, slot, nonce, ts)

/** Signed by the device's key over the nonce of `hello`: this socket is that device, now, on this relay. */
export const connectBytes = (
  relayId: string,
  acct: AccountId,
  device: DeviceId,
  generation: number,
  nonce: string,
  at: number,
): Uint8Array => tbs('connect', fromBase64(relayId), acct, device, generation, nonce, at)

// --- Proof of work ---------------------------------------------------------------------------------------

/** Whether `answer` makes the hash begin with `bits` zero bits. */
export function powHolds(salt: string, answer: number, bits: number): boolean {
  const digest = sha256(tbs('pow', salt, answer))
  const whole = Math.floor(bits / 8)
  for (let i = 0; i < whole; i++) if (digest[i] !== 0) return false
  return bits % 8 === 0 || digest[whole]! >> (8 - (bits % 8)) === 0
}
