/** Acknowledgements: how far each device has stored the log, and what senders may know of it. */
import type { ClientFrameOf } from '#shared/frames'
import { ProtocolError } from '#shared/errors'
import type { Millis, Seq, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { arrivalIn, arrivalsOf, land, read, type Arrival } from './log.ts'
import type { ConnectionId, ConnectionState } from './ports.ts'
import { noteDelivered } from './receipts.ts'
import { deviceOf, saveDevice, saveMeta, signedIn, touch, wake, type Turn } from './turn.ts'

/** A cursor is written when it comes this much further, and when the socket closes: the device knows it better. */
const cursorStep = 64

/** A device has stored everything up to `seq`. Cumulative, and never goes back (LG4). */
export async function onAck({ seq }: ClientFrameOf<'ack'>, connection: ConnectionId, turn: Turn) {
  const state = touch(turn, connection)!
  if (seq > turn.meta.head) throw new ProtocolError('bad-request', 'acknowledges what there is not')
  if (seq <= state.acked) return
  const before = state.acked
  state.acked = seq
  state.sent = Math.max(state.sent, seq) // what `sync` brought may be ahead of what was sent unasked
  if (state.sent > seq) state.waitingSince = turn.env.now
  else delete state.waitingSince
  land(turn, connection, seq)
  await settle(turn, seq)
  if (Math.floor(before / cursorStep) !== Math.floor(seq / cursorStep)) await saveCursor(turn, state)
}

/** Decides only what may be trimmed; and with `leaving`, since when the device was not here any more. */
export async function saveCursor(
  turn: Turn,
  { device, acked }: ConnectionState,
  { leaving = false }: { leaving?: boolean } = {},
) {
  const row = device && (await deviceOf(turn, device))
  if (!row || (row.cursor >= acked && !leaving)) return
  row.cursor = Math.max(row.cursor, acked)
  row.seen = turn.env.now
  saveDevice(turn, row)
}

/** At most so much in one event: each peer is a row, a mark and perhaps a call. */
const settledPeersMax = 25
const settledEntriesMax = 256

/**
 * Some device has stored the log up to `seq`: whoever sent something in it may know (RC1). It follows from what is
 * durable and not from the acknowledgement itself, so a lost one loses nothing.
 */
export async function settle(turn: Turn, seq: Seq) {
  const { meta } = turn
  if (seq <= meta.acked) return
  const from = Math.max(meta.acked, meta.floor)
  const marks = new Map<UserId, Millis>()
  let upTo = from
  for (const arrival of await arrivals(turn, from, Math.min(seq - from, settledEntriesMax))) {
    if (arrival) {
      if (!marks.has(arrival.peer) && marks.size === settledPeersMax) break
      marks.set(arrival.peer, Math.max(arrival.ts, marks.get(arrival.peer) ?? 0))
    }
    upTo++
  }
  // Nobody is to be told: it is written with what comes next.
  if (marks.size === 0 && upTo === seq && upTo - meta.acked < cursorStep) return
  meta.acked = upTo
  saveMeta(turn)
  for (const [user, ts] of marks) await noteDelivered(turn, user, ts)
  if (upTo < seq) wake(turn, 'receipts', turn.env.now)
}

/** What one event could not do at once. */
export async function settleRest(turn: Turn) {
  const sockets = [...signedIn(turn).values()].map((state) => state.acked)
  const devices = await turn.tx.list<{ cursor: Seq }>({ prefix: 'device:', limit: limits.devicesMax + 1 })
  const stored = Math.max(0, ...sockets, ...devices.map(([, device]) => device.cursor))
  await settle(turn, Math.min(stored, turn.meta.head))
}

async function arrivals(turn: Turn, after: Seq, count: number): Promise<Arrival[]> {
  const known = arrivalsOf(turn)
  const seqs = Array.from({ length: count }, (_, i) => after + 1 + i)
  if (seqs.every((seq) => known.has(seq))) return seqs.map((seq) => known.get(seq)!)
  return (await read(turn, after, count, Infinity)).map(arrivalIn)
}
