/**
 * The archive: sealed segments of what the devices have read, kept without an end within a quota. Nothing of it is
 * looked into. How far the log is in it is the cursor of the mailbox device `@`, which has no socket of its own.
 */
import type { SegmentItem } from '#shared/archive'
import type { ClientFrameOf } from '#shared/frames'
import { ProtocolError } from '#shared/errors'
import type { DeviceId, Seq } from '#shared/ids'
import { limits } from '#shared/limits'
import { mustBeNewest } from './own-devices.ts'
import type { ConnectionId } from './ports.ts'
import { keys, type ArchiveRow, type IndexRow, type SegmentRow } from './rows.ts'
import { deviceOf, saveDevice, send, signedIn, type Turn } from './turn.ts'

const mailbox = '@' as DeviceId

const archiveOf = async ({ tx }: Turn): Promise<ArchiveRow> =>
  (await tx.get<ArchiveRow>(keys.archive)) ?? { last: 0, segments: 0, chars: 0 }

/**
 * Keeps a segment, and lets those go that it replaces, in one commit: of a full archive too, something can be taken out
 * (AR7). Whoever lost the answer may put the very same one again (AR1).
 */
export async function onArchive(
  { request, segment, replaces, list }: ClientFrameOf<'archive'>,
  connection: ConnectionId,
  turn: Turn,
) {
  const { tx } = turn
  mustBeNewest(turn, list)
  const { ct, ...head } = segment
  const known = await tx.get<SegmentRow>(keys.segment(segment.segId))
  if (known && (known.segment.ct !== ct || known.segment.iv !== segment.iv)) {
    throw new ProtocolError('conflict', 'another segment of that id')
  }
  if (!known) {
    const { last, segments, chars } = await withoutSegments(turn, replaces)
    if (chars + ct.length > limits.archiveCharsMax || segments >= limits.segmentsMax) {
      throw new ProtocolError('resource-constraint', 'the archive is full')
    }
    const n = last + 1
    tx.put(keys.segment(segment.segId), { n, segment } satisfies SegmentRow)
    tx.put(keys.index(n), { ...head, chars: ct.length } satisfies IndexRow)
    const row = { last: n, segments: segments + 1, chars: chars + ct.length }
    tx.put(keys.archive, row satisfies ArchiveRow)
  }
  send(turn, connection, { type: 'ok', request })
}

/** The index, a page at a time, in the order in which segments came (AR2). */
export async function onSegments(
  { request, after }: ClientFrameOf<'segments'>,
  connection: ConnectionId,
  turn: Turn,
) {
  const limit = limits.segmentsPerPage
  const rows = await turn.tx.list<SegmentItem>({ prefix: 'index:', after: keys.index(after), limit })
  const last = rows.length === limit ? Number(rows.at(-1)![0].slice('index:'.length)) : undefined
  const segments = rows.map(([, item]) => item)
  send(turn, connection, { type: 'segments', request, segments, ...(last !== undefined && { more: last }) })
}

export async function onSegment(
  { request, segId }: ClientFrameOf<'segment'>,
  connection: ConnectionId,
  turn: Turn,
) {
  const row = await turn.tx.get<SegmentRow>(keys.segment(segId))
  if (!row) throw new ProtocolError('item-not-found', 'no such segment')
  send(turn, connection, { type: 'segment', request, segment: row.segment })
}

/** What is not there is gone already (AR4). */
export async function onUnarchive(
  { request, segIds }: ClientFrameOf<'unarchive'>,
  connection: ConnectionId,
  turn: Turn,
) {
  turn.tx.put(keys.archive, await withoutSegments(turn, segIds))
  send(turn, connection, { type: 'ok', request })
}

/** Deletes them. What is left is for the caller to store: a refusal after it undoes all of it. */
async function withoutSegments(turn: Turn, segIds: readonly string[]): Promise<ArchiveRow> {
  const { tx } = turn
  const rows = await tx.getMany<SegmentRow>([...new Set(segIds)].map(keys.segment))
  const archive = await archiveOf(turn)
  for (const [key, { n, segment }] of rows) {
    tx.delete(key)
    tx.delete(keys.index(n))
    archive.segments--
    archive.chars -= segment.ct.length
  }
  return archive
}

/** How far the log is in the archive; undefined for an account without a mailbox device. */
export const archivedUpTo = async (turn: Turn): Promise<Seq | undefined> =>
  (await deviceOf(turn, mailbox))?.cursor

/**
 * A device has put what the log holds up to `seq` into the archive, and says so only of what it has acknowledged: the
 * log may let go of it, and a new device starts behind it (AR5, AR6). The others learn that they need not do it again.
 */
export async function onArchived(
  { request, seq }: ClientFrameOf<'archived'>,
  connection: ConnectionId,
  turn: Turn,
) {
  const row = await deviceOf(turn, mailbox)
  if (!row) throw new ProtocolError('item-not-found', 'no mailbox device')
  if (seq > turn.sockets.get(connection)!.acked) {
    throw new ProtocolError('bad-request', 'archives what it has not acknowledged')
  }
  if (seq > row.cursor) {
    row.cursor = seq
    row.seen = turn.env.now
    saveDevice(turn, row)
    for (const other of signedIn(turn).keys()) {
      if (other !== connection) send(turn, other, { type: 'archived', seq })
    }
  }
  send(turn, connection, { type: 'ok', request })
}
