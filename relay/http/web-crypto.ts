/** What every host takes from WebCrypto, which Node, browsers and Workers share. */
import type { Verify } from '#shared/account'
import type { Random } from '../core/ports.ts'

const plain = (bytes: Uint8Array) => new Uint8Array(bytes) // WebCrypto's types refuse shared memory

/** Ed25519. False for anything that is no signature by that key, also for a key that is no point of the curve. */
export const verify: Verify = async (publicKey, message, signature) => {
  try {
    const key = await crypto.subtle.importKey('raw', plain(publicKey), 'Ed25519', false, ['verify'])
    return await crypto.subtle.verify('Ed25519', key, plain(signature), plain(message))
  } catch {
    return false // a malformed key or signature is the peer's doing
  }
}

/** Asking the system costs more than the number: so many at once. Not for keys: those come from `bytes`. */
const drawn = new Uint32Array(256)
let left = 0

export const random: Random = {
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  next() {
    if (left === 0) {
      crypto.getRandomValues(drawn)
      left = drawn.length
    }
    return drawn[--left]! / 2 ** 32
  },
}
