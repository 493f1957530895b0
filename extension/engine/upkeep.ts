/**
 * What becomes of segments that are there: small ones are put together, and what is not to be kept any more goes from
 * them. The relay deletes what it is told to; one that lies may keep it.
 */
import type { SegmentItem } from '#shared/archive'
import type { Millis, Seq, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { ArchiveRow } from '../crypto/archive/segment.ts'
import type { Db, MessageRow } from '../db/db.ts'
import { isArchived, settingsOf, type Settings } from '../db/settings.ts'
import { keyOf, peerOf, targetsOf, withoutGone } from './archive-rows.ts'
import type { Segments } from './segments.ts'
import type { Signed } from './state.ts'

/** What of the settings the archive is in keeping with, as far as this device knows. */
interface Kept {
  all: boolean
  without: UserId[]
}
const keptKey = 'archive-kept'
const everything: Kept = { all: true, without: [] }

const day = 24 * 60 * 60_000
/** As long as devices keep ways into sessions (old-keys.ts). */
const welcomesMs = 45 * day
const tidiedKey = 'archive-tidied'
const tidyMs = 7 * day
/** Smaller ones are put together, as long as they make one; fewer are not worth it. */
const smallChars = limits.segmentCharsMax / 3
const togetherMin = 4

export interface Upkeep {
  /** The settings were decided anew, or may have been: what is there becomes what they say. True when they were. */
  decide(): Promise<boolean>
  /** From time to time, or at once: makes room. */
  tidy(how?: { now?: boolean }): Promise<void>
  /** Of what was archived up to `archived`: what these changes have taken back goes. */
  takeBack(changes: readonly MessageRow[], archived: Seq): Promise<void>
}

export function createUpkeep({ db, timers }: Pick<Signed, 'db' | 'timers'>, segments: Segments): Upkeep {
  const withoutLeftOut = (settings: Settings) => (rows: ArchiveRow[]) =>
    rows.filter((row) => {
      const peer = peerOf(row)
      return peer === undefined || isArchived(settings, peer)
    })

  async function forgetOldWelcomes(index: SegmentItem[]): Promise<SegmentItem[]> {
    const isOld = ({ kind, toTs }: SegmentItem) => kind === 'welcomes' && timers.now() - toTs > welcomesMs
    await segments.remove(index.filter(isOld))
    return index.filter((item) => !isOld(item))
  }

  /** Those that are next to each other in time, for whoever restores gets the newest first. */
  function groupsOf(index: readonly SegmentItem[]): SegmentItem[][] {
    const groups: SegmentItem[][] = []
    let chars = Infinity
    for (const item of index.toSorted((a, b) => a.toTs - b.toTs)) {
      if (item.kind !== 'rows' || item.chars >= smallChars) continue
      chars += item.chars
      const isFull = (groups.at(-1)?.length ?? 0) >= limits.segmentsPerDeleteMax
      if (isFull || chars > limits.segmentCharsMax) {
        groups.push([])
        chars = item.chars
      }
      groups.at(-1)!.push(item)
    }
    return groups.filter((group) => group.length >= togetherMin)
  }

  /** A row may be there several times: of one who died and has put it there again, or of two devices. */
  const once = (rows: ArchiveRow[]) => [
    ...new Map(rows.map((row) => [JSON.stringify({ ...row, at: 0 }), row])).values(),
  ]

  async function become({ all, without }: Kept, noted: Kept, settings: Settings): Promise<void> {
    if (!all) return segments.remove(await segments.index())
    const out = without.filter((peer) => noted.all && !noted.without.includes(peer))
    if (out.length === 0) return
    for (const item of await segments.index()) await segments.replace([item], withoutLeftOut(settings))
  }

  /** What this device has of them goes there with the next flush. */
  async function takeInAgain(isBack: (peer: UserId) => boolean): Promise<void> {
    for (const table of [db.messages, db.changes]) {
      await table
        .where('seq')
        .aboveOrEqual(0)
        .filter(({ peer }) => isBack(peer))
        .modify({ unarchived: 1 })
    }
  }

  return {
    async decide() {
      const settings = await settingsOf(db)
      const kept = keptBy(settings)
      const noted = await notedOf(db)
      if (isSameKept(kept, noted)) return false
      await become(kept, noted, settings)
      await db.transaction('rw', [db.messages, db.changes, db.settings], async () => {
        const isBack = (peer: UserId) =>
          isArchived(settings, peer) && (!noted.all || noted.without.includes(peer))
        if (kept.all && (!noted.all || noted.without.some(isBack))) await takeInAgain(isBack)
        await noteKept(db, settings)
      })
      return true
    },
    async tidy({ now: isUrgent = false } = {}) {
      const now = timers.now()
      const before = (await db.settings.get(tidiedKey))?.value as Millis | undefined
      if (before === undefined) await db.settings.put({ key: tidiedKey, value: now })
      if (!isUrgent && Math.abs(now - (before ?? now)) < tidyMs) return
      const settings = await settingsOf(db)
      const index = await forgetOldWelcomes(await segments.index())
      for (const group of groupsOf(index)) {
        await segments.replace(group, (rows) => once(withoutLeftOut(settings)(rows)))
      }
      await db.settings.put({ key: tidiedKey, value: now })
    },
    async takeBack(changes, archived) {
      const targets = changes.flatMap((change) => (isTakingBack(change) ? targetsOf(change) : []))
      if (targets.length === 0) return
      const here = await db.messages.bulkGet(targets)
      // What came after that goes there as it is now.
      const gone = here.filter(
        (row) => row?.removed !== undefined && (row.seq ?? 0) <= archived,
      ) as MessageRow[]
      if (gone.length === 0) return
      const byKey = new Map(gone.map((row) => [keyOf(row), row]))
      const touches = ({ kind, fromTs, toTs }: SegmentItem) =>
        kind === 'rows' && gone.some(({ ts }) => fromTs <= ts + limits.editMs && ts <= toTs)
      for (const item of (await segments.index()).filter(touches)) {
        await segments.replace([item], (rows) => withoutGone(rows, byKey))
      }
    },
  }
}

const isTakingBack = ({ content }: MessageRow) => content?.type === 'retract' || content?.type === 'own-hide'

function keptBy(settings: Settings): Kept {
  const peers = Object.keys(settings.buddies) as UserId[]
  const without = peers.filter((peer) => settings.keepsHistory && !isArchived(settings, peer))
  return { all: settings.keepsHistory, without: without.toSorted() }
}

const isSameKept = (a: Kept, b: Kept) => a.all === b.all && a.without.join(' ') === b.without.join(' ')

const notedOf = async (db: Db): Promise<Kept> =>
  ((await db.settings.get(keptKey))?.value as Kept | undefined) ?? everything

/** The archive has nothing in it that these settings leave out. */
export const noteKept = (db: Db, settings: Settings) =>
  db.settings.put({ key: keptKey, value: keptBy(settings) })
