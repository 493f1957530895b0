/**
 * What brings everything back on a new device, kept by the relay, which can read none of it: archive keys, each
 * granted to the account's recovery key, and the mailbox device's private keys under an archive key.
 */
import * as v from 'valibot'
import type { DeviceList } from '#shared/account'
import { fromBase64, toBase64, utf8 } from '#shared/bytes'
import { AkGrant, openGrant } from './archive/grant.ts'
import type { ArchiveKeys } from './for-me.ts'
import { verify } from './keys.ts'
import { openMailbox, VBox, type Mailbox } from './mls/mailbox.ts'

const Vault = v.object({ v: v.literal(1), grants: v.array(AkGrant), boxes: v.array(VBox) })
export type Vault = v.InferOutput<typeof Vault>

export const encodeVault = (vault: Vault): string => toBase64(utf8(JSON.stringify(vault)))

/**
 * Opens it with the recovery key out of the bundle. What one line of it is wrong with costs only that line: a relay
 * could leave it out as well.
 * @throws when it is no vault, or not one key comes out of it
 */
export async function openVault(
  payload: string,
  rk: string,
  list: DeviceList,
  lists: readonly DeviceList[] = [list],
): Promise<{ keys: ArchiveKeys; mailboxes: Mailbox[] }> {
  const vault = v.parse(Vault, JSON.parse(new TextDecoder().decode(fromBase64(payload))))
  const dskOf = (id: string) => lists.flatMap(({ devices }) => devices).find((one) => one.id === id)?.dsk
  const keys: ArchiveKeys = {}
  for (const grant of vault.grants) {
    const dsk = dskOf(grant.by)
    if (dsk === undefined) continue
    const key = await openGrant(list.acct, grant, dsk, rk, verify).catch(() => null)
    if (key) keys[grant.e] = toBase64(key)
  }
  if (Object.keys(keys).length === 0) throw new Error('no archive key in the vault')
  const mailboxes: Mailbox[] = []
  const mailboxDsk = list.devices.find(({ id }) => id === '@')?.dsk
  for (const box of vault.boxes) {
    const key = keys[box.e]
    const mailbox = key && (await openMailbox(list.acct, box, fromBase64(key)).catch(() => null))
    if (mailbox && mailbox.member.dsk === mailboxDsk) mailboxes.push(mailbox)
  }
  return { keys, mailboxes }
}
