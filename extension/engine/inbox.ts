/**
 * Entries of the room's log, as they come: applied in order, once, in one transaction with the cursor. Only then are
 * they acknowledged: whatever dies in between, the room sends them again and finds them known.
 */
import type { Content } from '#shared/content'
import type { Entry, EntryOf, ServerFrameOf, Snapshot, Watermarks } from '#shared/frames'
import type { Epoch, Seq, UserId } from '#shared/ids'
import { unsealPlainly } from '../crypto/placeholder-sealer.ts'
import { conversationOf, recount } from '../db/conversations.ts'
import { pendingTs, type Db, type MessageRow } from '../db/db.ts'
import type { Incoming } from './ports.ts'
import type { Signed } from './state.ts'

export interface Applied {
  /** Up to here everything is stored: what may be acknowledged. */
  seq: Seq
  /** Whose messages have all been read now. */
  cleared: UserId[]
  /** News for a person, in order. */
  incoming: Incoming[]
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
]

/**
 * Stores the entries after the cursor; those before it are known. `late` marks what was waiting for us.
 * @throws GapError when the next seq is not there.
 */
export async function applyEntries(
  { db, account, timers }: Signed,
  entries: readonly Entry[],
  { epoch, late }: { epoch: Epoch; late: boolean },
): Promise<Applied> {
  // Opened before the transaction: waiting for cryptography would end it.
  const contents = new Map<Entry, Content | null>()
  for (const entry of entries) if (entry.type === 'message') contents.set(entry, unsealPlainly(entry.payload))

  return db.transaction('rw', tables(db), async () => {
    const cursor = await db.cursor.get('cursor')
    if (!cursor) throw new GapError('entries without a beginning')
    const applied: Applied = { seq: cursor.seq, cleared: [], incoming: [] }
    const changed = new Set<UserId>()
    let { mark } = cursor
    for (const entry of entries) {
      if (entry.seq <= applied.seq) continue
      if (entry.seq !== applied.seq + 1) throw new GapError(`${entry.seq} follows ${applied.seq}`)
      await apply(entry)
      applied.seq = entry.seq
      mark = entry.mark
    }
    await db.cursor.put({ ...cursor, epoch, seq: applied.seq, mark })
    for (const peer of changed) if (await recount(db, peer)) applied.cleared.push(peer)
    return applied

    async function apply(entry: Entry): Promise<void> {
      switch (entry.type) {
        case 'message':
          return onMessage(entry, contents.get(entry) ?? null)
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
          return putRoster(db, entry)
        case 'failed':
          return onFailed(entry)
        case 'gone':
          await db.presence.delete(entry.peer)
          return
        case 'devices':
          return // a hint for those who seal for devices; nothing does yet
        case 'preferences':
          await db.settings.put({ key: 'synced', value: { version: entry.version, payload: entry.payload } })
      }
    }

    async function onMessage(entry: EntryOf<'message'>, content: Content | null): Promise<void> {
      const { peer, direction, id, ts, kind, seq, device, payload } = entry
      const from = direction === 'out' ? account.user : peer
      const known = await db.messages.get([from, id])
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
        content: content ?? known?.content ?? null,
        at: known?.at ?? timers.now(),
        ...(device && { device }),
        ...(direction === 'out' && {
          state: known?.state === 'failed' || known?.state === 'expired' ? known.state : 'stored',
        }),
      }
      // What cannot be opened keeps its place and its bytes.
      if (row.content === null) row.payload = payload
      else delete row.payload
      await db.messages.put(row)
      if (direction === 'out') await db.outbox.delete(id)
      else await db.typing.delete(peer)
      if (kind === 'knock' && direction === 'in') await noteKnock(peer, row.content, row.at)
      if (kind === 'message') await noteLast(db, row)
      changed.add(peer)
      if (direction === 'in' && !known && (kind === 'message' || kind === 'knock')) {
        const text = row.content?.type === 'text' || row.content?.type === 'knock' ? row.content.text : ''
        applied.incoming.push({ peer, id, ts: row.ts, text, kind, late })
      }
    }

    async function noteKnock(peer: UserId, content: Content | null, at: number) {
      const row = (await db.roster.get(peer)) ?? {
        peer,
        relation: 'none',
        muted: false,
        blocked: false,
        version: 0,
      }
      await db.roster.put({ ...row, knock: { text: content?.type === 'knock' ? content.text : '', at } })
    }

    async function onFailed({ id, code }: EntryOf<'failed'>): Promise<void> {
      const row = await db.messages.get([account.user, id])
      if (!row) return
      const state = code === 'expired' ? 'expired' : 'failed'
      await db.messages.put({ ...row, state, ...(state === 'failed' && { failure: code }) })
    }
  })
}

async function putRoster(db: Db, { peer, relation, muted, blocked, version }: EntryOf<'roster'>) {
  const before = await db.roster.get(peer)
  if (before && before.version > version) return
  await db.roster.put({
    peer,
    relation,
    muted,
    blocked,
    version,
    ...(before?.knock && relation === 'asked' && { knock: before.knock }),
  })
  if (relation !== 'buddies') await Promise.all([db.presence.delete(peer), db.typing.delete(peer)])
}

async function putReceipts(db: Db, { peer, delivered, read, except }: Watermarks) {
  const row = await conversationOf(db, peer)
  await db.conversations.put({
    ...row,
    delivered: Math.max(row.delivered, delivered),
    read: Math.max(row.read, read),
    except: except.map(([from, to]) => [from, to]),
  })
}

async function noteLast(db: Db, { peer, id, ts, direction, content }: MessageRow) {
  const row = await conversationOf(db, peer)
  if (row.last && row.last.ts > ts) return
  await db.conversations.put({
    ...row,
    last: { id, ts, direction, text: content?.type === 'text' ? content.text.slice(0, 200) : '' },
  })
}

/**
 * The log cannot be continued where we were: takes the room's state as it is and starts again at its first entry.
 * Local history stays; what comes again is known by its id. What does not come again, the room has lost.
 */
export async function startOver({ db, account }: Signed, welcome: ServerFrameOf<'welcome'>): Promise<void> {
  const { epoch, from, snapshot, resync } = welcome
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
      mark: 0,
      ...(isRestored && { restored: { blocks: [...blocks] } }),
    })

    async function takeSnapshot({ roster, reads, receipts }: Snapshot) {
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
        const { knock } = row
        await db.roster.put({ ...item, ...(knock && item.relation === 'asked' && { knock }) })
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
      await db.messages.filter(mine).modify((row) => {
        delete row.seq
      })
    }
  })
}

/**
 * After a replay: messages of mine that the room once had and has lost, for it was restored from a backup. They go
 * into the outbox again under the same ids, so that whoever still has them sees them once.
 */
export async function pushAgain({ db, account }: Signed): Promise<void> {
  await db.transaction('rw', [db.messages, db.outbox, db.cursor], async () => {
    const cursor = await db.cursor.get('cursor')
    if (!cursor?.restored) return
    const isLost = ({ from, seq, state, content }: MessageRow) =>
      from === account.user && state === 'stored' && seq === undefined && content !== null
    for (const row of await db.messages.filter(isLost).toArray()) {
      const { id, peer, kind, at } = row
      await db.outbox.put({ id, peer, kind, content: row.content!, at, lost: true })
      await db.messages.put({ ...row, state: 'pending' })
    }
    const { restored, ...rest } = cursor
    await db.cursor.put(restored.blocks.length > 0 ? { ...rest, restored } : rest)
  })
}
