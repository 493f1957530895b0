/** From rows of the database to what the log shows: order, ticks, groups, sessions. Knows neither time zone nor words. */
import type { Content } from '#shared/content'
import type { EnvelopeId, Millis, UserId } from '#shared/ids'
import { targetOf, withChange } from '../db/changes.ts'
import {
  pendingTs,
  type ConversationRow,
  type Failure,
  type MessageRow,
  type NoticeRow,
  type OutboxRow,
  type SessionRow,
} from '../db/db.ts'
import { sessionQuietMs, sessionsOf } from '../db/sessions.ts'
import { fileItem, type FileItem, type Unsent } from './conversation-files.ts'
import { safeName } from './file-names.ts'
import { reactionsOf, type Reaction } from './reactions.ts'

/** In the order in which they may follow each other; then the ends. `held` waits for the person. */
export type Tick = 'pending' | 'stored' | 'delivered' | 'read' | 'failed' | 'expired' | 'held'

/** What a message answers. */
export interface Quote {
  /** Of the answered message, which may not be here. */
  key: string
  from: UserId
  id: EnvelopeId
  direction: 'in' | 'out'
  /** Null when it was deleted. */
  text: string | null
}

export interface MessageItem {
  type: 'message'
  key: string
  from: UserId
  id: EnvelopeId
  direction: 'in' | 'out'
  /** The relay's time, or `pendingTs`: what a read mark is made of. */
  ts: Millis
  /** When it was sent, by this device's clock. */
  at: Millis
  /** When it was written, if that was clearly earlier. */
  written: Millis | null
  /** Null while it cannot be opened, and when it was taken back. Of a file its caption, which may be empty. */
  text: string | null
  file: FileItem | null
  /** A file of mine that is not sent yet: there is no message to do anything with. */
  isUnsent: boolean
  /** Of the kind that can be edited: a text, not a knock. */
  isText: boolean
  isRetracted: boolean
  /** Opened, and of a kind that only a newer Parley knows. */
  isUnknown: boolean
  /** Could not be opened, and may still be asked for. */
  mayAsk: boolean
  quote: Quote | null
  /** The texts before, oldest first, and when each of them was said; null for one that was never edited. */
  earlier: { text: string; at: Millis }[] | null
  reactions: Reaction[]
  tick: Tick | null
  failure: Failure | null
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
  event:
    | 'knocked'
    | 'was-knocked'
    | 'accepted'
    | 'was-accepted'
    | 'left'
    | 'was-left'
    | 'rejected'
    | 'was-rejected'
    | 'ended'
    | NoticeRow['what']
  at: Millis
  /** Worth a second look. */
  isLoud?: boolean
  /** What they said to it. */
  note?: string
}

/** Where a session begins. */
export interface SessionItem {
  type: 'session'
  key: string
  /** Its name: what is deleted, what is copied. */
  id: string
  at: Millis
  /** How long it was; null while it is going on. */
  lengthMs: Millis | null
  /** Its messages as far as they are loaded. */
  count: number
  isCollapsed: boolean
}

export type Item =
  | MessageItem
  | EventItem
  | SessionItem
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

const inOut = {
  out: { knocked: 'knocked', accepted: 'accepted', left: 'left', rejected: 'rejected' },
  in: { knocked: 'was-knocked', accepted: 'was-accepted', left: 'was-left', rejected: 'was-rejected' },
} as const

function eventOf(content: Content | null, direction: 'in' | 'out'): EventItem['event'] | null {
  if (content?.type === 'accept') return inOut[direction].accepted
  if (content?.type === 'knock' && content.text === '') return inOut[direction].knocked
  if (content?.type === 'leave') return inOut[direction][content.how]
  return null
}

/** As often as a message is asked for in all (engine/unopened.ts). */
const asksMax = 3

const textOf = (content: Content | null): string | null =>
  content?.type === 'text' || content?.type === 'knock' || content?.type === 'file' ? content.text : null

/** What one calls a message in a line. */
const quotedText = (content: Content | null): string | null =>
  textOf(content) || (content?.type === 'file' ? safeName(content.file.name) : null)

export const keyOf = ({ from, id }: { from: UserId; id: EnvelopeId }): string => `${from} ${id}`

/** Has a place in the log: not what only changes others, and not what I have deleted for myself. */
export const isShown = ({ kind, content, removed }: MessageRow): boolean =>
  removed !== 'hidden' && (kind !== 'control' || content?.type === 'leave')

interface Sources {
  me: UserId
  messages: readonly MessageRow[]
  outbox: readonly OutboxRow[]
  /** Files of mine that are on their way, oldest first. */
  unsent?: readonly Unsent[]
  /** What happened to keys meanwhile, oldest first. */
  notices?: readonly NoticeRow[]
  conversation: ConversationRow | undefined
  /** The relay's clock minus this device's. */
  skew: number
  /** Where "New messages" stands: before the first of theirs after this. */
  newAfter: Millis | null
  /** The day of a time on this device, in any form that is equal for the same day. */
  dayOf: (at: Millis) => string
  /** The message before all these, if there is one: whether the first session begins here follows from it. */
  before?: MessageRow | undefined
  /** Keys of sessions of which only the heading is wanted. */
  collapsed?: ReadonlySet<string>
  /** Has nobody said anything for so long that the last session is over? */
  isQuiet?: boolean
}

/** All rows of a conversation, in the order in which they are shown, with my own changes that are still on their way. */
export function rowsInOrder({
  me,
  messages,
  outbox,
}: Pick<Sources, 'me' | 'messages' | 'outbox'>): MessageRow[] {
  const known = new Set(messages.filter(({ direction }) => direction === 'out').map(({ id }) => id))
  const waiting = outbox.filter(({ id, kind }) => kind !== 'control' && !known.has(id))
  const rows = [...messages, ...waiting.map((row) => asMessage(row, me))].filter(isShown)
  const changes = outbox.filter(({ kind }) => kind === 'control')
  if (changes.length === 0) return rows
  const places = new Map(rows.map((row, place) => [keyOf(row), place]))
  for (const { id, content } of changes) {
    const change = { from: me, id, ts: pendingTs, content }
    const target = targetOf(change)
    const place = target && places.get(keyOf({ from: target[0], id: target[1] }))
    if (place != null) rows[place] = withChange(rows[place]!, change)
  }
  return rows
}

/** By the relay's clock; of what has not been there yet, what it would be now. */
const said = (row: MessageRow, skew: number): MessageRow =>
  row.ts === pendingTs ? { ...row, ts: row.at + skew } : row

export function timeline(sources: Sources): Item[] {
  const { me, conversation, outbox, skew, newAfter, dayOf, before, collapsed, isQuiet = false } = sources
  const held = new Set(outbox.filter((row) => row.held).map(({ id }) => id))
  const rows = rowsInOrder(sources)
  const byKey = new Map(rows.map((row) => [keyOf(row), row]))
  const hidden = new Set(sources.messages.filter((row) => !isShown(row)).map(keyOf))
  const all = before ? [before, ...rows] : rows
  const sessions = sessionsOf(
    all.map((row) => said(row, skew)),
    me,
  )
  const newest = sessions.at(-1) ?? null
  const items: Item[] = []
  let day = ''
  let isNewShown = false
  let heading: SessionItem | null = null
  let session: SessionRow | null = before ? sessions[0]! : null
  if (before) sessions.shift()
  const notices = (sources.notices ?? []).filter(({ ts }) => !before || ts > before.ts)
  let told = 0
  /** Those that happened before that. */
  const tell = (ts: Millis) => {
    for (; told < notices.length && notices[told]!.ts < ts; told++) {
      const { ts: noticed, what, isLoud } = notices[told]!
      const key = `notice ${noticed} ${what}`
      items.push({ type: 'event', key, event: what, at: noticed - skew, ...(isLoud && { isLoud }) })
    }
  }

  for (const [place, row] of rows.entries()) {
    const at = row.ts === pendingTs ? row.at : row.ts - skew
    const own = sessions[place]!
    tell(row.ts)
    if (own !== session && own && row.kind === 'message') {
      session = own
      heading = sessionItem(own, at)
      items.push(heading)
      day = dayOf(at)
    }
    if (heading && row.kind === 'message') heading.count++
    if (heading?.isCollapsed && own === session) {
      if (row.direction === 'out' || row.ts <= (conversation?.readTs ?? 0) || row.kind !== 'message') continue
      heading.isCollapsed = false // nothing that is unread hides
    }
    if (dayOf(at) !== day) {
      day = dayOf(at)
      items.push({ type: 'day', key: `day ${day}`, at })
    }
    if (newAfter !== null && !isNewShown && row.direction === 'in' && row.ts > newAfter) {
      isNewShown = true
      items.push({ type: 'new', key: 'new' })
    }
    const event = row.removed ? null : eventOf(row.content, row.direction)
    if (!event) items.push(messageItem(row, at))
    else if (row.content?.type !== 'leave' || isEnd(row, own)) items.push(eventItem(row, event, at))
  }
  tell(Infinity)
  if (newest && isQuiet && !newest.end && items.at(-1)?.type === 'message') {
    items.push({ type: 'event', key: 'ended', event: 'ended', at: newest.lastTs + sessionQuietMs - skew })
  }
  for (const one of sources.unsent ?? []) {
    if (dayOf(one.at) !== day) {
      day = dayOf(one.at)
      items.push({ type: 'day', key: `day ${day}`, at: one.at })
    }
    items.push(unsentItem(one))
  }
  joinGroups(items)
  markTicks(items)
  return items

  function sessionItem(own: SessionRow, at: Millis): SessionItem {
    const isOver = own !== newest || isQuiet || own.end?.how === 'left'
    const key = `session ${own.startTs}`
    return {
      type: 'session',
      key,
      id: own.id,
      at,
      lengthMs: isOver ? (own.end?.ts ?? own.lastTs) - own.startTs : null,
      count: 0,
      isCollapsed: isOver && (collapsed?.has(key) ?? false),
    }
  }

  /** Somebody who leaves when it is over already ends nothing. */
  function isEnd({ from, ts }: MessageRow, own: SessionRow | null): boolean {
    return !own || (own.end?.by === from && own.end.ts === (ts === pendingTs ? own.end.ts : ts))
  }

  function eventItem(row: MessageRow, event: EventItem['event'], at: Millis): EventItem {
    const note = row.content?.type === 'leave' && row.content.note ? { note: row.content.note } : {}
    return { type: 'event', key: keyOf(row), event, at, ...note }
  }

  function messageItem(row: MessageRow, at: Millis): MessageItem {
    const tick =
      row.direction === 'in' || row.removed ? null : held.has(row.id) ? 'held' : tickOf(row, conversation)
    const written =
      row.content?.type === 'text' || row.content?.type === 'file' ? row.content.written : undefined
    return {
      type: 'message',
      key: keyOf(row),
      from: row.from,
      id: row.id,
      direction: row.direction,
      ts: row.ts,
      at,
      written: written !== undefined && at - written > writtenMs ? written : null,
      text: textOf(row.content),
      file: row.content?.type === 'file' ? fileItem(keyOf(row), row.direction, row.content.file) : null,
      isUnsent: false,
      isText: row.content?.type === 'text',
      isRetracted: row.removed === 'retracted',
      isUnknown: row.unknown !== undefined,
      mayAsk: row.direction === 'in' && row.payload !== undefined && (row.asked ?? 0) < asksMax,
      quote: quoteOf(row),
      earlier:
        row.edited?.before.map(({ text, ts }) => ({ text, at: ts === pendingTs ? at : ts - skew })) ?? null,
      reactions: reactionsOf(row.reactions, me),
      tick,
      failure: tick === 'failed' ? (row.failure ?? 'internal-server-error') : null,
      isFirst: true,
      isLast: true,
      showsTick: false,
    }
  }

  /** It has no place in the log yet, but for the one at its end. */
  function unsentItem({ file, caption, at }: Unsent): MessageItem {
    return {
      type: 'message',
      key: file.key,
      from: me,
      id: file.key as EnvelopeId,
      direction: 'out',
      ts: pendingTs,
      at,
      written: null,
      text: caption,
      file,
      isUnsent: true,
      isText: false,
      isRetracted: false,
      isUnknown: false,
      mayAsk: false,
      quote: null,
      earlier: null,
      reactions: [],
      tick: 'pending',
      failure: null,
      isFirst: true,
      isLast: true,
      showsTick: false,
    }
  }

  /** What the answered message says itself, where it is here: who answers could put anything into its mouth. */
  function quoteOf({ peer, content }: MessageRow): Quote | null {
    const reply = content?.type === 'text' ? content.reply : undefined
    if (!reply || (reply.from !== me && reply.from !== peer)) return null
    const { from, id } = reply
    const key = keyOf(reply)
    const answered = byKey.get(key)
    const direction = from === me ? 'out' : 'in'
    if (hidden.has(key) || answered?.removed) return { key, from, id, direction, text: null }
    return { key, from, id, direction, text: (answered && quotedText(answered.content)) ?? reply.text }
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
