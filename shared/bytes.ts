/** Bytes and text: UTF-8, base64url without padding, and the one form in which anything is signed. */
import { base64urlnopad } from '@scure/base'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'

export { concatBytes as concat, utf8ToBytes as utf8 }

export const toBase64 = (bytes: Uint8Array): string => base64urlnopad.encode(bytes)

/** @throws Error when `text` is not base64url without padding. */
export const fromBase64 = (text: string): Uint8Array => base64urlnopad.decode(text)

/**
 * "To be signed": every part length-prefixed, so that no two lists of parts give the same bytes.
 * Numbers are written as decimal text, an absent part is empty. JSON is never signed: it has many spellings.
 */
export function tbs(label: string, ...parts: readonly (string | number | Uint8Array)[]): Uint8Array {
  const chunks: Uint8Array[] = [utf8ToBytes(`parley1/${label}`), Uint8Array.of(0)]
  for (const part of parts) {
    const bytes = part instanceof Uint8Array ? part : utf8ToBytes(String(part))
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, bytes.length)
    chunks.push(length, bytes)
  }
  return concatBytes(...chunks)
}

/** Takes the same time wherever the two differ. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let different = 0
  for (let i = 0; i < a.length; i++) different |= a[i]! ^ b[i]!
  return different === 0
}
