/**
 * Archive keys, and how a new device gets them: each is encrypted, in the age format, for the account's recovery key,
 * whose private half only the password (or the recovery code) unwraps. Own devices pass them on as sealed content.
 */
import { Decrypter, Encrypter, generateHybridIdentity, identityToRecipient } from 'age-encryption'
import { sha256 } from '@noble/hashes/sha2.js'
import * as v from 'valibot'
import { concat, fromBase64, tbs, toBase64 } from '#shared/bytes'
import type { Verify } from '#shared/account'
import type { AccountId, DeviceId } from '#shared/ids'
import { blob, bytes, count, deviceId } from '#shared/schema'
import { reader, u32 } from '../binary.ts'
import { Refusal } from '../refusal.ts'

export const AkGrant = v.object({
  /** Number of the archive key, from 1. */
  e: v.pipe(count, v.minValue(1)),
  /** The device that made it; one of the list at that time. */
  by: deviceId,
  ct: blob(6000),
  /** By the signing key (DSK) of `by`. */
  sig: bytes(64),
})
export type AkGrant = v.InferOutput<typeof AkGrant>

export const makeArchiveKey = (): Uint8Array => crypto.getRandomValues(new Uint8Array(32))

/** `rk` belongs into the bundle only, `rkpub` into the signed device list. X25519 with ML-KEM-768. */
export async function makeRecoveryKey(): Promise<{ rk: string; rkpub: string }> {
  const rk = await generateHybridIdentity()
  return { rk, rkpub: await identityToRecipient(rk) }
}

export const grantBytes = (acct: AccountId, e: number, ct: Uint8Array): Uint8Array =>
  tbs('akgrant', acct, e, sha256(ct))

/** @param sign by the device's signing key (DSK): `signingKey(seed).sign` of keys.ts */
export async function makeGrant(
  acct: AccountId,
  by: DeviceId,
  rkpub: string,
  { e, key }: { e: number; key: Uint8Array },
  sign: (message: Uint8Array) => Promise<string>,
): Promise<AkGrant> {
  const encrypter = new Encrypter()
  encrypter.addRecipient(rkpub)
  const ct = await encrypter.encrypt(concat(u32(e), key))
  return { e, by, ct: toBase64(ct), sig: await sign(grantBytes(acct, e, ct)) }
}

/**
 * @param dsk signing key of `grant.by`, out of a checked device list of this account
 * @throws Refusal `signature`, `undecryptable`, `malformed`
 */
export async function openGrant(
  acct: AccountId,
  grant: AkGrant,
  dsk: string,
  rk: string,
  verify: Verify,
): Promise<Uint8Array> {
  const ct = fromBase64(grant.ct)
  if (!(await verify(fromBase64(dsk), grantBytes(acct, grant.e, ct), fromBase64(grant.sig)))) {
    throw new Refusal('signature', `grant of archive key ${grant.e}`)
  }
  const decrypter = new Decrypter()
  decrypter.addIdentity(rk)
  const input = reader(
    await decrypter.decrypt(ct).catch((cause: unknown) => {
      throw new Refusal('undecryptable', `grant of archive key ${grant.e}`, { cause })
    }),
  )
  const e = input.u32()
  const key = input.take(32)
  input.end()
  if (e !== grant.e) throw new Refusal('malformed', `archive key ${e} in the grant of ${grant.e}`)
  return key
}
