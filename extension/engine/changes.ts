/** Edits, retractions and reactions on their way into the database (db/changes.ts says what they make of a message). */
import { isChange, type Content } from '#shared/content'
import type { Kind } from '#shared/frames'
import type { EnvelopeId, UserId } from '#shared/ids'
import { conversationOf, noteLast } from '../db/conversations.ts'
import { removed, targetOf, withChange } from '../db/changes.ts'
import type { Db, MessageRow } from '../db/db.ts'

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
  await db.messages.put(after.removed ? removed(target, asRemoved) : after)
  const { last } = await conversationOf(db, change.peer)
  if (last?.id === target.id) await noteLast(db, change.peer)
  return true
}
