/** Key packages: what others need to let a device into a session without asking it. */
import {
  generateKeyPackageWithKey,
  makeKeyPackageRef,
  mlsMessageEncoder,
  privateKeyPackageDecoder,
  privateKeyPackageEncoder,
  protocolVersions,
  wireformats,
  type KeyPackage,
} from 'ts-mls'
import { fromBase64, toBase64 } from '#shared/bytes'
import { Refusal } from '../refusal.ts'
import { capabilities, lifetimeAt, sizes } from './config.ts'
import { decodeMessage, decodeWhole, encodeBytes } from './decode.ts'
import { credentialOf, nameIn, nameOf, type Member } from './members.ts'
import { suite } from './suite.ts'

/** A key package of this device's own, as it is stored. */
export interface OwnKeyPackage {
  /** base64url of the hash by which a Welcome names it: the key of its row. */
  ref: string
  /** An MLSMessage, as it is uploaded. */
  public: Uint8Array
  /** Both private keys, for joining only: the device's signing key stays where it is, sealed. */
  secret: Uint8Array
}

const none = new Uint8Array()

/** @param seed the device's signing key (DSK); its public half is `member.dsk` */
export async function makeKeyPackage(member: Member, seed: Uint8Array, now: number): Promise<OwnKeyPackage> {
  const { publicPackage, privatePackage } = await generateKeyPackageWithKey({
    cipherSuite: suite,
    credential: credentialOf(member),
    signatureKeyPair: { signKey: seed, publicKey: fromBase64(member.dsk) },
    capabilities,
    lifetime: lifetimeAt(now),
    extensions: [], // [random GREASE]
  })
  return {
    ref: await refOf(publicPackage),
    public: encodeBytes(mlsMessageEncoder, {
      version: protocolVersions.mls10,
      wireformat: wireformats.mls_key_package,
      keyPackage: publicPackage,
    }),
    secret: encodeBytes(privateKeyPackageEncoder, { ...privatePackage, signaturePrivateKey: none }),
  }
}

/** One after another: fifty at once would hold up everything else the background does. */
export async function makePool(
  member: Member,
  seed: Uint8Array,
  now: number,
  count = 50,
): Promise<{ oneTime: OwnKeyPackage[]; lastResort: OwnKeyPackage }> {
  const oneTime: OwnKeyPackage[] = []
  // oxlint-disable-next-line no-await-in-loop -- on purpose, see above
  while (oneTime.length < count) oneTime.push(await makeKeyPackage(member, seed, now))
  return { oneTime, lastResort: await makeKeyPackage(member, seed, now) }
}

export const refOf = async (keyPackage: KeyPackage): Promise<string> =>
  toBase64(await makeKeyPackageRef(keyPackage, suite.hash))

export function decodeKeyPackage(bytes: Uint8Array): KeyPackage {
  if (bytes.length > sizes.keyPackageBytesMax)
    throw new Refusal('too-large', `key package of ${bytes.length} B`)
  return decodeMessage(bytes, wireformats.mls_key_package).keyPackage
}

export const decodeSecret = (bytes: Uint8Array) => decodeWhole(privateKeyPackageDecoder, bytes)

/**
 * Reads a package that the relay handed out for `member`. That it is signed, the library checks when it is added.
 * @throws Refusal `key-package` when it is not that device's or its time is over, `suite`, `malformed`, `too-large`
 */
export function readKeyPackage(bytes: Uint8Array, member: Member, now: number): KeyPackage {
  const keyPackage = decodeKeyPackage(bytes)
  const { cipherSuite, leafNode, extensions } = keyPackage
  if (cipherSuite !== suite.id) throw new Refusal('suite', `key package of suite ${cipherSuite}`)

  const refuse = (why: string): never => {
    throw new Refusal('key-package', `${nameOf(member)}: ${why}`)
  }
  if (nameIn(leafNode.credential) !== nameOf(member)) refuse('another name')
  if (toBase64(leafNode.signaturePublicKey) !== member.dsk) refuse('another signing key')
  if (extensions.length > 0 || leafNode.extensions.length > 0) refuse('extensions')
  const { notBefore, notAfter } = leafNode.lifetime
  const seconds = BigInt(Math.floor(now / 1000))
  if (seconds < notBefore || seconds > notAfter) refuse('not in its lifetime')
  return keyPackage
}

/** The references in a Welcome: for which key packages it is. */
export const refsIn = (welcome: Uint8Array): string[] =>
  decodeMessage(welcome, wireformats.mls_welcome).welcome.secrets.map(({ newMember }) => toBase64(newMember))
