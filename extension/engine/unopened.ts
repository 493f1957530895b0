/**
 * What could not be opened keeps its place: it is tried again when more is known, its author's device is asked
 * to seal it once more, and what others ask of us is sealed for them again, within limits.
 */
import { v7 } from 'uuid'
import type { EnvelopeId, UserId } from '#shared/ids'
import { conversationOf, lastOf, recount } from '../db/conversations.ts'
import type { Db, MessageRow } from '../db/db.ts'
import { applyChange } from './changes.ts'
import type { Applied } from './inbox.ts'
import type { Opener } from './opener.ts'
import type { Signed } from './state.ts'

/** How often one message is asked for, and sealed again for one who asks. */
const timesMax = 3
/** Older ones are not sealed again. */
const resendMs = 30 * 24 * 60 * 60_000

/** Asks the peers' devices for what came in and could not be opened: in the transaction of nobody, but in one. */
export async function askAgain({ db, timers }: Signed, unopened: Applied['unopened']): Promise<void> {
  if (unopened.length === 0) return
  await db.transaction('rw', [db.messages, db.changes, db.roster, db.outbox], async () => {
    const mids = new Map<UserId, EnvelopeId[]>()
    for (const { peer, mid } of unopened) {
      const table = (await db.messages.get([peer, mid])) ? db.messages : db.changes
      const row = await table.get([peer, mid])
      const isBuddy = (await db.roster.get(peer))?.relation === 'buddies'
      if (!row || row.content || !isBuddy || (row.asked ?? 0) >= timesMax) continue
      await table.put({ ...row, asked: (row.asked ?? 0) + 1 })
      mids.set(peer, [...(mids.get(peer) ?? []), mid])
    }
    for (const [peer, wanted] of mids) {
      const content = { type: 'resend-request' as const, mids: wanted.slice(0, 50) }
      await db.outbox.add({ id: v7() as EnvelopeId, peer, kind: 'control', content, at: timers.now() })
    }
  })
}

/**
 * Seals once more what a peer's device could not open: only what this device has said to that peer, and in a session
 * of its own, since something is wrong with the last one.
 */
export async function resend({ db, account, timers }: Signed, wanted: Applied['wanted']): Promise<void> {
  if (wanted.length === 0) return
  await db.transaction('rw', [db.messages, db.changes, db.outbox, db.ratchetsOut], async () => {
    for (const { peer, mids } of wanted) {
      let any = false
      for (const mid of mids) {
        const table = (await db.messages.get([account.user, mid])) ? db.messages : db.changes
        const row = await table.get([account.user, mid])
        if (!row || !mayResend(row, peer, account.device, timers.now())) continue
        await table.put({ ...row, resent: (row.resent ?? 0) + 1 })
        const { kind, content } = row
        const id = v7() as EnvelopeId
        await db.outbox.add({ id, peer, kind, content: content!, at: timers.now(), resendOf: mid })
        any = true
      }
      if (any) await db.ratchetsOut.where('peer').equals(peer).modify({ openedAt: 0 })
    }
  })
}

const mayResend = (row: MessageRow, peer: UserId, device: string, now: number) =>
  row.peer === peer &&
  row.content !== null &&
  row.state === 'stored' &&
  (row.device ?? device) === device &&
  now - row.at < resendMs &&
  (row.resent ?? 0) < timesMax

/** Tries everything again that waits: a list, a session or a mailbox may have come since. */
export async function openWaiting({ db }: Signed, opener: Opener): Promise<void> {
  const waits = (row: MessageRow) => row.content === null && row.payload !== undefined
  const rows = [...(await db.messages.filter(waits).toArray()), ...(await db.changes.filter(waits).toArray())]
  const found: MessageRow[] = []
  for (const row of rows) {
    const { id, envelope, payload, peer, direction, kind, device, lists } = row
    const { content } = await opener.open({
      id: envelope ?? id,
      payload: payload!,
      peer,
      direction,
      kind,
      ...(device && { device }),
      ...(lists && { lists }),
    })
    if (content) found.push({ ...row, content })
  }
  if (found.length === 0) return
  await db.transaction(
    'rw',
    [db.messages, db.changes, db.conversations, db.prompts, db.ratchetsIn, db.welcomes, db.keyPackages],
    async () => {
      await opener.store()
      for (const row of found) await fill(db, row)
    },
  )
}

async function fill(db: Db, waiting: MessageRow): Promise<void> {
  const row = { ...waiting }
  delete row.payload
  delete row.lists
  delete row.envelope
  if (row.kind === 'control' && row.content?.type !== 'leave') {
    await db.changes.put(row)
    await applyChange(db, row)
    return
  }
  await db.messages.put(row)
  const conversation = await conversationOf(db, row.peer)
  if (conversation.last?.id === row.id) await db.conversations.put({ ...conversation, last: lastOf(row) })
  await recount(db, row.peer)
}
