/**
 * What only my own devices are to read: notes to myself and settings. Sealed under the account's newest archive key,
 * which each of them has, so no session is needed and a new device reads at once what the others have left.
 *
 *     version 2 · number of the key, 4 B · IV 12 B · AES-GCM of the padded JSON
 */
import { concat, fromBase64, tbs, toBase64, utf8 } from '#shared/bytes'
import type { AccountId } from '#shared/ids'
import { limits } from '#shared/limits'
import { decryptAes, encryptAes } from './aes.ts'
import { reader, u32 } from './binary.ts'
import { pad, unpad } from './mls/padding.ts'
import { Refusal } from './refusal.ts'

/** Payloads of sessions begin with 1. */
const version = 2

/** By number, base64url of 32 bytes each. */
export type ArchiveKeys = Record<number, string>

/** What is sealed now is sealed under this one. */
export function newestKey(keys: ArchiveKeys): { e: number; key: Uint8Array } {
  const e = Math.max(...Object.keys(keys).map(Number))
  return { e, key: fromBase64(keys[e]!) }
}

/** What it is for: one cannot stand in the place of the other. */
type Purpose = 'note' | 'settings'

const aadOf = (acct: AccountId, purpose: Purpose, e: number) => tbs('forme', acct, purpose, e)

/** @throws Refusal `too-large` */
export async function sealForMe(
  keys: ArchiveKeys,
  acct: AccountId,
  purpose: Purpose,
  value: object,
): Promise<string> {
  const { e, key } = newestKey(keys)
  const plain = pad(utf8(JSON.stringify(value)))
  const { iv, ct } = await encryptAes(key, plain, aadOf(acct, purpose, e))
  const payload = toBase64(concat(Uint8Array.of(version), u32(e), iv, ct))
  if (payload.length > limits.payloadBytesMax) throw new Refusal('too-large', `${payload.length} characters`)
  return payload
}

/**
 * @param keyOf archive keys by their number; another device may have made one that this one has yet to ask for
 * @throws Refusal `malformed`, `undecryptable`, also for a key that this device does not get
 */
export async function openForMe(
  keyOf: (e: number) => Promise<string | undefined>,
  acct: AccountId,
  purpose: Purpose,
  payload: string,
): Promise<unknown> {
  let bytes: Uint8Array
  try {
    bytes = fromBase64(payload)
  } catch (cause) {
    throw new Refusal('malformed', 'not base64url', { cause })
  }
  const input = reader(bytes)
  if (input.u8() !== version) throw new Refusal('malformed', 'another version')
  const e = input.u32()
  const key = await keyOf(e)
  if (key === undefined) throw new Refusal('undecryptable', `no archive key ${e}`)
  const plain = await decryptAes(fromBase64(key), input.take(12), input.rest(), aadOf(acct, purpose, e))
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(unpad(plain)))
  } catch (cause) {
    if (cause instanceof Refusal) throw cause
    throw new Refusal('malformed', 'not JSON', { cause })
  }
}
