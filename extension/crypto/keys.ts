/** Keys of an account and of a device, made by WebCrypto: in browsers and in Node alike. */
import { concat, fromBase64, toBase64, utf8 } from '#shared/bytes'

export interface SigningKey {
  /** base64url of 32 bytes. */
  publicKey: string
  /** base64url of 64 bytes. */
  sign(message: Uint8Array): Promise<string>
}

/** WebCrypto wants memory of its own, not a view of something larger. */
export const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)

/** What stands before a seed in PKCS #8 (RFC 8410 §7): the only form in which WebCrypto takes one. */
const pkcs8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20)

const signer = (key: CryptoKey) => async (message: Uint8Array) =>
  toBase64(new Uint8Array(await crypto.subtle.sign('Ed25519', key, own(message))))

/** The Ed25519 key of a 32-byte seed. */
export async function signingKey(seed: Uint8Array): Promise<SigningKey> {
  const key = await crypto.subtle.importKey('pkcs8', own(concat(pkcs8, seed)), 'Ed25519', true, ['sign'])
  const { x } = await crypto.subtle.exportKey('jwk', key)
  return { publicKey: x!, sign: signer(key) }
}

/** The signing half of a stored pair whose private key never leaves the browser. */
export async function storedKey({ publicKey, privateKey }: CryptoKeyPair): Promise<SigningKey> {
  return {
    publicKey: toBase64(new Uint8Array(await crypto.subtle.exportKey('raw', publicKey))),
    sign: signer(privateKey),
  }
}

/** A pair whose private half cannot be exported, not even by us. */
export const makeStoredKey = () =>
  crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']) as Promise<CryptoKeyPair>

export const makeLocalKey = () =>
  crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])

async function expand(root: Uint8Array, info: string): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey('raw', own(root), 'HKDF', false, ['deriveBits'])
  const algorithm = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: own(utf8(info)) }
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 256))
}

/** What a password, or the recovery code, opens: the login key, and the key of the bundle. `root` is base64url. */
export async function slotKeys(root: string): Promise<{ login: SigningKey; wrap: CryptoKey }> {
  const bytes = fromBase64(root)
  const [seed, wrap] = [await expand(bytes, 'parley1 login'), await expand(bytes, 'parley1 wrap')]
  return {
    login: await signingKey(seed),
    wrap: await crypto.subtle.importKey('raw', own(wrap), 'AES-GCM', false, ['encrypt', 'decrypt']),
  }
}

export const verify = async (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> => {
  try {
    const key = await crypto.subtle.importKey('raw', own(publicKey), 'Ed25519', false, ['verify'])
    return await crypto.subtle.verify('Ed25519', key, own(signature), own(message))
  } catch {
    return false // not a key at all
  }
}

/** AES-GCM with a random 96-bit IV; both as base64url. */
export async function encrypt(
  key: CryptoKey,
  plain: Uint8Array,
  aad: Uint8Array,
): Promise<{ iv: string; ct: string }> {
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const algorithm = { name: 'AES-GCM', iv, additionalData: own(aad) }
  return {
    iv: toBase64(iv),
    ct: toBase64(new Uint8Array(await crypto.subtle.encrypt(algorithm, key, own(plain)))),
  }
}

/** @throws when the key, the text or what it is bound to is another. */
export async function decrypt(
  key: CryptoKey,
  { iv, ct }: { iv: string; ct: string },
  aad: Uint8Array,
): Promise<Uint8Array> {
  const algorithm = { name: 'AES-GCM', iv: own(fromBase64(iv)), additionalData: own(aad) }
  return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, own(fromBase64(ct))))
}
