/**
 * How devices that are there already get a new archive key: sealed for exactly those of the account's new list, in a
 * session of MLS that the new mailbox device opens to say this one thing in. So the one that was removed is no member,
 * and who made the list has made the session. The device that made it vouches for it by its own key besides.
 */
import * as v from 'valibot'
import type { DeviceList, Verify } from '#shared/account'
import { fromBase64, tbs, toBase64, utf8 } from '#shared/bytes'
import type { DeviceId } from '#shared/ids'
import { blob, bytes, count, deviceId } from '#shared/schema'
import { refsIn, type OwnKeyPackage } from '../mls/key-package.ts'
import type { Mailbox } from '../mls/mailbox.ts'
import { membersOf, type Member } from '../mls/members.ts'
import { join, open, seal, unseal } from '../mls/session.ts'
import { Refusal } from '../refusal.ts'

export const DeviceGrant = v.object({
  e: v.pipe(count, v.minValue(1)),
  /** The session. */
  ratchet: bytes(16),
  welcome: blob(64 * 1024),
  ct: blob(2000),
})
export type DeviceGrant = v.InferOutput<typeof DeviceGrant>

const Inside = v.object({
  key: bytes(32),
  by: deviceId,
  /** By the signing key (DSK) of `by`, which is in the same list. */
  sig: bytes(64),
})

const mailboxId = '@' as DeviceId

const ownKeyBytes = (list: DeviceList, e: number, key: Uint8Array) =>
  tbs('ownkey', list.acct, list.ver, list.prev, e, key)
const grantAad = ({ acct, ver, prev }: DeviceList, e: number) => tbs('devgrant', acct, ver, prev, e)

export interface Granting {
  /** The new one. */
  list: DeviceList
  /** Its mailbox device, which is new with it. */
  mailbox: Pick<Mailbox, 'member' | 'seed'>
  by: DeviceId
  sign(message: Uint8Array): Promise<string>
  e: number
  key: Uint8Array
  /** For all devices of the list but the mailbox; also for the one that makes the grant. */
  packages: readonly { member: Member; keyPackage: Uint8Array }[]
  now: number
}

/** @throws Refusal `key-package`, `members`, `too-large` */
export async function grantToDevices(granting: Granting): Promise<DeviceGrant> {
  const { list, mailbox, by, sign, e, key, packages, now } = granting
  const { member: self, seed } = mailbox
  const opened = await open({ self, seed, others: packages, now })
  const inside = { key: toBase64(key), by, sig: await sign(ownKeyBytes(list, e, key)) }
  const { ct } = await seal(opened.state, seed, utf8(JSON.stringify(inside)), grantAad(list, e))
  return {
    e,
    ratchet: toBase64(opened.ratchet),
    welcome: toBase64(opened.welcome),
    ct: toBase64(ct),
  }
}

/**
 * @param list the one that the grant was made with, checked
 * @param packageOf a key package of this device's own, by its reference
 * @throws Refusal of every kind that `join` and `unseal` have, `not-for-us`, `signature`
 */
export async function openDeviceGrant(
  grant: DeviceGrant,
  list: DeviceList,
  packageOf: (ref: string) => Promise<OwnKeyPackage | undefined>,
  verify: Verify,
): Promise<{ key: Uint8Array; ref: string }> {
  const welcome = fromBase64(grant.welcome)
  const common = {
    ratchet: fromBase64(grant.ratchet),
    owner: { acct: list.acct, device: mailboxId },
    members: membersOf(list),
  }
  for (const ref of refsIn(welcome)) {
    const keyPackage = await packageOf(ref)
    if (!keyPackage) continue
    const state = await join({ ...common, welcome, keyPackage })
    const aad = grantAad(list, grant.e)
    const { content } = await unseal({ ...common, state, ct: fromBase64(grant.ct), aad })
    const inside = v.safeParse(Inside, parsed(content))
    if (!inside.success) throw new Refusal('malformed', 'a grant of another form')
    const { by, sig } = inside.output
    const key = fromBase64(inside.output.key)
    const dsk = by === mailboxId ? undefined : list.devices.find(({ id }) => id === by)?.dsk
    const isSigned =
      dsk !== undefined && (await verify(fromBase64(dsk), ownKeyBytes(list, grant.e, key), fromBase64(sig)))
    if (!isSigned) throw new Refusal('signature', `archive key ${grant.e} for devices`)
    return { key, ref }
  }
  throw new Refusal('not-for-us', `archive key ${grant.e} for other devices`)
}

function parsed(content: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content))
  } catch (cause) {
    throw new Refusal('malformed', 'not JSON', { cause })
  }
}
