/** What peace must have brought. Everything the devices have stored is fresh when these are asked. */
import type { Entry } from '#shared/frames'
import type { DeviceId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { keys, type LogRow, type Meta, type PackagesRow, type PeerRow } from '../../relay/core/rows.ts'
import { must } from './checks.ts'
import { day, minute, type History } from './history.ts'
import type { Device, Message } from './people.ts'
import type { Relay } from './room.ts'

export function checkAll(history: History, { withReads = true } = {}) {
  for (const user of history.present()) for (const device of history.of(user)) checkDrained(history, device)
  checkNotes(history)
  for (const user of history.present()) checkLogs(history, user)
  for (const [a, b] of history.pairs()) {
    const isOld = history.restored.has(a) || history.restored.has(b)
    checkLoss(history, a, b)
    if (isOld) continue
    checkViews(history, a, b)
    checkOrder(history, a, b)
    checkOrder(history, b, a)
    checkReceipts(history, a, b, withReads)
    checkReceipts(history, b, a, withReads)
  }
}

/** L3: nobody has anything left to send. */
export function checkDrained({ relay }: History, { user, id, kept }: Device) {
  must(kept.outbox.length === 0, 'L3', () => `${user} ${id} still has ${kept.outbox.length} to send`)
  const rows = [...relay.rooms.get(user)!.rows.keys()].filter((key) => key.startsWith('outbox:'))
  must(rows.length === 0, 'L3', () => `the room of ${user} still has ${rows}`)
}

/** L1: every note to oneself is on all own devices, and in the order of its clock. */
function checkNotes(history: History) {
  const { ledger, world } = history
  for (const [id, { from, to }] of ledger.stored) {
    if (from !== to || history.relay.gone.has(from)) continue
    world.note('note')
    for (const { id: device, kept } of history.of(from)) {
      const isThere = has(kept.messages, from, id, kept) || isForgotten(history, from, id)
      must(isThere, 'L1', () => `${from} ${device} lacks the note ${id}`)
    }
  }
  for (const user of history.present()) if (!history.restored.has(user)) checkOrder(history, user, user)
}

/** Who keeps no notes of that kind keeps none at all: the engine does what they say. */
const has = (messages: Map<string, Message>, from: UserId, id: string, { marks }: Device['kept']) =>
  messages.has(`${from} ${id}`) || marks === null

/** L2: what a device has of the log is what the room has. */
function checkLogs({ relay, of }: History, user: UserId) {
  const { rows } = relay.rooms.get(user)!
  const { head, epoch } = JSON.parse(rows.get(keys.meta)!) as Meta
  for (const { id, kept } of of(user)) {
    const isThere = kept.seq === head && kept.epoch === epoch
    must(isThere, 'L2', () => `${user} ${id} is at ${kept.seq} of ${head}`)
    for (const [seq, mark] of kept.marks ?? []) {
      const row = rows.get(keys.log(seq))
      const isSame = !row || (JSON.parse(row) as LogRow).entry.mark === mark
      must(isSame, 'L2', () => `${user} ${id} has another entry ${seq}`)
    }
  }
}

/** L1: whatever was confirmed is everywhere, unless it was dropped under a block, or has failed. */
function checkLoss(history: History, a: UserId, b: UserId) {
  const { ledger, of, relay } = history
  for (const [id, { from, to, kind }] of ledger.stored) {
    if (!(from === a && to === b) && !(from === b && to === a)) continue
    const row = peerRow(relay, to, from)
    const ts = of(from)
      .map(({ kept }) => kept.messages.get(`${from} ${id}`)?.ts)
      .find((one) => one !== undefined)
    const isDropped = row.mine.dropped.some(([first, last]) => first <= ts! && ts! <= last)
    for (const { id: device, kept, user } of [...of(from), ...of(to)]) {
      const isThere = kept.messages.has(`${from} ${id}`)
      const hasFailed = of(from).some((one) => one.kept.failed.has(id))
      // Controls are for machines; only the model keeps them like messages.
      const mayLack = (user === to && (isDropped || hasFailed)) || (kind === 'control' && kept.marks === null)
      const isLost = isForgotten(history, from, id) || (user === to && isHidden(history, from, to, id))
      const isKnown = isThere || mayLack || isLost
      must(isKnown, 'L1', () => `${user} ${device} lacks ${id} from ${from} to ${to} (ts ${ts})`)
    }
  }
}

/**
 * The sender's room was put back to before that, and nobody has told it: a device that has only heard `ok`, and has not
 * had the entry, cannot tell.
 */
function isForgotten({ silent, relay }: History, user: UserId, id: string): boolean {
  return silent.has(user) && !inLog(relay, user, id)
}

/**
 * The sender's room was put back and nobody has told it, so it does not know that it has given this ts to something
 * else before (LN6); and the receiver's room was put back to when it had only that, so it asks for nothing so old.
 */
function isHidden({ givenTwice, restored, relay }: History, from: UserId, to: UserId, id: string): boolean {
  const twiceUpTo = givenTwice.get(`${from} ${to}`)
  if (twiceUpTo === undefined || !restored.has(to)) return false
  const entry = inLog(relay, from, id)
  return entry?.type === 'message' && entry.ts <= twiceUpTo
}

function inLog({ rooms }: Relay, user: UserId, id: string): Entry | undefined {
  const log = rooms.get(user)!.rows.list({ prefix: 'log:', limit: Infinity })
  const row = log.find(([, json]) => json.includes(id))
  return row && (JSON.parse(row[1]) as LogRow).entry
}

function conversation(device: Device, peer: UserId): Message[] {
  const all = [...device.kept.messages.values()].filter((message) => message.peer === peer)
  return all.toSorted((x, y) => x.ts - y.ts || compare(x.from, y.from) || compare(x.id, y.id))
}

/** L2: all devices of both see the same, in the same order. */
function checkViews({ of, relay }: History, a: UserId, b: UserId) {
  const views = [
    ...of(a).map((device) => ({ device, peer: b })),
    ...of(b).map((device) => ({ device, peer: a })),
  ]
  const dropped = [...peerRow(relay, a, b).mine.dropped, ...peerRow(relay, b, a).mine.dropped]
  const idsOf = ({ device, peer }: (typeof views)[number]) =>
    conversation(device, peer)
      .filter(({ ts }) => !dropped.some(([from, to]) => from <= ts && ts <= to))
      .map(({ id }) => id)
      .join('\n')
  const [first, ...others] = views.map(idsOf)
  for (const other of others) must(other === first, 'L2', () => `${a} and ${b} see different conversations`)
}

/** S4: what one device sent is shown in the order in which it was sent. */
function checkOrder({ of, ledger }: History, a: UserId, b: UserId) {
  for (const device of of(a)) {
    const sent = new Map<DeviceId, number>()
    for (const { id } of conversation(device, b)) {
      const stored = ledger.stored.get(id)
      if (!stored) continue
      const last = sent.get(stored.device) ?? -1
      must(stored.index > last, 'S4', () => `${a} ${device.id} shows ${stored.index} after ${last}`)
      sent.set(stored.device, stored.index)
    }
  }
}

/** L3: what `from` knows of its messages to `to` is true. */
function checkReceipts({ of, first }: History, from: UserId, to: UserId, withReads: boolean) {
  const sent = conversation(first(from), to).filter((message) => message.from === from)
  const last = sent.at(-1)?.ts ?? 0
  for (const { id, kept } of of(from)) {
    const { delivered = 0, read = 0 } = kept.delivered.get(to) ?? {}
    must(delivered === last, 'L3', () => `${from} ${id}: ${to} has up to ${delivered} and not ${last}`)
    if (withReads)
      must(read === last, 'L3', () => `${from} ${id}: ${to} has read up to ${read} and not ${last}`)
  }
}

/** L4: who is there is seen, and who goes is seen to have gone. */
export async function checkPresence(history: History) {
  const { of, world } = history
  const seen = (watcher: UserId, user: UserId) => of(watcher).map((device) => device.shows(user))
  const mustSee = (watcher: UserId, user: UserId) =>
    must(
      seen(watcher, user).every((show) => show === 'online'),
      'L4',
      () => `${watcher} sees ${user} ${seen(watcher, user)}`,
    )
  for (const [a, b] of history.pairs()) {
    mustSee(a, b)
    mustSee(b, a)
  }
  const gone = world.pick(history.present())
  for (const device of of(gone)) device.wire.turnOff()
  await history.run(2 * minute)
  for (const watcher of history.present()) if (watcher !== gone) mustSeeNobody(history, watcher, gone)
  for (const left of history.relay.gone.keys())
    for (const watcher of history.present()) mustSeeNobody(history, watcher, left)
}

function mustSeeNobody({ of }: History, watcher: UserId, user: UserId) {
  for (const device of of(watcher))
    must(device.shows(user) === 'offline', 'L4', () => `${watcher} still sees ${user}`)
}

// --- Relations ---------------------------------------------------------------------------------------------

/** What both rooms may believe in the end; a knock that was swallowed leaves its sender asking. */
const agreed = new Set(['none,none', 'buddies,buddies', 'asking,none'])

/** RO5: when all was said, both rooms believe the same, and L4: who is no buddy sees nothing. */
export function checkRelations(history: History) {
  const { relay, world } = history
  for (const [a, b] of history.pairs()) {
    const both = [relationIn(relay, a, b), relationIn(relay, b, a)].toSorted().join()
    must(agreed.has(both), 'RO5', () => `${a} and ${b} end as ${both}`)
    world.note(`agreed ${both}`)
    if (both === 'buddies,buddies') continue
    mustSeeNobody(history, a, b)
    mustSeeNobody(history, b, a)
  }
}

export function relationIn(relay: Relay, user: UserId, peer: UserId) {
  const row = relay.rooms.get(user)!.rows.get(keys.peer(peer))
  return row ? (JSON.parse(row) as PeerRow).relation : 'none'
}

function peerRow(relay: Relay, user: UserId, peer: UserId): PeerRow {
  return JSON.parse(relay.rooms.get(user)!.rows.get(keys.peer(peer))!) as PeerRow
}

// --- Space -------------------------------------------------------------------------------------------------

/** L5: the log keeps what it must, and there are no rows that belong to nothing. */
export function checkSpace(history: History) {
  for (const user of history.present()) checkSpaceOf(history, user)
}

function checkSpaceOf({ relay, world }: History, user: UserId) {
  const { rows } = relay.rooms.get(user)!
  const meta = JSON.parse(rows.get(keys.meta)!) as Meta
  const log = rows.list({ prefix: 'log:', limit: Infinity }).map(([, json]) => JSON.parse(json) as LogRow)
  must(
    log.length === meta.head - meta.floor,
    'L5',
    () => `${user} has ${log.length} entries, not ${meta.head - meta.floor}`,
  )
  const [oldest] = log
  if (oldest) {
    // A day more: what holds the log is looked at four times a day.
    const isYoung = oldest.at + limits.logKeepMs + day > world.now
    must(isYoung || isOpen(relay, user, oldest), 'L5', () => `${user} keeps ${JSON.stringify(oldest)}`)
  }
  for (const [key] of rows) {
    const [kind, name] = key.split(':') as [string, UserId]
    const isLeft = ['outbox', 'work', 'spread', 'drops'].includes(kind)
    must(!isLeft, 'L5', () => `${user} still has ${key}`)
    const isWatched = kind !== 'seen' || relationIn(relay, user, name) === 'buddies'
    must(isWatched, 'L5', () => `${user} watches ${name}, who is no buddy`)
  }
  const waiting = rows
    .list({ prefix: 'keys:', limit: Infinity })
    .reduce((sum, [, json]) => sum + (JSON.parse(json) as PackagesRow).waiting.length, 0)
  const packages = rows.list({ prefix: 'package:', limit: Infinity }).length
  must(packages === waiting, 'L5', () => `${user} has ${packages} packages, and ${waiting} wait`)
}

/** It was dropped at the other end, and nobody may know: it is kept until it expires. */
function isOpen(relay: Relay, user: UserId, { entry }: LogRow): boolean {
  if (entry.type !== 'message' || entry.direction !== 'out') return false
  const { theirs } = peerRow(relay, user, entry.peer)
  const isDropped = theirs.except.some(([from, to]) => from <= entry.ts && entry.ts <= to)
  return isDropped || entry.ts > theirs.settled
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
