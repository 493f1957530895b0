/** Files that somebody else, or another device of mine, has sent: whether they may come, and which come by themselves. */
import type { Millis } from '#shared/ids'
import { limits } from '#shared/limits'
import { v7 } from 'uuid'
import { fileKey, type Db, type FileRow, type MessageRow } from '../db/db.ts'
import { settingsOf } from '../db/settings.ts'

/** What browsers decode to pixels and nothing else. What it really is, the page finds out by its first bytes. */
const pictures = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif'])

/** As it is to be fetched; null for what has no file. */
export function offered({ from, id, peer, direction, content }: MessageRow, now: Millis): FileRow | null {
  if (content?.type !== 'file') return null
  const { file } = content
  return {
    key: fileKey(from, id),
    parts: v7(),
    peer,
    direction,
    state: 'queued',
    file,
    done: 0,
    at: now,
    usedAt: now,
  }
}

/** Nothing of a stranger's is ever fetched. */
export async function mayCome(
  db: Db,
  { peer, direction }: Pick<FileRow, 'peer' | 'direction'>,
): Promise<boolean> {
  if (direction === 'out') return true
  const row = await db.roster.get(peer)
  return row?.relation === 'buddies' && !row.blocked
}

/** A small picture is fetched unasked, if the person wants that; in the transaction of the caller. */
export async function expectPicture(db: Db, message: MessageRow, now: Millis): Promise<void> {
  const row = offered(message, now)
  if (!row || !pictures.has(row.file.mime) || row.file.bytes > limits.imageBytesAlone) return
  if (!(await settingsOf(db)).picturesCome || !(await mayCome(db, row))) return
  if (!(await db.files.get(row.key))) await db.files.put(row)
}
