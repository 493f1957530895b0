/**
 * The right to upload one file, without anybody having to remember it: the room makes it, the HTTP routes check it
 * by themselves (BL2). It says whose it is, so that the account's room hears when the file is whole.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concat, fromBase64, sameBytes, tbs, toBase64, utf8 } from '#shared/bytes'
import type { BlobId, Millis, UserId } from '#shared/ids'
import { isUserName } from '#shared/names'

export interface Reservation {
  blob: BlobId
  user: UserId
  /** Sealed. */
  bytes: number
  /** What is not whole by then goes. */
  uploadUntil: Millis
  /** A whole one goes then. */
  until: Millis
}

const headBytes = 24
const macBytes = 32

const macOf = (key: Uint8Array, { blob, user, bytes, uploadUntil, until }: Reservation) =>
  hmac(sha256, key, tbs('mac/blob', blob, user, bytes, uploadUntil, until))

export function blobToken(key: Uint8Array, reservation: Reservation): string {
  const head = new DataView(new ArrayBuffer(headBytes))
  head.setFloat64(0, reservation.bytes)
  head.setFloat64(8, reservation.uploadUntil)
  head.setFloat64(16, reservation.until)
  return toBase64(concat(new Uint8Array(head.buffer), macOf(key, reservation), utf8(reservation.user)))
}

/** Null for what is no token for this blob. Whether it is too old, the caller sees. */
export function readBlobToken(key: Uint8Array, blob: BlobId, token: string): Reservation | null {
  const read = decoded(token)
  if (!read || read.length <= headBytes + macBytes) return null
  const head = new DataView(read.buffer, read.byteOffset)
  const user = String.fromCharCode(...read.subarray(headBytes + macBytes)) // of a user name, or none
  if (!isUserName(user)) return null
  const reservation = {
    blob,
    user,
    bytes: head.getFloat64(0),
    uploadUntil: head.getFloat64(8),
    until: head.getFloat64(16),
  }
  const mac = read.subarray(headBytes, headBytes + macBytes)
  return sameBytes(mac, macOf(key, reservation)) ? reservation : null
}

function decoded(token: string): Uint8Array | null {
  try {
    return fromBase64(token)
  } catch {
    return null
  }
}
