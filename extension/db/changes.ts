/**
 * What edits, retractions and reactions make of the message that they are about. Pure, so that the background applies
 * them for good and a page shows its own ones at once. In whatever order they come, and however often, the same comes
 * out: the newest by (ts, id) holds.
 */
import { isChange, type Content } from '#shared/content'
import type { EnvelopeId, Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { pendingTs, type MessageRow } from './db.ts'

export interface Change {
  from: UserId
  id: EnvelopeId
  /** By the relay's clock; `pendingTs` until it is known. */
  ts: Millis
  content: Content
}

/** Which message a change is about: its author and id. Null for what is no change. */
export function targetOf({ from, content }: Change): [UserId, EnvelopeId] | null {
  if (!isChange(content)) return null
  return content.type === 'reaction' ? [content.target.from, content.target.id] : [from, content.id]
}

export const isNewer = (a: { ts: Millis; id: string }, b: { ts: Millis; id: string } | undefined) =>
  !b || a.ts > b.ts || (a.ts === b.ts && a.id > b.id)

/** The message as the change leaves it; the very same row when it changes nothing. */
export function withChange(row: MessageRow, change: Change): MessageRow {
  const { from, id, ts, content } = change
  if (row.removed || !isChange(content)) return row
  switch (content.type) {
    case 'reaction': {
      if (!isNewer(change, row.reactions?.[from])) return row
      return { ...row, reactions: { ...row.reactions, [from]: { id, ts, emoji: content.emoji } } }
    }
    case 'edit': {
      if (row.from !== from || row.content?.type !== 'text') return row
      if (isTooLate(row, ts, limits.editMs) || !isNewer(change, row.edited)) return row
      const before = [...(row.edited?.before ?? []), { text: row.content.text, ts: row.edited?.ts ?? row.ts }]
      return {
        ...row,
        content: { ...row.content, text: content.text },
        edited: { id, ts, before: before.slice(-20) },
      }
    }
    case 'retract':
      if (row.from !== from || isTooLate(row, ts, limits.retractMs)) return row
      return removed(row, 'retracted')
  }
}

/** By the clock of the room that both went through; nobody's own clock decides. */
const isTooLate = (row: MessageRow, ts: Millis, withinMs: number) =>
  ts !== pendingTs && ts - row.ts > withinMs

/** Nothing is left but its place, so that it is known when it comes again. */
export function removed(row: MessageRow, how: NonNullable<MessageRow['removed']>): MessageRow {
  const { from, id, peer, ts, seq, direction, kind, state, at } = row
  return {
    from,
    id,
    peer,
    ts,
    ...(seq !== undefined && { seq }),
    direction,
    kind,
    content: null,
    ...(state && { state }),
    at,
    removed: how,
  }
}
