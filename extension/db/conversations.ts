/** The row of a conversation, and what is counted from its messages. */
import { Dexie } from 'dexie'
import type { UserId } from '#shared/ids'
import { pendingTs, type ConversationRow, type Db, type FileNote, type MessageRow } from './db.ts'

export async function conversationOf(db: Db, peer: UserId): Promise<ConversationRow> {
  const row = await db.conversations.get(peer)
  return row ?? { peer, readTs: 0, readSentTs: 0, delivered: 0, read: 0, except: [], unread: 0 }
}

/** Unread is derived: messages of theirs after my read mark. It is never counted up or down. */
function countUnread(db: Db, { peer, readTs }: ConversationRow): Promise<number> {
  return db.messages
    .where('[peer+direction+ts]')
    .between([peer, 'in', readTs], [peer, 'in', pendingTs], false, true)
    .filter(({ kind, removed }) => kind === 'message' && !removed)
    .count()
}

/**
 * Counts anew, in the transaction that changed what is counted (also of `prompts`: what has been read asks nothing any
 * more): whoever dies after it has no wrong number. True when everything has been read now and had not been before.
 */
export async function recount(db: Db, peer: UserId): Promise<boolean> {
  const row = await conversationOf(db, peer)
  const unread = await countUnread(db, row)
  if (unread !== row.unread) await db.conversations.put({ ...row, unread })
  if (unread === 0) await db.prompts.delete(peer)
  return unread === 0 && row.unread > 0
}

/** The last thing said, for the list: looked up anew when what it was has changed. */
export async function noteLast(db: Db, peer: UserId): Promise<void> {
  const { last: _, ...row } = await conversationOf(db, peer)
  const newest = await db.messages
    .where('[peer+ts+from+id]')
    .between([peer, Dexie.minKey], [peer, pendingTs])
    .reverse() // oxlint-disable-line no-array-reverse -- a collection of Dexie is no array
    .filter(({ kind, removed }) => kind === 'message' && removed !== 'hidden')
    .first()
  await db.conversations.put({ ...row, ...(newest && { last: lastOf(newest) }) })
}

export function lastOf({ id, ts, direction, content }: MessageRow): NonNullable<ConversationRow['last']> {
  const text = content?.type === 'text' || content?.type === 'file' ? content.text.slice(0, 200) : ''
  return { id, ts, direction, text, ...(content?.type === 'file' && { file: noteOf(content.file) }) }
}

export const noteOf = ({ name, mime }: FileNote): FileNote => ({ name, mime })

/** Everything of one conversation in display order, oldest first. */
export const messagesOf = (db: Db, peer: UserId) =>
  db.messages.where('[peer+ts+from+id]').between([peer, Dexie.minKey], [peer, Dexie.maxKey]).toArray()
