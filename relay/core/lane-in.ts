/**
 * The receiving half of a lane: takes the peer's items in order and once (LN1), and applies the owner's policy to
 * each. Who is blocked or swallowed sees what everybody sees: the item is confirmed (RO7). Only the gate for strangers
 * may refuse one, and it asks nothing about that.
 */
import type { ErrorCode } from '#shared/errors'
import type { EnvelopeId, Epoch, Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { passageOf } from './gate.ts'
import { ringKey, withNext } from './ids.ts'
import { rewind } from './lane-out.ts'
import { append, isFull } from './log.ts'
import { enqueueNotice } from './outbox.ts'
import type { Fork, Item, RoomMessage, RoomReply } from './ports.ts'
import { noteDropped, takeReceipts } from './receipts.ts'
import { beginAnew } from './restored.ts'
import { setRelation } from './roster.ts'
import type { PeerRow } from './rows.ts'
import { peerOf, savePeer, signedIn, type Turn } from './turn.ts'

type Deliver = Extract<RoomMessage, { type: 'deliver' }>

export async function onDeliver(turn: Turn, from: UserId, message: Deliver): Promise<RoomReply> {
  // Nobody has said that this store is an older one; but nothing that it says would be believed any more (LN4).
  if (message.knows && message.knows > turn.meta.epoch) await beginAnew(turn, message.knows)
  const peer = await peerOf(turn, from)
  const lane = peer.in
  const { epoch } = turn.meta
  const { since = '' } = lane
  const have = positionAfter(message.fork, since, lane.ts)
  const isAhead = (message.base ?? 0) > have
  const isStale = message.lane < lane.lane
  const isUnseen = !isAhead && !isStale && seesNobody(turn, peer, message)
  // Where nobody is nothing is written, and that takes less time than writing.
  const isNews = peer.relation !== 'none' || peer.knocked || message.sync !== undefined
  if (isUnseen && !isNews) return nobody
  if (message.epoch > lane.epoch) {
    lane.epoch = message.epoch
    savePeer(turn, peer)
  }
  if (message.epoch > since) {
    lane.since = message.epoch
    lane.ts = have
    if (peer.out.sync !== null) peer.out.sync = positionAfter(message.fork, since, peer.out.sync)
    savePeer(turn, peer)
  }
  if (message.sync !== undefined) onPeerRestored(turn, peer, message.sync, message.of)
  if (isAhead) return { type: 'gap', epoch, have: lane.ts }
  if (isStale) return { type: 'stale', epoch, lane: lane.lane as Deliver['lane'] }
  if (isUnseen) {
    // An earlier knock, which they have lost: also where it was swallowed.
    if (peer.relation === 'asked') await setRelation(turn, peer, 'none')
    delete peer.knocked
    savePeer(turn, peer)
    return nobody
  }
  if (message.lane > lane.lane) {
    if (message.items[0] && message.items[0].n !== 1) return { type: 'lane', epoch, have: lane.ts }
    lane.lane = message.lane
    lane.n = 0
    savePeer(turn, peer)
  }

  const failed: { id: EnvelopeId; code: ErrorCode }[] = []
  let isMistaken = false
  for (const item of message.items) {
    const known = lane.ring.includes(ringKey(item.id))
    if (item.n <= lane.n && known) continue
    if (item.n <= lane.n) return { type: 'lane', epoch, have: lane.ts }
    if (item.n > lane.n + 1) return { type: 'gap', epoch, have: lane.ts }
    lane.n = item.n
    if (message.epoch === lane.since) lane.ts = Math.max(lane.ts, item.ts) // or it is late, of what they have lost
    savePeer(turn, peer)
    if (known) continue // a copy under a new number
    lane.ring = withNext(lane.ring, ringKey(item.id))
    peer.ts = Math.max(peer.ts, item.ts)
    const refused = await take(turn, peer, item)
    if (refused) failed.push({ id: item.id, code: refused })
    isMistaken ||= peer.relation === 'none' && presumed.has(item.kind)
  }
  // They believe what is no longer so, or what never was: told once more, both sides agree again (RO5).
  if (isMistaken && !peer.blocked) enqueueNotice(turn, peer, { kind: 'remove' })
  takeReceipts(turn, peer, message.receipts)

  const devices = hintFor(turn, peer, message.items)
  return {
    type: 'confirmed',
    epoch,
    lane: message.lane,
    n: lane.n,
    ts: lane.ts,
    ...(failed.length > 0 && { failed }),
    ...(devices && { devices }),
  }
}

/** What nobody sends to whom they do not take for a buddy, or for somebody who has knocked. */
const presumed: ReadonlySet<Item['kind']> = new Set(['message', 'control', 'accept'])

/** What a room answers whose name nobody has. */
const nobody = { type: 'error', code: 'item-not-found' } as const

/** A stranger's knock at a door that only a link opens: it must be as if there were no door (RO14). */
function seesNobody(turn: Turn, { relation, in: lane }: PeerRow, { items: [first] }: Deliver): boolean {
  if (first?.kind !== 'knock' || lane.ring.includes(ringKey(first.id))) return false
  if (relation === 'asking' || relation === 'buddies') return false
  return passageOf(turn, first) === 'unseen'
}

/** What was counted in `epoch` says nothing about what the sender said after a later restore of it (LN6). */
const positionAfter = (fork: Fork | undefined, epoch: Epoch | '', ts: Millis): Millis =>
  fork && epoch < fork.epoch ? Math.min(ts, fork.ts) : ts

/**
 * The peer's room was restored and has my messages only up to `have`, as I counted in the epoch `of`; what I told it
 * of theirs is forgotten too.
 */
function onPeerRestored(turn: Turn, peer: PeerRow, have: number, of: Epoch | '' = '') {
  peer.mine.told = null
  savePeer(turn, peer)
  rewind(turn, peer, positionAfter(peer.out.fork, of, have))
  turn.pumps.add(peer.user)
}

/**
 * To a buddy whose message was sealed for an older list of my devices: look again. Also while they are blocked: who is
 * away gives the same hint, and the list is there for whoever knows the account.
 */
function hintFor({ meta }: Turn, { relation }: PeerRow, items: readonly Item[]) {
  if (relation !== 'buddies') return undefined
  return items.some(({ lists }) => lists && lists.peer !== meta.devices.hash) ? meta.devices : undefined
}

// --- Policy ----------------------------------------------------------------------------------------------

/** Applies one item. Returns the code of a refusal that the sender is told; silence is no refusal. */
async function take(turn: Turn, peer: PeerRow, item: Item): Promise<ErrorCode | null> {
  switch (item.kind) {
    case 'message':
    case 'control':
      if (cannotTake(turn, peer)) return cannotTake(turn, peer)
      if (peer.relation === 'buddies') store(turn, peer, item)
      else noteDropped(peer, item.ts)
      return null
    case 'knock':
      return takeKnock(turn, peer, item)
    case 'accept':
      if (peer.relation === 'asking') await setRelation(turn, peer, 'buddies')
      if (peer.relation === 'buddies') store(turn, peer, item)
      return null
    case 'withdraw':
      delete peer.knocked
      // They took back the knock that I have just accepted: neither of us shall believe otherwise.
      if (peer.relation === 'buddies') enqueueNotice(turn, peer, { kind: 'remove' })
      if (peer.relation === 'asked' || peer.relation === 'buddies') await setRelation(turn, peer, 'none')
      return null
    case 'remove':
      delete peer.knocked
      // While asking, my own newer knock is on its way and decides.
      if (peer.relation === 'asked' || peer.relation === 'buddies') await setRelation(turn, peer, 'none')
      return null
    case 'devices':
      if (peer.relation === 'buddies' && item.devices && item.devices.hash !== peer.devices) {
        peer.devices = item.devices.hash
        append(turn, { type: 'devices', peer: peer.user, ...item.devices })
      }
      return null
    case 'gone':
      delete peer.knocked
      append(turn, { type: 'gone', peer: peer.user })
      await setRelation(turn, peer, 'none')
      return null
  }
}

/** Only buddies are told that something cannot be kept; for who is blocked it is always as if nobody were there. */
function cannotTake(turn: Turn, { relation, blocked }: PeerRow): ErrorCode | null {
  if (relation !== 'buddies') return null
  const absent = blocked || signedIn(turn).size === 0
  if (turn.env.settings.announced.offline === 'refuse' && absent) return 'recipient-unavailable'
  return isFull(turn) && !blocked ? 'resource-constraint' : null
}

async function takeKnock(turn: Turn, peer: PeerRow, item: Item): Promise<ErrorCode | null> {
  const { relation, blocked } = peer
  if (relation === 'asking' || relation === 'buddies') {
    if (relation === 'asking') await setRelation(turn, peer, 'buddies')
    // My own knock may never have reached them: they shall not keep asking. Neither if I have blocked them since, for
    // the room of somebody absent answers so too (RO7), and each side would believe something else.
    enqueueNotice(turn, peer, { kind: 'accept' })
    store(turn, peer, item)
    return null
  }
  const passage = passageOf(turn, item)
  if (passage === 'forbidden') {
    delete peer.knocked
    if (relation === 'asked') await setRelation(turn, peer, 'none') // one relation, the same from both sides
    noteDropped(peer, item.ts)
    return 'forbidden'
  }
  peer.knocked = true // saved with the lane
  const isInvited = passage === 'invited'
  const isTooMuch = turn.meta.asked >= limits.knocksWaitingMax || relation === 'asked'
  const isUnwanted = peer.rejectedUntil > turn.env.now || isTooMuch
  if (blocked || isFull(turn) || (isUnwanted && !isInvited)) {
    noteDropped(peer, item.ts)
    return null
  }
  if (isInvited) {
    peer.rejectedUntil = 0
    enqueueNotice(turn, peer, { kind: 'accept' })
  }
  await setRelation(turn, peer, isInvited ? 'buddies' : 'asked')
  store(turn, peer, item, isInvited)
  return null
}

/** Makes the item an entry, unless it says nothing or is from somebody blocked. */
function store(turn: Turn, peer: PeerRow, item: Item, isInvited = false) {
  const { id, kind, ts, payload, device, lists } = item
  if (payload === undefined) return
  if (peer.blocked) return noteDropped(peer, ts)
  peer.mine.dropping = false
  append(turn, {
    type: 'message',
    peer: peer.user,
    direction: 'in',
    id,
    ts,
    kind: kind as 'message' | 'control' | 'knock' | 'accept',
    payload,
    ...(device && { device }),
    ...(lists && { lists }),
    ...(isInvited && { via: 'invite' }),
  })
}
