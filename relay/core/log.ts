/**
 * The room's one log. Every durable thing that a device must learn is an entry; a device is a cursor into it.
 * Handlers only append: at the end of an event `push` sends each device what it lacks, as far as its credit goes.
 */
import type { ClientFrameOf, Entry } from '#shared/frames'
import type { Millis, Seq, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { newMark } from './ids.ts'
import type { ConnectionId, ConnectionState } from './ports.ts'
import { keys, type LogRow } from './rows.ts'
import { saveMeta, send, signedIn, touch, wake, type Turn } from './turn.ts'

type Unplaced<E> = E extends unknown ? Omit<E, 'seq' | 'mark'> : never
/** An entry that has no place yet. */
export type NewEntry = Unplaced<Entry>

/**
 * Puts an entry at the end of the log. Its seq is the next one, so that seqs have no gaps (LG1).
 * @param beside What the row keeps for the other room and devices need not see.
 */
export function append(turn: Turn, fields: NewEntry, beside: Pick<LogRow, 'invite'> = {}): Entry {
  const { meta, env } = turn
  const entry = { ...fields, seq: meta.head + 1, mark: newMark(env.random) } as Entry
  const row: LogRow = { at: env.now, entry, ...beside }
  turn.tx.put(keys.log(entry.seq), row)
  meta.head = entry.seq
  meta.bytes += sizeOf(entry)
  saveMeta(turn)
  turn.appended.push(row)
  noteArrival(turn, entry)
  wake(turn, 'trim', env.now + limits.logKeepMs)
  wake(turn, 'expiry', env.now + env.settings.announced.keepMs)
  return entry
}

/** Who is to be told when a device has stored the entry. */
export type Arrival = { peer: UserId; ts: Millis } | null
const arrivalsMax = 1024

export const arrivalIn = (entry: Entry): Arrival =>
  entry.type === 'message' && entry.direction === 'in' ? { peer: entry.peer, ts: entry.ts } : null

export const arrivalsOf = ({ env }: Turn) => (env.memory.get('arrivals') ?? new Map()) as Map<Seq, Arrival>

/** The acknowledgement comes soon, and then the entry need not be read again. */
function noteArrival(turn: Turn, entry: Entry) {
  const arrivals = arrivalsOf(turn)
  if (arrivals.size === 0) turn.env.memory.set('arrivals', arrivals)
  arrivals.set(entry.seq, arrivalIn(entry))
  if (arrivals.size > arrivalsMax) arrivals.delete(arrivals.keys().next().value!)
}

/** Whether the log may take another entry that others send; what the room itself must note always fits. */
export const isFull = ({ meta, env }: Turn) =>
  meta.head - meta.floor >= limits.logEntriesMax ||
  meta.bytes >= (env.settings.quotas?.logBytesMax ?? limits.logBytesMax)

/** Bytes of an entry on the wire, near enough to count by: everything that can be long is ASCII. */
export function sizeOf(entry: Entry): number {
  return (
    200 + ('payload' in entry ? entry.payload.length : 0) + ('except' in entry ? entry.except.length * 32 : 0)
  )
}

// --- Reading ---------------------------------------------------------------------------------------------

const pageRows = 32
/** Of one `deliver`, so that a frame stays well below what a socket takes. */
const deliverBytesMax = limits.frameOutBytesMax / 2

/** Entries after `after`, in order: at most `countMax` and about `bytesMax`, but at least one if there is any. */
export async function read(turn: Turn, after: Seq, countMax: number, bytesMax: number): Promise<Entry[]> {
  const entries: Entry[] = []
  let bytes = 0
  let from = Math.max(after, turn.meta.floor)
  while (entries.length < countMax && from < turn.meta.head) {
    const rows = await rowsAfter(turn, from, Math.min(pageRows, countMax - entries.length))
    for (const { entry } of rows) {
      bytes += sizeOf(entry)
      if (entries.length > 0 && bytes > bytesMax) return entries
      entries.push(entry)
    }
    from += rows.length
  }
  return entries
}

/** What this event appended need not be read. */
async function rowsAfter({ tx, meta, appended }: Turn, after: Seq, limit: number): Promise<LogRow[]> {
  const before = meta.head - appended.length
  if (after >= before) return appended.slice(after - before, after - before + limit)
  const rows = await tx.list<LogRow>({ prefix: 'log:', after: keys.log(after), limit })
  if (rows[0]?.[1].entry.seq !== after + 1) throw new Error(`the log has no entry ${after + 1}`)
  return rows.map(([, row]) => row)
}

/** A device reads the retained log again, from wherever it likes (LG6). */
export async function onSync(
  { request, after, limit }: ClientFrameOf<'sync'>,
  connection: ConnectionId,
  turn: Turn,
) {
  const entries = await read(turn, after, limit, deliverBytesMax)
  const last = entries.at(-1)?.seq ?? turn.meta.head
  send(turn, connection, { type: 'deliver', entries, more: last < turn.meta.head, request })
}

// --- Sending ---------------------------------------------------------------------------------------------

/** Sends every device the entries after what it was sent: in order, without gaps, within its credit (LG2, LG3). */
export async function push(turn: Turn) {
  for (const [connection, { sent, live }] of signedIn(turn)) {
    if (sent < turn.meta.head || !live) await pushTo(turn, connection)
  }
}

async function pushTo(turn: Turn, connection: ConnectionId) {
  let state = turn.sockets.get(connection)!
  const flight = await flightOf(turn, connection, state)
  while (state.sent < turn.meta.head) {
    const credit = limits.entriesInFlightMax - (state.sent - state.acked)
    const bytes = limits.entriesInFlightBytesMax - flight.bytes
    if (credit <= 0 || (bytes <= 0 && flight.sizes.length > 0)) return
    const entries = await read(turn, state.sent, credit, Math.min(bytes, deliverBytesMax))
    if (flight.sizes.length > 0 && sizeOf(entries[0]!) > bytes) return
    const own = touch(turn, connection)!
    own.waitingSince ??= turn.env.now
    own.sent = entries.at(-1)!.seq
    state = own
    takeOff(flight, entries)
    for (const entry of entries) if (entry.seq > turn.meta.acked) noteArrival(turn, entry)
    send(turn, connection, { type: 'deliver', entries, more: state.sent < turn.meta.head })
  }
  if (state.live) return
  touch(turn, connection)!.live = true
  send(turn, connection, { type: 'live', seq: state.sent })
}

/** What a device has been sent and has not acknowledged. */
interface Flight {
  bytes: number
  sizes: { seq: Seq; bytes: number }[]
}

const flightKey = (connection: ConnectionId) => `flight:${connection}`

async function flightOf(
  turn: Turn,
  connection: ConnectionId,
  { sent, acked }: ConnectionState,
): Promise<Flight> {
  let flight = turn.env.memory.get(flightKey(connection)) as Flight | undefined
  if (!flight) {
    flight = { bytes: 0, sizes: [] }
    turn.env.memory.set(flightKey(connection), flight)
    // The room was asleep meanwhile: what is under way stands in the log.
    if (sent > acked) takeOff(flight, await read(turn, acked, sent - acked, Infinity))
  }
  return flight
}

function takeOff(flight: Flight, entries: readonly Entry[]) {
  for (const entry of entries) {
    const bytes = sizeOf(entry)
    flight.bytes += bytes
    flight.sizes.push({ seq: entry.seq, bytes })
  }
}

/** What was acknowledged no longer takes credit. */
export function land(turn: Turn, connection: ConnectionId, seq: Seq) {
  const flight = turn.env.memory.get(flightKey(connection)) as Flight | undefined
  while (flight?.sizes[0] && flight.sizes[0].seq <= seq) flight.bytes -= flight.sizes.shift()!.bytes
}

export const forgetFlight = (turn: Turn, connection: ConnectionId) =>
  turn.env.memory.delete(flightKey(connection))
