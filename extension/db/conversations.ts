/** The row of a conversation, and what is counted from its messages. */
import { Dexie } from 'dexie'
import type { UserId } from '#shared/ids'
import { pendingTs, type ConversationRow, type Db } from './db.ts'

export async function conversationOf(db: Db, peer: UserId): Promise<ConversationRow> {
  const row = await db.conversations.get(peer)
  return row ?? { peer, readTs: 0, readSentTs: 0, delivered: 0, read: 0, except: [], unread: 0 }
}

/** Unread is derived: messages of theirs after my read mark. It is never counted up or down. */
export function countUnread(
  db: Db,
  { peer, readTs }: Pick<ConversationRow, 'peer' | 'readTs'>,
): Promise<number> {
  return db.messages
    .where('[peer+direction+ts]')
    .between([peer, 'in', readTs], [peer, 'in', pendingTs], false, true)
    .filter(({ kind }) => kind === 'message')
    .count()
}

/** Everything of one conversation in display order, oldest first. */
export const messagesOf = (db: Db, peer: UserId) =>
  db.messages.where('[peer+ts+from+id]').between([peer, Dexie.minKey], [peer, Dexie.maxKey]).toArray()
