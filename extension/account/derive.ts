/** From what a person knows to what the account's keys are made of. Runs in the page: the password stays there. */
import { argon2idAsync } from '@noble/hashes/argon2.js'
import { kdf, passwordSalt, type SlotName } from '#shared/account'
import { toBase64 } from '#shared/bytes'
import type { UserId } from '#shared/ids'

/** Long enough to be fast, short enough that the progress moves and the page answers. */
const tickMs = 30

/** A code is typed in any case, with or without the dashes that make it readable. */
export const canonicalSecret = (slot: SlotName, typed: string): string =>
  slot === 'code'
    ? typed
        .normalize('NFKC')
        .toUpperCase()
        .replaceAll(/[^0-9A-Z]/g, '')
    : typed.normalize('NFKC')

/** Argon2id with the account's salt, 32 bytes as base64url. Takes two to five seconds. `onProgress`: from 0 to 1. */
export async function deriveRoot(input: {
  secret: string
  slot: SlotName
  relayId: string
  user: UserId
  onProgress: (share: number) => void
}): Promise<string> {
  const { secret, slot, relayId, user, onProgress } = input
  const root = await argon2idAsync(canonicalSecret(slot, secret), passwordSalt(relayId, user), {
    m: kdf.m,
    t: kdf.t,
    p: kdf.p,
    dkLen: 32,
    asyncTick: tickMs,
    onProgress,
  })
  return toBase64(root)
}
