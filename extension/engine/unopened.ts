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
import { applyChange, find } from './changes.ts'
import { expectPicture } from './file-offers.ts'
import type { Identities } from './identities.ts'
import { fitting, knockOf, type Applied } from './inbox.ts'
import type { Opener } from './opener.ts'
import type { Signed } from './state.ts'

type Found = NonNullable<Awaited<ReturnType<typeof find>>>

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
    const waiting = new Map<UserId, Found[]>()
    for (const { peer, mid } of unopened) {
      const found = await find(db, peer, mid)
      const isBuddy = (await db.roster.get(peer))?.relation === 'buddies'
      if (!found?.row.payload || found.row.content || !isBuddy || (found.row.asked ?? 0) >= timesMax) continue
      waiting.set(peer, [...(waiting.get(peer) ?? []), found])
    }
    let any = false
    for (const [peer, all] of waiting) {
      for (let first = 0; first < all.length; first += atOnce) {
        if (!(await countOne(db, `asked ${peer}`, now))) break
        const part = all.slice(first, first + atOnce)
        for (const { table, row } of part) {
          await table.put({ ...row, asked: (row.asked ?? 0) + 1, askedAt: now })
        }
        const content = { type: 'resend-request' as const, mids: part.map(({ row }) => row.id) }
        await db.outbox.add({ id: v7() as EnvelopeId, peer, kind: 'control', content, at: now })
        any = true
      }
    }
    return any
  })
}

/** Everything that could not be opened, or not read. */
const waiting = async (db: Db): Promise<MessageRow[]> => [
  ...(await db.messages.where('waits').equals(1).toArray()),
  ...(await db.changes.where('waits').equals(1).toArray()),
]

/** What has waited for an answer for long, at the beginning of a connection. */
export async function unanswered({ db, timers }: Signed): Promise<Applied['unopened']> {
  return (await waiting(db))
    .filter(({ payload, direction }) => payload !== undefined && direction === 'in')
    .filter(({ askedAt = 0 }) => timers.now() - askedAt > patienceMs)
    .map(({ peer, id }) => ({ peer, mid: id }))
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
      const all: Found[] = []
      for (const mid of new Set(mids)) {
        const found = await find(db, account.user, mid)
        if (found && mayResend(found.row, peer, now) && isMine(found.row.device)) all.push(found)
      }
      if (all.length === 0 || !(await countOne(db, `answered ${peer} ${device}`, now))) return
      for (const { table, row } of all) {
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
export async function openWaiting(
  { db, timers }: Pick<Signed, 'db' | 'timers'>,
  opener: Opener,
): Promise<void> {
  const found: MessageRow[] = []
  for (const row of await waiting(db)) {
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
      db.identities,
      db.ratchetsIn,
      db.welcomes,
      db.keyPackages,
      db.settings,
      db.files,
      db.parts,
      db.releases,
    ],
    async () => {
      await opener.store()
      for (const row of found) await fill(db, row, timers.now())
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
  const { name } = content
  await db.roster.put({ ...row, ...(name && { name }), knock: knockOf(content, at) })
}

async function fill(db: Db, was: MessageRow, now: Millis): Promise<void> {
  const row = { ...was }
  delete row.payload
  delete row.lists
  delete row.envelope
  if (row.content) {
    delete row.unknown
    delete row.waits
  }
  row.unarchived = 1
  if (row.kind === 'control' && row.content?.type !== 'leave') {
    await db.changes.put(row)
    await applyChange(db, row)
    return
  }
  await db.messages.put(row)
  await expectPicture(db, row, now)
  if (row.content?.type === 'knock') await noteKnock(db, row, row.content)
  const conversation = await conversationOf(db, row.peer)
  if (conversation.last?.id === row.id) await db.conversations.put({ ...conversation, last: lastOf(row) })
  await recount(db, row.peer)
}
