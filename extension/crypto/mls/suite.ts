/**
 * The one cipher suite: X-Wing (X25519 and ML-KEM-768), AES-256-GCM, SHA-512, Ed25519.
 *
 * ts-mls brings suites of its own, but loads their parts by `import()`, which an extension's service worker may not
 * do, and names packages that we do not have. So this joins the same parts (WebCrypto, @hpke/core) statically; the
 * suites of ts-mls are never reached and fall out of the bundle. RFC 9420's vectors run against it.
 */
import { Aes256Gcm, CipherSuite, HkdfSha512 } from '@hpke/core'
import { XWing } from '@hpke/hybridkem-x-wing'
import {
  bytesToArrayBuffer,
  ciphersuites,
  toBufferSource,
  type CiphersuiteImpl,
  type PrivateKey,
  type PublicKey,
} from 'ts-mls'

/** What our objects say: the number is private use, and ts-mls has changed it before. */
export const suiteName = 'MLS_256_XWING_AES256GCM_SHA512_Ed25519'

type HpkeParts = ConstructorParameters<typeof CipherSuite>[0]

interface Parts extends HpkeParts {
  id: number
  hash: 'SHA-256' | 'SHA-512'
  kdf: HkdfSha512
}

const { subtle } = globalThis.crypto

const aesKey = (key: Uint8Array, use: 'encrypt' | 'decrypt') =>
  subtle.importKey('raw', toBufferSource(key), 'AES-GCM', false, [use])
const gcm = (iv: Uint8Array, aad?: Uint8Array) => ({
  name: 'AES-GCM',
  iv: toBufferSource(iv),
  additionalData: toBufferSource(aad ?? new Uint8Array()),
})

export function makeSuite({ id, hash, ...parts }: Parts): CiphersuiteImpl {
  const hpke = new CipherSuite(parts)

  const macKey = (key: Uint8Array) =>
    subtle.importKey('raw', toBufferSource(key), { name: 'HMAC', hash }, false, ['sign', 'verify'])

  return {
    id,
    rng: { randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
    hash: {
      digest: async (data) => new Uint8Array(await subtle.digest(hash, toBufferSource(data))),
      mac: async (key, data) =>
        new Uint8Array(await subtle.sign('HMAC', await macKey(key), toBufferSource(data))),
      verifyMac: async (key, mac, data) =>
        subtle.verify('HMAC', await macKey(key), toBufferSource(mac), toBufferSource(data)),
    },
    kdf: {
      size: parts.kdf.hashSize,
      extract: async (salt, ikm) =>
        new Uint8Array(await parts.kdf.extract(bytesToArrayBuffer(salt), bytesToArrayBuffer(ikm))),
      expand: async (prk, info, length) =>
        new Uint8Array(await parts.kdf.expand(bytesToArrayBuffer(prk), bytesToArrayBuffer(info), length)),
    },
    signature: ed25519,
    hpke: {
      keyLength: hpke.aead.keySize,
      nonceLength: hpke.aead.nonceSize,
      seal: async (recipientPublicKey, plaintext, info, aad) => {
        const { ct, enc } = await hpke.seal(
          { recipientPublicKey, info: bytesToArrayBuffer(info) },
          bytesToArrayBuffer(plaintext),
          bytesToArrayBuffer(aad ?? new Uint8Array()),
        )
        return { ct: new Uint8Array(ct), enc: new Uint8Array(enc) }
      },
      open: async (recipientKey, enc, ciphertext, info, aad) =>
        new Uint8Array(
          await hpke.open(
            { recipientKey, enc: bytesToArrayBuffer(enc), info: bytesToArrayBuffer(info) },
            bytesToArrayBuffer(ciphertext),
            bytesToArrayBuffer(aad ?? new Uint8Array()),
          ),
        ),
      exportSecret: async (recipientPublicKey, exporterContext, length, info) => {
        const sender = await hpke.createSenderContext({ recipientPublicKey, info: bytesToArrayBuffer(info) })
        const secret = await sender.export(bytesToArrayBuffer(exporterContext), length)
        return { enc: new Uint8Array(sender.enc), secret: new Uint8Array(secret) }
      },
      importSecret: async (recipientKey, exporterContext, enc, length, info) => {
        const recipient = await hpke.createRecipientContext({
          recipientKey,
          enc: bytesToArrayBuffer(enc),
          info: bytesToArrayBuffer(info),
        })
        return new Uint8Array(await recipient.export(bytesToArrayBuffer(exporterContext), length))
      },
      importPrivateKey: async (key) =>
        (await hpke.kem.deserializePrivateKey(bytesToArrayBuffer(key))) as PrivateKey,
      importPublicKey: async (key) =>
        (await hpke.kem.deserializePublicKey(bytesToArrayBuffer(key))) as PublicKey,
      exportPublicKey: async (key) => new Uint8Array(await hpke.kem.serializePublicKey(key)),
      exportPrivateKey: async (key) => new Uint8Array(await hpke.kem.serializePrivateKey(key)),
      deriveKeyPair: async (ikm) => keyPair(await hpke.kem.deriveKeyPair(bytesToArrayBuffer(ikm))),
      generateKeyPair: async () => keyPair(await hpke.kem.generateKeyPair()),
      encryptAead: async (key, nonce, aad, plaintext) =>
        new Uint8Array(
          await subtle.encrypt(gcm(nonce, aad), await aesKey(key, 'encrypt'), toBufferSource(plaintext)),
        ),
      decryptAead: async (key, nonce, aad, ciphertext) =>
        new Uint8Array(
          await subtle.decrypt(gcm(nonce, aad), await aesKey(key, 'decrypt'), toBufferSource(ciphertext)),
        ),
    },
  }
}

const keyPair = ({ privateKey, publicKey }: CryptoKeyPair) => ({
  privateKey: privateKey as PrivateKey,
  publicKey: publicKey as PublicKey,
})

/** PKCS#8 is the only private form WebCrypto reads; before the 32 bytes of a seed it is always this. */
const pkcs8Head = Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32)

const ed25519: CiphersuiteImpl['signature'] = {
  /** @param seed 32 bytes, or PKCS#8 as RFC 9420's vectors and ts-mls' own keys have it. */
  sign: async (seed, message) => {
    const pkcs8 = seed.length === 32 ? new Uint8Array([...pkcs8Head, ...seed]) : seed
    const key = await subtle.importKey('pkcs8', toBufferSource(pkcs8), 'Ed25519', false, ['sign'])
    return new Uint8Array(await subtle.sign('Ed25519', key, toBufferSource(message)))
  },
  verify: async (publicKey, message, signature) => {
    const key = await subtle.importKey('raw', toBufferSource(publicKey), 'Ed25519', false, ['verify'])
    return subtle.verify('Ed25519', key, toBufferSource(signature), toBufferSource(message))
  },
  keygen: async () => {
    const pair = await subtle.generateKey('Ed25519', true, ['sign', 'verify'])
    const pkcs8 = new Uint8Array(await subtle.exportKey('pkcs8', pair.privateKey))
    return {
      signKey: pkcs8.slice(-32),
      publicKey: new Uint8Array(await subtle.exportKey('raw', pair.publicKey)),
    }
  },
}

export const suite = makeSuite({
  id: ciphersuites[suiteName],
  hash: 'SHA-512',
  kem: new XWing(),
  kdf: new HkdfSha512(),
  aead: new Aes256Gcm(),
})
