/** What ends by itself: messages that nobody has fetched, and entries that everybody has. */
import type { EntryOf } from '#shared/frames'
import type { Seq } from '#shared/ids'
import { limits } from '#shared/limits'
import { renumber } from './lane-out.ts'
import { append, sizeOf } from './log.ts'
import { enqueueNotice } from './outbox.ts'
import { isSettled } from './receipts.ts'
import { setRelation } from './roster.ts'
import { keys, type DeviceRow, type LogRow, type PeerRow } from './rows.ts'
import { done, peerOf, peersOf, saveMeta, savePeer, signedIn, wake, type Turn } from './turn.ts'

const expiryRows = 20

/**
 * Messages that are as old as anything is kept and that the peer's devices do not have have failed (SN10). The
 * sender's own room says so, never the other: absence, a block and a rejected knock look the same.
 */
export async function expire(turn: Turn) {
  const { tx, meta, env } = turn
  const { keepMs } = env.settings.announced
  done(turn, 'expiry')
  const rows = await tx.list<LogRow>({ prefix: 'log:', after: keys.log(meta.expired), limit: expiryRows })
  for (const [, { at, entry }] of rows) {
    if (at + keepMs > env.now) return wake(turn, 'expiry', at + keepMs)
    meta.expired = entry.seq
    saveMeta(turn)
    if (isForPeer(turn, entry)) await expireMessage(turn, entry)
  }
  if (rows.length === expiryRows) wake(turn, 'expiry', env.now)
}

async function expireMessage(turn: Turn, { peer: user, id, ts, kind }: EntryOf<'message'>) {
  const peer = await peerOf(turn, user)
  const isOpenKnock = peer.knock === id
  // A knock that was fetched but never answered ends like one that was not; an answered one has ended already.
  if (kind === 'knock' ? !isOpenKnock : isSettled(peer, ts)) return
  append(turn, { type: 'failed', peer: user, id, ts, code: 'expired' })
  await takeBack(turn, peer, ts)
  if (!isOpenKnock) return
  enqueueNotice(turn, peer, { kind: 'withdraw' })
  await setRelation(turn, peer, 'none')
}

/** It may still wait for a room that was never reached. What is behind it moves up, so the numbers change. */
async function takeBack(turn: Turn, peer: PeerRow, ts: number) {
  const key = keys.outbox(peer.user, ts)
  if ((await turn.tx.get(key)) === undefined) return
  turn.tx.delete(key)
  peer.out.waiting--
  renumber(turn, peer)
  savePeer(turn, peer)
}

const trimRows = 64
/** How often to look whether what holds the log has let go. */
const trimAgainMs = 6 * 3_600_000

/** Drops the oldest entries: those that all devices have and that are three days old, and those past all keeping. */
export async function trim(turn: Turn) {
  const { tx, meta, env } = turn
  done(turn, 'trim')
  const cursor = await slowestCursor(turn)
  const rows = await tx.list<LogRow>({ prefix: 'log:', after: keys.log(meta.floor), limit: trimRows })
  const users = new Set(rows.flatMap(([, { entry }]) => (isForPeer(turn, entry) ? [entry.peer] : [])))
  const peers = new Map((await peersOf(turn, [...users])).map((peer) => [peer.user, peer]))

  for (const [key, { at, entry }] of rows) {
    const { seq } = entry
    const isTooOld = at + env.settings.announced.keepMs <= env.now && seq <= meta.expired
    const isDone = seq <= cursor && (!isForPeer(turn, entry) || isOver(peers.get(entry.peer)!, entry))
    if (!isTooOld && at + limits.logKeepMs > env.now) return wake(turn, 'trim', at + limits.logKeepMs)
    if (!isTooOld && !isDone) return wake(turn, 'trim', env.now + trimAgainMs)
    tx.delete(key)
    meta.floor = seq
    meta.floorMark = entry.mark
    meta.bytes -= sizeOf(entry)
    saveMeta(turn)
  }
  if (rows.length === trimRows) wake(turn, 'trim', env.now)
}

/** Somebody else is to have it. A note to oneself is for the own devices, whose cursors say enough. */
const isForPeer = ({ env }: Turn, entry: LogRow['entry']): entry is EntryOf<'message'> =>
  entry.type === 'message' && entry.direction === 'out' && entry.peer !== env.self

/** The peer's devices have it and no expiry can follow. */
const isOver = (peer: PeerRow, { id, ts }: EntryOf<'message'>) => isSettled(peer, ts) && peer.knock !== id

/** How far every device has come that was here within the time of keeping, and the archive (AR5). */
async function slowestCursor(turn: Turn): Promise<Seq> {
  const { env, tx, meta } = turn
  const connected = new Map([...signedIn(turn).values()].map(({ device, acked }) => [device, acked]))
  const devices = await tx.list<DeviceRow>({ prefix: 'device:', limit: limits.devicesMax + 1 })
  const cursors = devices
    .map(([, device]) => device)
    .filter(
      ({ id, seen, dak }) =>
        dak === '' || connected.has(id) || seen + env.settings.announced.keepMs > env.now,
    )
    .map(({ id, cursor }) => Math.max(cursor, connected.get(id) ?? 0))
  return cursors.length > 0 ? Math.min(...cursors) : meta.head
}
