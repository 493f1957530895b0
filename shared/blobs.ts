/**
 * Sealed files at the relay. A device reserves room for one on the socket, uploads its parts over HTTP with the token
 * that it was given, and tells the other side in a sealed message where they are. Rules: PROTOCOL.md, "Files".
 */
import * as v from 'valibot'
import type { BlobId } from './ids.ts'
import { limits } from './limits.ts'
import { count, millis } from './schema.ts'

/**
 * The greatest size that a file of `bytes` has when it is sealed: age adds 16 bytes to each 64 KiB, and a header of
 * some 2 kB for a post-quantum recipient.
 */
export const sealedBytesMax = (bytes: number): number => bytes + Math.ceil(bytes / 65_536 + 1) * 16 + 4096

/** Parts have `partBytes`, the last one what is left. */
export const partsOf = (bytes: number): number => Math.ceil(bytes / limits.partBytes)
export const partLength = (bytes: number, n: number): number =>
  Math.min(limits.partBytes, bytes - n * limits.partBytes)

export const blobPath = (blob: BlobId, n?: number): string =>
  n === undefined ? `/v1/blobs/${blob}` : `/v1/blobs/${blob}/${n}`

/** `GET /v1/blobs/:blob`: what is there of it, so that either side goes on where it was. */
export const BlobState = v.object({
  /** Sealed, when it is whole. */
  bytes: count,
  /** When it goes, whole or not. */
  until: millis,
  /** Numbers of the parts that are there, ascending. */
  have: v.array(count),
})
export type BlobState = v.InferOutput<typeof BlobState>
