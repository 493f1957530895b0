/** AES-256-GCM with a random IV, under keys that are kept as bytes because they are passed on sealed. */
import { source } from './binary.ts'
import { Refusal } from './refusal.ts'

const { subtle } = globalThis.crypto

export async function encryptAes(
  key: Uint8Array,
  plaintext: Uint8Array,
  aad: Uint8Array,
): Promise<{ iv: Uint8Array; ct: Uint8Array }> {
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const aes = await subtle.importKey('raw', source(key), 'AES-GCM', false, ['encrypt'])
  const ct = await subtle.encrypt(
    { name: 'AES-GCM', iv, additionalData: source(aad) },
    aes,
    source(plaintext),
  )
  return { iv, ct: new Uint8Array(ct) }
}

/** @throws Refusal `undecryptable` */
export async function decryptAes(
  key: Uint8Array,
  iv: Uint8Array,
  ct: Uint8Array,
  aad: Uint8Array,
): Promise<Uint8Array> {
  const aes = await subtle.importKey('raw', source(key), 'AES-GCM', false, ['decrypt'])
  try {
    return new Uint8Array(
      await subtle.decrypt({ name: 'AES-GCM', iv: source(iv), additionalData: source(aad) }, aes, source(ct)),
    )
  } catch (cause) {
    throw new Refusal('undecryptable', 'AES-GCM', { cause })
  }
}
