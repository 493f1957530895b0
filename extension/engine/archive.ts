/**
 * Puts what this device has read into the archive, for a device that comes later. What is not in there yet is whatever
 * stands in the log behind `archived`, which the room knows: so all devices agree on it, and whoever died in between
 * begins again there. Segments may overlap; only the leading device makes any, so that the work is done once.
 */
import type { SegmentItem, SegmentKind } from '#shared/archive'
import { toBase64 } from '#shared/bytes'
import type { Millis, Seq, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { CommandError } from '../bus/commands.ts'
import { sealSegment, type ArchiveRow } from '../crypto/archive/segment.ts'
import { newestKey } from '../crypto/for-me.ts'
import type { MessageRow } from '../db/db.ts'
import { settingsOf, type Settings } from '../db/settings.ts'
import { archivedMessage, archivedWelcome, withoutEarlierTexts, type Table } from './archive-rows.ts'
import type { OwnSecrets } from './own-keys.ts'
import type { Requests } from './requests.ts'
import type { Signed } from './state.ts'

/** When there is enough to put it away, or it has been quiet for long enough. */
export interface ArchiveWhen {
  rows: number
  quietMs: number
}
export const archiveWhen: ArchiveWhen = { rows: 200, quietMs: 10 * 60_000 }

const day = 24 * 60 * 60_000
/** As long as devices keep them (old-keys.ts). */
const welcomesMs = 45 * day
const tidiedKey = 'archive-tidied'
const tidyMs = 7 * day

export interface Archive {
  /** As far as the room has it; undefined where the account has no mailbox device, and so no archive. */
  setArchived(seq: Seq | undefined): void
  /** Something came, or the connection is new (`atStart`): looks whether it is time. */
  tend(how?: { atStart?: boolean }): void
  /** Puts everything away that is not yet. Resolves when it is, or when that cannot be now. */
  flush(): Promise<void>
  /** Whether history is kept has been decided anew. */
  decided(): void
  /** Resolves when it is not at work any more. */
  stop(): Promise<void>
}

export interface ArchiveOptions {
  signed: Signed
  requests: Requests
  secrets(): Promise<OwnSecrets>
  /** This device leads, and nothing is waiting for it. */
  mayFlush(): boolean
  when: ArchiveWhen
}

interface Part {
  rows: { row: ArchiveRow; seq: Seq; peer: UserId }[]
  /** Opened late, wherever they stand. */
  late: { table: Table; row: MessageRow }[]
  /** Everything up to here is in it. */
  end: Seq
}

export function createArchive({ signed, requests, secrets, mayFlush, when }: ArchiveOptions): Archive {
  const { account, db, timers } = signed
  let archived: Seq | undefined
  let stopped = false
  let running: Promise<void> = Promise.resolve()
  let cancel: (() => void) | null = null

  /** One after the other. Without a connection all of it is done at the next one. */
  function work(run: () => Promise<void>): Promise<void> {
    running = running
      .then(() => (stopped ? undefined : run()))
      .catch((error: unknown) => {
        if (stopped) return
        if (!(error instanceof CommandError)) console.error(error)
        else if (error.code !== 'unreachable') console.warn(`the archive: ${error.code}`)
      })
    return running
  }

  // --- When -------------------------------------------------------------------------------------------------------

  async function look(atStart: boolean): Promise<void> {
    if (archived === undefined || !mayFlush()) return
    const { seq } = (await db.cursor.get('cursor')) ?? { seq: 0 }
    let count = 0
    let newestAt = 0
    for (const table of [db.messages, db.changes]) {
      const rows = table.where('seq').above(archived)
      count += (await rows.count()) + (await table.where('unarchived').equals(1).count())
      newestAt = Math.max(newestAt, (await rows.last())?.at ?? 0)
    }
    if (seq <= archived && count === 0) return
    const quietAt = count > 0 ? newestAt + when.quietMs : timers.now() + (atStart ? 0 : when.quietMs)
    if (count >= when.rows || quietAt <= timers.now()) return flush()
    if (cancel && count === 0) return
    cancel?.()
    cancel = timers.after(quietAt - timers.now(), () => {
      cancel = null
      void work(() => look(false))
    })
  }

  // --- What -------------------------------------------------------------------------------------------------------

  async function flush(): Promise<void> {
    cancel?.()
    cancel = null
    const cursor = await db.cursor.get('cursor')
    if (archived === undefined || !cursor || !mayFlush()) return
    const settings = await settingsOf(db)
    const upTo = cursor.seq
    let at = archived
    for (let isFirst = true; isFirst || at < upTo; isFirst = false) {
      const part = settings.keepsHistory ? await next(at, upTo) : { rows: [], late: [], end: upTo }
      if (settings.keepsHistory) await putPart(part, at, settings)
      if (part.end > at) await requests.ask({ type: 'archived', seq: part.end })
      at = part.end
      archived = Math.max(archived, at)
    }
    if (settings.keepsHistory) await tidy()
  }

  /** The next rows in the order of the log; with the first of them, those that were passed over. */
  async function next(after: Seq, upTo: Seq): Promise<Part> {
    const part: Part = { rows: [], late: [], end: upTo }
    const found: { seq: Seq; table: Table; row: MessageRow }[] = []
    for (const table of ['messages', 'changes'] as const) {
      const rows = await db[table].where('seq').between(after, upTo, false, true).limit(when.rows).toArray()
      found.push(...rows.map((row) => ({ seq: row.seq!, table, row })))
    }
    const inOrder = found.toSorted((a, b) => a.seq - b.seq)
    const taken = inOrder.slice(0, when.rows)
    if (inOrder.length >= when.rows) part.end = taken.at(-1)!.seq
    for (const table of ['messages', 'changes'] as const) {
      const late = await db[table].where('unarchived').equals(1).limit(when.rows).toArray()
      part.late.push(...late.map((row) => ({ table, row })))
    }
    for (const { table, row } of [...taken, ...part.late]) {
      const inside = archivedMessage(table, row)
      if (inside) part.rows.push({ row: inside, seq: inside.seq, peer: row.peer })
    }
    return part
  }

  async function putPart({ rows, late, end }: Part, after: Seq, settings: Settings): Promise<void> {
    const ways = await db.welcomes.filter(({ seq = 0 }) => seq > after && seq <= end).toArray()
    // Each may be as large as a segment.
    for (const way of ways) await put([archivedWelcome(way)], 'welcomes')
    // What is forgotten here when it ends shall not come back elsewhere.
    const kept = rows.filter(({ peer }) => !settings.buddies[peer]?.forgets)
    await put(
      kept.map(({ row }) => row),
      'rows',
    )
    for (const { table, row: passed } of late) {
      await db[table]
        .where('[from+id]')
        .equals([passed.from, passed.id])
        .modify((row) => void delete row.unarchived)
    }
  }

  /** In as many segments as it takes. */
  async function put(rows: readonly ArchiveRow[], kind: SegmentKind): Promise<void> {
    if (rows.length === 0 || stopped) return
    const { aks, list } = await secrets()
    const { e, key } = newestKey(aks)
    const { ct: bytes, ...head } = await sealSegment(account.acct, e, key, rows)
    const ct = toBase64(bytes)
    if (ct.length <= limits.segmentCharsMax) {
      await requests.ask({ type: 'archive', segment: { ...head, kind, ct }, list })
    } else if (rows.length > 1) {
      const half = Math.ceil(rows.length / 2)
      await put(rows.slice(0, half), kind)
      await put(rows.slice(half), kind)
    } else {
      const smaller = withoutEarlierTexts(rows[0]!)
      if (smaller === rows[0]) console.error('a row that fits into no segment')
      else await put([smaller], kind)
    }
  }

  // --- What goes again --------------------------------------------------------------------------------------------

  async function remove(isWanted: (item: SegmentItem) => boolean): Promise<number> {
    const ids = (await indexOf(requests)).filter(isWanted).map(({ segId }) => segId)
    for (let from = 0; from < ids.length; from += limits.segmentsPerDeleteMax) {
      const segIds = ids.slice(from, from + limits.segmentsPerDeleteMax)
      await requests.ask({ type: 'unarchive', segIds })
    }
    return ids.length
  }

  /** Nothing in the log can need a way into a session that is so old. */
  async function tidy(): Promise<void> {
    const now = timers.now()
    const before = (await db.settings.get(tidiedKey))?.value as Millis | undefined
    if (before !== undefined && Math.abs(now - before) < tidyMs) return
    await remove(({ kind, toTs }) => kind === 'welcomes' && now - toTs > welcomesMs)
    await db.settings.put({ key: tidiedKey, value: now })
  }

  /** History is not kept: what there is goes, and the next sessions are without the mailbox. */
  async function forget(): Promise<void> {
    if ((await settingsOf(db)).keepsHistory || archived === undefined || !mayFlush()) return
    const removed = await remove(() => true)
    if (removed > 0) await db.ratchetsOut.toCollection().modify({ openedAt: 0 })
  }

  return {
    setArchived(seq) {
      archived = seq
    },
    tend({ atStart = false } = {}) {
      if (atStart) void work(forget)
      void work(() => look(atStart))
    },
    flush: () => work(flush),
    decided: () => void work(forget),
    async stop() {
      stopped = true
      cancel?.()
      await running
    },
  }
}

/** The whole of it. */
export async function indexOf(requests: Requests): Promise<SegmentItem[]> {
  const index: SegmentItem[] = []
  for (let after: number | undefined = 0; after !== undefined;) {
    const page = await requests.askSegments(after)
    index.push(...page.segments)
    after = page.more !== undefined && page.more > after ? page.more : undefined
  }
  return index
}
