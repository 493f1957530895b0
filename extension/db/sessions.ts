/**
 * Sittings of a conversation. They follow from what was said, in its order: nothing is lost when nobody
 * keeps them, and both people come to the same. Only my answer to a prompt is not in the messages.
 */
import { v7 } from 'uuid'
import type { Content } from '#shared/content'
import type { Millis, UserId } from '#shared/ids'
import type { MessageRow, OutboxRow, SessionRow } from './db.ts'

/** A session ends by itself when nobody wrote for an hour. */
export const sessionQuietMs = 60 * 60_000

type Said = Pick<MessageRow, 'from' | 'id' | 'ts' | 'kind' | 'content'>

/** Whether what is said now still belongs to it. */
export const isOpen = (
  session: SessionRow | undefined,
  now: Millis,
): session is SessionRow & { end?: undefined } =>
  session !== undefined && session.end === undefined && now - session.lastTs < sessionQuietMs

/** The session that a message says it belongs to. */
const sessionIn = (content: Content | null): string | undefined =>
  (content?.type === 'text' || content?.type === 'file') && content.session ? content.session : undefined

/** The session after something was said, or the same one when it is none of a session's business. */
export function sessionAfter(before: SessionRow | undefined, said: Said, me: UserId): SessionRow | undefined {
  const { from, ts, kind, content } = said
  if (content?.type === 'leave') return left(before, said, content)
  if (kind !== 'message') return before
  // What was dropped into the past belongs to one that is over.
  if (before && ts < before.startTs) return before
  const named = sessionIn(content)
  const id = named ?? said.id
  if (!before || !goesOn(before, said, id, me)) {
    const answer = from === me ? { what: 'accepted' as const, at: ts } : undefined
    return { id, by: from, startTs: ts, lastTs: ts, ...(answer && { answer }) }
  }
  return {
    ...before,
    // Both began one at once: the lower id is its name, the other means the same. What says none, names none.
    id: !before.end && named && id < before.id ? id : before.id,
    lastTs: Math.max(before.lastTs, ts),
    // Who writes has accepted.
    ...(from === me && before.answer?.what !== 'accepted' && { answer: { what: 'accepted', at: ts } }),
  }
}

function goesOn({ end, lastTs, id: known }: SessionRow, { from, ts }: Said, id: string, me: UserId): boolean {
  if (ts - lastTs >= sessionQuietMs) return false
  if (!end) return true
  if (end.how === 'left') return false
  // Whom I rejected stays rejected for this sitting, whatever name they give it; it is undone as soon as I write.
  if (end.by === me) return from !== me
  return from === me && id === known
}

function left(
  before: SessionRow | undefined,
  { from, ts }: Said,
  { how, note }: Extract<Content, { type: 'leave' }>,
): SessionRow | undefined {
  if (!before || before.end || ts < before.startTs || ts - before.lastTs >= sessionQuietMs) return before
  return { ...before, end: { by: from, ts, how, ...(note !== undefined && note !== '' && { note }) } }
}

/** Which session each of the messages belongs to, oldest first, as it is in the end; null for those of none. */
export function sessionsOf(rows: readonly Said[], me: UserId): (SessionRow | null)[] {
  const sessions: SessionRow[] = []
  const numbers = rows.map((row) => {
    const before = sessions.at(-1)
    const after = sessionAfter(before, row, me)
    if (after === undefined) return -1
    if (before === undefined || after.startTs !== before.startTs) sessions.push(after)
    else sessions[sessions.length - 1] = after
    return sessions.length - 1
  })
  return numbers.map((number) => sessions[number] ?? null)
}

/** What the session of something that I say now depends on. */
export interface Sitting {
  known: SessionRow | undefined
  /** What is on its way to them. */
  outbox: readonly OutboxRow[]
  /** The relay's clock minus this device's. */
  skew: number
  me: UserId
}

/**
 * The session that a message said now belongs to: the open one, also when the peer did not want it (they get it
 * quietly), or a new one. What I have just written counts although the background has not seen it yet.
 */
export function sessionNow({ known, outbox, skew, me }: Sitting, now: Millis): string {
  const end = known?.end
  const waiting = outbox.findLast(
    ({ kind, held, at }) => kind === 'message' && !held && now - at < sessionQuietMs,
  )
  const named = waiting && sessionIn(waiting.content)
  if (named) {
    const isAfterEnd = !end || end.how !== 'left' || end.ts < waiting.at + skew
    if (isAfterEnd) return named
  }
  const isRecent = known && now + skew - known.lastTs < sessionQuietMs
  const isWelcome = !end || (end.how === 'rejected' && end.by !== me)
  return isRecent && isWelcome ? known.id : v7()
}
