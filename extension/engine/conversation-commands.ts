/** What a person does in a conversation, beside writing: that is a row of the outbox. */
import { Dexie } from 'dexie'
import { v7 } from 'uuid'
import type { ContentOf, Target } from '#shared/content'
import type { EnvelopeId, Millis, UserId } from '#shared/ids'
import type { Commands } from '../bus/commands.ts'
import { targetOf, withChange } from '../db/changes.ts'
import { conversationOf, noteLast, recount } from '../db/conversations.ts'
import { pendingTs, type AccountRow, type Db, type OutboxRow, type SessionRow } from '../db/db.ts'
import { isOpen } from '../db/sessions.ts'
import { settingsOf } from '../db/settings.ts'
import { forgetFile, remove, removeTables } from './changes.ts'
import { flush, toSend, type Desk } from './desk.ts'
import { retryFile } from './file-commands.ts'

type Names = 'retry' | 'discard' | 'read' | 'typing' | 'answer' | 'endConversation' | 'hide' | 'markUnread'

/** Many rows at once are told to the other devices in pieces that fit into an envelope. */
const hiddenAtOnce = 100
/** Who used the session on another device so lately has not left it by closing a window here. */
const elsewhereMs = 10 * 60_000

export function conversationCommands(desk: Desk): Pick<Commands, Names> {
  const { db, platform, status, needed, guarded } = desk

  return {
    async retry(id) {
      const { account, outbox, files } = await needed()
      await guarded(async () => {
        await retry(desk, account, id)
        files.tend()
        await outbox.flush()
      })
    },
    async discard(id) {
      const { account, files } = await needed()
      await guarded(() =>
        db.transaction('rw', [db.outbox, ...removeTables(db)], async () => {
          const content = ((await db.outbox.get(id)) ?? (await db.messages.get([account.user, id])))?.content
          await db.outbox.delete(id)
          await db.outbox.bulkDelete((await changesOf(db, account, id)).map((change) => change.id))
          const row = await db.messages.get([account.user, id])
          if (row?.state === 'stored') return
          await db.messages.delete([account.user, id])
          await forgetFile(db, { from: account.user, id })
          if (content?.type === 'file') await db.releases.put({ blob: content.file.blob })
        }),
      )
      files.tend()
    },
    async read(peer, ts) {
      const { send } = await needed()
      const { row, isRead } = await guarded(() =>
        db.transaction('rw', [db.conversations, db.messages, db.prompts], async () => {
          const before = await conversationOf(db, peer)
          // As far as there is something to read: a mark in the future would swallow what comes until then.
          const last = await db.messages
            .where('[peer+direction+ts]')
            .between([peer, 'in', Dexie.minKey], [peer, 'in', ts], true, true)
            .last()
          if (last && last.ts > before.readTs) await db.conversations.put({ ...before, readTs: last.ts })
          const hasCleared = await recount(db, peer)
          return { row: await conversationOf(db, peer), isRead: hasCleared }
        }),
      )
      if (row.readTs > row.readSentTs) send({ type: 'read', peer, ts: row.readTs })
      await guarded(() => status.settle(isRead ? [peer] : []))
    },
    async typing(peer, state) {
      const { send } = await needed()
      const [mode, { typing }] = await guarded(() => Promise.all([status.mode(), settingsOf(db)]))
      if (mode !== 'invisible' && typing) send({ type: 'typing', to: peer, state })
    },
    async answer(peer, answer, note) {
      const { account, relayNow } = await needed()
      const ts = relayNow()
      await guarded(() =>
        db.transaction('rw', [db.conversations, db.prompts, db.outbox], async () => {
          const row = await conversationOf(db, peer)
          await db.prompts.delete(peer)
          if (!row.session) return
          const session = row.session.id
          if (answer === 'rejected') {
            const content = { type: 'leave', session, how: 'rejected', ...(note && { note }) } as const
            await db.outbox.add(toSend(desk, peer, 'control', content))
            // The same comes back as an entry; until then it holds here already.
            const { how } = content
            const over: SessionRow['end'] = { by: account.user, ts, how, ...(note && { note }) }
            await db.conversations.put({ ...row, session: { ...row.session, end: over } })
          } else {
            const content = { type: 'own-answer', peer, session, answer } as const
            await db.outbox.add(toSend(desk, account.user, 'control', content))
            const given = { what: answer, at: ts }
            await db.conversations.put({ ...row, session: { ...row.session, answer: given } })
          }
        }),
      )
      await guarded(() => status.settle([peer]))
      await flush(desk)
      if (answer === 'accepted') await platform.openChat(peer)
    },
    async endConversation(peer) {
      await end(desk, peer)
      await platform.closeChat(peer)
    },
    async hide(peer, targets) {
      await hide(desk, peer, targets)
    },
    async markUnread(peer, on) {
      const { account } = await needed()
      await guarded(() =>
        db.transaction('rw', [db.conversations, db.outbox], async () => {
          const row = await conversationOf(db, peer)
          if ((row.isMarked ?? false) === on) return
          await db.conversations.put({ ...row, isMarked: on })
          await db.outbox.add(toSend(desk, account.user, 'control', { type: 'own-unread', peer, on }))
        }),
      )
      await flush(desk)
    },
  }
}

// --- Sending again ------------------------------------------------------------------------------------------------

/** Changes that wait for a message of mine to go first. */
const changesOf = (db: Db, { user }: AccountRow, id: EnvelopeId): Promise<OutboxRow[]> =>
  db.outbox
    .filter((row) => {
      const target = targetOf({ from: user, id: row.id, ts: pendingTs, content: row.content })
      return target !== null && target[0] === user && target[1] === id
    })
    .toArray()

/** What the room has refused is spent: a new id. What it has never confirmed goes again as it is. */
async function retry({ db, timers }: Desk, account: AccountRow, id: EnvelopeId): Promise<void> {
  const now = timers.now()
  const after = v7() as EnvelopeId
  const fileKeys = { user: account.user, before: id, after }
  await db.transaction('rw', [db.outbox, db.messages, db.files], async () => {
    const waiting = await db.outbox.get(id)
    if (waiting) {
      const { held: _, ...row } = waiting
      await db.outbox.put({ ...row, at: now })
      return
    }
    const row = await db.messages.get([account.user, id])
    if (!row || row.content === null || (row.state !== 'failed' && row.state !== 'expired')) return
    await db.messages.delete([account.user, id])
    // What was changed about it since goes with it.
    const changes = await changesOf(db, account, id)
    await db.outbox.bulkDelete(changes.map((change) => change.id))
    const { peer, kind, content } = changes.reduce(
      (before, change) => withChange(before, { ...change, from: account.user, ts: pendingTs }),
      row,
    )
    if (content?.type === 'file' && (await retryFile(db, fileKeys, content, now))) return
    if (content) await db.outbox.add({ id: after, peer, kind, content, at: now })
  })
}

// --- The end of a session -----------------------------------------------------------------------------------------

/** Ends the open session for me, here and for those who may know it. */
async function end(desk: Desk, peer: UserId): Promise<void> {
  const { db, status, needed, guarded } = desk
  const { account, relayNow } = await needed()
  const [{ session }, { tellsLeave }, mode, roster] = await guarded(() =>
    Promise.all([conversationOf(db, peer), settingsOf(db), status.mode(), db.roster.get(peer)]),
  )
  if (!isOpen(session, relayNow())) return
  const isTold = tellsLeave && mode !== 'invisible' && roster?.relation === 'buddies' && !roster.blocked
  const content: ContentOf<'leave'> = { type: 'leave', session: session.id, how: 'left' }
  await guarded(() =>
    db.transaction('rw', [db.conversations, db.prompts, db.outbox], async () => {
      const row = await conversationOf(db, peer)
      const over: SessionRow['end'] = { by: account.user, ts: relayNow(), how: 'left' }
      await db.conversations.put({ ...row, session: { ...session, end: over } })
      await db.prompts.delete(peer)
      if (isTold) await db.outbox.add(toSend(desk, peer, 'control', content))
    }),
  )
  await flush(desk)
  await guarded(() => forgetEnded(db, relayNow()))
}

/** The person has closed the conversation's window: that is leaving, unless they go on with it elsewhere. */
export async function leaveBehind(desk: Desk, peer: UserId): Promise<void> {
  const { db, needed, guarded } = desk
  const { account, relayNow } = await needed()
  const { session, unread } = await guarded(() => conversationOf(db, peer))
  if (!isOpen(session, relayNow())) return
  // Who has not even looked yet has not left: the window came by itself.
  if (unread > 0) return
  const isElsewhere = await guarded(() =>
    db.messages
      .where('[peer+direction+ts]')
      .between([peer, 'out', relayNow() - elsewhereMs], [peer, 'out', pendingTs])
      .filter(({ device }) => device !== undefined && device !== account.device)
      .count(),
  )
  if (isElsewhere === 0) await end(desk, peer)
}

/** "Forget it when it ends": of buddies for whom that is set, everything of sessions that are over and read. */
export async function forgetEnded(db: Db, now: Millis): Promise<void> {
  const { buddies } = await settingsOf(db)
  for (const [peer, { forgets }] of Object.entries(buddies) as [UserId, { forgets?: boolean }][]) {
    if (!forgets) continue
    await db.transaction('rw', [db.conversations, ...removeTables(db)], async () => {
      const { session, unread } = await conversationOf(db, peer)
      if (!session || unread > 0 || isOpen(session, now)) return
      const rows = await db.messages
        .where('[peer+ts+from+id]')
        .between([peer, session.startTs], [peer, pendingTs])
        .filter((row) => !row.removed && (row.kind === 'message' || row.kind === 'control'))
        .toArray()
      if (rows.length === 0) return
      for (const row of rows) await remove(db, row, 'hidden')
      await noteLast(db, peer)
    })
  }
}

// --- What is not to be seen any more ------------------------------------------------------------------------------

async function hide(desk: Desk, peer: UserId, targets: readonly Target[]): Promise<void> {
  const { db, status, needed, guarded } = desk
  const { account } = await needed()
  await guarded(() =>
    db.transaction('rw', [db.conversations, db.prompts, db.outbox, ...removeTables(db)], async () => {
      for (const { from, id } of targets) {
        const row = await db.messages.get([from, id])
        if (row?.peer === peer) await remove(db, row, 'hidden')
      }
      for (let at = 0; at < targets.length; at += hiddenAtOnce) {
        const content = { type: 'own-hide' as const, peer, targets: targets.slice(at, at + hiddenAtOnce) }
        await db.outbox.add(toSend(desk, account.user, 'control', content))
      }
      await recount(db, peer)
      await noteLast(db, peer)
    }),
  )
  await guarded(() => status.settle([peer]))
  await flush(desk)
}
