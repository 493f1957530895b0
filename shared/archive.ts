/**
 * The archive: what all devices of an account have read, sealed in segments that the relay keeps for the next one. It
 * sees the head of a segment and the size of its bytes. Cryptography reference, §4.10.
 */
import * as v from 'valibot'
import { limits } from './limits.ts'
import { blob, bytes, count, millis } from './schema.ts'

export const segmentId = bytes(16)
export const segmentIds = v.pipe(v.array(segmentId), v.maxLength(limits.segmentsPerDeleteMax))

/** What the relay keeps beside the ciphertext and lists in the index. */
export const SegmentHead = v.object({
  /** Number of the archive key. */
  e: count,
  /** 16 random bytes. */
  segId: segmentId,
  /** Of its rows, by `ts`, both included. */
  fromTs: millis,
  toTs: millis,
  count,
  iv: bytes(12),
})
export type SegmentHead = v.InferOutput<typeof SegmentHead>

/**
 * `welcomes` are ways into sessions: of use for some weeks only, and then before everything else. A hint that decides
 * nothing but the order in which segments are read and when they go.
 */
export const SegmentKind = v.picklist(['rows', 'welcomes'])
export type SegmentKind = v.InferOutput<typeof SegmentKind>

/** As it travels. */
export const SealedSegment = v.object({
  ...SegmentHead.entries,
  kind: SegmentKind,
  ct: blob(limits.segmentCharsMax),
})
export type SealedSegment = v.InferOutput<typeof SealedSegment>

/** A line of the index. */
export const SegmentItem = v.object({ ...SegmentHead.entries, kind: SegmentKind, chars: count })
export type SegmentItem = v.InferOutput<typeof SegmentItem>
