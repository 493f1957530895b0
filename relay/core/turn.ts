/**
 * One event's work: rows that were read, rows that were changed, and what is to be done once all of it is durable.
 * A row is read once, changed in place, marked, and written once at the end.
 */
import type { ServerFrame } from '#shared/frames'
import type { DeviceId, Millis, UserId } from '#shared/ids'
import { newLane } from './ids.ts'
import type { ConnectionId, ConnectionState, Effect, Env, Tx } from './ports.ts'
import {
  firstPolicy,
  keys,
  type DeviceRow,
  type Due,
  type Job,
  type LogRow,
  type Meta,
  type PeerRow,
  type PresenceRow,
} from './rows.ts'

export interface Turn {
  readonly tx: Tx
  readonly env: Env
  readonly meta: Meta
  readonly due: Due
  /** Sockets as they will be once the effects are performed; those to be closed are no longer in it. */
  readonly sockets: Map<ConnectionId, Readonly<ConnectionState>>
  readonly effects: Effect[]
  /** What this event has appended, in order. */
  readonly appended: LogRow[]
  /** Peers whose lane may have something to carry. */
  readonly pumps: Set<UserId>
  /** The alarm may have to ring earlier than before, or it has just rung. */
  rearm: boolean
  readonly peers: Map<UserId, PeerRow>
  /** The own presence, once it was read. */
  presence?: PresenceRow
  readonly changed: Map<string, unknown>
  readonly touched: Set<ConnectionId>
}

/** What the events of a batch leave to be done once for all of them (room.ts). */
export interface Rest {
  readonly appended: LogRow[]
  readonly pumps: Set<UserId>
  rearm: boolean
}

export const newRest = (): Rest => ({ appended: [], pumps: new Set(), rearm: false })

/** Null when nobody has registered the name: then nothing may be written (HS6). */
export async function beginTurn(tx: Tx, env: Env): Promise<Turn | null> {
  const rows = await tx.getMany<object>([keys.meta, keys.due])
  const meta = rows.get(keys.meta) as Meta | undefined
  if (!meta) return null
  meta.policy ??= firstPolicy // a room that is older than policies
  return newTurn(tx, env, meta, (rows.get(keys.due) as Due | undefined) ?? {})
}

export function newTurn(tx: Tx, env: Env, meta: Meta, due: Due): Turn {
  return {
    tx,
    env,
    meta,
    due,
    sockets: new Map(env.connections),
    effects: [],
    appended: [],
    pumps: new Set(),
    rearm: false,
    peers: new Map(),
    changed: new Map(),
    touched: new Set(),
  }
}

/** The event was no refusal: what it leaves is left to `conclude`. */
export function leaveRest({ appended, pumps, rearm }: Turn, rest: Rest) {
  rest.appended.push(...appended)
  for (const user of pumps) rest.pumps.add(user)
  rest.rearm ||= rearm
}

/** Writes what was changed and puts what is to be remembered before all other effects. */
export function endTurn(turn: Turn): Effect[] {
  for (const [key, row] of turn.changed) turn.tx.put(key, row)
  const remembered = [...turn.touched].flatMap((connection): Effect[] => {
    const state = turn.sockets.get(connection)
    return state ? [{ type: 'remember', connection, state }] : []
  })
  return [...remembered, ...turn.effects]
}

// --- Rows ------------------------------------------------------------------------------------------------

export const saveMeta = (turn: Turn) => turn.changed.set(keys.meta, turn.meta)

/** The row of the pair; for somebody unknown one that is written only if it is saved. */
export async function peerOf(turn: Turn, user: UserId): Promise<PeerRow> {
  let peer = turn.peers.get(user)
  if (!peer) {
    peer = (await turn.tx.get<PeerRow>(keys.peer(user))) ?? newPeer(turn, user)
    turn.peers.set(user, peer)
    if (peer.incarnation !== turn.meta.incarnation) revive(turn, peer)
  }
  return peer
}

export async function peersOf(turn: Turn, users: readonly UserId[]): Promise<PeerRow[]> {
  const missing = users.filter((user) => !turn.peers.has(user))
  const rows = missing.length > 0 ? await turn.tx.getMany<PeerRow>(missing.map(keys.peer)) : null
  for (const user of missing) {
    const peer = rows!.get(keys.peer(user)) ?? newPeer(turn, user)
    turn.peers.set(user, peer)
    if (peer.incarnation !== turn.meta.incarnation) revive(turn, peer)
  }
  return users.map((user) => turn.peers.get(user)!)
}

export const savePeer = (turn: Turn, peer: PeerRow) => turn.changed.set(keys.peer(peer.user), peer)

/** As this event has left it: what is marked as changed is not in the transaction yet. */
export const deviceOf = async (turn: Turn, device: DeviceId): Promise<DeviceRow | undefined> =>
  (turn.changed.get(keys.device(device)) as DeviceRow | undefined) ??
  turn.tx.get<DeviceRow>(keys.device(device))
export const saveDevice = (turn: Turn, device: DeviceRow) => turn.changed.set(keys.device(device.id), device)

function newPeer({ env, meta }: Turn, user: UserId): PeerRow {
  return {
    user,
    relation: 'none',
    muted: false,
    blocked: false,
    version: 0,
    rejectedUntil: 0,
    knock: null,
    ts: 0,
    incarnation: meta.incarnation,
    out: {
      lane: newLane(env.now, env.random),
      confirmed: 0,
      waiting: 0,
      base: null,
      ...(meta.incarnation > 0 && { fork: { epoch: meta.epoch, ts: 0 } }), // what was said before is lost
      sync: null,
      heal: null,
      marked: false,
    },
    in: { epoch: '', lane: '', n: 0, ts: 0, ring: [] },
    mine: { delivered: 0, read: 0, dropped: [], dropping: false, told: null },
    theirs: {
      settled: 0,
      except: [],
      may: { delivered: 0, read: 0 },
      shown: { delivered: 0, read: 0 },
    },
    devices: null,
  }
}

/**
 * This room was restored from a backup since the row was written: numbers of the lane may have been used already,
 * receipts may have been forgotten, and the peer has to send again what came after the backup.
 */
function revive(turn: Turn, peer: PeerRow) {
  peer.incarnation = turn.meta.incarnation
  peer.out.lane = newLane(turn.env.now, turn.env.random, peer.out.lane)
  peer.out.confirmed = 0
  peer.out.sync = peer.in.ts
  // With a clock that is behind the pair's, the same ts is given once more, to something else.
  const { base, fork } = peer.out
  peer.out.fork = { epoch: turn.meta.epoch, ts: Math.min(base ?? 0, fork?.ts ?? Infinity) }
  peer.mine.told = null
  savePeer(turn, peer)
}

// --- Sockets ---------------------------------------------------------------------------------------------

/** The state of a socket, to be changed in place; whatever one had of it before stays as it was. */
export function touch(turn: Turn, connection: ConnectionId): ConnectionState | undefined {
  const state = turn.sockets.get(connection)
  if (!state || turn.touched.has(connection)) return state
  const own = { ...state }
  turn.sockets.set(connection, own)
  turn.touched.add(connection)
  return own
}

export function send(turn: Turn, connection: ConnectionId, frame: ServerFrame, ephemeral?: true) {
  turn.effects.push({ type: 'send', connection, frame, ...(ephemeral && { ephemeral }) })
}

/** Sends to every device that is signed in. What is ephemeral may be lost on the way. */
export function sendAll(turn: Turn, frame: ServerFrame, ephemeral?: true) {
  for (const connection of signedIn(turn).keys()) send(turn, connection, frame, ephemeral)
}

export function closeSocket(turn: Turn, connection: ConnectionId, code: number, reason: string) {
  turn.sockets.delete(connection)
  turn.effects.push({ type: 'close', connection, code, reason })
}

export function signedIn(turn: Turn): Map<ConnectionId, SignedIn> {
  const found = new Map<ConnectionId, SignedIn>()
  for (const [connection, state] of turn.sockets)
    if (state.device !== undefined) found.set(connection, state as SignedIn)
  return found
}

type SignedIn = Readonly<ConnectionState> & { device: DeviceId }

// --- Time ------------------------------------------------------------------------------------------------

/** The job is to be done at `at`, or earlier if it was wanted earlier. */
export function wake(turn: Turn, job: Job, at: Millis) {
  const planned = turn.due[job]
  if (planned !== undefined && planned <= at) return
  turn.due[job] = at
  turn.changed.set(keys.due, turn.due)
  turn.rearm = true
}

/** The job is done; `again` is when it is to be done next. */
export function done(turn: Turn, job: Job, again?: Millis) {
  if (turn.due[job] === undefined && again === undefined) return
  delete turn.due[job]
  turn.changed.set(keys.due, turn.due)
  if (again !== undefined) wake(turn, job, again)
}
