/**
 * The sending half of a lane: calls the peer's room until it has confirmed what waits (LN2). The outbox row that is
 * first in order has the number after `confirmed`. One call at a time is under way for each lane. Calls under way and
 * backoff live in memory; `due.lanes` and a `work:` row for each peer see to it that nothing is forgotten.
 */
import type { LaneId, Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { backoff } from './backoff.ts'
import { newLane } from './ids.ts'
import { take, unknownNames } from './limiter.ts'
import { append, sizeOf } from './log.ts'
import type { Item, PostTag, RoomMessage, RoomReply } from './ports.ts'
import { owesReceipts, receiptsFor } from './receipts.ts'
import { setRelation } from './roster.ts'
import { keys, type LogRow, type OutboxRow, type PeerRow } from './rows.ts'
import { done, peerOf, savePeer, wake, type Turn } from './turn.ts'

type LaneTag = Extract<PostTag, { type: 'lane' }>

/** When to look again in case the answer of a call is lost together with the memory of it. */
const retryMs = 10_000

// --- Calling ---------------------------------------------------------------------------------------------

/**
 * What may be forgotten: calls under way, who waits for one of them to end, who must wait until when, and who has
 * answered with an epoch that is over.
 */
interface Traffic {
  flights: Set<UserId>
  queue: Set<UserId>
  failures: Map<UserId, { count: number; until: Millis }>
  outdated: Set<UserId>
}

function trafficOf({ env }: Turn): Traffic {
  let traffic = env.memory.get('lanes') as Traffic | undefined
  if (!traffic)
    env.memory.set(
      'lanes',
      (traffic = {
        flights: new Set(),
        queue: new Set(),
        failures: new Map(),
        outdated: new Set(),
      }),
    )
  return traffic
}

const hasWork = (turn: Turn, peer: PeerRow) =>
  peer.out.waiting > 0 || peer.out.sync !== null || owesReceipts(turn, peer)

/** Calls the rooms of all peers for whom this event has found something, as far as calls are free. */
export async function pumpLanes(turn: Turn) {
  for (const user of turn.pumps) await pump(turn, await peerOf(turn, user))
}

async function pump(turn: Turn, peer: PeerRow) {
  if (!hasWork(turn, peer)) return
  const { user, out } = peer
  if (!out.marked) {
    out.marked = true
    savePeer(turn, peer)
    turn.tx.put(keys.work(user), {})
  }
  wake(turn, 'lanes', turn.env.now + retryMs)
  const { flights, queue, failures } = trafficOf(turn)
  if (flights.has(user) || (failures.get(user)?.until ?? 0) > turn.env.now) return
  if (out.heal && !(await heal(turn, peer))) return wake(turn, 'lanes', turn.env.now)
  if (flights.size >= limits.lanesParallelMax) {
    queue.add(user)
    return
  }
  queue.delete(user)
  flights.add(user)
  turn.effects.push({ type: 'post', to: user, ...(await compose(turn, peer)) })
}

async function compose(turn: Turn, peer: PeerRow): Promise<{ message: RoomMessage; tag: PostTag }> {
  const { user, out } = peer
  const items = await nextItems(turn, peer)
  const receipts = receiptsFor(turn, peer)
  return {
    message: {
      type: 'deliver',
      version: 1,
      epoch: turn.meta.epoch,
      lane: out.lane,
      ...(out.base !== null && { base: out.base }),
      items,
      receipts,
      ...(out.sync !== null && { sync: out.sync, ...(peer.in.since && { of: peer.in.since }) }),
      ...(out.fork && { fork: out.fork }),
      ...(trafficOf(turn).outdated.has(user) && peer.in.epoch && { knows: peer.in.epoch }),
    },
    tag: {
      type: 'lane',
      peer: user,
      epoch: turn.meta.epoch,
      lane: out.lane,
      n: out.confirmed + items.length,
      receipts,
      sync: out.sync,
    },
  }
}

async function nextItems(turn: Turn, peer: PeerRow): Promise<Item[]> {
  const { user, out } = peer
  if (out.waiting === 0) return []
  const rows = await turn.tx.list<OutboxRow>({ prefix: `outbox:${user}:`, limit: limits.laneBatchItemsMax })
  if (rows.length < Math.min(out.waiting, limits.laneBatchItemsMax)) {
    // Never seen; but a lane that believes in rows that are not there would call for ever.
    turn.env.log('error', 'the outbox was counted wrongly', { waiting: out.waiting, rows: rows.length })
    out.waiting = rows.length
    savePeer(turn, peer)
  }
  const inLog = rows.flatMap(([, row]) => ('seq' in row ? [keys.log(row.seq)] : []))
  const log = inLog.length > 0 ? await turn.tx.getMany<LogRow>(inLog) : new Map<string, LogRow>()
  const items: Item[] = []
  let bytes = 0
  for (const [key, row] of rows) {
    const n = out.confirmed + items.length + 1
    const ts = Number(key.slice(-15))
    if (!('seq' in row)) {
      items.push({ n, id: row.id, ts, ...row.item })
      continue
    }
    const { entry, invite } = log.get(keys.log(row.seq)) ?? {}
    if (entry?.type !== 'message') throw new Error(`the outbox points to nothing: ${row.seq}`)
    bytes += sizeOf(entry)
    const { id, kind, payload, device, lists } = entry
    // A knock travels alone: a room that says it is not there has not taken anything else with it either.
    if (items.length > 0 && (kind === 'knock' || bytes > limits.laneBatchBytesMax)) break
    const more = { ...(device && { device }), ...(lists && { lists }), ...(invite && { invite }) }
    items.push({ n, id, kind, ts, payload, ...more })
    if (kind === 'knock') break
  }
  return items
}

// --- The answer ------------------------------------------------------------------------------------------

export async function onLaneResult(turn: Turn, tag: LaneTag, reply: RoomReply | null) {
  const { flights, queue, failures } = trafficOf(turn)
  flights.delete(tag.peer)
  const peer = await peerOf(turn, tag.peer)
  if (reply && (await understand(turn, peer, tag, reply))) {
    failures.delete(tag.peer)
    turn.pumps.add(tag.peer)
  } else {
    const count = (failures.get(tag.peer)?.count ?? 0) + 1
    const asked = reply?.type === 'error' ? (reply.retryAfterMs ?? 0) : 0
    const until = turn.env.now + Math.max(asked, backoff(count, turn.env.random))
    failures.set(tag.peer, { count, until })
    wake(turn, 'lanes', until)
  }
  for (const user of queue) turn.pumps.add(user)
}

/** Acts on a reply. False when it is none that the lane can go on with: try again later. */
async function understand(turn: Turn, peer: PeerRow, tag: LaneTag, reply: RoomReply): Promise<boolean> {
  if (reply.type === 'error') {
    if (reply.code !== 'item-not-found' && reply.code !== 'gone') return false
    await fail(turn, peer, tag, reply.code)
    return true
  }
  if (!('epoch' in reply)) return false
  const { outdated } = trafficOf(turn)
  // Given before the peer's room was restored: it may have forgotten what it says (LN4).
  const isOutdated = reply.epoch < peer.in.epoch
  // A late one harms nothing; but if it is said again and again, the peer's room has to hear of it.
  if (isOutdated) outdated.add(peer.user)
  else outdated.delete(peer.user)
  if (isOutdated) return false
  if (reply.epoch > peer.in.epoch) {
    peer.in.epoch = reply.epoch
    savePeer(turn, peer)
  }
  // Heard, whatever else it says. Were it said again after every renumbering, two rooms that were both restored would
  // make each other begin anew for ever.
  if (tag.sync !== null && tag.epoch === turn.meta.epoch && peer.out.sync === tag.sync) {
    peer.out.sync = null
    savePeer(turn, peer)
  }
  if (tag.lane !== peer.out.lane) return true // of an earlier numbering: says nothing about this one
  if (reply.type === 'confirmed') await confirm(turn, peer, tag, reply)
  else if (reply.type === 'stale') renumber(turn, peer, reply.lane)
  else rewind(turn, peer, reply.have)
  return true
}

type Confirmed = Extract<RoomReply, { type: 'confirmed' }>

async function confirm(turn: Turn, peer: PeerRow, tag: LaneTag, reply: Confirmed) {
  const { out, mine, user } = peer
  const failed = new Map(reply.failed?.map(({ id, code }) => [id, code]))
  const isRefused = peer.knock !== null && failed.has(peer.knock)
  for (const [key, row] of await firstRows(turn, peer, Math.min(reply.n, tag.n) - out.confirmed)) {
    turn.tx.delete(key)
    out.waiting--
    out.confirmed++
    const code = failed.get(row.id)
    if (code) append(turn, { type: 'failed', peer: user, id: row.id, ts: Number(key.slice(-15)), code })
  }
  out.base = Math.max(out.base ?? 0, reply.ts)
  mine.told = tag.receipts
  savePeer(turn, peer)
  if (reply.n > tag.n) renumber(turn, peer) // this room has lost its newest state: those numbers are taken
  if (reply.devices && reply.devices.hash !== peer.devices) {
    peer.devices = reply.devices.hash
    append(turn, { type: 'devices', peer: user, ...reply.devices })
  }
  if (isRefused) await setRelation(turn, peer, 'none')
}

/**
 * Nobody has that name (any more), or nobody who lets strangers see it (RO14): everything in the call has failed, and
 * there is no relation, unless a newer knock is on its way.
 */
async function fail(turn: Turn, peer: PeerRow, tag: LaneTag, code: 'item-not-found' | 'gone') {
  if (tag.lane !== peer.out.lane) return
  const rows = await firstRows(turn, peer, tag.n - peer.out.confirmed)
  const isOver = peer.knock === null || rows.some(([, { id }]) => id === peer.knock)
  for (const [key, row] of rows) {
    turn.tx.delete(key)
    peer.out.waiting--
    peer.out.confirmed++
    if ('seq' in row)
      append(turn, { type: 'failed', peer: peer.user, id: row.id, ts: Number(key.slice(-15)), code })
  }
  take(turn.env.memory, turn.env.now, [unknownNames])
  peer.out.sync = null
  peer.mine.told = receiptsFor(turn, peer)
  // A name that comes to be later knows nothing of this lane.
  peer.out.lane = newLane(turn.env.now, turn.env.random, peer.out.lane)
  peer.out.confirmed = 0
  peer.out.base = null
  savePeer(turn, peer)
  if (isOver) await setRelation(turn, peer, 'none')
}

async function firstRows(turn: Turn, { user, out }: PeerRow, count: number) {
  const limit = Math.min(count, out.waiting, limits.laneBatchItemsMax)
  return limit > 0 ? turn.tx.list<OutboxRow>({ prefix: `outbox:${user}:`, limit }) : []
}

/** A new lane: what waits is numbered from 1 again. */
export function renumber(turn: Turn, peer: PeerRow, theirs: LaneId | '' = '') {
  peer.out.lane = newLane(turn.env.now, turn.env.random, peer.out.lane, theirs)
  peer.out.confirmed = 0
  savePeer(turn, peer)
}

/**
 * The peer's room has everything up to `have` and nothing after it. What it had once and has lost is fetched from the
 * own log and sent again (LN3). Positions are `ts`: numbers mean something only within one lane.
 */
export function rewind(turn: Turn, peer: PeerRow, have: Millis) {
  renumber(turn, peer)
  if (peer.out.base === null || have >= peer.out.base) return
  peer.out.base = have
  peer.out.heal = { after: have, seq: turn.meta.head }
}

/** Log rows that one event looks at; each may become an outbox row. */
const healRows = 32

/** Walks down the log and puts what the peer lacks into the outbox again. True when that is complete. */
async function heal(turn: Turn, peer: PeerRow): Promise<boolean> {
  const { after, seq } = peer.out.heal!
  const end = keys.log(seq + 1)
  const rows = await turn.tx.list<LogRow>({ prefix: 'log:', end, limit: healRows, reverse: true })
  let complete = rows.length < healRows
  const lacking = new Map<string, OutboxRow>()
  for (const [, { entry }] of rows) {
    if (entry.type !== 'message' || entry.direction !== 'out' || entry.peer !== peer.user) continue
    complete ||= entry.ts <= after
    if (entry.ts > after) lacking.set(keys.outbox(peer.user, entry.ts), { id: entry.id, seq: entry.seq })
  }
  const waiting = lacking.size > 0 ? await turn.tx.getMany([...lacking.keys()]) : new Map()
  for (const [key, row] of lacking) {
    if (waiting.has(key)) continue
    turn.tx.put(key, row)
    peer.out.waiting++
  }
  peer.out.heal = complete ? null : { after, seq: rows.at(-1)![1].entry.seq - 1 }
  savePeer(turn, peer)
  return complete
}

// --- The job ---------------------------------------------------------------------------------------------

/** Looks after every lane that has something to carry, and forgets the marks of those that have not. */
export async function runLanes(turn: Turn) {
  const { failures, flights } = trafficOf(turn)
  const { now } = turn.env
  let next: Millis | undefined
  const later = (at: Millis) => (next = Math.min(next ?? at, at))
  done(turn, 'lanes')
  let looked = 0
  for (const [key] of await turn.tx.list({ prefix: 'work:', limit: limits.rosterMax })) {
    const user = key.slice('work:'.length) as UserId
    const until = failures.get(user)?.until ?? 0
    if (flights.has(user)) later(now + retryMs)
    else if (until > now) later(until)
    else if (looked++ >= limits.lanesParallelMax * 2) later(now)
    else {
      const peer = await peerOf(turn, user)
      if (hasWork(turn, peer)) turn.pumps.add(user)
      else {
        turn.tx.delete(key)
        peer.out.marked = false
        savePeer(turn, peer)
      }
    }
  }
  if (next !== undefined) wake(turn, 'lanes', next)
}
