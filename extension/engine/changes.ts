/** Edits, retractions and reactions on their way into the database (db/changes.ts says what they make of a message). */
import { isChange, type Content } from '#shared/content'
import type { Kind } from '#shared/frames'
import type { EnvelopeId, UserId } from '#shared/ids'
import { conversationOf, noteLast } from '../db/conversations.ts'
import { removed, targetOf, withChange } from '../db/changes.ts'
import { fileKey, type Db, type MessageRow } from '../db/db.ts'
import { deleteFile } from '../db/files.ts'

/** Where an envelope's row is kept: what changes a message is none itself, nor is what cannot be read and says so. */
export const tableOf = (db: Db, kind: Kind, content: Content | null) =>
  isChange(content) || (kind === 'control' && content === null) ? db.changes : db.messages

/** The row of an envelope and the table it is in, whichever that is. */
export async function find(db: Db, from: UserId, id: EnvelopeId) {
  for (const table of [db.messages, db.changes]) {
    const row = await table.get([from, id])
    if (row) return { table, row }
  }
  return null
}

/** Leaves nothing of a message but its place, nor of its file; in the transaction of the caller (`removeTables`). */
export async function remove(
  db: Db,
  row: MessageRow,
  how: NonNullable<MessageRow['removed']>,
): Promise<void> {
  await db.messages.put(removed(row, how))
  await forgetFile(db, row)
}

export const removeTables = (db: Db) => [db.messages, db.files, db.parts, db.releases]

/** The file of a message, as far as it is here; in the transaction of the caller. */
export async function forgetFile(db: Db, { from, id }: Pick<MessageRow, 'from' | 'id'>): Promise<void> {
  const file = await db.files.get(fileKey(from, id))
  if (file) await deleteFile(db, file)
}

/**
 * Changes the message that it is about, in the transaction of the caller. False when that is not here, or not part of
 * the same conversation: then it has changed nothing, and says nothing to anybody. `asRemoved`: what becomes of
 * a message that was taken back.
 */
export async function applyChange(
  db: Db,
  change: MessageRow,
  asRemoved: NonNullable<MessageRow['removed']> = 'retracted',
): Promise<boolean> {
  const key = change.content && targetOf({ ...change, content: change.content })
  const target = key && (await db.messages.get(key))
  if (!target || target.peer !== change.peer) return false
  const after = withChange(target, { ...change, content: change.content! })
  if (after === target) return true
  if (after.removed) {
    await remove(db, target, asRemoved)
    // Who takes it back takes it from everybody: whoever has not fetched it does not any more.
    if (target.content?.type === 'file' && change.direction === 'out')
      await db.releases.put({ blob: target.content.file.blob })
  } else await db.messages.put(after)
  const { last } = await conversationOf(db, change.peer)
  if (last?.id === target.id) await noteLast(db, change.peer)
  return true
}
