import { partsOf } from '#shared/blobs'
import type { BlobId, Millis } from '#shared/ids'
import type { Reservation } from '../../relay/core/blob-token.ts'
import type { DroppedBlob } from '../../relay/core/ports.ts'
import type { Blobs } from '../../relay/http/blobs.ts'

interface Kept {
  reservation: Reservation
  parts: Map<number, Uint8Array>
}

/** The shortest place for the bytes of files. `dropped`: what rooms have asked to delete. */
export function memoryBlobs(clock: () => Millis): Blobs & { dropped: DroppedBlob[] } {
  const kept = new Map<BlobId, Kept>()
  const dropped: DroppedBlob[] = []

  const isWhole = ({ reservation, parts }: Kept) => parts.size === partsOf(reservation.bytes)
  const goesAt = (one: Kept) => (isWhole(one) ? one.reservation.until : one.reservation.uploadUntil)
  const find = (blob: BlobId) => {
    const one = kept.get(blob)
    return one && goesAt(one) > clock() ? one : null
  }

  return {
    dropped,
    async put(reservation, n, bytes) {
      const { blob } = reservation
      if (dropped.some((one) => one.blob === blob)) return 'gone'
      const one = kept.get(blob) ?? { reservation, parts: new Map<number, Uint8Array>() }
      const known = one.parts.get(n)
      if (known && Buffer.compare(known, bytes) !== 0) return 'conflict'
      one.parts.set(n, bytes.slice())
      kept.set(blob, one)
      return isWhole(one) ? 'whole' : 'stored'
    },
    async state(blob) {
      const one = find(blob)
      if (!one) return null
      const have = [...one.parts.keys()].toSorted((a, b) => a - b)
      return { bytes: one.reservation.bytes, until: goesAt(one), have }
    },
    async part(blob, n) {
      const bytes = find(blob)?.parts.get(n)
      return bytes ? { bytes: bytes.length, body: new Blob([bytes.slice()]).stream() } : null
    },
    drop(blobs) {
      dropped.push(...blobs)
      for (const { blob } of blobs) kept.delete(blob)
    },
  }
}
