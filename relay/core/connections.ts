/** Sockets: from the greeting to the goodbye. Nothing is written for one before it has proved whose it is (HS6). */
import { connectBytes } from '#shared/account'
import { fromBase64 } from '#shared/bytes'
import { closeCodes, errors, ProtocolError } from '#shared/errors'
import type { ClientFrameOf, Cursor, ServerFrameOf } from '#shared/frames'
import type { AccountId, DeviceId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { protocolVersion, supportedVersions } from '#shared/version'
import { saveCursor, settle } from './acks.ts'
import { archivedUpTo } from './archive.ts'
import { newConnectionState } from './connection-state.ts'
import { newNonce } from './ids.ts'
import { forgetFlight } from './log.ts'
import { packagesLeft } from './packages.ts'
import type { ConnectionId, ConnectionState, Effect, Env } from './ports.ts'
import { ownPresence, presenceOfBuddies, refreshPresence } from './presence.ts'
import { noteRead } from './receipts.ts'
import type { LogRow } from './rows.ts'
import { keys } from './rows.ts'
import { snapshot } from './snapshot.ts'
import { closeSocket, deviceOf, saveDevice, send, signedIn, touch, type Turn } from './turn.ts'

type Auth = ClientFrameOf<'auth'>

/** The relay speaks first, and says the same whether or not there is such a user (HS1, HS3). */
export function greet(connection: ConnectionId, env: Env): Effect[] {
  const { now, random, settings } = env
  const nonce = newNonce(random)
  const state: ConnectionState = { ...newConnectionState(now), nonce, watching: true, activity: 'active' }
  const versions = [...supportedVersions]
  return [
    ...tooMany(connection, env),
    { type: 'remember', connection, state },
    { type: 'send', connection, frame: { type: 'hello', relayId: settings.relayId, nonce, now, versions } },
  ]
}

/** Sockets that say nothing must not keep others out: the oldest goes. */
function tooMany(opened: ConnectionId, { connections }: Env): Effect[] {
  const strangers = [...connections].filter(([id, { device }]) => device === undefined && id !== opened)
  if (strangers.length < limits.unauthenticatedPerRoomMax) return []
  const [oldest] = strangers.toSorted(([, a], [, b]) => a.seenAt - b.seenAt)
  return [{ type: 'close', connection: oldest![0], code: closeCodes.overloaded, reason: 'too many' }]
}

// --- Signing on ------------------------------------------------------------------------------------------

/**
 * Proves that the socket is one of the owner's devices, and continues where that device stopped.
 * @throws ProtocolError `unsupported-version`, `not-authorized`, `credentials-expired`: the runner closes the socket.
 */
export async function onAuth(frame: Auth, connection: ConnectionId, turn: Turn) {
  const { meta, env } = turn
  checkVersion(frame)
  const device = await deviceOf(turn, frame.device)
  const proved = await isProved(frame, turn.sockets.get(connection)!, meta.acct, device?.dak ?? '', env)
  if (!device || !proved) throw new ProtocolError('not-authorized')
  if (meta.barred !== undefined) return keepOut(turn, connection)
  if (frame.generation <= device.generation) throw new ProtocolError('credentials-expired')
  device.generation = frame.generation
  device.seen = env.now
  saveDevice(turn, device)

  for (const [other, state] of signedIn(turn)) {
    if (state.device === device.id) closeSocket(turn, other, closeCodes.replaced, 'replaced')
  }
  const state = touch(turn, connection)!
  delete state.nonce
  state.device = device.id
  state.activity = frame.activity
  state.since = Math.min(frame.since ?? env.now, env.now)
  state.seenAt = env.now

  const reads = Object.entries(frame.reads).slice(0, readsMax) as [UserId, number][]
  for (const [user, ts] of reads) await noteRead(turn, user, ts)

  const resync = await whyResync(turn, frame.cursor)
  const archived = await archivedUpTo(turn)
  // A new device reads the archive, and of the log what is not in there (AR6).
  const first = Math.max(meta.floor, resync === 'new' ? (archived ?? 0) : 0)
  const from = resync ? first : frame.cursor!.seq
  const mark = from === frame.cursor?.seq && !resync ? frame.cursor.mark : await markOf(turn, from)
  state.sent = state.acked = from
  if (!resync) {
    await settle(turn, from) // the cursor is an acknowledgement that may have been lost
    await saveCursor(turn, state)
  }
  const [keysLeft = 0, mailboxKeysLeft = 0] = await packagesLeft(turn, device.id, '@' as DeviceId)
  const welcome: ServerFrameOf<'welcome'> = {
    type: 'welcome',
    version: protocolVersion,
    acct: meta.acct,
    epoch: meta.epoch,
    from,
    head: meta.head,
    ...(mark !== undefined && { mark }),
    ...(archived !== undefined && { archived }),
    last: device.last,
    now: env.now,
    ...(resync && { resync, snapshot: await snapshot(turn) }),
    self: await ownPresence(turn),
    presence: await presenceOfBuddies(turn),
    devices: meta.devices,
    keysLeft,
    mailboxKeysLeft,
    heartbeatMs: limits.heartbeatMs,
    limits: env.settings.announced,
  }
  send(turn, connection, welcome)
  await refreshPresence(turn)
  turn.rearm = true // from now on somebody has to look whether the socket is alive
}

/** The operator's decision (AC11): told only to whoever has proved that it is about them. */
function keepOut(turn: Turn, connection: ConnectionId) {
  send(turn, connection, { type: 'error', code: 'forbidden', action: errors.forbidden.action })
  closeSocket(turn, connection, closeCodes.notAuthorized, 'kept out')
}

/** More do not fit into a frame before `auth` anyway, and each is an entry. */
const readsMax = 25

function checkVersion({ version }: Auth) {
  if (!supportedVersions.includes(version)) throw new ProtocolError('unsupported-version')
}

/** For a name that nobody has: the same answers after the same work (HS3). */
export async function refuseStranger(frame: Auth, state: ConnectionState, env: Env): Promise<never> {
  await refuseUnproved(frame, state, 'A'.repeat(22) as AccountId, '', env)
  throw new ProtocolError('not-authorized')
}

/** @throws ProtocolError `not-authorized` unless the frame is signed by `dak`; always where that is empty. */
export async function refuseUnproved(
  frame: Auth,
  state: ConnectionState,
  acct: AccountId,
  dak: string,
  env: Env,
): Promise<void> {
  checkVersion(frame)
  if (!(await isProved(frame, state, acct, dak, env))) throw new ProtocolError('not-authorized')
}

/** Any key will do where there is none: the check must only take as long. */
const nobodysKey = new Uint8Array(32).fill(9)

async function isProved(frame: Auth, state: ConnectionState, acct: AccountId, dak: string, env: Env) {
  const { nonce } = state
  const isFresh = nonce !== undefined && env.now - state.seenAt <= limits.nonceAgeMsMax
  const message = connectBytes(
    env.settings.relayId,
    acct,
    frame.device,
    frame.generation,
    nonce ?? '',
    frame.at,
  )
  const key = dak === '' ? nobodysKey : fromBase64(dak)
  const holds = await env.verify(key, message, fromBase64(frame.signature))
  return holds && isFresh && dak !== ''
}

/** Why the log cannot be continued at the cursor; undefined when it can (LG5). */
async function whyResync(turn: Turn, cursor: Cursor | null) {
  const { meta } = turn
  if (!cursor) return 'new'
  if (cursor.epoch !== meta.epoch) return 'epoch'
  if (cursor.seq > meta.head) return 'ahead'
  if (cursor.seq < meta.floor) return 'floor'
  const mark = await markOf(turn, cursor.seq)
  const isBeforeFirst = cursor.seq === 0 // no mark to compare
  return cursor.mark === mark || isBeforeFirst ? undefined : 'mark'
}

/** Of an entry of the log, or of the last one that was trimmed. */
async function markOf({ meta, tx }: Turn, seq: number): Promise<number> {
  const row = seq > meta.floor ? await tx.get<LogRow>(keys.log(seq)) : undefined
  return row ? row.entry.mark : meta.floorMark
}

// --- Going away ------------------------------------------------------------------------------------------

/** Signing off for good: no grace (PR4). */
export async function onLeave(_: ClientFrameOf<'leave'>, connection: ConnectionId, turn: Turn) {
  const state = turn.sockets.get(connection)!
  closeSocket(turn, connection, 1000, 'left')
  await gone(turn, connection, state, { signedOff: true })
}

export async function onWatch({ on }: ClientFrameOf<'watch'>, connection: ConnectionId, turn: Turn) {
  touch(turn, connection)!.watching = on
}

/** A socket has been closed, by whomever. */
export async function onClose(turn: Turn, connection: ConnectionId, state: ConnectionState) {
  turn.sockets.delete(connection)
  if (state.device) await gone(turn, connection, state)
}

async function gone(
  turn: Turn,
  connection: ConnectionId,
  state: ConnectionState,
  { signedOff = false } = {},
) {
  forgetFlight(turn, connection)
  await saveCursor(turn, state, { leaving: true })
  await refreshPresence(turn, { signedOff: signedOff && signedIn(turn).size === 0 })
}

/** Closes sockets that are late: with `auth`, with a sign of life, or with acknowledgements. */
export async function sweep(turn: Turn) {
  for (const { connection, state, code, reason } of overdue(turn.sockets, turn.env.now)) {
    closeSocket(turn, connection, code, reason)
    if (state.device) await gone(turn, connection, state)
  }
}

export function overdue(sockets: ReadonlyMap<ConnectionId, ConnectionState>, now: number) {
  return [...sockets].flatMap(([connection, state]) => {
    const { device, seenAt, waitingSince } = state
    const late = (code: number, reason: string) => [{ connection, state, code, reason }]
    if (device === undefined) {
      return now - seenAt >= limits.authDeadlineMs ? late(closeCodes.notAuthorized, 'auth came too late') : []
    }
    if (now - seenAt >= limits.silenceMs) return late(closeCodes.silent, 'silent')
    const isStuck = waitingSince !== undefined && now - waitingSince >= limits.unackedMs
    return isStuck ? late(closeCodes.silent, 'acknowledges nothing') : []
  })
}

/** When the next socket may be late; undefined when none is open. */
export function nextSweep(turn: Turn): number | undefined {
  const times = [...signedIn(turn).values()].map(({ seenAt, waitingSince }) =>
    Math.min(seenAt + limits.silenceMs, (waitingSince ?? Infinity) + limits.unackedMs),
  )
  return times.length > 0 ? Math.min(...times) : undefined
}
