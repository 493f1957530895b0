/**
 * A room is one user's home on the relay: a function of its storage and of what just happened. It remembers nothing
 * that matters between events, so a host may forget it at any moment (PartyKit hibernation) and lose nothing.
 *
 * - Writes go to `tx`; the runner makes them durable with those of the other events that have arrived meanwhile, as
 *   one batch, then performs the returned effects in order. Nothing is shown or confirmed before it is stored.
 * - One event at a time. A call to another room is an effect; its outcome comes back as an event, so no lock is held
 *   across the network.
 * - Work that time brings (`due`) is done by whatever happens next; the alarm only sees to it that something does.
 */
import { ProtocolError } from '#shared/errors'
import type { ClientFrame, ClientFrameOf } from '#shared/frames'
import type { UserId } from '#shared/ids'
import { onAccount, onAccountOfNobody } from './account.ts'
import { onAck, settleRest } from './acks.ts'
import { onArchive, onArchived, onSegment, onSegments, onUnarchive } from './archive.ts'
import { onRelease, onReserve } from './blobs.ts'
import { onClaim, onClaimPost, onClaimResult } from './claim.ts'
import {
  greet,
  nextSweep,
  onAuth,
  onClose,
  onLeave,
  onWatch,
  overdue,
  refuseStranger,
  sweep,
} from './connections.ts'
import { dispatchForGone, wipe } from './farewell.ts'
import { onDeliver } from './lane-in.ts'
import { noteUse, tellLead } from './lead.ts'
import { onLaneResult, pumpLanes, runLanes } from './lane-out.ts'
import { onSync, push } from './log.ts'
import { onDevices } from './own-devices.ts'
import { dropRest, onKeys } from './packages.ts'
import type { ConnectionId, Effect, Env, PostTag, RoomEvent, RoomMessage, RoomReply, Tx } from './ports.ts'
import { onPolicy } from './policy.ts'
import { onPreferences } from './preferences.ts'
import { onPresence, onPresencePost, onPresenceResult, refreshPresence } from './presence.ts'
import { onRead } from './receipts.ts'
import { expire, trim } from './retention.ts'
import { onRoster } from './roster.ts'
import { jobs, keys, type Due, type Job } from './rows.ts'
import { onSend } from './send.ts'
import { spread } from './spread.ts'
import { beginTurn, done, endTurn, leaveRest, send, signedIn, touch, type Rest, type Turn } from './turn.ts'
import { onTyping, onTypingPost } from './typing.ts'
import { onVault } from './vault.ts'

type Handler<Type extends ClientFrame['type']> = (
  frame: ClientFrameOf<Type>,
  connection: ConnectionId,
  turn: Turn,
) => Promise<void>

/** The protocol's table of contents: one handler a frame type. */
const handlers: { [Type in ClientFrame['type']]: Handler<Type> } = {
  auth: onAuth,
  send: onSend,
  ack: onAck,
  read: onRead,
  sync: onSync,
  roster: onRoster,
  presence: onPresence,
  typing: onTyping,
  watch: onWatch,
  preferences: onPreferences,
  policy: onPolicy,
  keys: onKeys,
  claim: onClaim,
  vault: onVault,
  archive: onArchive,
  segments: onSegments,
  segment: onSegment,
  unarchive: onUnarchive,
  archived: onArchived,
  devices: onDevices,
  reserve: onReserve,
  release: onRelease,
  leave: onLeave,
  ping: async (_, connection, turn) => send(turn, connection, { type: 'pong' }),
}

/**
 * One event. What can wait until the others of its batch have been handled is left to `conclude`.
 * @throws ProtocolError when a frame or an account's operation is refused: then nothing has happened.
 */
export async function handle(event: RoomEvent, tx: Tx, env: Env, rest: Rest): Promise<Effect[]> {
  const turn = await beginTurn(tx, env)
  if (!turn) return handleForNobody(event, tx, env)
  await (turn.meta.gone === undefined ? dispatch(event, turn) : dispatchForGone(event, turn))
  if (event.type === 'alarm') await afterAlarm(turn)
  const effects = endTurn(turn)
  leaveRest(turn, rest)
  return effects
}

/** Once for all events of a batch: does what time has brought. */
export async function catchUp(tx: Tx, env: Env, rest: Rest): Promise<Effect[]> {
  const due = (await tx.get<Due>(keys.due)) ?? {}
  const isDue = jobs.some((job) => (due[job] ?? Infinity) <= env.now)
  if (!isDue && overdue(env.connections, env.now).length === 0) return []
  const turn = await beginTurn(tx, env)
  if (!turn) return []
  await sweep(turn)
  await runDueJob(turn)
  const effects = endTurn(turn)
  leaveRest(turn, rest)
  return effects
}

/** And then: calls other rooms, sends the devices what they lack, and winds the alarm. */
export async function conclude(tx: Tx, env: Env, rest: Rest): Promise<Effect[]> {
  const turn = await beginTurn(tx, env)
  if (!turn) return []
  turn.appended.push(...rest.appended)
  for (const user of rest.pumps) turn.pumps.add(user)
  turn.rearm = rest.rearm
  await pumpLanes(turn)
  tellLead(turn)
  await push(turn)
  if (turn.rearm) arm(turn)
  return endTurn(turn)
}

async function dispatch(event: RoomEvent, turn: Turn): Promise<void> {
  switch (event.type) {
    case 'open':
      turn.effects.push(...greet(event.connection, turn.env))
      return
    case 'frame':
      return onFrame(event.frame, event.connection, turn)
    case 'close':
      return onClose(turn, event.connection, event.state)
    case 'peer':
      turn.effects.push({ type: 'reply', reply: await onPeer(event.from, event.message, turn) })
      return
    case 'result':
      return onResult(event.tag, event.reply, turn)
    case 'account':
      turn.effects.push({ type: 'reply', reply: await onAccount(event.operation, turn) })
      return
    case 'alarm':
  }
}

async function onFrame<Type extends ClientFrame['type']>(
  frame: ClientFrameOf<Type>,
  connection: ConnectionId,
  turn: Turn,
) {
  const state = turn.sockets.get(connection)
  if (!state) return // closed while the frame was waiting
  const isFirst = state.device === undefined
  if (isFirst !== (frame.type === 'auth')) {
    throw new ProtocolError(isFirst ? 'not-authorized' : 'bad-request', '`auth` comes first, and once')
  }
  if (!isFirst) {
    const own = touch(turn, connection)!
    own.seenAt = turn.env.now
    own.bad = 0
  }
  await handlers[frame.type as Type](frame, connection, turn)
  noteUse(turn, connection, frame)
}

async function onPeer(from: UserId, message: RoomMessage, turn: Turn): Promise<RoomReply> {
  switch (message.type) {
    case 'deliver':
      return onDeliver(turn, from, message)
    case 'presence':
      return onPresencePost(turn, from, message)
    case 'typing':
      return onTypingPost(turn, from, message.state)
    case 'claim':
      return onClaimPost(turn, from, message)
  }
}

async function onResult(tag: PostTag, reply: RoomReply | null, turn: Turn) {
  if (tag.type === 'lane') await onLaneResult(turn, tag, reply)
  if (tag.type === 'presence') await onPresenceResult(turn, tag, reply)
  if (tag.type === 'claim') await onClaimResult(turn, tag, reply)
}

// --- What time brings ------------------------------------------------------------------------------------

const runners: Record<Job, (turn: Turn) => Promise<void>> = {
  lanes: runLanes,
  presence: (turn) => refreshPresence(turn),
  receipts: async (turn) => {
    done(turn, 'receipts')
    await settleRest(turn)
  },
  spread,
  expiry: expire,
  trim,
  packages: dropRest,
  wipe,
}

/** Does the job that has been due for longest. One is enough for an event's batch; the next is done by the next. */
async function runDueJob(turn: Turn) {
  const due = jobs.filter((job) => (turn.due[job] ?? Infinity) <= turn.env.now)
  const [first] = due.toSorted((a, b) => turn.due[a]! - turn.due[b]!)
  if (first) await runners[first](turn)
}

async function afterAlarm(turn: Turn) {
  turn.rearm = true
  // A relay that was killed closes no sockets: whoever was there then has to go offline now.
  if (signedIn(turn).size === 0 && turn.due.presence !== undefined) await refreshPresence(turn)
}

/** An alarm is forgotten once it has rung, so it is always wished for with everything that is to come. */
function arm(turn: Turn) {
  const times = [...jobs.map((job) => turn.due[job]), nextSweep(turn)].filter((at) => at !== undefined)
  if (times.length > 0) turn.tx.wakeAt(Math.max(Math.min(...times), turn.env.now))
}

// --- A name that nobody has ------------------------------------------------------------------------------

/** Answers like any room where a difference would tell, and writes nothing (HS6) but a new account. */
async function handleForNobody(event: RoomEvent, tx: Tx, env: Env): Promise<Effect[]> {
  const late = overdue(env.connections, env.now).map(({ connection, code, reason }): Effect => ({
    type: 'close',
    connection,
    code,
    reason,
  }))
  switch (event.type) {
    case 'open':
      return [...late, ...greet(event.connection, env)]
    case 'frame': {
      const state = env.connections.get(event.connection)
      if (!state) return late
      if (event.frame.type !== 'auth') throw new ProtocolError('not-authorized', '`auth` comes first')
      return refuseStranger(event.frame, state, env)
    }
    case 'peer':
      return [{ type: 'reply', reply: { type: 'error', code: 'item-not-found' } }]
    case 'account':
      return [{ type: 'reply', reply: await onAccountOfNobody(event.operation, tx, env) }]
    default:
      return late
  }
}
