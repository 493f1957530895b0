/**
 * Puts what this device has read into the archive, for a device that comes later. What is not in there yet is whatever
 * stands in the log behind `archived`, which the room knows: so all devices agree on it, and whoever died in between
 * begins again there. Segments may overlap; only the leading device makes any, so that the work is done once.
 */
import type { Seq } from '#shared/ids'
import { CommandError } from '../bus/commands.ts'
import type { ArchiveStatusRow, MessageRow } from '../db/db.ts'
import { isArchived, settingsOf, type Settings } from '../db/settings.ts'
import { archivedMessage, archivedWelcome, keyOf, targetsOf, type Table } from './archive-rows.ts'
import type { Requests } from './requests.ts'
import type { Segments } from './segments.ts'
import type { Signed } from './state.ts'
import { createUpkeep } from './upkeep.ts'

/** When there is enough to put it away, or it has been quiet for long enough. */
export interface ArchiveWhen {
  rows: number
  quietMs: number
}
export const archiveWhen: ArchiveWhen = { rows: 200, quietMs: 10 * 60_000 }

/** When there was no room for it, it is tried again after this. */
const fullMs = 6 * 60 * 60_000

export interface Archive {
  /** As far as the room has it; undefined where it has none of this account. */
  setArchived(seq: Seq | undefined): void
  /** Something came, or the connection is new (`atStart`): looks whether it is time. */
  tend(how?: { atStart?: boolean }): void
  /** Puts everything away that is not yet. Resolves when it is, or when that cannot be now. */
  flush(): Promise<void>
  /** Resolves when it is not at work any more. */
  stop(): Promise<void>
}

export interface ArchiveOptions {
  signed: Signed
  segments: Segments
  requests: Requests
  /** This device leads, and nothing is waiting for it. */
  mayFlush(): boolean
  when: ArchiveWhen
}

type Found = { table: Table; row: MessageRow }

interface Part {
  /** In the order of the log. */
  rows: Found[]
  /** Opened or changed late, wherever they stand. */
  late: Found[]
  /** Everything up to here is in it. */
  end: Seq
}

const tables = ['messages', 'changes'] as const

export function createArchive({ signed, segments, requests, mayFlush, when }: ArchiveOptions): Archive {
  const { db, timers } = signed
  const upkeep = createUpkeep(signed, segments)
  let archived: Seq | undefined
  let stopped = false
  let running: Promise<void> = Promise.resolve()
  let cancel: (() => void) | null = null

  const may = () => !stopped && archived !== undefined && mayFlush()

  /** One after the other. Without a connection all of it is done at the next one. */
  function work(run: () => Promise<void>): Promise<void> {
    running = running
      .then(() => (may() ? run() : undefined))
      .catch((error: unknown) => {
        if (stopped) return
        if (!(error instanceof CommandError)) console.error(error)
        else if (error.code !== 'unreachable') console.warn(`the archive: ${error.code}`)
      })
    return running
  }

  /** What this device has not read yet it does not change: it would miss it. */
  const mayChange = async () => may() && (await db.status.get('restore')) === undefined

  // --- When -------------------------------------------------------------------------------------------------------

  async function look(atStart: boolean): Promise<void> {
    // What was left out has made room.
    if ((await mayChange()) && (await upkeep.decide()) && (await isFull())) await db.status.delete('archive')
    const { seq } = (await db.cursor.get('cursor')) ?? { seq: 0 }
    let count = 0
    let newestAt = 0
    for (const name of tables) {
      const rows = db[name].where('seq').above(archived!)
      count += (await rows.count()) + (await db[name].where('unarchived').equals(1).count())
      newestAt = Math.max(newestAt, (await rows.last())?.at ?? 0)
    }
    if (seq <= archived! && count === 0) return
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
    if (!cursor || (await isFull())) return
    const settings = await settingsOf(db)
    const ways = settings.keepsHistory ? await waysAfter(archived!) : []
    const late = await allLate()
    for (let isLast = false; !isLast && may();) {
      const part = await next(archived!, cursor.seq, late.splice(-when.rows))
      isLast = part.end >= cursor.seq && late.length === 0
      await withRoom(() => putPart(part, ways, settings))
      if (part.end > archived!) await requests.ask({ type: 'archived', seq: part.end })
      archived = Math.max(archived!, part.end)
    }
    if (settings.keepsHistory && (await mayChange())) await upkeep.tidy()
  }

  /** Whatever was passed over, oldest first. */
  async function allLate(): Promise<Found[]> {
    const late: Found[] = []
    for (const table of tables) {
      const rows = await db[table].where('unarchived').equals(1).toArray()
      late.push(...rows.map((row) => ({ table, row })))
    }
    return late.toSorted((a, b) => a.row.ts - b.row.ts)
  }

  /** The next rows in the order of the log. */
  async function next(after: Seq, upTo: Seq, late: Found[]): Promise<Part> {
    const found: Found[] = []
    for (const table of tables) {
      const rows = await db[table].where('seq').between(after, upTo, false, true).limit(when.rows).toArray()
      found.push(...rows.map((row) => ({ table, row })))
    }
    const rows = found.toSorted((a, b) => a.row.seq! - b.row.seq!).slice(0, when.rows)
    const end = rows.length >= when.rows ? rows.at(-1)!.row.seq! : upTo
    return { rows, late, end }
  }

  async function putPart(
    { rows, late, end }: Part,
    ways: readonly [ratchet: string, seq: Seq][],
    settings: Settings,
  ): Promise<void> {
    // Each may be as large as a segment.
    for (const [ratchet, seq] of ways) {
      const way = seq > archived! && seq <= end ? await db.welcomes.get(ratchet) : undefined
      if (way && !(way.peer && !isArchived(settings, way.peer)))
        await segments.put([archivedWelcome(way)], 'welcomes')
    }
    const all = new Map([...rows, ...late].map((found) => [keyOf(found.row), found]))
    const kept = [...all.values()].filter(({ row: { peer } }) =>
      peer === signed.account.user ? settings.keepsHistory : isArchived(settings, peer),
    )
    const changes = kept.flatMap(({ table, row }) => (table === 'changes' ? [row] : []))
    const said = await withoutTakenBack(kept)
    await segments.put(
      said.flatMap(({ table, row }) => archivedMessage(table, row) ?? []),
      'rows',
    )
    if (await mayChange()) await upkeep.takeBack(changes, archived!)
    for (const { table, row } of late) {
      await db[table]
        .where('[from+id]')
        .equals([row.from, row.id])
        // It may have changed once more meanwhile.
        .modify((now) => {
          if (JSON.stringify(now) === JSON.stringify(row)) delete now.unarchived
        })
    }
  }

  /** An edit says what was said, also when that was taken back afterwards. */
  async function withoutTakenBack(found: readonly Found[]): Promise<Found[]> {
    const edits = found.filter(({ row }) => row.content?.type === 'edit')
    const targets = await db.messages.bulkGet(edits.flatMap(({ row }) => targetsOf(row)))
    const idle = new Set(edits.filter((_, i) => targets[i]?.removed))
    return found.filter((one) => !idle.has(one))
  }

  /** Which they are, and not yet what: each is large. */
  async function waysAfter(after: Seq): Promise<[ratchet: string, seq: Seq][]> {
    const ways: [string, Seq][] = []
    await db.welcomes.each(({ ratchet, seq = 0 }) => void (seq > after && ways.push([ratchet, seq])))
    return ways
  }

  // --- When there is no room --------------------------------------------------------------------------------------

  async function isFull(): Promise<boolean> {
    const row = (await db.status.get('archive')) as ArchiveStatusRow | undefined
    return row?.problem === 'full' && Math.abs(timers.now() - row.at) < fullMs
  }

  /** The log waits meanwhile, as long as it keeps anything. */
  async function withRoom(run: () => Promise<void>): Promise<void> {
    const before = (await db.status.get('archive')) as ArchiveStatusRow | undefined
    try {
      await run().catch(async (error: unknown) => {
        if (!isNoRoom(error) || !(await mayChange())) throw error
        await upkeep.tidy({ now: true })
        await run()
      })
    } catch (error) {
      if (isNoRoom(error)) await db.status.put({ key: 'archive', problem: 'full', at: timers.now() })
      throw error
    }
    if (before?.problem === 'full') await db.status.delete('archive')
  }

  return {
    setArchived(seq) {
      archived = seq
    },
    tend({ atStart = false } = {}) {
      void work(() => look(atStart))
    },
    flush: () => work(flush),
    async stop() {
      stopped = true
      cancel?.()
      await running
    },
  }
}

const isNoRoom = (error: unknown) =>
  error instanceof CommandError && error.code === 'resource-constraint' && error.retryAfterMs === undefined
