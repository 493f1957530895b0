/**
 * A piece of the archive: some hundred rows, encrypted under an archive key and kept by the relay, which sees its
 * number, span and size. Rows are keyed by what they are, so segments may overlap and come in any order.
 */
import * as v from 'valibot'
import type { SegmentHead } from '#shared/archive'
import { fromBase64, tbs, toBase64, utf8 } from '#shared/bytes'
import type { AccountId } from '#shared/ids'
import { decryptAes, encryptAes } from '../aes.ts'
import { Refusal } from '../refusal.ts'
import { gunzip, gzip, unzippedBytesMax } from './gzip.ts'

export interface Segment extends SegmentHead {
  ct: Uint8Array
}

/** Messages, edits, retractions, reactions, Welcomes: the archive does not look inside. */
export interface ArchiveRow {
  ts: number
}

/** The whole head but the IV, so that the relay cannot say less or other than what is inside. */
const segmentAad = (acct: AccountId, { e, segId, fromTs, toTs, count: rows }: Omit<SegmentHead, 'iv'>) =>
  tbs('seg', acct, e, fromBase64(segId), fromTs, toTs, rows)

/**
 * @param key archive key number `e`
 * @throws Refusal `too-large`: flush earlier, or in two
 */
export async function sealSegment(
  acct: AccountId,
  e: number,
  key: Uint8Array,
  rows: readonly ArchiveRow[],
): Promise<Segment> {
  if (rows.length === 0) throw new Error('a segment without rows')
  const json = utf8(JSON.stringify(rows))
  if (json.length > unzippedBytesMax) throw new Refusal('too-large', `${json.length} bytes of rows`)
  const times = rows.map(({ ts }) => ts)
  const head = {
    e,
    segId: toBase64(crypto.getRandomValues(new Uint8Array(16))),
    fromTs: Math.min(...times),
    toTs: Math.max(...times),
    count: rows.length,
  }
  const { iv, ct } = await encryptAes(key, await gzip(json), segmentAad(acct, head))
  return { ...head, iv: toBase64(iv), ct }
}

/** @throws Refusal `undecryptable`, `too-large`, `malformed` */
export async function openSegment(
  acct: AccountId,
  { iv, ct, ...head }: Segment,
  key: Uint8Array,
): Promise<ArchiveRow[]> {
  const json = await gunzip(await decryptAes(key, fromBase64(iv), ct, segmentAad(acct, head)))
  let rows: unknown
  try {
    rows = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json))
  } catch (cause) {
    throw new Refusal('malformed', 'not JSON', { cause })
  }
  if (!v.is(v.array(v.looseObject({ ts: v.number() })), rows) || rows.length !== head.count) {
    throw new Refusal('malformed', 'not the rows that were promised')
  }
  return rows
}
