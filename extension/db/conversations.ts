/** The row of a conversation, and what is counted from its messages. */
import { Dexie } from 'dexie'
import type { UserId } from '#shared/ids'
import { pendingTs, type ConversationRow, type Db } from './db.ts'

export async function conversationOf(db: Db, peer: UserId): Promise<ConversationRow> {
  const row = await db.conversations.get(peer)
  return row ?? { peer, readTs: 0, readSentTs: 0, delivered: 0, read: 0, except: [], unread: 0 }
}

/** Unread is derived: messages of theirs after my read mark. It is never counted up or down. */
function countUnread(db: Db, { peer, readTs }: ConversationRow): Promise<number> {
  return db.messages
    .where('[peer+direction+ts]')
    .between([peer, 'in', readTs], [peer, 'in', pendingTs], false, true)
    .filter(({ kind }) => kind === 'message')
    .count()
}

/**
 * Counts anew, in the transaction that changed what is counted: whoever dies after it has no wrong number. True when
 * everything has been read now and had not been before.
 */
export async function recount(db: Db, peer: UserId): Promise<boolean> {
  const row = await conversationOf(db, peer)
  const unread = await countUnread(db, row)
  if (unread !== row.unread) await db.conversations.put({ ...row, unread })
  return unread === 0 && row.unread > 0
}

/** Everything of one conversation in display order, oldest first. */
export const messagesOf = (db: Db, peer: UserId) =>
  db.messages.where('[peer+ts+from+id]').between([peer, Dexie.minKey], [peer, Dexie.maxKey]).toArray()
