/** How far messages have come: watermarks that only grow, never a receipt for each message. */
import type { ClientFrameOf } from '#shared/frames'
import type { Millis, UserId } from '#shared/ids'
import { append } from './log.ts'
import type { ConnectionId, Receipts } from './ports.ts'
import type { PeerRow, Range } from './rows.ts'
import { peerOf, savePeer, type Turn } from './turn.ts'

// --- Mine: what I have of the peer's messages ---------------------------------------------------------------

/** One of my devices has stored the peer's messages up to `ts`. */
export async function noteDelivered(turn: Turn, user: UserId, ts: Millis) {
  const peer = await peerOf(turn, user)
  if (ts <= peer.mine.delivered) return
  peer.mine.delivered = ts
  savePeer(turn, peer)
  turn.pumps.add(user)
}

export async function onRead({ peer, ts }: ClientFrameOf<'read'>, _: ConnectionId, turn: Turn) {
  await noteRead(turn, peer, ts)
}

/** The person has read up to `ts`: news for their other devices (RC3) and, if they show it, for the peer (RC2). */
export async function noteRead(turn: Turn, user: UserId, ts: Millis) {
  const peer = await peerOf(turn, user)
  const read = Math.min(ts, peer.in.ts) // nobody can have read what has not come
  if (read <= peer.mine.read) return
  peer.mine.read = read
  savePeer(turn, peer)
  append(turn, { type: 'read', peer: user, ts: read })
  turn.pumps.add(user)
}

/** What was dropped must never turn `delivered` (RC5), so its place is remembered. */
export function noteDropped(peer: PeerRow, ts: Millis) {
  const { dropped, dropping } = peer.mine
  if (dropping && dropped.length > 0) dropped.at(-1)![1] = ts
  else dropped.push([ts, ts])
  peer.mine.dropping = true
  peer.mine.dropped = merged(dropped, 0)
}

/** The receipts that go with every message to the peer's room. Shown only to who may see my presence (RC4). */
export function receiptsFor({ meta, env }: Turn, { mine, relation, blocked }: PeerRow): Receipts {
  // Under a block they stand still, as if nobody were there.
  if (blocked) return { ...(mine.told ?? { delivered: 0, read: 0, except: [] }), show: false }
  return {
    delivered: mine.delivered,
    // Kept to oneself it stands where it was told last: watermarks never go back (RC6).
    read: meta.policy.reads ? mine.read : (mine.told?.read ?? 0),
    except: merged(mine.dropped, env.now - env.settings.announced.keepMs),
    show: relation === 'buddies' && !meta.invisible,
  }
}

/** Is there something that the peer's room does not know yet? */
export function owesReceipts(turn: Turn, peer: PeerRow): boolean {
  if (peer.blocked) return false
  const now = receiptsFor(turn, peer)
  const told = peer.mine.told ?? { delivered: 0, read: 0, show: false }
  const more = now.delivered > told.delivered || now.read > told.read
  return more || (now.show && !told.show && now.delivered + now.read > 0)
}

// --- Theirs: what the peer has of my messages ---------------------------------------------------------------

/** Receipts from the peer's room. Kept silently while they may not be shown or the peer is blocked. */
export function takeReceipts(turn: Turn, peer: PeerRow, receipts: Receipts) {
  const { theirs } = peer
  const before = JSON.stringify(theirs)
  theirs.settled = Math.max(theirs.settled, receipts.delivered)
  theirs.except = merged(
    [...theirs.except, ...receipts.except],
    turn.env.now - 2 * turn.env.settings.announced.keepMs,
  )
  if (receipts.show) {
    theirs.may.delivered = Math.max(theirs.may.delivered, receipts.delivered)
    theirs.may.read = Math.max(theirs.may.read, receipts.read)
  }
  showReceipts(turn, peer)
  if (JSON.stringify(theirs) !== before) savePeer(turn, peer)
}

/** Tells my devices what they may know and do not know yet. Who shows no read marks sees none (RC6). */
export function showReceipts(turn: Turn, peer: PeerRow) {
  const { user, blocked, theirs } = peer
  const { may, shown, except } = theirs
  const next = { delivered: may.delivered, read: turn.meta.policy.reads ? may.read : shown.read }
  if (blocked || (next.delivered <= shown.delivered && next.read <= shown.read)) return
  theirs.shown = next
  savePeer(turn, peer)
  append(turn, { type: 'receipts', peer: user, ...next, except })
}

/** Whether the peer's devices have my message of that ts. */
export const isSettled = ({ theirs }: PeerRow, ts: Millis) =>
  ts <= theirs.settled && !theirs.except.some(([from, to]) => from <= ts && ts <= to)

// --- Ranges ------------------------------------------------------------------------------------------------

const rangesMax = 16

/** In order, without overlaps, at most 16: beyond that the two oldest become one. Those that end before `since` go. */
function merged(ranges: readonly Range[], since: Millis): Range[] {
  const result: Range[] = []
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    const last = result.at(-1)
    if (to < since) continue
    if (last && from <= last[1]) last[1] = Math.max(last[1], to)
    else result.push([from, to])
  }
  while (result.length > rangesMax) result.splice(0, 2, [result[0]![0], result[1]![1]])
  return result
}
