/** Bodies of the HTTP routes (relay/http). Paths and rules: PROTOCOL.md, "Accounts over HTTP". */
import * as v from 'valibot'
import { DeviceList, Slot, slotNames } from './account.ts'
import { FirstKeyPackages, Vault, VaultText } from './keys.ts'
import { accountId, bytes, blob, count, hash, millis, userId } from './schema.ts'

/** `GET /v1/info` */
export const Info = v.object({
  name: v.string(),
  relayId: bytes(32),
  versions: v.array(count),
  now: millis,
  invite: v.picklist(['none', 'required']),
  limits: v.object({
    payloadBytesMax: count,
    messageCharsMax: count,
    knockCharsMax: count,
    statusCharsMax: count,
    rosterMax: count,
    devicesMax: count,
    keepMs: count,
    fileBytesMax: count,
    filesBytesMax: count,
    offline: v.picklist(['store', 'refuse']),
  }),
})
export type Info = v.InferOutput<typeof Info>

/** `POST /v1/register/start` → what must be worked out before an account is made. Bound to the name. */
export const RegisterStart = v.object({ user: userId })
export const Pow = v.object({ salt: bytes(16), bits: count, exp: millis, mac: hash })
export type Pow = v.InferOutput<typeof Pow>

/** So that a device in a list always has a package: those of the new device, and of `@` if that is new. */
const firstKeys = v.optional(v.pipe(v.array(FirstKeyPackages), v.maxLength(2)))

/** `POST /v1/register` → `{acct}` */
export const Register = v.object({
  user: userId,
  slots: v.pipe(v.array(Slot), v.minLength(1), v.maxLength(slotNames.length)),
  list: DeviceList,
  pow: v.object({ ...Pow.entries, answer: count }),
  invite: v.optional(v.pipe(v.string(), v.maxLength(100))),
  keys: firstKeys,
  /** The first content of the vault. */
  vault: v.optional(VaultText),
  /** Over `registerBytes`, by the password's login key and by the account key. */
  signatures: v.object({ login: bytes(64), account: bytes(64) }),
})
export type Register = v.InferOutput<typeof Register>
export const Registered = v.object({ acct: accountId })

/** `POST /v1/login/start` → the same for every name, known or not */
export const LoginStart = v.object({ user: userId })
export const LoginNonce = v.object({ nonce: bytes(16), ts: millis, mac: hash })
export type LoginNonce = v.InferOutput<typeof LoginNonce>

/** `POST /v1/login/finish` → `LoggedIn`, or 401 `not-authorized`, the same for every reason */
export const LoginFinish = v.object({
  ...LoginNonce.entries,
  user: userId,
  slot: v.picklist(slotNames),
  /** Over `loginBytes`, by the slot's login key. */
  signature: bytes(64),
})
export type LoginFinish = v.InferOutput<typeof LoginFinish>
export const LoggedIn = v.object({
  /** Allows one change of the account for ten minutes. */
  ticket: blob(400),
  acct: accountId,
  bundle: Slot.entries.bundle,
  list: DeviceList,
  /** How often the ways in were changed: the next change has the number after it. */
  change: v.optional(count, 0),
  /** Absent while there is nothing in it. */
  vault: v.optional(Vault),
})
export type LoggedIn = v.InferOutput<typeof LoggedIn>

/** `POST /v1/devices` → `{version, hash}`; the next device list, with a fresh login */
export const PutDevices = v.object({
  user: userId,
  ticket: blob(400),
  list: DeviceList,
  keys: firstKeys,
  /** In place of the one of that version, in one commit with the list. */
  vault: v.optional(Vault),
})
export type PutDevices = v.InferOutput<typeof PutDevices>

/** `POST /v1/slot` → `{}`; another password, or another recovery code, with a fresh login */
export const PutSlot = v.object({
  user: userId,
  acct: accountId,
  ticket: blob(400),
  /** Of the device list that the login showed. */
  version: count,
  change: v.pipe(count, v.minValue(1)),
  slot: Slot,
  /** Over `slotBytes`, by the account key. */
  signature: bytes(64),
})
export type PutSlot = v.InferOutput<typeof PutSlot>

/** `POST /v1/delete` → `{}`; the account goes, with a fresh login */
export const DeleteAccount = v.object({
  user: userId,
  acct: accountId,
  ticket: blob(400),
  /** Of the device list that the login showed. */
  version: count,
  /** Over `deleteBytes`, by the account key. */
  signature: bytes(64),
})
export type DeleteAccount = v.InferOutput<typeof DeleteAccount>

/** `GET /v1/devices/:user?acct=…&after=N` → the lists with a version above N, oldest first */
export const DeviceLists = v.object({ lists: v.array(DeviceList) })
export type DeviceLists = v.InferOutput<typeof DeviceLists>

/** Every refusal over HTTP has this body. */
export const Refusal = v.object({
  error: v.object({
    code: v.string(),
    action: v.string(),
    retryAfterMs: v.optional(count),
    detail: v.optional(v.string()),
  }),
})
