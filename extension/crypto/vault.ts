/**
 * What brings everything back on a new device, kept by the relay, which can read none of it: the newest archive key,
 * granted to the account's recovery key and to the devices that were there when it was made; under it the keys before
 * it, and the mailbox device's private keys. It is written together with the list of devices that it is for.
 */
import * as v from 'valibot'
import type { DeviceList } from '#shared/account'
import { fromBase64, tbs, toBase64, utf8 } from '#shared/bytes'
import type { AccountId, DeviceId } from '#shared/ids'
import { limits } from '#shared/limits'
import { blob, bytes } from '#shared/schema'
import { decryptAes, encryptAes } from './aes.ts'
import { DeviceGrant, openDeviceGrant } from './archive/device-grant.ts'
import { AkGrant, makeGrant, openGrant } from './archive/grant.ts'
import { newestKey, type ArchiveKeys } from './for-me.ts'
import { verify } from './keys.ts'
import type { OwnKeyPackage } from './mls/key-package.ts'
import { openMailbox, sealMailbox, VBox, type Mailbox } from './mls/mailbox.ts'

const Vault = v.object({
  v: v.literal(1),
  /** One, of the newest key. */
  grants: v.array(AkGrant),
  /** Absent while there has been one key only. */
  devices: v.optional(DeviceGrant),
  earlier: v.optional(v.object({ iv: bytes(12), ct: blob(20_000) })),
  /** The newest first. */
  boxes: v.array(VBox),
})
export type Vault = v.InferOutput<typeof Vault>

export interface VaultContent {
  keys: ArchiveKeys
  mailboxes: Mailbox[]
}

const Keys = v.record(v.pipe(v.string(), v.regex(/^[1-9]\d{0,8}$/)), bytes(32))

const earlierAad = (acct: AccountId, e: number) => tbs('earlier-keys', acct, e)

/** @param list the one that it is written with */
export async function makeVault({
  list,
  by,
  sign,
  keys,
  mailboxes,
  devices,
}: VaultContent & {
  list: DeviceList
  by: DeviceId
  sign(message: Uint8Array): Promise<string>
  devices?: DeviceGrant
}): Promise<string> {
  const { e, key } = newestKey(keys)
  const { [e]: _, ...before } = keys
  const grants = [await makeGrant(list.acct, by, list.rkpub, { e, key }, sign)]
  const vault: Vault = { v: 1, grants, boxes: [] }
  if (devices) vault.devices = devices
  if (Object.keys(before).length > 0) {
    const { iv, ct } = await encryptAes(key, utf8(JSON.stringify(before)), earlierAad(list.acct, e))
    vault.earlier = { iv: toBase64(iv), ct: toBase64(ct) }
  }
  for (const mailbox of mailboxes) vault.boxes.push(await sealMailbox(mailbox, e, key))
  // The oldest are of use for some weeks only, where somebody had not heard of the newer ones.
  while (encode(vault).length > limits.vaultCharsMax && vault.boxes.length > 1) vault.boxes.pop()
  return encode(vault)
}

/** The signing key of the list's mailbox device: another one whenever a device was removed. */
export const mailboxOf = ({ devices }: DeviceList): string | undefined =>
  devices.find(({ id }) => id === '@')?.dsk

const encode = (vault: Vault): string => toBase64(utf8(JSON.stringify(vault)))

function decode(payload: string): Vault {
  return v.parse(Vault, JSON.parse(new TextDecoder().decode(fromBase64(payload))))
}

/**
 * Opens it with the recovery key out of the bundle. Only devices of the list have a say: one that was removed has the
 * account's key as well, and could grant a key of its own making.
 * @throws when it is no vault, is not of this list, or no key comes out of it
 */
export async function openVault(payload: string, rk: string, list: DeviceList): Promise<VaultContent> {
  const vault = decode(payload)
  for (const grant of vault.grants.toSorted((a, b) => b.e - a.e)) {
    const dsk = list.devices.find(({ id }) => id === grant.by)?.dsk
    if (dsk === undefined) continue
    const key = await openGrant(list.acct, grant, dsk, rk, verify).catch(() => null)
    if (key) return contentOf(vault, list, { e: grant.e, key })
  }
  throw new Error('no archive key in the vault')
}

/**
 * Opens it as one of the devices for which the newest key was made. `ref` names the key package that served.
 * @param lists what is new of the account's chain, oldest first: others may have signed in since the key was made
 * @throws likewise
 */
export async function openVaultAsDevice(
  payload: string,
  lists: readonly DeviceList[],
  packageOf: (ref: string) => Promise<OwnKeyPackage | undefined>,
): Promise<VaultContent & { ref: string }> {
  const vault = decode(payload)
  const newest = lists.at(-1)!
  const list = lists.find((one) => mailboxOf(one) === mailboxOf(newest))!
  if (!vault.devices) throw new Error('nothing for devices in the vault')
  const { e } = vault.devices
  const { key, ref } = await openDeviceGrant(vault.devices, list, packageOf, verify)
  return { ...(await contentOf(vault, newest, { e, key })), ref }
}

/** Opens it with the key that this device has. @throws likewise */
export async function openVaultWith(
  payload: string,
  list: DeviceList,
  keys: ArchiveKeys,
): Promise<VaultContent> {
  return contentOf(decode(payload), list, newestKey(keys))
}

/** A box that is wrong costs only that box: a relay could leave it out as well. But not the newest mailbox's. */
async function contentOf(
  { earlier, boxes }: Vault,
  list: DeviceList,
  { e, key }: { e: number; key: Uint8Array },
): Promise<VaultContent> {
  const keys: ArchiveKeys = { [e]: toBase64(key) }
  if (earlier) {
    const aad = earlierAad(list.acct, e)
    const json = await decryptAes(key, fromBase64(earlier.iv), fromBase64(earlier.ct), aad)
    const before = v.parse(Keys, JSON.parse(new TextDecoder().decode(json)))
    for (const [number, one] of Object.entries(before)) keys[Number(number)] = one
  }
  const mailboxes: Mailbox[] = []
  for (const box of boxes) {
    if (box.e !== e) continue
    const mailbox = await openMailbox(list.acct, box, key).catch(() => null)
    if (mailbox) mailboxes.push(mailbox)
  }
  // The mailbox changes with the key. So a vault from before is found out, and a list from before as well.
  if (mailboxes[0]?.member.dsk !== mailboxOf(list)) throw new Error('a vault of another list')
  return { keys, mailboxes }
}
