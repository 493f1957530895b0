/** Accounts over HTTP: making one, coming back to one. The password stays in the page; here is what was made of it. */
import * as v from 'valibot'
import {
  deviceListProblem,
  loginBytes,
  powHolds,
  registerBytes,
  type DeviceList,
  type Slot,
  type SlotName,
} from '#shared/account'
import {
  DeviceLists,
  Info,
  LoggedIn,
  LoginNonce,
  Pow,
  Registered,
  type PutDevices,
  type Register,
} from '#shared/api'
import { isErrorCode } from '#shared/errors'
import type { AccountId, DeviceId, Millis, UserId } from '#shared/ids'
import type { Vault } from '#shared/keys'
import { limits } from '#shared/limits'
import { negotiate } from '#shared/version'
import { CommandError } from '../bus/commands.ts'
import { makeArchiveKey, makeRecoveryKey } from '../crypto/archive/grant.ts'
import {
  listWith,
  makeDevice,
  randomSeed,
  unwrapBundle,
  wrapBundle,
  type NewDevice,
} from '../crypto/identity.ts'
import { signingKey, slotKeys, verify } from '../crypto/keys.ts'
import { makeMailbox } from '../crypto/mls/mailbox.ts'
import { codeRoot, makeRecoveryCode } from '../crypto/recovery-code.ts'
import { makeVault, openVault } from '../crypto/vault.ts'
import { fromBase64, toBase64 } from '#shared/bytes'
import type { AccountRow, KeyPackageRow } from '../db/db.ts'
import { firstPool, keysUp, mailboxRow, memberOf } from './key-pool.ts'
import type { Timers } from './ports.ts'

export interface Http {
  fetch: typeof fetch
  timers: Timers
}

/** What a person proves who they are with: `root` is made of the password or, with slot `code`, of the recovery code. */
interface Proof {
  relay: string
  relayId: string
  user: UserId
  root: string
}
interface SignInput extends Proof {
  deviceName: string
}

const timeoutMs = 20_000

// --- Addresses -------------------------------------------------------------------------------------------

const isLoopback = (host: string) => host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host)

/** The relay's origin. @throws CommandError `address-invalid`, or `address-insecure` for http beyond this machine. */
export function relayOrigin(typed: string): string {
  const url = URL.canParse(typed) ? new URL(typed) : null
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.password !== '' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw new CommandError('address-invalid')
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) throw new CommandError('address-insecure')
  return url.origin
}

// --- Requests --------------------------------------------------------------------------------------------

export async function ask<T>(
  http: Http,
  relay: string,
  path: string,
  schema: v.GenericSchema<unknown, T>,
  body?: unknown,
): Promise<T> {
  const init: RequestInit =
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  let response: Response
  try {
    response = await http.fetch(relayOrigin(relay) + path, {
      ...init,
      redirect: 'error',
      credentials: 'omit',
      cache: 'no-store',
      signal: AbortSignal.timeout(timeoutMs),
    })
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError('unreachable', String(error))
  }
  const answer: unknown = await response.json().catch((error: unknown) => {
    if (error instanceof SyntaxError) return null // another kind of server answers with a page
    throw new CommandError('unreachable', String(error))
  })
  if (!response.ok) throw refusalOf(answer, response.status)
  const result = v.safeParse(schema, answer)
  if (!result.success) throw new CommandError('not-a-relay', `${path}: ${result.issues[0].message}`)
  return result.output
}

const RefusalBody = v.object({
  error: v.object({ code: v.string(), retryAfterMs: v.optional(v.number()), detail: v.optional(v.string()) }),
})

/** What the relay has refused something with, by the body of its answer. */
export function refusalOf(answer: unknown, status: number): CommandError {
  const result = v.safeParse(RefusalBody, answer)
  if (!result.success)
    return new CommandError(status >= 500 ? 'unreachable' : 'not-a-relay', `status ${status}`)
  const { code, detail, retryAfterMs } = result.output.error
  return new CommandError(isErrorCode(code) ? code : 'internal-server-error', detail, retryAfterMs)
}

/** @throws CommandError as `Commands.relayInfo` says. */
export async function relayInfo(http: Http, relay: string): Promise<Info> {
  // The version is looked at before the rest, which another version may say in another way.
  const answer = await ask(http, relay, '/v1/info', v.looseObject({ versions: v.array(v.number()) }))
  if (negotiate(answer.versions) === null) throw new CommandError('unsupported-version')
  const info = v.safeParse(Info, answer)
  if (!info.success) throw new CommandError('not-a-relay', info.issues[0].message)
  return info.output
}

// --- Signing up ------------------------------------------------------------------------------------------

/** 64 times what a relay asks for by itself: minutes. More is no proof but an attack on this computer. */
const powBitsMax = limits.powBits + 6

/** Works in slices, so that the background answers meanwhile. */
async function workOut({ salt, bits }: Pow, timers: Timers): Promise<number> {
  if (bits > powBitsMax) throw new CommandError('not-a-relay', `${bits} bits of work`)
  for (let answer = 0; ; answer++) {
    if (powHolds(salt, answer, bits)) return answer
    if (answer % 2000 === 1999) await new Promise<void>((resume) => timers.after(0, resume))
  }
}

export async function slotOf(
  slot: SlotName,
  root: string,
  { relayId, user }: Pick<Proof, 'relayId' | 'user'>,
  roots: { aik: string; rk: string },
) {
  const { login, wrap } = await slotKeys(root)
  const bundle = await wrapBundle(wrap, relayId, user, roots)
  return { made: { slot, loginKey: login.publicKey, bundle } satisfies Slot, login }
}

/** An account as it comes to this device: what it is, and the private halves of the packages it has given out. */
export interface NewAccount {
  account: AccountRow
  packages: KeyPackageRow[]
}

export async function signUp(
  http: Http,
  input: SignInput & { invite?: string },
): Promise<NewAccount & { recoveryCode: string }> {
  const { relay, relayId, user, root, invite } = input
  const info = await relayInfo(http, relay)
  if (info.relayId !== relayId) throw new CommandError('wrong-relay')
  const pow = await ask(http, relay, '/v1/register/start', Pow, { user })
  const answer = await workOut(pow, http.timers)

  const aik = randomSeed()
  const { rk, rkpub } = await makeRecoveryKey()
  const recoveryCode = makeRecoveryCode()
  const password = await slotOf('pw', root, input, { aik, rk })
  const code = await slotOf('code', codeRoot(recoveryCode, relayId, user), input, { aik, rk })
  const device = await makeDevice(aik, { 1: toBase64(makeArchiveKey()) })
  const mailboxSeed = fromBase64(randomSeed())
  const list = await listWith(device, input.deviceName, null, info.now, { rkpub, mailboxSeed })
  const mailbox = await makeMailbox(list.acct, info.now, {
    member: memberOf(list, '@' as DeviceId),
    seed: mailboxSeed,
  })
  const speaker = await signingKey(fromBase64(device.secrets.dsk))
  const vault = await makeVault({
    list,
    by: device.id,
    sign: speaker.sign,
    keys: device.secrets.aks,
    mailboxes: [mailbox],
  })
  const pool = await firstPool(device, list, info.now)
  const keys = [
    pool.up,
    await keysUp(device, list, { device: '@' as DeviceId, lastResort: mailbox.keyPackage }, info.now),
  ]
  const slots = [password.made, code.made]
  const message = registerBytes(relayId, user, slots, list, pow.salt)
  const account = await signingKey(fromBase64(aik))
  const body: Register = {
    user,
    slots,
    list,
    pow: { ...pow, answer },
    ...(invite !== undefined && { invite }),
    signatures: { login: await password.login.sign(message), account: await account.sign(message) },
    keys,
    vault,
  }
  await ask(http, relay, '/v1/register', Registered, body)
  const packages = [...pool.rows, mailboxRow(mailbox.keyPackage, info.now)]
  return { account: accountRow(http, input, device, list), packages, recoveryCode }
}

// --- Signing in ------------------------------------------------------------------------------------------

/** Somebody has just proved who they are: for ten minutes they may change one thing about the account. */
export interface Login {
  ticket: string
  aik: string
  rk: string
  /** Of own devices; checked. */
  list: DeviceList
  /** How often the ways in were changed. */
  change: number
  vault: Vault
  /** By the relay's clock. */
  now: Millis
}

const noVault: Vault = { version: 0, payload: '' }

/**
 * `known`: the newest list that this profile has seen, of this or another account. @throws CommandError
 * `not-authorized` for a wrong password, and for a relay that shows other devices than the account has signed.
 */
export async function logIn(
  http: Http,
  { relay, relayId, user, root, slot }: Proof & { slot: SlotName },
  known: DeviceList | null,
): Promise<Login> {
  const info = await relayInfo(http, relay)
  if (info.relayId !== relayId) throw new CommandError('wrong-relay')
  const { login, wrap } = await slotKeys(root)
  const nonce = await ask(http, relay, '/v1/login/start', LoginNonce, { user })
  const signature = await login.sign(loginBytes(relayId, user, slot, nonce.nonce, nonce.ts))
  const {
    ticket,
    bundle,
    list,
    change,
    vault = noVault,
  } = await ask(http, relay, '/v1/login/finish', LoggedIn, {
    ...nonce,
    user,
    slot,
    signature,
  })
  const { aik, rk } = await unwrapBundle(wrap, relayId, user, bundle).catch((error: unknown) => {
    throw new CommandError('not-authorized', `the bundle does not open: ${String(error)}`)
  })
  await checkOwnList(list, aik, known)
  return { ticket, aik, rk, list, change, vault, now: info.now }
}

/** Adds this browser to the account. `known` and errors as `logIn` has them. */
export async function signIn(
  http: Http,
  input: SignInput & { slot: SlotName },
  known: DeviceList | null,
): Promise<NewAccount> {
  const { relay, user, deviceName } = input
  const { ticket, aik, rk, list, vault, now } = await logIn(http, input, known)
  const { keys: archiveKeys, mailboxes } = await openVault(vault.payload, rk, list).catch(
    (error: unknown) => {
      throw new CommandError('not-authorized', `the vault does not open: ${String(error)}`)
    },
  )
  const device = await makeDevice(aik, archiveKeys)
  const next = await listWith(device, deviceName, list, now)
  const pool = await firstPool(device, next, now)
  const body: PutDevices = { user, ticket, list: next, keys: [pool.up] }
  await ask(http, relay, '/v1/devices', v.unknown(), body)
  const packages = [...pool.rows, ...mailboxes.map(({ keyPackage }) => mailboxRow(keyPackage, now))]
  return { account: accountRow(http, input, device, next), packages }
}

/** The relay cannot slip in a device: what it shows must be signed by the key that the password has opened. */
export async function checkOwnList(list: DeviceList, aik: string, known: DeviceList | null): Promise<void> {
  const { publicKey } = await signingKey(fromBase64(aik))
  const before = known?.acct === list.acct ? known : null
  const problem = await deviceListProblem(list, before, verify)
  // A gap: there were lists in between. Each of them was signed by the same key, or this one would not be.
  if (list.aik !== publicKey || (problem !== null && problem !== 'gap')) {
    throw new CommandError('not-authorized', `the list of devices is not ours: ${problem}`)
  }
}

/**
 * Whether a name is the account that somebody says it is: the account is the hash of a key, and that key has signed
 * the devices. @throws CommandError `conflict` when it is another one by now, `item-not-found` when nobody is there.
 */
export async function checkAccount(http: Http, relay: string, user: UserId, acct: AccountId): Promise<void> {
  const { lists } = await ask(http, relay, `/v1/devices/${user}?acct=${acct}&after=0`, DeviceLists)
  let known: DeviceList | null = null
  for (const list of lists) {
    if (list.acct !== acct || (await deviceListProblem(list, known, verify)) !== null) {
      throw new CommandError('conflict', 'not the account of the link')
    }
    known = list
  }
  if (!known) throw new CommandError('conflict', 'not the account of the link')
}

function accountRow({ timers }: Http, input: SignInput, device: NewDevice, list: DeviceList): AccountRow {
  return {
    key: 'me',
    user: input.user,
    acct: list.acct,
    relay: relayOrigin(input.relay),
    relayId: input.relayId,
    device: device.id,
    dak: device.dak,
    lsk: device.lsk,
    sealedSecrets: device.sealedSecrets,
    list,
    generation: 0,
    createdAt: timers.now(),
  }
}
