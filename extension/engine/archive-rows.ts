/**
 * What stands in a segment of the archive: messages and changes as this account has them, and Welcomes. Written by
 * another device of mine, perhaps by another version of Parley, so whatever is read is checked row by row.
 */
import * as v from 'valibot'
import { isChange, parseContent } from '#shared/content'
import { fromBase64, toBase64 } from '#shared/bytes'
import { Kind } from '#shared/frames'
import type { EnvelopeId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { blob, deviceId, envelopeId, errorCode, millis, seq, userId } from '#shared/schema'
import type { ArchiveRow } from '../crypto/archive/segment.ts'
import { removed as emptied, targetOf } from '../db/changes.ts'
import { pendingTs, type MessageRow, type WelcomeRow } from '../db/db.ts'
import { fitting } from './inbox.ts'
import { isKeptNote, isOwn } from './own.ts'

export type Table = 'messages' | 'changes'

const SaidRow = v.object({
  type: v.picklist(['messages', 'changes']),
  from: userId,
  id: envelopeId,
  peer: userId,
  ts: v.pipe(
    millis,
    v.check((ts) => ts < pendingTs),
  ),
  seq,
  direction: v.picklist(['in', 'out']),
  kind: Kind,
  content: v.unknown(),
  unknown: v.optional(v.unknown()),
  device: v.optional(deviceId),
  state: v.optional(v.picklist(['stored', 'failed', 'expired'])),
  failure: v.optional(v.union([errorCode, v.literal('inconsistent-keys')])),
  at: v.number(),
  edited: v.optional(
    v.object({
      id: envelopeId,
      ts: millis,
      before: v.array(v.object({ text: v.string(), ts: millis })),
    }),
  ),
  reactions: v.optional(
    v.record(userId, v.object({ id: envelopeId, ts: millis, emoji: v.pipe(v.string(), v.maxLength(32)) })),
  ),
  removed: v.optional(v.picklist(['retracted', 'hidden'])),
})
const WelcomeInside = v.object({
  type: v.literal('welcome'),
  ts: millis,
  ratchet: v.pipe(v.string(), v.length(22)),
  peer: v.optional(userId),
  welcome: blob(limits.payloadBytesMax),
})

/** Of no use to another device. */
const localFields = [
  'payload',
  'lists',
  'envelope',
  'asked',
  'askedAt',
  'resent',
  'waits',
  'unarchived',
] as const

/** Null for what is not archived: it waits to be opened, or to be sent. */
export function archivedMessage(type: Table, row: MessageRow): (ArchiveRow & { seq: number }) | null {
  const { content, removed, unknown, seq: place, ts, state } = row
  const isOpen = content !== null || removed !== undefined || unknown !== undefined
  if (!isOpen || place === undefined || ts === pendingTs || state === 'pending') return null
  const kept = { ...row }
  for (const field of localFields) delete kept[field]
  return { type, ...kept, seq: place } as ArchiveRow & { seq: number }
}

export const archivedWelcome = ({ ratchet, welcome, at, peer }: WelcomeRow): ArchiveRow =>
  ({ type: 'welcome', ts: at, ratchet, peer, welcome: toBase64(welcome) }) as ArchiveRow

/** Who it was said with; undefined where the row does not say so. */
export const peerOf = (row: ArchiveRow): UserId | undefined => (row as Partial<MessageRow>).peer

/**
 * A segment's rows without what was said in a message that was taken back or hidden: only its place is left, as on the
 * device. `gone`: those messages by `keyOf`, as they are here.
 */
export function withoutGone(
  rows: readonly ArchiveRow[],
  gone: ReadonlyMap<string, MessageRow>,
): ArchiveRow[] {
  return rows.flatMap((row) => {
    const { type, from, id, content } = row as ArchiveRow & MessageRow & { type: Table }
    if (type === 'messages') {
      const here = gone.get(keyOf({ from, id }))
      return here ? [{ type, ...emptied(here, here.removed!) } as ArchiveRow] : [row]
    }
    const isEdit = type === 'changes' && content?.type === 'edit'
    return isEdit && gone.has(keyOf({ from, id: content.id })) ? [] : [row]
  })
}

/** An edit drags all texts before it along; where they do not fit, the newest has to do. */
export const withoutEarlierTexts = (row: ArchiveRow): ArchiveRow => {
  const { edited } = row as Partial<MessageRow>
  return edited ? ({ ...row, edited: { ...edited, before: [] } } as ArchiveRow) : row
}

export interface Read {
  messages: MessageRow[]
  changes: MessageRow[]
  welcomes: WelcomeRow[]
}

/** The rows of a segment that are what they should be; the others are dropped. */
export function readRows(rows: readonly ArchiveRow[], me: UserId): Read {
  const read: Read = { messages: [], changes: [], welcomes: [] }
  for (const input of rows) {
    const welcome = v.safeParse(WelcomeInside, input)
    if (welcome.success) {
      const { ratchet, welcome: text, ts, peer } = welcome.output
      read.welcomes.push({ ratchet, welcome: fromBase64(text), at: ts, ...(peer && { peer }) })
      continue
    }
    const said = v.safeParse(SaidRow, input)
    const row = said.success ? messageOf(said.output, me) : null
    if (said.success && row) read[said.output.type].push(row)
  }
  return read
}

function messageOf(
  { type, content: inside, unknown: before, reactions, ...row }: v.InferOutput<typeof SaidRow>,
  me: UserId,
): MessageRow | null {
  const { from, peer, direction, kind, removed, id } = row
  if (from !== (direction === 'out' ? me : peer)) return null
  const sealed = inside ?? before ?? null
  const parsed = parseContent(sealed)
  if (sealed === null && !removed) return null
  const { content } = fitting(kind, { content: parsed, mid: id })
  if (parsed && !content) return null
  // What it says has to be of the table that it says it is of.
  const isOfMessages = content ? !isChange(content) && !isKeptNote(content) : kind !== 'control'
  if ((content || !removed) && isOfMessages !== (type === 'messages')) return null
  if (peer === me && !(content && isKeptNote(content))) return null
  if (peer !== me && isOwn(content)) return null
  const isOfThem = Object.keys(reactions ?? {}).every((who) => who === me || who === peer)
  return {
    ...(row as Omit<MessageRow, 'content'>),
    ...(reactions && isOfThem && { reactions: reactions as NonNullable<MessageRow['reactions']> }),
    content,
    ...(content === null && !removed && { unknown: sealed, waits: 1 as const }),
  }
}

/** Messages that a change is about. */
export function targetsOf(change: MessageRow): [UserId, EnvelopeId][] {
  const { content } = change
  if (content === null) return []
  if (content.type === 'own-hide') return content.targets.map(({ from, id }) => [from, id])
  const target = targetOf({ ...change, content })
  return target ? [target] : []
}

export const keyOf = ({ from, id }: { from: UserId; id: EnvelopeId }): string => `${from} ${id}`
