/**
 * What waits for a peer's room. Rows are keyed by `ts`, which survives everything; their numbers in the lane follow
 * from their position, so that a new numbering rewrites nothing.
 */
import type { EnvelopeId, Millis, Seq } from '#shared/ids'
import { newEnvelopeId } from './ids.ts'
import type { Item } from './ports.ts'
import { keys, type OutboxRow, type PeerRow } from './rows.ts'
import { savePeer, type Turn } from './turn.ts'

/** The next ts of the pair: by the clock, and after everything that either side has said. */
export function nextTs({ env }: Turn, peer: PeerRow): Millis {
  peer.ts = Math.max(env.now, peer.ts + 1)
  return peer.ts
}

/** Puts an entry of the log into the lane. */
export function enqueue(turn: Turn, peer: PeerRow, ts: Millis, id: EnvelopeId, seq: Seq) {
  put(turn, peer, ts, { id, seq })
}

/** Puts something into the lane that my own devices need not see. */
export function enqueueNotice(turn: Turn, peer: PeerRow, item: Pick<Item, 'kind' | 'devices'>) {
  put(turn, peer, nextTs(turn, peer), { id: newEnvelopeId(turn.env.now, turn.env.random), item })
}

function put(turn: Turn, peer: PeerRow, ts: Millis, row: OutboxRow) {
  turn.tx.put(keys.outbox(peer.user, ts), row)
  peer.out.waiting++
  savePeer(turn, peer)
  turn.pumps.add(peer.user)
}
