/**
 * What could not be opened keeps its place: it is tried again when more is known, its author's devices are asked
 * to seal it once more, and what others ask of us is sealed for them again. All of it within limits: whoever sends
 * rubbish, or asks without end, makes us work no more than a little.
 */
import { v7 } from 'uuid'
import { parseContent, type ContentOf } from '#shared/content'
import type { EnvelopeId, Millis, UserId } from '#shared/ids'
import { conversationOf, lastOf, recount } from '../db/conversations.ts'
import type { Db, MessageRow } from '../db/db.ts'
import { applyChange } from './changes.ts'
import type { Identities } from './identities.ts'
import { fitting, type Applied } from './inbox.ts'
import type { Opener } from './opener.ts'
import type { Signed } from './state.ts'

/** How often one message is asked for, and sealed again for one who asks. */
const timesMax = 3
/** Requests to one person, and answers to one device of theirs. */
const hourlyMax = 30
const hourMs = 60 * 60_000
/** Without an answer, it is asked for again at a later connection. */
const patienceMs = 10 * 60_000
/** Older ones are not sealed again. */
const resendMs = 30 * 24 * 60 * 60_000
/** As many as a request may name. */
const atOnce = 50

/** Counts one more within the last hour, in the transaction of the caller; false when it would be too many. */
async function countOne(db: Db, what: string, now: Millis): Promise<boolean> {
  const row = await db.settings.get(what)
  const lately = ((row?.value ?? []) as Millis[]).filter((at) => Math.abs(now - at) < hourMs)
  if (lately.length >= hourlyMax) return false
  await db.settings.put({ key: what, value: [...lately, now] })
  return true
}

/** Asks the peers' devices for what came in and could not be opened. True when there is something to send. */
export async function askAgain(
  { db, timers }: Pick<Signed, 'db' | 'timers'>,
  unopened: Applied['unopened'],
): Promise<boolean> {
  if (unopened.length === 0) return false
  const now = timers.now()
  return db.transaction('rw', [db.messages, db.changes, db.roster, db.outbox, db.settings], async () => {
    const waiting = new Map<UserId, MessageRow[]>()
    for (const { peer, mid } of unopened) {
      const row = (await db.messages.get([peer, mid])) ?? (await db.changes.get([peer, mid]))
      const isBuddy = (await db.roster.get(peer))?.relation === 'buddies'
      if (!row?.payload || row.content || !isBuddy || (row.asked ?? 0) >= timesMax) continue
      waiting.set(peer, [...(waiting.get(peer) ?? []), row])
    }
    let any = false
    for (const [peer, rows] of waiting) {
      for (let first = 0; first < rows.length; first += atOnce) {
        if (!(await countOne(db, `asked ${peer}`, now))) break
        const part = rows.slice(first, first + atOnce)
        for (const row of part) {
          const table = (await db.messages.get([peer, row.id])) ? db.messages : db.changes
          await table.put({ ...row, asked: (row.asked ?? 0) + 1, askedAt: now })
        }
        const content = { type: 'resend-request' as const, mids: part.map(({ id }) => id) }
        await db.outbox.add({ id: v7() as EnvelopeId, peer, kind: 'control', content, at: now })
        any = true
      }
    }
    return any
  })
}

const waits = (row: MessageRow) => row.content === null && row.payload !== undefined

/** What has waited for an answer for long, at the beginning of a connection. */
export async function unanswered({ db, timers }: Signed): Promise<Applied['unopened']> {
  const isDue = (row: MessageRow) =>
    waits(row) && row.direction === 'in' && timers.now() - (row.askedAt ?? 0) > patienceMs
  const rows = [...(await db.messages.filter(isDue).toArray()), ...(await db.changes.filter(isDue).toArray())]
  return rows.map(({ peer, id }) => ({ peer, mid: id }))
}

/**
 * Seals once more what a peer's device could not open: only what my account has said to that peer, and in a session
 * of its own, since something is wrong with the last one. True when there is something to send.
 */
export async function resend(
  { db, account, timers }: Signed,
  identities: Identities,
  wanted: Applied['wanted'],
): Promise<boolean> {
  let any = false
  const now = timers.now()
  for (const { peer, mids, device } of wanted) {
    const [own, theirs] = await Promise.all([identities.known(account.user), identities.known(peer)])
    // One that was removed has no business here, and has no place in the new session either.
    if (!own || !theirs?.devices.some(({ id }) => id === device)) continue
    const mine = own.devices.map(({ id }) => id).filter((id) => id !== '@')
    /** Of a device that is gone, the first one of the others answers. */
    const isMine = (author: string = account.device) =>
      author === account.device || (!mine.some((id) => id === author) && mine[0] === account.device)
    const tables = [db.messages, db.changes, db.outbox, db.ratchetsOut, db.settings]
    await db.transaction('rw', tables, async () => {
      const rows: MessageRow[] = []
      for (const mid of new Set(mids)) {
        const row =
          (await db.messages.get([account.user, mid])) ?? (await db.changes.get([account.user, mid]))
        if (row && mayResend(row, peer, now) && isMine(row.device)) rows.push(row)
      }
      if (rows.length === 0 || !(await countOne(db, `answered ${peer} ${device}`, now))) return
      for (const row of rows) {
        const table = (await db.messages.get([account.user, row.id])) ? db.messages : db.changes
        await table.put({ ...row, resent: (row.resent ?? 0) + 1 })
        const { kind, content, id: resendOf } = row
        await db.outbox.add({ id: v7() as EnvelopeId, peer, kind, content: content!, at: now, resendOf })
      }
      await db.ratchetsOut.where('peer').equals(peer).modify({ openedAt: 0 })
      any = true
    })
  }
  return any
}

const mayResend = (row: MessageRow, peer: UserId, now: number) =>
  row.peer === peer &&
  row.content !== null &&
  row.state === 'stored' &&
  now - row.at < resendMs &&
  (row.resent ?? 0) < timesMax

/** Tries everything again that waits: a list, a session or a mailbox may have come since, or a newer Parley. */
export async function openWaiting({ db }: Signed, opener: Opener): Promise<void> {
  const isClosed = (row: MessageRow) => waits(row) || row.unknown !== undefined
  const rows = [
    ...(await db.messages.filter(isClosed).toArray()),
    ...(await db.changes.filter(isClosed).toArray()),
  ]
  const found: MessageRow[] = []
  for (const row of rows) {
    const { content, unknown } = fitting(row.kind, await openRow(row, opener))
    if (content || (unknown !== undefined && row.unknown === undefined)) {
      found.push({ ...row, content, ...(unknown !== undefined && { unknown }) })
    }
  }
  if (found.length === 0) return
  await db.transaction(
    'rw',
    [
      db.messages,
      db.changes,
      db.conversations,
      db.roster,
      db.prompts,
      db.ratchetsIn,
      db.welcomes,
      db.keyPackages,
    ],
    async () => {
      await opener.store()
      for (const row of found) await fill(db, row)
    },
  )
}

async function openRow(row: MessageRow, opener: Opener) {
  const { id, envelope, payload, unknown, peer, direction, kind, device, lists } = row
  if (unknown !== undefined) {
    const content = parseContent(unknown)
    return { content, mid: id, ...(content === null && { unknown }) }
  }
  return opener.open({
    id: envelope ?? id,
    payload: payload!,
    peer,
    direction,
    kind,
    ...(device && { device }),
    ...(lists && { lists }),
  })
}

/** Of who still waits for an answer. */
async function noteKnock(db: Db, { peer, at }: MessageRow, content: ContentOf<'knock'>): Promise<void> {
  const row = await db.roster.get(peer)
  if (row?.relation !== 'asked' || row.knock?.text) return
  const { text, reason, page, name } = content
  const knock = { text, at, ...(reason && { reason }), ...(page && { page }), ...(name && { name }) }
  await db.roster.put({ ...row, ...(name && { name }), knock })
}

async function fill(db: Db, waiting: MessageRow): Promise<void> {
  const row = { ...waiting }
  delete row.payload
  delete row.lists
  delete row.envelope
  if (row.content) delete row.unknown
  if (row.kind === 'control' && row.content?.type !== 'leave') {
    await db.changes.put(row)
    await applyChange(db, row)
    return
  }
  await db.messages.put(row)
  if (row.content?.type === 'knock') await noteKnock(db, row, row.content)
  const conversation = await conversationOf(db, row.peer)
  if (conversation.last?.id === row.id) await db.conversations.put({ ...conversation, last: lastOf(row) })
  await recount(db, row.peer)
}
