/** A device sends an envelope: the path of every message, knock, answer and edit. */
import type { ClientFrameOf } from '#shared/frames'
import { ProtocolError } from '#shared/errors'
import type { DeviceId, Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { addresseeOf } from './addressee.ts'
import { ringKey, withNext } from './ids.ts'
import { take, unknownNames, waitFor } from './limiter.ts'
import { append, isFull } from './log.ts'
import { enqueue, nextTs } from './outbox.ts'
import type { ConnectionId } from './ports.ts'
import { rosterSize, setRelation } from './roster.ts'
import { keys, type PeerRow, type QuotaRow } from './rows.ts'
import { deviceOf, peerOf, saveDevice, send, type Turn } from './turn.ts'

type Send = ClientFrameOf<'send'>

/**
 * Stores an envelope in the log and in the outbox, in one commit with what remembers that it was accepted (SN1). A
 * repeated id is confirmed again with the first answer and stored once (SN2), so senders may retry freely.
 */
export async function onSend(frame: Send, connection: ConnectionId, turn: Turn) {
  const { id, kind, payload, lists, invite } = frame
  const device = (await deviceOf(turn, turn.sockets.get(connection)!.device!))!
  const key = ringKey(id)
  const earlier = device.ring.find(([known]) => known === key)
  if (earlier) {
    const [, ts, seq] = earlier
    return send(turn, connection, { type: 'ok', id, ts, seq })
  }
  // Named by id and not by number: numbers of a frame that was refused could fit again later, in the wrong order. Nor
  // does an id fit that was only repeated in this pass: what was refused before it stands between.
  const { attempt } = frame
  if (frame.previous !== device.last || turn.sockets.get(connection)!.refused === attempt) {
    throw new ProtocolError('unexpected-request', undefined, { last: device.last, attempt })
  }
  const user = addresseeOf(turn, frame.to, { orSelf: kind === 'control' })
  if (payload.length > turn.env.settings.announced.payloadBytesMax) throw new ProtocolError('too-large')
  const { devices } = turn.meta
  if (lists && lists.own !== devices.hash) throw new ProtocolError('conflict', undefined, { devices })

  // To my own devices: there is no pair, so nothing waits, expires or is confirmed by anybody else (SN12).
  const peer = user === turn.env.self ? null : await peerOf(turn, user)
  const relation = peer && (await gates[kind](turn, peer, frame))
  if (isFull(turn)) throw new ProtocolError('resource-constraint', 'the log is full')
  if (peer && peer.out.waiting >= limits.outboxPerPeerMax)
    throw new ProtocolError('resource-constraint', 'too many wait')
  keepRate(turn, device.id, user)

  const ts = peer ? nextTs(turn, peer) : nextNoteTs(turn)
  const sealed = { id, ts, kind, payload, device: device.id, ...(lists && { lists }) }
  const isInvited = kind === 'knock' && invite !== undefined
  const entry = { type: 'message', peer: user, direction: 'out', ...sealed } as const
  const { seq } = append(turn, entry, isInvited ? { invite } : {})
  if (peer) {
    enqueue(turn, peer, ts, id, seq)
    if (relation) await setRelation(turn, peer, relation)
    if (kind === 'knock' && peer.relation === 'asking') peer.knock = id
  }
  device.last = id
  device.ring = withNext(device.ring, [key, ts, seq] as const)
  saveDevice(turn, device)
  send(turn, connection, { type: 'ok', id, ts, seq })
}

/** A note's own clock: its order among notes is that of their ts. */
function nextNoteTs({ env, meta }: Turn): Millis {
  meta.notedAt = Math.max(env.now, (meta.notedAt ?? 0) + 1) // kept with the head of the log
  return meta.notedAt
}

/**
 * Whether an envelope of that kind may go to the peer, and what becomes of the relation by it; null when it stays.
 * @throws ProtocolError when it may not.
 */
const gates: {
  [Kind in Send['kind']]: (turn: Turn, peer: PeerRow, frame: Send) => Promise<'asking' | 'buddies' | null>
} = {
  message: toBuddy,
  control: toBuddy,
  async knock(turn, peer, { invite }) {
    mayWriteTo(peer)
    // Whoever has knocked by name and gets a link afterwards need not take the knock back first.
    const isOpen = peer.relation === 'asking' && invite === undefined
    if (isOpen || peer.relation === 'buddies') {
      throw new ProtocolError('not-allowed', `the relation is ${peer.relation}`)
    }
    if (peer.relation !== 'asking') mayGrow(turn)
    await spendKnock(turn)
    return peer.relation === 'asked' ? 'buddies' : 'asking' // crossing knocks (RO2)
  },
  async accept(turn, peer) {
    mayWriteTo(peer)
    if (peer.relation === 'buddies') return null
    if (peer.relation !== 'asked') throw new ProtocolError('forbidden', 'there is no knock')
    mayGrow(turn)
    return 'buddies'
  },
}

async function toBuddy(_: Turn, peer: PeerRow) {
  mayWriteTo(peer)
  if (peer.relation !== 'buddies') throw new ProtocolError('forbidden', 'no buddy: knock first')
  return null
}

function mayWriteTo({ blocked }: PeerRow) {
  if (blocked) throw new ProtocolError('not-acceptable', 'unblock first')
}

function mayGrow({ meta, env }: Turn) {
  if (rosterSize(meta) >= env.settings.announced.rosterMax) throw new ProtocolError('resource-constraint')
}

const dayMs = 86_400_000

/** Knocks are for strangers, so they are few (RO9), and fewer still to names that do not exist. */
async function spendKnock({ tx, env, meta, changed }: Turn) {
  const unknown = waitFor(env.memory, env.now, [unknownNames])
  if (unknown > 0)
    throw new ProtocolError('policy-violation', 'too many unknown names', { retryAfterMs: unknown })
  const day = Math.floor(env.now / dayMs)
  const row = await tx.get<QuotaRow>(keys.quota)
  const knocks = row?.day === day ? row.knocks : 0
  const isYoung = env.now - meta.created < limits.youngAccountMs
  const { knocksPerDayMax = limits.knocksPerDayMax } = env.settings.quotas ?? {}
  const youngMax = Math.ceil((knocksPerDayMax * limits.knocksPerDayYoungMax) / limits.knocksPerDayMax)
  if (knocks >= (isYoung ? youngMax : knocksPerDayMax)) {
    const retryAfterMs = (day + 1) * dayMs - env.now
    throw new ProtocolError('policy-violation', 'too many knocks today', { retryAfterMs })
  }
  changed.set(keys.quota, { day, knocks: knocks + 1 } satisfies QuotaRow)
}

const rates = {
  device: { everyMs: 1000 / limits.deviceSendsPerSecond, burst: limits.deviceSendsBurst },
  pair: { everyMs: 1000 / limits.pairSendsPerSecond, burst: limits.pairSendsBurst },
}

function keepRate({ env }: Turn, device: DeviceId, user: UserId) {
  const { sendsPerHourMax: perHour = limits.accountSendsPerHourMax } = env.settings.quotas ?? {}
  const retryAfterMs = take(env.memory, env.now, [
    [`send:${device}`, rates.device],
    [`send:${user}`, rates.pair],
    ['send', { everyMs: 3_600_000 / perHour, burst: perHour }],
  ])
  if (retryAfterMs > 0) throw new ProtocolError('policy-violation', 'too many at once', { retryAfterMs })
}
