/** What one of my devices tells the others: sent to myself, and applied on all of them alike. */
import type { Content } from '#shared/content'
import type { Millis, UserId } from '#shared/ids'
import { conversationOf, noteLast } from '../db/conversations.ts'
import type { Db } from '../db/db.ts'
import { remove } from './changes.ts'

type Own = Extract<Content, { type: `own-${string}` }>
/** What holds for as long as the history does, and so goes with it. */
export type KeptNote = Extract<Own, { type: 'own-hide' | 'own-unread' }>

export const isOwn = (content: Content | null): content is Own => content?.type.startsWith('own-') ?? false
export const isKeptNote = (content: Content): content is KeptNote =>
  content.type === 'own-hide' || content.type === 'own-unread'

/** In the transaction of the caller. Answers with whose conversations have changed. `ts`: when it was said. */
export async function applyOwn(db: Db, content: Content, ts: Millis): Promise<UserId[]> {
  if (!isOwn(content)) return []
  const { peer } = content
  const row = await conversationOf(db, peer)
  switch (content.type) {
    case 'own-answer':
      if (row.session?.id === content.session) {
        await db.conversations.put({
          ...row,
          session: { ...row.session, answer: { what: content.answer, at: ts } },
        })
      }
      await db.prompts.delete(peer)
      break
    case 'own-hide':
      for (const { from, id } of content.targets) {
        const message = await db.messages.get([from, id])
        if (message?.peer === peer) await remove(db, message, 'hidden')
      }
      await noteLast(db, peer)
      break
    case 'own-unread':
      // The archive brings them in no order.
      if (ts < (row.markedTs ?? 0)) break
      await db.conversations.put({ ...row, isMarked: content.on, markedTs: ts })
  }
  return [peer]
}
