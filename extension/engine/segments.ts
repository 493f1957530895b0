/** The archive as the relay has it: sealed segments that are put there, read, put together anew, and deleted. */
import type { SegmentItem, SegmentKind } from '#shared/archive'
import { fromBase64, toBase64 } from '#shared/bytes'
import { limits } from '#shared/limits'
import { openSegment, sealSegment, type ArchiveRow } from '../crypto/archive/segment.ts'
import { newestKey } from '../crypto/for-me.ts'
import { Refusal } from '../crypto/refusal.ts'
import { withoutEarlierTexts } from './archive-rows.ts'
import type { Requests } from './requests.ts'
import type { Sealing } from './sealing.ts'
import type { Signed } from './state.ts'

export interface Segments {
  /** The whole of it. */
  index(): Promise<SegmentItem[]>
  /**
   * @throws CommandError `item-not-found` for one that was deleted; NoKeyError; Refusal for what no device of this
   * account has sealed
   */
  read(segId: string): Promise<ArchiveRow[]>
  /** In as many segments as it takes. @throws CommandError `resource-constraint` when there is no room for it */
  put(rows: readonly ArchiveRow[], kind: SegmentKind): Promise<void>
  remove(items: readonly SegmentItem[]): Promise<void>
  /**
   * Puts others in their place, so that whoever dies meanwhile leaves rows twice at most, and none out. At most
   * `limits.segmentsPerDeleteMax` of one kind. What cannot be read stays as it is. True when something has changed.
   */
  replace(
    items: readonly SegmentItem[],
    become: (rows: ArchiveRow[]) => readonly ArchiveRow[],
  ): Promise<boolean>
}

/** A key of the archive that has not come to this device yet. */
export class NoKeyError extends Error {}

export function createSegments(
  { account }: Pick<Signed, 'account'>,
  requests: Requests,
  { secrets, archiveKey }: Pick<Sealing, 'secrets' | 'archiveKey'>,
): Segments {
  async function index(): Promise<SegmentItem[]> {
    const all: SegmentItem[] = []
    for (let after: number | undefined = 0; after !== undefined;) {
      const page = await requests.askSegments(after)
      all.push(...page.segments)
      after = page.more !== undefined && page.more > after ? page.more : undefined
    }
    return all
  }

  async function read(segId: string): Promise<ArchiveRow[]> {
    const { kind: _, ct, ...head } = await requests.askSegment(segId)
    if (head.segId !== segId) throw new Refusal('malformed', 'another segment than the one asked for')
    const key = await archiveKey(head.e)
    if (key === undefined) throw new NoKeyError(`archive key ${head.e}`)
    return openSegment(account.acct, { ...head, ct: fromBase64(ct) }, fromBase64(key))
  }

  /** Null when they are more than one segment holds. */
  async function sealed(rows: readonly ArchiveRow[]) {
    const { aks, list } = await secrets()
    const { e, key } = newestKey(aks)
    try {
      const { ct: bytes, ...head } = await sealSegment(account.acct, e, key, rows)
      const ct = toBase64(bytes)
      return ct.length <= limits.segmentCharsMax ? { segment: { ...head, ct }, list } : null
    } catch (error) {
      if (error instanceof Refusal && error.reason === 'too-large') return null
      throw error
    }
  }

  async function put(
    rows: readonly ArchiveRow[],
    kind: SegmentKind,
    replaced: readonly SegmentItem[] = [],
  ): Promise<void> {
    if (rows.length === 0) return remove(replaced)
    const made = await sealed(rows)
    if (made) {
      const { segment, list } = made
      const replaces = replaced.map(({ segId }) => segId)
      return requests.ask({ type: 'archive', segment: { ...segment, kind }, replaces, list })
    }
    if (rows.length > 1) {
      const half = Math.ceil(rows.length / 2)
      await put(rows.slice(0, half), kind)
      return put(rows.slice(half), kind, replaced)
    }
    const smaller = withoutEarlierTexts(rows[0]!)
    if (smaller !== rows[0]) return put([smaller], kind, replaced)
    console.error('a row that fits into no segment')
    return remove(replaced)
  }

  async function remove(items: readonly SegmentItem[]): Promise<void> {
    for (let from = 0; from < items.length; from += limits.segmentsPerDeleteMax) {
      const segIds = items.slice(from, from + limits.segmentsPerDeleteMax).map(({ segId }) => segId)
      await requests.ask({ type: 'unarchive', segIds })
    }
  }

  return {
    index,
    read,
    put,
    remove,
    async replace(items, become) {
      const rows: ArchiveRow[] = []
      const readable: SegmentItem[] = []
      for (const item of items) {
        const inside = await read(item.segId).catch((error: unknown) => {
          if (error instanceof Refusal || error instanceof NoKeyError) return null
          throw error
        })
        if (!inside) continue
        rows.push(...inside)
        readable.push(item)
      }
      const after = become(rows)
      const isSame = after.length === rows.length && after.every((row, i) => row === rows[i])
      if (readable.length === 0 || (readable.length === 1 && isSame)) return false
      await put(after, readable[0]!.kind, readable)
      return true
    },
  }
}
