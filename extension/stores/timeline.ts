/** From rows of the database to what the log shows: order, ticks, groups, separators. Knows neither time zone nor words. */
import type { Content } from '#shared/content'
import type { ErrorCode } from '#shared/errors'
import type { EnvelopeId, Millis, UserId } from '#shared/ids'
import { pendingTs, type ConversationRow, type MessageRow, type OutboxRow } from '../db/db.ts'

/** In the order in which they may follow each other; then the ends. `held` waits for the person. */
export type Tick = 'pending' | 'stored' | 'delivered' | 'read' | 'failed' | 'expired' | 'held'

export interface MessageItem {
  type: 'message'
  key: string
  id: EnvelopeId
  direction: 'in' | 'out'
  /** The relay's time, or `pendingTs`: what a read mark is made of. */
  ts: Millis
  /** When it was sent, by this device's clock. */
  at: Millis
  /** When it was written, if that was clearly earlier. */
  written: Millis | null
  /** Null while it cannot be opened. */
  text: string | null
  tick: Tick | null
  failure: ErrorCode | null
  /** First and last of what one side said in one breath. */
  isFirst: boolean
  isLast: boolean
  /** The last of mine that has come this far, and everything that needs attention. */
  showsTick: boolean
}

/** Something that happened, told in a quiet line. */
export interface EventItem {
  type: 'event'
  key: string
  event: 'knocked' | 'was-knocked' | 'accepted' | 'was-accepted'
  at: Millis
}

export type Item =
  | MessageItem
  | EventItem
  | { type: 'day'; key: string; at: Millis }
  | { type: 'new'; key: 'new' }

/** One side's messages within this time join to a group. */
const joinMs = 2 * 60_000
/** A message written that much before it was sent says so. */
const writtenMs = 2 * 60_000

/** What a message of mine has come to. `delivered` and `read` follow from the watermarks. */
function tickOf({ state = 'pending', ts }: MessageRow, conversation: ConversationRow | undefined): Tick {
  if (state !== 'stored' || !conversation) return state
  if (conversation.except.some(([from, to]) => ts >= from && ts <= to)) return 'stored'
  if (ts <= conversation.read) return 'read'
  return ts <= conversation.delivered ? 'delivered' : 'stored'
}

/** A page has written it and the background has not taken it yet: it shows as pending at once. */
function asMessage({ id, peer, kind, content, at }: OutboxRow, me: UserId): MessageRow {
  return { from: me, id, peer, ts: pendingTs, direction: 'out', kind, content, state: 'pending', at }
}

function eventOf(content: Content | null, direction: 'in' | 'out'): EventItem['event'] | null {
  if (content?.type === 'accept') return direction === 'out' ? 'accepted' : 'was-accepted'
  if (content?.type === 'knock' && content.text === '') return direction === 'out' ? 'knocked' : 'was-knocked'
  return null
}

const textOf = (content: Content | null): string | null =>
  content?.type === 'text' || content?.type === 'knock' ? content.text : null

interface Sources {
  me: UserId
  messages: readonly MessageRow[]
  outbox: readonly OutboxRow[]
  conversation: ConversationRow | undefined
  /** The relay's clock minus this device's. */
  skew: number
  /** Where "New messages" stands: before the first of theirs after this. */
  newAfter: Millis | null
  /** The day of a time on this device, in any form that is equal for the same day. */
  dayOf: (at: Millis) => string
}

/** All rows of a conversation, in the order in which they are shown. */
export function rowsInOrder({
  me,
  messages,
  outbox,
}: Pick<Sources, 'me' | 'messages' | 'outbox'>): MessageRow[] {
  const known = new Set(messages.filter(({ direction }) => direction === 'out').map(({ id }) => id))
  const waiting = outbox.filter(({ id, kind }) => kind !== 'control' && !known.has(id))
  return [...messages, ...waiting.map((row) => asMessage(row, me))].filter(({ kind }) => kind !== 'control')
}

export function timeline(sources: Sources): Item[] {
  const { conversation, outbox, skew, newAfter, dayOf } = sources
  const held = new Set(outbox.filter((row) => row.held).map(({ id }) => id))
  const items: Item[] = []
  let day = ''
  let isNewShown = false

  for (const row of rowsInOrder(sources)) {
    const at = row.ts === pendingTs ? row.at : row.ts - skew
    if (dayOf(at) !== day) {
      day = dayOf(at)
      items.push({ type: 'day', key: `day ${day}`, at })
    }
    if (newAfter !== null && !isNewShown && row.direction === 'in' && row.ts > newAfter) {
      isNewShown = true
      items.push({ type: 'new', key: 'new' })
    }
    const key = `${row.from} ${row.id}`
    const event = eventOf(row.content, row.direction)
    if (event) items.push({ type: 'event', key, event, at })
    else items.push(messageItem(row, key, at))
  }
  joinGroups(items)
  markTicks(items)
  return items

  function messageItem(row: MessageRow, key: string, at: Millis): MessageItem {
    const tick = row.direction === 'in' ? null : held.has(row.id) ? 'held' : tickOf(row, conversation)
    const written = row.content?.type === 'text' ? row.content.written : undefined
    return {
      type: 'message',
      key,
      id: row.id,
      direction: row.direction,
      ts: row.ts,
      at,
      written: written !== undefined && at - written > writtenMs ? written : null,
      text: textOf(row.content),
      tick,
      failure: tick === 'failed' ? (row.failure ?? 'internal-server-error') : null,
      isFirst: true,
      isLast: true,
      showsTick: false,
    }
  }
}

function joinGroups(items: Item[]) {
  for (const [position, item] of items.entries()) {
    const before = items[position - 1]
    if (item.type !== 'message' || before?.type !== 'message') continue
    if (item.direction !== before.direction || item.at - before.at > joinMs) continue
    item.isFirst = false
    before.isLast = false
  }
}

function markTicks(items: Item[]) {
  const seen = new Set<Tick>()
  for (const item of items.toReversed()) {
    if (item.type !== 'message' || item.tick === null) continue
    const needsAttention = item.tick === 'failed' || item.tick === 'expired' || item.tick === 'held'
    item.showsTick = needsAttention || !seen.has(item.tick)
    seen.add(item.tick)
  }
}
