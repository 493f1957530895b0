/**
 * The mailbox device `@` of an account: a member of every session like any other, but its private keys lie on the
 * relay, sealed under the archive key. So whoever can read the archive can also open what no device could: after a
 * reinstall, on a device that the sender did not know yet, where a session's state was lost.
 *
 * Open through it with `join` and `unseal`, and keep neither of the two states.
 */
import * as v from 'valibot'
import { concat, fromBase64, tbs, toBase64 } from '#shared/bytes'
import type { AccountId, DeviceId } from '#shared/ids'
import { blob, bytes, count } from '#shared/schema'
import { decryptAes, encryptAes } from '../aes.ts'
import { reader, sized } from '../binary.ts'
import { signingKey } from '../keys.ts'
import { Refusal } from '../refusal.ts'
import { decodeKeyPackage, makeKeyPackage, refOf, type OwnKeyPackage } from './key-package.ts'
import type { Member } from './members.ts'
import { suite } from './suite.ts'

const mailbox = '@' as DeviceId

/** The mailbox's private keys as the relay keeps them; one for each of its key packages, 45 days long. */
export const VBox = v.object({
  /** Number of the archive key. */
  e: count,
  /** Of the key package: a Welcome for it names it. */
  ref: bytes(64),
  iv: bytes(12),
  ct: blob(6000),
})
export type VBox = v.InferOutput<typeof VBox>

export interface Mailbox {
  member: Member
  /** Signs the next key package of the mailbox, and its line in the device list. */
  seed: Uint8Array
  keyPackage: OwnKeyPackage
}

/** A mailbox for a new account, or with `known` its next key package under the same signing key. */
export async function makeMailbox(
  acct: AccountId,
  now: number,
  known?: Pick<Mailbox, 'member' | 'seed'>,
): Promise<Mailbox> {
  const { member, seed } = known ?? (await makeIdentity(acct))
  return { member, seed, keyPackage: await makeKeyPackage(member, seed, now) }
}

async function makeIdentity(acct: AccountId): Promise<Pick<Mailbox, 'member' | 'seed'>> {
  const { signKey, publicKey } = await suite.signature.keygen()
  return { member: { acct, device: mailbox, dsk: toBase64(publicKey) }, seed: signKey }
}

const vboxAad = (acct: AccountId, e: number, ref: string) => tbs('vbox', acct, e, fromBase64(ref))

/** @param key archive key number `e` */
export async function sealMailbox(
  { member, seed, keyPackage }: Mailbox,
  e: number,
  key: Uint8Array,
): Promise<VBox> {
  const inside = concat(Uint8Array.of(1), seed, sized(keyPackage.public), sized(keyPackage.secret))
  const { iv, ct } = await encryptAes(key, inside, vboxAad(member.acct, e, keyPackage.ref))
  return { e, ref: keyPackage.ref, iv: toBase64(iv), ct: toBase64(ct) }
}

/** @throws Refusal `undecryptable`, `malformed`, `key-package` when it holds another package than it says */
export async function openMailbox(acct: AccountId, box: VBox, key: Uint8Array): Promise<Mailbox> {
  const aad = vboxAad(acct, box.e, box.ref)
  const input = reader(await decryptAes(key, fromBase64(box.iv), fromBase64(box.ct), aad))
  if (input.u8() !== 1) throw new Refusal('malformed', 'a mailbox of another version')
  const seed = input.take(32)
  const keyPackage = { ref: box.ref, public: input.sized(), secret: input.sized() }
  input.end()

  const read = decodeKeyPackage(keyPackage.public)
  if ((await refOf(read)) !== box.ref) throw new Refusal('key-package', 'the mailbox holds another package')
  const dsk = toBase64(read.leafNode.signaturePublicKey)
  const { publicKey } = await signingKey(seed)
  if (publicKey !== dsk) throw new Refusal('key-package', 'the mailbox has another signing key')
  return { member: { acct, device: mailbox, dsk }, seed, keyPackage }
}
