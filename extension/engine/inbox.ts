/**
 * Entries of the room's log, as they come: applied in order, once, in one transaction with the cursor. Only then are
 * they acknowledged: whatever dies in between, the room sends them again and finds them known.
 */
import { Dexie } from 'dexie'
import type { Content, ContentOf } from '#shared/content'
import type { ErrorCode } from '#shared/errors'
import type { Entry, EntryOf, Kind, Policy, ServerFrameOf, Snapshot, Watermarks } from '#shared/frames'
import type { DeviceId, EnvelopeId, Epoch, Millis, Seq, UserId } from '#shared/ids'
import { conversationOf, lastOf, noteOf, recount } from '../db/conversations.ts'
import {
  pendingTs,
  type Db,
  type MessageRow,
  type RestoreRow,
  type RosterRow,
  type SessionRow,
} from '../db/db.ts'
import { isArchived, settingsOf } from '../db/settings.ts'
import { sessionAfter } from '../db/sessions.ts'
import { applyChange, tableOf } from './changes.ts'
import { expectPicture } from './file-offers.ts'
import { applyOwn, isKeptNote, isOwn } from './own.ts'
import type { Opened, Opener } from './opener.ts'
import type { Incoming } from './ports.ts'
import { takePreferences } from './preferences.ts'
import type { Signed } from './state.ts'

export interface Applied {
  /** Up to here everything is stored: what may be acknowledged. */
  seq: Seq
  /** About whom nothing is to be shown any more: all is read, answered or taken back. */
  cleared: UserId[]
  /** Whom I have blocked, here or on another device. */
  blocked: UserId[]
  /** News for a person, in order. */
  incoming: Incoming[]
  /** What could not be opened, of the peer's devices: they are asked for it once more. */
  unopened: { peer: UserId; mid: EnvelopeId }[]
  /** What they could not open of mine. */
  wanted: { peer: UserId; mids: readonly EnvelopeId[]; device: DeviceId | undefined }[]
  /** There may be something to fetch, or to give back. */
  hasFiles: boolean
  /** Whose lists of devices have changed; null for my own. */
  devices: (UserId | null)[]
}

/** There is a hole between what we have and what came: nothing was applied. */
export class GapError extends Error {}

/** Everything an entry may touch. */
const tables = (db: Db) => [
  db.messages,
  db.outbox,
  db.conversations,
  db.roster,
  db.cursor,
  db.settings,
  db.presence,
  db.typing,
  db.changes,
  db.notices,
  db.prompts,
  db.status,
  db.identities,
  db.ratchetsIn,
  db.welcomes,
  db.keyPackages,
  db.files,
  db.parts,
  db.releases,
]

export interface ApplyOptions {
  epoch: Epoch
  /** By the relay's clock. */
  now: Millis
  /** It was waiting for us. */
  late: boolean
  opener: Opener
  /** Settings that came sealed; null for what cannot be opened. */
  openSettings(payload: string): Promise<unknown>
  /** What came in this absence: of it, nothing that was taken back is to be seen. */
  missed?: ReadonlySet<EnvelopeId>
  /** Whether a message of that person is asked about first, were it the next of that sitting. */
  asks?(row: MessageRow, session: SessionRow | undefined, isMuted: boolean): boolean
}

/**
 * Stores the entries after the cursor; those before it are known. `late` marks what was waiting for us.
 * @throws GapError when the next seq is not there.
 */
export async function applyEntries(
  { db, account, timers }: Signed,
  entries: readonly Entry[],
  { epoch, now, late, opener, openSettings, missed = new Set(), asks = () => false }: ApplyOptions,
): Promise<Applied> {
  // Opened before the transaction: waiting for cryptography would end it. Of what is known, nothing is opened again.
  const done = (await db.cursor.get('cursor'))?.seq ?? 0
  const opened = new Map<Entry, Opened>()
  const settings = new Map<Entry, unknown>()
  for (const entry of entries) {
    if (entry.seq <= done) continue
    if (entry.type === 'message') opened.set(entry, fitting(entry.kind, await opener.open(entry)))
    if (entry.type === 'preferences') settings.set(entry, await openSettings(entry.payload))
  }

  return db.transaction('rw', tables(db), async () => {
    const cursor = await db.cursor.get('cursor')
    if (!cursor) throw new GapError('entries without a beginning')
    const applied: Applied = {
      seq: cursor.seq,
      cleared: [],
      blocked: [],
      incoming: [],
      unopened: [],
      wanted: [],
      hasFiles: false,
      devices: [],
    }
    const changed = new Set<UserId>()
    let { mark } = cursor
    for (const entry of entries) {
      if (entry.seq <= applied.seq) continue
      if (entry.seq !== applied.seq + 1) throw new GapError(`${entry.seq} follows ${applied.seq}`)
      await apply(entry)
      applied.seq = entry.seq
      mark = entry.mark
    }
    await opener.store()
    await db.cursor.put({ ...cursor, epoch, seq: applied.seq, mark })
    for (const peer of changed) if (await recount(db, peer)) applied.cleared.push(peer)
    return applied

    async function apply(entry: Entry): Promise<void> {
      switch (entry.type) {
        case 'message':
          return onMessage(entry, opened.get(entry)!)
        case 'receipts':
          return putReceipts(db, entry)
        case 'read': {
          const row = await conversationOf(db, entry.peer)
          const readTs = Math.max(row.readTs, entry.ts)
          await db.conversations.put({ ...row, readTs, readSentTs: Math.max(row.readSentTs, entry.ts) })
          changed.add(entry.peer)
          return
        }
        case 'roster':
          return putRoster(db, entry, applied)
        case 'failed':
          return onFailed(entry)
        case 'gone':
          await db.presence.delete(entry.peer)
          return noteDeleted(entry.peer)
        case 'devices':
          applied.devices.push(entry.peer ?? null) // only a hint: whoever seals asks for the list and checks it
          return
        case 'policy':
          await putPolicy(db, entry)
          return
        case 'preferences':
          return takePreferences(db, entry.version, settings.get(entry) ?? null)
      }
    }

    async function onMessage(
      entry: EntryOf<'message'>,
      { content, unknown, mid: id }: Opened,
    ): Promise<void> {
      const { peer, direction, ts, kind, seq, device, payload, lists } = entry
      if (direction === 'out') await db.outbox.delete(entry.id)
      else await db.typing.delete(peer)
      if (peer === account.user) {
        if (content) for (const changedPeer of await applyOwn(db, content, ts)) changed.add(changedPeer)
        if (content?.type === 'own-answer') applied.cleared.push(content.peer)
        // Kept, for what the archive has of them is older.
        if (content && isKeptNote(content)) await db.changes.put(rowOf(entry, content))
        return
      }
      if (isOwn(content)) return // of anybody else it means nothing
      if (content?.type === 'resend-request') {
        if (direction === 'in') applied.wanted.push({ peer, mids: content.mids, device })
        return
      }

      const from = direction === 'out' ? account.user : peer
      const table = tableOf(db, kind, content)
      const known = await table.get([from, id])
      const row: MessageRow = {
        ...known,
        from,
        id,
        peer,
        // The same message can only come twice after a restore: everybody keeps the earlier place.
        ts: known && known.ts !== pendingTs ? Math.min(known.ts, ts) : ts,
        seq,
        direction,
        kind,
        content: known?.removed ? null : (known?.content ?? content), // with its edits
        at: known?.at ?? timers.now(),
        ...(device && { device }),
        ...(direction === 'out' && {
          state: known?.state === 'failed' || known?.state === 'expired' ? known.state : 'stored',
        }),
      }
      // What cannot be opened keeps its place and its bytes.
      delete row.payload
      delete row.lists
      delete row.envelope
      delete row.unknown
      delete row.waits
      if (row.content === null && !row.removed && unknown !== undefined) {
        Object.assign(row, { unknown, waits: 1 })
      } else if (row.content === null && !row.removed) {
        // Of this device's own making and not known here any more: nobody else has it either.
        if (direction === 'out' && device === account.device) return
        if (await isFromBefore(entry)) return
        Object.assign(row, {
          payload,
          waits: 1,
          ...(lists && { lists }),
          ...(id !== entry.id && { envelope: entry.id }),
        })
        if (direction === 'in') applied.unopened.push({ peer, mid: id })
      }
      changed.add(peer)
      if (row.content?.type === 'file' || row.content?.type === 'retract') applied.hasFiles = true
      if (table === db.changes) return onChange(row)
      await db.messages.put(row)
      if (!known?.content) await expectPicture(db, row, timers.now())
      if (row.content?.type === 'knock' || row.content?.type === 'accept') await noteName(row.content, entry)
      await onSaid(row, known === undefined)
    }

    /** Something was said: it may begin or end a session, ask first, and be the last thing said. */
    async function onSaid(row: MessageRow, isNew: boolean): Promise<void> {
      const { peer, id, ts, direction, kind, content } = row
      const conversation = await conversationOf(db, peer)
      const before = conversation.session
      const session = sessionAfter(before, row, account.user)
      const last =
        kind === 'message' && !(conversation.last && conversation.last.ts > ts)
          ? lastOf(row)
          : conversation.last
      await db.conversations.put({ ...conversation, ...(session && { session }), ...(last && { last }) })
      if (direction === 'out') {
        await db.prompts.delete(peer) // writing is answering, and so is leaving
        if (session?.end?.by === account.user) applied.cleared.push(peer)
        return
      }
      if (!isNew || (kind !== 'message' && kind !== 'knock')) return
      const text =
        content?.type === 'text' || content?.type === 'file' || content?.type === 'knock' ? content.text : ''
      const file = content?.type === 'file' && noteOf(content.file)
      applied.incoming.push({ peer, id, ts, text, ...(file && { file }), kind, late })
      const prompt = await db.prompts.get(peer)
      const isMuted = (await db.roster.get(peer))?.muted ?? false
      if (kind === 'message' && (prompt || (!late && asks(row, session, isMuted)))) {
        await db.prompts.put({
          peer,
          session: session?.id ?? id,
          count: (prompt?.count ?? 0) + 1,
          text,
          ...(file && { file }),
          at: timers.now(),
          isFolded: late && (prompt?.isFolded ?? false),
        })
      }
    }

    /** Where no history is kept, a new device begins with what is said from then on. */
    async function isFromBefore({ peer, ts }: EntryOf<'message'>): Promise<boolean> {
      if (isArchived(await settingsOf(db), peer)) return false
      const me = account.list.devices.find(({ id }) => id === account.device)
      return me !== undefined && ts < me.created
    }

    function rowOf({ peer, id, ts, seq, direction, kind }: EntryOf<'message'>, content: Content): MessageRow {
      return { from: account.user, id, peer, ts, seq, direction, kind, content, at: timers.now() }
    }

    async function onChange(row: MessageRow): Promise<void> {
      const isMissed = (id: EnvelopeId) => missed.has(id) || applied.incoming.some((one) => one.id === id)
      const isGone = late && row.content?.type === 'retract' && isMissed(row.content.id)
      const has = await applyChange(db, row, isGone ? 'hidden' : 'retracted')
      // Nothing of somebody else's is kept that is about nothing of this conversation, once all of that is here.
      const isKept = has || row.direction === 'out' || row.content === null
      if (isKept || (await db.status.get('restore'))) await db.changes.put(row)
      if (has && row.content?.type === 'retract' && row.direction === 'in') applied.cleared.push(row.peer)
    }

    async function noteName(
      content: ContentOf<'knock'> | ContentOf<'accept'>,
      { peer, direction, via }: EntryOf<'message'>,
    ) {
      if (direction === 'out') return
      const row = (await db.roster.get(peer)) ?? {
        peer,
        relation: 'none',
        muted: false,
        blocked: false,
        version: 0,
      }
      const { name } = content
      if (content.type === 'accept') return db.roster.put({ ...row, ...(name && { name }) })
      const knock = { ...knockOf(content, timers.now()), ...(via && { via }) }
      await db.roster.put({ ...row, ...(name && { name }), knock })
    }

    /** Once, also where the log is read again. */
    async function noteDeleted(peer: UserId): Promise<void> {
      const last = await db.notices
        .where('[peer+ts+what]')
        .between([peer, Dexie.minKey], [peer, Dexie.maxKey])
        .last()
      if (last?.what === 'account-deleted') return
      await db.notices.put({ peer, ts: now, what: 'account-deleted', isLoud: false })
      changed.add(peer)
    }

    async function onFailed({ id, code }: EntryOf<'failed'>): Promise<void> {
      const row = await db.messages.get([account.user, id])
      if (row) await db.messages.put({ ...withFailure(row, code), unarchived: 1 })
      else {
        const restore = (await db.status.get('restore')) as RestoreRow | undefined
        if (restore) await db.status.put({ ...restore, failed: { ...restore.failed, [id]: code } })
      }
    }
  })
}

/** What an envelope of that kind may hold; anything else is nothing that this version knows. */
export function fitting(kind: Kind, opened: Opened): Opened {
  const { content, mid } = opened
  if (content === null) return opened
  const { type } = content
  const isMessage = type === 'text' || type === 'file'
  const isSaid = isMessage || type === 'knock' || type === 'accept'
  const fits = kind === 'control' ? !isSaid : kind === 'message' ? isMessage : type === kind
  return fits ? opened : { content: null, unknown: content, mid }
}

/** A message of mine that did not arrive. */
export const withFailure = (row: MessageRow, code: ErrorCode): MessageRow =>
  code === 'expired' ? { ...row, state: 'expired' } : { ...row, state: 'failed', failure: code }

/** What the list of people keeps of a knock. */
export function knockOf(
  { text, reason, page, name }: ContentOf<'knock'>,
  at: Millis,
): NonNullable<RosterRow['knock']> {
  return { text, at, ...(reason && { reason }), ...(page && { page }), ...(name && { name }) }
}

async function putRoster(
  db: Db,
  { peer, relation, muted, blocked, version }: EntryOf<'roster'>,
  applied: Applied,
) {
  const before = await db.roster.get(peer)
  if (before && before.version > version) return
  await db.roster.put({
    peer,
    relation,
    muted,
    blocked,
    version,
    ...(before?.name && { name: before.name }),
    ...(before?.knock && relation === 'asked' && { knock: before.knock }),
  })
  if (before?.relation === 'asked' && relation !== 'asked') applied.cleared.push(peer)
  if (blocked && !before?.blocked) applied.blocked.push(peer)
  if (relation === 'buddies' && !blocked) return
  await Promise.all([db.presence, db.typing, db.prompts].map((table) => table.delete(peer)))
}

const putPolicy = (db: Db, { reach, invite, reads }: Policy) =>
  db.status.put({ key: 'policy', reach, invite, reads })

async function putReceipts(db: Db, { peer, delivered, read, except }: Watermarks) {
  const row = await conversationOf(db, peer)
  await db.conversations.put({
    ...row,
    delivered: Math.max(row.delivered, delivered),
    read: Math.max(row.read, read),
    except: except.map(([from, to]) => [from, to]),
  })
}

/**
 * The log cannot be continued where we were: takes the room's state as it is and starts again at its first entry.
 * Local history stays; what comes again is known by its id. What does not come again, the room has lost.
 */
export async function startOver(
  { db, account }: Signed,
  welcome: ServerFrameOf<'welcome'>,
  openSettings: ApplyOptions['openSettings'],
): Promise<void> {
  const { epoch, from, mark = 0, snapshot, resync } = welcome
  const settings = snapshot?.preferences ? await openSettings(snapshot.preferences.payload) : null
  await db.transaction('rw', tables(db), async () => {
    const cursor = await db.cursor.get('cursor')
    const blocks = new Set(cursor?.restored?.blocks)
    if (snapshot) await takeSnapshot(snapshot)
    if (resync !== 'new') await unplace()
    const isRestored = resync !== 'new' || cursor?.restored !== undefined
    await db.cursor.put({
      key: 'cursor',
      epoch,
      seq: from,
      mark,
      ...(isRestored && { restored: { blocks: [...blocks] } }),
    })

    // What the log does not have any more, the archive may.
    if (resync === 'new' || resync === 'floor') await db.status.put({ key: 'restore', done: 0, total: 0 })

    async function takeSnapshot({ roster, reads, receipts, policy, preferences }: Snapshot) {
      await putPolicy(db, policy)
      if (preferences) await takePreferences(db, preferences.version, settings)
      const listed = new Map(roster.map((item) => [item.peer, item]))
      for (const row of await db.roster.toArray()) {
        const item = listed.get(row.peer) ?? {
          ...row,
          relation: 'none',
          muted: false,
          blocked: false,
          version: 0,
        }
        // Nobody has unblocked them: the room has forgotten it.
        if (row.blocked && !item.blocked && item.version < row.version) blocks.add(row.peer)
        const { knock, name } = row
        await db.roster.put({
          ...item,
          ...(name && { name }),
          ...(knock && item.relation === 'asked' && { knock }),
        })
        listed.delete(row.peer)
      }
      await db.roster.bulkPut([...listed.values()])
      for (const { peer, ts } of reads) {
        const row = await conversationOf(db, peer)
        const readTs = Math.max(row.readTs, ts)
        await db.conversations.put({ ...row, readTs, readSentTs: Math.max(row.readSentTs, ts) })
        await recount(db, peer)
      }
      for (const watermarks of receipts) await putReceipts(db, watermarks)
    }

    /** Messages of mine after the first entry lose their place until they come again. */
    async function unplace() {
      const mine = ({ from: author, seq }: MessageRow) =>
        author === account.user && seq !== undefined && seq > from
      for (const table of [db.messages, db.changes]) {
        await table.filter(mine).modify((row) => {
          delete row.seq
        })
      }
    }
  })
}

/**
 * After a replay: messages of mine that the room once had and has lost, for it was restored from a backup. They go
 * into the outbox again under the same ids, so that whoever still has them sees them once.
 */
export async function pushAgain({ db, account }: Signed): Promise<void> {
  await db.transaction('rw', [db.messages, db.changes, db.outbox, db.cursor], async () => {
    const cursor = await db.cursor.get('cursor')
    if (!cursor?.restored) return
    const isLost = ({ from, seq, state, content }: MessageRow) =>
      from === account.user && state === 'stored' && seq === undefined && content !== null
    for (const table of [db.messages, db.changes]) {
      for (const row of await table.filter(isLost).toArray()) {
        const { id, peer, kind, at } = row
        await db.outbox.put({ id, peer, kind, content: row.content!, at, lost: true })
        await table.put({ ...row, state: 'pending' })
      }
    }
    const { restored, ...rest } = cursor
    await db.cursor.put(restored.blocks.length > 0 ? { ...rest, restored } : rest)
  })
}
