/** History for tests of the archive: what was said long ago, as a device has it whose room's log has let go of it. */
import type { ClientFrameOf, ServerFrame } from '#shared/frames'
import { fromBase64 } from '#shared/bytes'
import type { EnvelopeId, UserId } from '#shared/ids'
import { openSegment, type ArchiveRow } from '../../../extension/crypto/archive/segment.ts'
import { openSecrets } from '../../../extension/crypto/identity.ts'
import type { MessageRow } from '../../../extension/db/db.ts'
import type { Headless } from '../../support/headless.ts'
import { tapped } from './wire.ts'

const longAgo = Date.UTC(2026, 0, 1)

/** Texts `0`, `1`, … of both in turn, a minute between them; they are still to be archived. */
export async function haveSaid(me: Headless, peer: string, count: number, from = 0): Promise<MessageRow[]> {
  const rows = Array.from({ length: count }, (_, i): MessageRow => {
    const n = from + i
    const [direction, author] = n % 2 === 0 ? (['in', peer] as const) : (['out', me.name] as const)
    return {
      from: author as UserId,
      id: oldId(n),
      peer: peer as UserId,
      ts: longAgo + n * 60_000,
      seq: 0,
      direction,
      kind: 'message',
      content: { type: 'text', text: `${n} and some words that are not the same ${(n * 7919) % 1009}` },
      ...(direction === 'out' && { state: 'stored' as const }),
      at: longAgo,
      unarchived: 1,
    }
  })
  await me.db.messages.bulkPut(rows)
  return rows
}

export const oldId = (n: number) => `019b7a00-0000-7000-8000-${String(n).padStart(12, '0')}` as EnvelopeId

/** Everything is put away. */
export const isArchived = async ({ db }: Headless) =>
  (await db.messages.where('unarchived').equals(1).count()) === 0

export const isRestored = async ({ db }: Headless) =>
  (await db.cursor.get('cursor')) !== undefined && (await db.status.get('restore')) === undefined

export type Archived = ClientFrameOf<'archive'>
export type Inside = ArchiveRow & Partial<MessageRow> & { type: string }

/** Sees what goes to the archive. */
export function archiveTap() {
  const put: Archived[] = []
  const deleted: string[] = []
  const line = tapped({
    out(text) {
      const frame = JSON.parse(text) as Archived | ClientFrameOf<'unarchive'>
      if (frame.type === 'archive') put.push(frame)
      if (frame.type === 'unarchive') deleted.push(...frame.segIds)
      return text
    },
  })
  /** What the archive holds in the end, as this account can read it. */
  async function inside({ db }: Headless): Promise<Inside[]> {
    const { acct, lsk, device, sealedSecrets } = (await db.account.get('me'))!
    const { aks } = await openSecrets(lsk, device, sealedSecrets)
    const gone = new Set([...deleted, ...put.flatMap(({ replaces }) => replaces)])
    const left = put.filter(({ segment }) => !gone.has(segment.segId))
    const rows = await Promise.all(
      left.map(({ segment }) =>
        openSegment(acct, { ...segment, ct: fromBase64(segment.ct) }, fromBase64(aks[segment.e]!)),
      ),
    )
    return rows.flat() as Inside[]
  }
  return { WebSocket: line, put, inside }
}

/** A relay that says something else than it should. `heard` may be told nothing by null. */
export const lyingRelay = (
  heard: (frame: ServerFrame) => ServerFrame | null,
  out?: (text: string) => string | null,
) =>
  tapped({
    heard(text) {
      const frame = heard(JSON.parse(text) as ServerFrame)
      return frame && JSON.stringify(frame)
    },
    ...(out && { out }),
  })
