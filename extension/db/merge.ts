/**
 * The same message from two places: as it is here, and as another device had it when it was archived. Each may have
 * heard of changes that the other has not. In whatever order they are put together, and however often, the same comes
 * out: what is removed stays removed, and otherwise the newest edit and each person's newest reaction hold.
 */
import { isNewer, removed } from './changes.ts'
import { pendingTs, type MessageRow } from './db.ts'

type State = NonNullable<MessageRow['state']>
const ranks: Record<State, number> = { pending: 0, stored: 1, failed: 2, expired: 3 }

export function mergedRows(a: MessageRow, b: MessageRow): MessageRow {
  const [newer, older] = hasNewerText(b, a) ? [b, a] : [a, b]
  const seq = Math.max(a.seq ?? -1, b.seq ?? -1)
  const late = later(a, b)
  const both: MessageRow = {
    ...older,
    ...newer,
    // Everybody keeps the earlier place.
    ts: Math.min(a.ts, b.ts, pendingTs),
    at: Math.min(a.at, b.at),
    ...(seq >= 0 && { seq }),
    ...late,
  }
  if (!newer.edited) delete both.edited
  const reactions = mergedReactions(a.reactions, b.reactions)
  if (reactions) both.reactions = reactions
  if (both.content !== null)
    for (const field of ['payload', 'lists', 'envelope', 'unknown', 'waits'] as const) delete both[field]
  const how = [a.removed, b.removed].includes('hidden') ? 'hidden' : (a.removed ?? b.removed)
  return how ? removed(both, how) : both
}

const hasNewerText = (one: MessageRow, other: MessageRow): boolean => {
  if (one.content === null)
    return other.content === null && one.unknown !== undefined && other.unknown === undefined
  if (other.content === null) return true
  return one.edited !== undefined && isNewer(one.edited, other.edited)
}

function later(a: MessageRow, b: MessageRow): Pick<MessageRow, 'state' | 'failure'> {
  const rank = ({ state }: MessageRow) => (state ? ranks[state] : -1)
  const { state, failure } = rank(b) > rank(a) ? b : a
  return { ...(state && { state }), ...(failure && { failure }) }
}

type Reactions = NonNullable<MessageRow['reactions']>

function mergedReactions(a: MessageRow['reactions'], b: MessageRow['reactions']): Reactions | undefined {
  if (!a || !b) return a ?? b
  const both: Reactions = { ...a }
  for (const [who, reaction] of Object.entries(b) as [keyof Reactions, Reactions[keyof Reactions]][]) {
    if (isNewer(reaction, both[who])) both[who] = reaction
  }
  return both
}
