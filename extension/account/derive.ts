/** From what a person knows to what the account's keys are made of. Runs in the page: the password stays there. */
import { argon2idAsync } from '@noble/hashes/argon2.js'
import { kdf, passwordSalt, type SlotName } from '#shared/account'
import { toBase64 } from '#shared/bytes'
import type { UserId } from '#shared/ids'
import { codeRoot } from '../crypto/recovery-code.ts'

/** Long enough to be fast, short enough that the progress moves and the page answers. */
const tickMs = 30

/**
 * 32 bytes as base64url. Of a password by Argon2id with the account's salt, which takes two to five seconds
 * (`onProgress`: from 0 to 1); of a recovery code, which nobody can guess, at once.
 */
export async function deriveRoot(input: {
  secret: string
  slot: SlotName
  relayId: string
  user: UserId
  onProgress: (share: number) => void
}): Promise<string> {
  const { secret, slot, relayId, user, onProgress } = input
  if (slot === 'code') return codeRoot(secret, relayId, user)
  const root = await argon2idAsync(secret.normalize('NFKC'), passwordSalt(relayId, user), {
    m: kdf.m,
    t: kdf.t,
    p: kdf.p,
    dkLen: 32,
    asyncTick: tickMs,
    onProgress,
  })
  return toBase64(root)
}
