import type { OfferedFile } from '#shared/content'
import type { BlobId } from '#shared/ids'

/** A file as a message offers it, whose bytes are nowhere. */
export const offeredFile = (change: Partial<OfferedFile> = {}): OfferedFile => ({
  blob: 'AAAAAAAAAAAAAAAAAAAAAA' as BlobId,
  key: `AGE-SECRET-KEY-PQ-1${'Q'.repeat(58)}`,
  sealedBytes: 2000,
  sha256: 'A'.repeat(43),
  until: 4_000_000_000_000,
  name: 'a.bin',
  mime: 'application/octet-stream',
  bytes: 100,
  ...change,
})
