/**
 * What relay/http asks of a room: the account, its ways in, its devices. Proofs of work, login tickets and addresses
 * are checked there; signatures and everything that needs the stored account are checked here.
 */
import {
  deleteBytes,
  deviceListHash,
  deviceListProblem,
  loginBytes,
  registerBytes,
  slotBytes,
  type Device,
  type DeviceList,
  type ListProblem,
} from '#shared/account'
import type { Register } from '#shared/api'
import { fromBase64 } from '#shared/bytes'
import { closeCodes, ProtocolError, type ErrorCode } from '#shared/errors'
import type { Millis } from '#shared/ids'
import type { KeyPackageUp, Vault } from '#shared/keys'
import { limits } from '#shared/limits'
import { onUploaded } from './blobs.ts'
import { newEpoch } from './ids.ts'
import { append } from './log.ts'
import { checkFirstPackages, dropLater, dropPackages, putPackages } from './packages.ts'
import type { AccountOperation, AccountReply, Env, Tx } from './ports.ts'
import { beginAnew } from './restored.ts'
import {
  firstPolicy,
  jobs,
  keys,
  type AccountRow,
  type DeviceRow,
  type LoginsRow,
  type Meta,
} from './rows.ts'
import { startSpread } from './spread.ts'
import { writeVault } from './vault.ts'
import { closeSocket, done, saveMeta, signedIn, wake, type Turn } from './turn.ts'

type Operation<Type extends AccountOperation['type']> = Extract<AccountOperation, { type: Type }>

/** @throws ProtocolError for every refusal: the runner makes the reply of it. */
export async function onAccount(operation: AccountOperation, turn: Turn): Promise<AccountReply> {
  switch (operation.type) {
    case 'register':
      return registerAgain(operation.body, turn)
    case 'login':
      return login(operation, turn)
    case 'put-devices':
      return putDevices(operation, turn)
    case 'put-slot':
      return putSlot(operation, turn)
    case 'delete':
      return deleteAccount(operation, turn)
    case 'get-devices':
      return getDevices(operation, turn)
    case 'uploaded':
      return onUploaded(operation.blob, turn)
    case 'bar':
      return bar(operation, turn)
    case 'remove':
      return remove(turn)
    case 'restored':
      await beginAnew(turn)
      return { type: 'ok' }
  }
}

/** For a name that nobody has: only registering is possible, and nothing else gives that away (AC2, AC8). */
export async function onAccountOfNobody(
  operation: AccountOperation,
  tx: Tx,
  env: Env,
): Promise<AccountReply> {
  switch (operation.type) {
    case 'register':
      return register(operation.body, tx, env)
    case 'login':
      await isSigned(operation, nobodysKey, env)
      throw new ProtocolError('not-authorized')
    case 'put-devices':
    case 'put-slot':
    case 'delete':
      throw new ProtocolError('not-authorized')
    case 'get-devices':
    case 'uploaded':
    case 'bar':
    case 'remove':
      throw new ProtocolError('item-not-found')
    case 'restored':
      return { type: 'ok' }
  }
}

// --- Signing up ------------------------------------------------------------------------------------------

/** Makes the account of a body whose every part is signed by the password's key and by the account key (AC1). */
async function register(body: Register, tx: Tx, env: Env): Promise<AccountReply> {
  const { list, slots, user, keys: ups = [], vault } = body
  if (user !== env.self) throw new ProtocolError('bad-request', 'the name of another room')
  await checkRegister(body, env)
  const problem = await deviceListProblem(list, null, env.verify)
  if (problem) throw new ProtocolError(codeOf[problem], `device list: ${problem}`)
  await checkFirstPackages(ups, list, env)

  const meta: Meta = {
    version: 1,
    name: user,
    acct: list.acct,
    created: env.now,
    epoch: newEpoch(env.now, env.random),
    incarnation: 0,
    head: 0,
    floor: 0,
    floorMark: 0,
    bytes: 0,
    acked: 0,
    expired: 0,
    devices: { version: list.ver, hash: deviceListHash(list) },
    invisible: false,
    policy: firstPolicy,
    buddies: 0,
    asking: 0,
    asked: 0,
    blocks: 0,
  }
  for (const up of ups) await putPackages({ tx, meta }, up, true)
  tx.put(keys.meta, meta)
  tx.put(keys.account, { aik: list.aik, minProto: list.minProto, slots } satisfies AccountRow)
  tx.put(keys.list(list.ver), list)
  for (const device of list.devices) tx.put(keys.device(device.id), newDevice(device, env.now))
  if (vault !== undefined) tx.put(keys.vault, { version: 1, payload: vault } satisfies Vault)
  return { type: 'registered', acct: list.acct }
}

async function checkRegister({ list, slots, user, pow, signatures }: Register, env: Env) {
  const byPassword = slots.find(({ slot }) => slot === 'pw')
  if (!byPassword || new Set(slots.map(({ slot }) => slot)).size !== slots.length) {
    throw new ProtocolError('bad-request', 'slots')
  }
  const message = registerBytes(env.settings.relayId, user, slots, list, pow.salt)
  const isLogin = await env.verify(fromBase64(byPassword.loginKey), message, fromBase64(signatures.login))
  const isAccount = await env.verify(fromBase64(list.aik), message, fromBase64(signatures.account))
  if (!isLogin || !isAccount) throw new ProtocolError('not-authorized', 'signatures')
}

/** Whoever lost the answer to the very same sign-up gets it again; for everybody else the name is taken. */
async function registerAgain({ list }: Register, { tx, meta }: Turn): Promise<AccountReply> {
  const first = await tx.get<DeviceList>(keys.list(1))
  if (!first || first.sig !== list.sig) throw new ProtocolError('conflict', 'the name is taken')
  return { type: 'registered', acct: meta.acct }
}

const newDevice = ({ id, dak }: Device, now: Millis): DeviceRow => ({
  id,
  dak,
  seen: now,
  generation: 0,
  last: null,
  ring: [],
  cursor: 0,
})

// --- Signing in ------------------------------------------------------------------------------------------

/** Any key will do where there is none: the check must only take as long (AC2). */
const nobodysKey = new Uint8Array(32).fill(9)

function isSigned(
  { slot, nonce, ts, signature }: Operation<'login'>,
  key: Uint8Array,
  env: Env,
): Promise<boolean> {
  return env.verify(key, loginBytes(env.settings.relayId, env.self, slot, nonce, ts), fromBase64(signature))
}

/** Whoever signs the nonce with the slot's key knows the password, or has the recovery code. */
async function login(operation: Operation<'login'>, { tx, env, meta }: Turn): Promise<AccountReply> {
  const account = (await tx.get<AccountRow>(keys.account))!
  const slot = account.slots.find((one) => one.slot === operation.slot)
  const signed = await isSigned(operation, slot ? fromBase64(slot.loginKey) : nobodysKey, env)
  const age = env.now - operation.ts
  const used = ((await tx.get<LoginsRow>(keys.logins)) ?? []).filter(
    ([, ts]) => env.now - ts <= limits.loginNonceMs,
  )
  const isNew = age <= limits.loginNonceMs && !used.some(([nonce]) => nonce === operation.nonce)
  if (!slot || !signed || !isNew) throw new ProtocolError('not-authorized')
  if (meta.barred !== undefined) throw new ProtocolError('forbidden', 'the operator keeps this account out')
  // A nonce serves once (AC3); those that are too old are refused by their age.
  tx.put(keys.logins, [...used, [operation.nonce, operation.ts]] satisfies LoginsRow)
  const list = (await tx.get<DeviceList>(keys.list(meta.devices.version)))!
  const vault = await tx.get<Vault>(keys.vault)
  const { change = 0 } = account
  return { type: 'logged-in', acct: meta.acct, bundle: slot.bundle, list, change, ...(vault && { vault }) }
}

/**
 * Another password, or another recovery code: whoever has just logged in and holds the account key may set it. What
 * opened the slot before opens nothing any more, nor do tickets that it has brought (AC9).
 */
async function putSlot(
  { slot, change, signature }: Operation<'put-slot'>,
  { tx, env, meta }: Turn,
): Promise<AccountReply> {
  const account = (await tx.get<AccountRow>(keys.account))!
  const message = slotBytes(env.settings.relayId, meta.acct, change, slot)
  const holds = await env.verify(fromBase64(account.aik), message, fromBase64(signature))
  if (!holds) throw new ProtocolError('not-authorized', 'signature')
  const { change: changes = 0, slots } = account
  // Whoever lost the answer to the very same change gets it again.
  const known = slots.find((one) => one.slot === slot.slot)
  if (change === changes && known?.loginKey === slot.loginKey && known.bundle.ct === slot.bundle.ct)
    return { type: 'ok' }
  if (change !== changes + 1) throw new ProtocolError('conflict', `${changes} changes so far`)
  const { m, t } = slot.bundle.kdf
  if (m < limits.argonMemoryKiBMin || t < 1) throw new ProtocolError('not-acceptable', 'too cheap a hash')
  const others = slots.filter((one) => one.slot !== slot.slot)
  tx.put(keys.account, { ...account, slots: [...others, slot], change } satisfies AccountRow)
  return { type: 'ok' }
}

// --- Devices ---------------------------------------------------------------------------------------------

/**
 * The next device list: signed by the account, with the next version and the hash of the last (AC4). Own devices and
 * buddies learn of it (AC6); those that are no longer in it are disconnected (AC5). Packages of new devices are stored
 * with the list, so that there is no device without any (KY4), and so is the vault that is made for these devices (KY12).
 */
async function putDevices(
  { list, change, keys: ups = [], vault }: Operation<'put-devices'>,
  turn: Turn,
): Promise<AccountReply> {
  const { tx, env, meta } = turn
  const account = (await tx.get<AccountRow>(keys.account))!
  if (change !== undefined && change !== (account.change ?? 0)) {
    throw new ProtocolError('not-authorized', 'the password was changed since the login')
  }
  const known = (await tx.get<DeviceList>(keys.list(meta.devices.version)))!
  const problem = await deviceListProblem(list, known, env.verify)
  if (problem) throw new ProtocolError(codeOf[problem], `device list: ${problem}`)
  // Nobody could come in to change it again.
  if (list.devices.every(({ dak }) => dak === '')) throw new ProtocolError('bad-request', 'no device is left')
  if (list.minProto < known.minProto) throw new ProtocolError('bad-request', 'a lower minProto')
  if (list.ver === known.ver) return { type: 'ok', ...meta.devices } // asked for again
  await checkFirstPackages(ups, list, env)
  if (vault) await writeVault(turn, vault)

  meta.devices = { version: list.ver, hash: deviceListHash(list) }
  saveMeta(turn)
  tx.put(keys.list(list.ver), list)
  await changePackages(turn, known, list, ups)
  const before = new Map(known.devices.map((device) => [device.id, device]))
  for (const device of list.devices) {
    // With another key it is another device, whatever it is called.
    if (before.get(device.id)?.dak !== device.dak) tx.put(keys.device(device.id), newDevice(device, env.now))
    else before.delete(device.id)
  }
  for (const id of before.keys()) {
    if (!list.devices.some((device) => device.id === id)) tx.delete(keys.device(id))
  }
  for (const [connection, { device }] of signedIn(turn)) {
    if (before.has(device)) closeSocket(turn, connection, closeCodes.disabled, 'no longer a device')
  }
  append(turn, { type: 'devices', ...meta.devices })
  startSpread(turn, 'devices')
  return { type: 'ok', ...meta.devices }
}

async function changePackages(turn: Turn, known: DeviceList, list: DeviceList, ups: readonly KeyPackageUp[]) {
  // A package belongs to the key that the device signs with.
  const stays = ({ id, dsk, dak }: Device) =>
    list.devices.some((one) => one.id === id && one.dsk === dsk && one.dak === dak)
  for (const device of known.devices) if (!stays(device)) await dropPackages(turn, device.id)
  for (const up of ups) await dropLater(turn, await putPackages(turn, up, false))
}

const codeOf: Record<ListProblem, ErrorCode> = {
  account: 'not-authorized',
  signature: 'not-authorized',
  device: 'bad-request',
  duplicate: 'bad-request',
  rollback: 'conflict',
  fork: 'conflict',
  gap: 'conflict',
}

/** As many as surely fit into an answer. */
const listsMax = 20

/** The lists after a version, oldest first, for whoever names the account and for nobody who guesses (AC8). */
async function getDevices(
  { acct, after }: Operation<'get-devices'>,
  { tx, meta }: Turn,
): Promise<AccountReply> {
  if (acct !== meta.acct) throw new ProtocolError('item-not-found')
  const rows = await tx.list<DeviceList>({ prefix: 'list:', after: keys.list(after), limit: listsMax })
  return { type: 'devices', lists: rows.map(([, list]) => list) }
}

// --- Going for good --------------------------------------------------------------------------------------

/** Secrets, ways in and settings go at once; what the lanes still carry goes when it has arrived. */
export async function deleteAccount(
  { ticket, change, signature }: Operation<'delete'>,
  turn: Turn,
): Promise<AccountReply> {
  const { tx, env, meta } = turn
  const account = (await tx.get<AccountRow>(keys.account))!
  const message = deleteBytes(env.settings.relayId, meta.acct, env.self, ticket)
  const holds = await env.verify(fromBase64(account.aik), message, fromBase64(signature))
  if (!holds || change !== (account.change ?? 0)) throw new ProtocolError('not-authorized')
  return remove(turn)
}

/** @see deleteAccount: the account's own signature, or the operator's decision, has come before. */
async function remove(turn: Turn): Promise<AccountReply> {
  const { tx, env, meta } = turn
  const { devices } = (await tx.get<DeviceList>(keys.list(meta.devices.version)))!
  meta.gone = env.now
  meta.goneDevices = devices.filter(({ dak }) => dak !== '').map(({ id, dak }) => ({ id, dak }))
  saveMeta(turn)
  for (const key of [keys.account, keys.vault, keys.preferences, keys.quota, keys.logins]) tx.delete(key)
  for (const connection of turn.sockets.keys()) closeSocket(turn, connection, closeCodes.gone, 'deleted')
  for (const job of jobs) if (job !== 'lanes') done(turn, job)
  startSpread(turn, 'gone')
  wake(turn, 'wipe', env.now)
  return { type: 'ok' }
}

/**
 * Keeps an account out, or lets it in again (AC11). Its open sockets are told to connect again, and learn at `auth`
 * what has happened; what others send meanwhile waits as for somebody who is away.
 */
function bar({ on }: Operation<'bar'>, turn: Turn): AccountReply {
  const { meta, env } = turn
  if (on) meta.barred ??= env.now
  else delete meta.barred
  saveMeta(turn)
  if (on)
    for (const connection of signedIn(turn).keys()) closeSocket(turn, connection, closeCodes.drain, 'barred')
  return { type: 'ok' }
}
