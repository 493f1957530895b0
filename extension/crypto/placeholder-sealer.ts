/**
 * NOT ENCRYPTION. It stands where MLS will be, so that everything round it is built for opaque payloads: the relay
 * could read what goes through it, and the README says so. It pads as the real one will, and its payloads begin with
 * a version of their own, so that no later version can take one for a sealed one.
 */
import { concat, fromBase64, toBase64, utf8 } from '#shared/bytes'
import { parseContent, type Content } from '#shared/content'
import { limits } from '#shared/limits'

/** 0 is this; sealed payloads begin with 1. */
const version = 0

/** 256 B, 512 B, 1 KiB, …: a size tells as little as possible. */
function bucket(length: number): number {
  let size = 256
  while (size < length) size *= 2
  return size
}

/** base64url, as it goes into an envelope. @throws Error when it would not fit. */
export const sealPlainly = (content: Content): string => sealJsonPlainly(content)

/** What is in it; null for everything that this version cannot open or does not know. */
export const unsealPlainly = (payload: string): Content | null => parseContent(unsealJsonPlainly(payload))

/** The same for what is no content: settings. */
export function sealJsonPlainly(value: object): string {
  const json = utf8(JSON.stringify(value))
  const head = new Uint8Array(5)
  head[0] = version
  new DataView(head.buffer).setUint32(1, json.length)
  const length = head.length + json.length
  const payload = toBase64(concat(head, json, new Uint8Array(bucket(length) - length)))
  if (payload.length > limits.payloadBytesMax) throw new Error('the content is too large for an envelope')
  return payload
}

/** Null for everything that this version cannot open. */
export function unsealJsonPlainly(payload: string): unknown {
  try {
    const bytes = fromBase64(payload)
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1)
    if (bytes[0] !== version || 5 + length > bytes.length) return null
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(5, 5 + length)))
  } catch {
    return null
  }
}
