/**
 * What must hold in every history (the relay reference, §3.4). Safety is checked at every commit, effect and frame;
 * liveness when everything has become calm (simulation.ts).
 */
import type { Entry, EntryOf, Policy, Relation } from '#shared/frames'
import type { Epoch, UserId } from '#shared/ids'
import type { ClaimedPackage } from '#shared/keys'
import { limits } from '#shared/limits'
import { batchWritesMax, valueBytesMax } from '../../relay/core/batch.ts'
import type { RoomMessage } from '../../relay/core/ports.ts'
import { firstPolicy, type LogRow, type Meta, type PeerRow, type PresenceRow } from '../../relay/core/rows.ts'
import { lastResort } from './people.ts'
import type { Relay } from './room.ts'

export class Violation extends Error {
  constructor(rule: string, text: string) {
    super(`${rule}: ${text}`)
    this.name = 'Violation'
  }
}

export function must(holds: boolean, rule: string, text: () => string) {
  if (!holds) throw new Violation(rule, text())
}

export type Writes = ReadonlyMap<string, string | null>

/** Remembers what one room has committed, and compares. */
export interface RoomChecks {
  /** Has its place and is not durable: what the room does from now on follows from it. */
  placed(writes: Writes): void
  /** What was placed and is not durable is gone. */
  lost(): void
  committed(writes: Writes): void
  /** The room was put back to an older state: what may repeat itself from now on may. */
  restored(rows: ReadonlyMap<string, string>, silent: boolean): void
  /** Somebody has taken the name of an account that was deleted. */
  reborn(user: UserId): void
  /** Another room, or an own device, has been given these. */
  gave(packages: readonly ClaimedPackage[]): void
  isBlocked(peer: UserId): boolean
  /** Already before the last commit: what was answered in it may have been asked before the block. */
  wasBlocked(peer: UserId): boolean
  /** A call to another room is about to be made. */
  posted(to: UserId, message: RoomMessage): void
}

export function createRoomChecks(relay: Relay, self: UserId): RoomChecks {
  const { world } = relay
  let messages = new Set<string>()
  let blocked = new Set<UserId>()
  let epoch: Epoch | '' = ''
  let before = new Map<string, number>()
  let relations = new Map<UserId, Relation>()
  let given = new Set<string>()
  /** As the last commit had it. */
  let buddies = new Set<UserId>()
  let policy: Policy = firstPolicy
  /** The same as the room sees it, where that is ahead. */
  const justBlocked = new Set<UserId>()
  const ahead: { blocked: Map<UserId, boolean>; policy: Policy | null } = { blocked: new Map(), policy: null }
  /** How far each peer was told that I have read. */
  const readTold = new Map<UserId, number>()
  /** Who has deleted their account, as this room knows. */
  const gone = new Set<UserId>()
  /** Nobody knows what was given away since. */
  let wasSilent = false

  /** S7: within an epoch it only grows. */
  function grows(what: string, value: number) {
    const last = before.get(what) ?? 0
    must(value >= last, 'S7', () => `${self}: ${what} went from ${last} to ${value}`)
    before.set(what, value)
  }

  function onEntry(entry: Entry) {
    if (entry.type === 'roster') {
      if (entry.blocked) blocked.add(entry.peer)
      else blocked.delete(entry.peer)
      relations.set(entry.peer, entry.relation)
      grows(`roster version of ${entry.peer}`, entry.version)
    }
    if (entry.type === 'receipts') {
      grows(`delivered by ${entry.peer}`, entry.delivered)
      grows(`read by ${entry.peer}`, entry.read)
    }
    if (entry.type === 'policy') policy = entry
    if (entry.type === 'gone') gone.add(entry.peer)
    if (entry.type !== 'message') return
    const { peer, direction, id, ts } = entry
    if (direction === 'in') onIncoming(entry)
    must(!gone.has(peer), 'S11', () => `${self} has a message of ${peer}, who is gone`)
    must(!relay.gone.has(self), 'S11', () => `${self}, who is gone, has a message of ${peer}`)
    const key = `${direction === 'in' ? peer : self} ${id}`
    must(relay.restores > 0 || !messages.has(key), 'S3', () => `${self} has ${key} twice`)
    messages.add(key)
    if (direction === 'in')
      must(!blocked.has(peer), 'S5', () => `${self} took ${id} from ${peer}, who is blocked`)
    if (direction === 'out') {
      const last = before.get(`ts to ${peer}`) ?? 0
      must(ts > last, 'S8', () => `${self}: ts to ${peer} went from ${last} to ${ts}`)
      before.set(`ts to ${peer}`, ts)
    }
    must(ts <= world.now + relay.aheadMs + 2000, 'S8', () => `${self}: a ts ${ts - world.now} ms from now`)
  }

  /** S6: of who is no buddy there is one open knock, and only what the gate lets in. */
  function onIncoming({ peer, id, kind, payload, via }: EntryOf<'message'>) {
    const relation = relations.get(peer) ?? 'none'
    const isKnock = kind === 'knock' && relation === 'asked'
    must(relation === 'buddies' || isKnock, 'S6', () => `${self} took a ${kind} from ${peer}: ${relation}`)
    if (!isKnock) return
    const mayKnock = policy.reach === 'everyone' || (policy.reach === 'buddies' && payload === '')
    must(mayKnock && via === undefined, 'S6', () => `${self} let ${id} in, reach is ${policy.reach}`)
  }

  function onPeer({ user, mine, theirs, in: lane, out, relation, blocked: isBlocked }: PeerRow) {
    must(lane.ring.length <= limits.dedupeRingMax, 'S9', () => `a ring of ${lane.ring.length}`)
    must(
      out.waiting >= 0 && out.waiting <= limits.outboxPerPeerMax + 100,
      'S9',
      () => `${out.waiting} wait for ${user}`,
    )
    grows(`stored from ${user}`, mine.delivered)
    grows(`own read mark of ${user}`, mine.read)
    grows(`settled by ${user}`, theirs.settled)
    grows(`incoming ts of ${user} in its epoch ${lane.since}`, lane.ts)
    grows(`incoming lane of ${user}`, Number(lane.lane.slice(0, 15)))
    grows(`outgoing lane to ${user}`, Number(out.lane.slice(0, 15)))
    if (before.get(`lane name of ${user}`) === hashOf(lane.lane)) grows(`n of ${user}`, lane.n)
    else before.set(`n of ${user}`, lane.n)
    before.set(`lane name of ${user}`, hashOf(lane.lane))
    const dropped = mine.dropped.length
    // One call may bring what still is from before they parted, and the answer that makes them buddies again.
    if (dropped > (before.get(`dropped of ${user}`) ?? 0)) {
      must(
        isBlocked || relation !== 'buddies' || !buddies.has(user),
        'L1',
        () => `${self} dropped something of ${user}, who may write`,
      )
    }
    before.set(`dropped of ${user}`, dropped)
    if (relation === 'buddies') buddies.add(user)
    else buddies.delete(user)
  }

  function onMeta(meta: Meta) {
    if (meta.gone !== undefined && !relay.gone.has(self)) relay.gone.set(self, world.now)
    if (meta.epoch !== epoch) before = new Map([...before].filter(([what]) => what.startsWith('ts to')))
    epoch = meta.epoch
    grows('head', meta.head)
    grows('acked', meta.acked)
    grows('floor', meta.floor)
    must(meta.acked <= meta.head && meta.floor <= meta.head, 'S7', () => `${self}: beyond the head`)
  }

  const isBlocked = (peer: UserId) => ahead.blocked.get(peer) ?? blocked.has(peer)

  /** Blocks that are new in these. */
  function noteNewBlocks(entries: readonly Entry[]) {
    justBlocked.clear()
    for (const entry of entries)
      if (entry.type === 'roster' && entry.blocked && !isBlocked(entry.peer)) justBlocked.add(entry.peer)
  }

  function lost() {
    ahead.blocked.clear()
    ahead.policy = null
  }

  function forget() {
    lost()
    messages = new Set()
    blocked = new Set()
    relations = new Map()
    given = new Set()
    buddies = new Set()
    before = new Map()
    policy = firstPolicy
  }

  return {
    placed(writes) {
      const entries = entriesIn(writes)
      noteNewBlocks(entries)
      for (const entry of entries) {
        if (entry.type === 'roster') ahead.blocked.set(entry.peer, entry.blocked === true)
        if (entry.type === 'policy') ahead.policy = entry
      }
    },
    lost,
    posted(to, message) {
      must(to !== self, 'SN12', () => `${self} calls itself`)
      if (message.type !== 'deliver') return
      const told = readTold.get(to) ?? 0
      const { read } = message.receipts
      must(
        (ahead.policy ?? policy).reads || read <= told,
        'RC6',
        () => `${self} tells ${to} that it has read up to ${read}`,
      )
      readTold.set(to, Math.max(told, read))
    },
    committed(writes) {
      noteNewBlocks(entriesIn(writes))
      must(writes.size <= batchWritesMax, 'S9', () => `${self}: ${writes.size} writes at once`)
      const large = [...writes].find(([, json]) => json !== null && json.length > valueBytesMax)
      must(!large, 'S9', () => `${self}: a large row ${large![0]}`)
      const ofSelf = [...writes.keys()].find((key) => aboutPairs.test(key) && key.split(':')[1] === self)
      must(ofSelf === undefined, 'SN12', () => `${self} has a row of itself: ${ofSelf}`)
      const rows = [...writes].filter((row): row is [string, string] => row[1] !== null)
      const meta = writes.get('meta')
      if (meta) onMeta(JSON.parse(meta) as Meta)
      for (const [key, json] of rows.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
        if (key.startsWith('log:')) onEntry((JSON.parse(json) as LogRow).entry)
        if (key.startsWith('peer:')) onPeer(JSON.parse(json) as PeerRow)
        if (key === 'presence') grows('presence version', (JSON.parse(json) as PresenceRow).version)
      }
    },
    restored(rows, silent) {
      wasSilent ||= silent
      forget()
      policy = (JSON.parse(rows.get('meta')!) as Meta).policy ?? firstPolicy
      for (const [key, json] of rows) {
        if (!key.startsWith('peer:')) continue
        const peer = JSON.parse(json) as PeerRow
        if (peer.blocked) blocked.add(peer.user)
        relations.set(peer.user, peer.relation)
        if (peer.relation === 'buddies') buddies.add(peer.user)
        before.set(`dropped of ${peer.user}`, peer.mine.dropped.length)
      }
    },
    reborn(user) {
      gone.delete(user)
      if (user === self) forget()
    },
    gave(packages) {
      for (const { package: text } of packages) {
        if (text.startsWith(lastResort)) continue
        must(wasSilent || !given.has(text), 'KY6', () => `${self} gave ${text} away twice`)
        given.add(text)
      }
    },
    isBlocked,
    wasBlocked: (peer) => isBlocked(peer) && !justBlocked.has(peer),
  }
}

const entriesIn = (writes: Writes): Entry[] =>
  [...writes].flatMap(([key, json]) =>
    json !== null && key.startsWith('log:') ? [(JSON.parse(json) as LogRow).entry] : [],
  )

const aboutPairs = /^(peer|outbox|work|seen):/

const hashOf = (text: string): number =>
  Array.from(text).reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) | 0, 7)
