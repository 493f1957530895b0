/** The checker of a relay under faults: what was attempted, what was confirmed, what came, and how often. */
import type { EnvelopeId } from '#shared/ids'
import type { WireClient } from './wire-client.ts'

export interface SetFull {
  attempted: number
  acked: number
  lost: number
  duplicated: number
  /** Came in another order than it was sent. */
  disordered: number
}

export interface Conversation {
  from: WireClient
  to: WireClient
  /** In the order of sending. */
  ids: readonly EnvelopeId[]
}

export function setFull(conversations: readonly Conversation[]): SetFull {
  const result: SetFull = { attempted: 0, acked: 0, lost: 0, duplicated: 0, disordered: 0 }
  for (const { from, to, ids } of conversations) {
    const places = new Map<EnvelopeId, number[]>()
    for (const entry of to.log.values()) {
      if (entry.type !== 'message' || entry.direction !== 'in' || entry.peer !== from.user) continue
      places.set(entry.id, [...(places.get(entry.id) ?? []), entry.seq])
    }
    let before = 0
    for (const id of ids) {
      const [first, ...more] = places.get(id) ?? []
      result.attempted++
      if (from.stored.has(id)) result.acked++
      if (from.stored.has(id) && first === undefined) result.lost++
      result.duplicated += more.length
      if (first !== undefined && first < before) result.disordered++
      before = first ?? before
    }
  }
  return result
}
