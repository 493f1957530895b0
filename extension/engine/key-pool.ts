/** Key packages of this device: made, signed, given to the room, and their private halves kept as long as they serve. */
import type { DeviceList } from '#shared/account'
import { fromBase64, toBase64 } from '#shared/bytes'
import type { DeviceId, Millis } from '#shared/ids'
import { keyPackageUpBytes, type KeyPackageUp } from '#shared/keys'
import { openSecrets, type NewDevice } from '../crypto/identity.ts'
import { storedKey } from '../crypto/keys.ts'
import { makePool, type OwnKeyPackage } from '../crypto/mls/key-package.ts'
import { membersOf, type Member } from '../crypto/mls/members.ts'
import { suiteName } from '../crypto/mls/suite.ts'
import type { AccountRow, Db, KeyPackageRow } from '../db/db.ts'
import type { Requests } from './requests.ts'

const day = 24 * 60 * 60_000
/** The whole pool is replaced so often: what somebody has copied of it is worth nothing soon. */
const poolMs = 7 * day
/** One-time packages are given out for so long, and their private halves kept a day longer. */
const servesMs = 8 * day
const lastResortMs = 30 * day
/** As many as fit into a frame. */
const atOnce = 20
/** At sign-up, so that the first who write find some; the rest follows with the first connection. */
const atFirst = 4
export const poolSize = 50

const poolKey = 'pool'

export function memberOf(list: DeviceList, device: DeviceId): Member {
  const member = membersOf(list).find((one) => one.device === device)
  if (!member) throw new Error(`${device} is not in the list`)
  return member
}

interface Up {
  device: DeviceId
  oneTime?: readonly OwnKeyPackage[]
  lastResort: OwnKeyPackage
}

/** Signed by the device that uploads, for itself or for the mailbox. */
export async function keysUp(
  { dak }: Pick<NewDevice, 'dak'>,
  { acct }: DeviceList,
  { device, oneTime = [], lastResort }: Up,
  now: Millis,
): Promise<KeyPackageUp> {
  const up = {
    device,
    suite: suiteName,
    oneTime: oneTime.map((one) => toBase64(one.public)),
    lastResort: toBase64(lastResort.public),
    exp: now + servesMs,
  }
  return { ...up, sig: await (await storedKey(dak)).sign(keyPackageUpBytes(acct, up)) }
}

const rowOf = (device: DeviceId, { ref, ...halves }: OwnKeyPackage, isLastResort: boolean, at: Millis) =>
  ({ ref, device, ...halves, isLastResort, at }) satisfies KeyPackageRow

export const oneTimeRow = (device: DeviceId, keyPackage: OwnKeyPackage, at: Millis): KeyPackageRow =>
  rowOf(device, keyPackage, false, at)

export const mailboxRow = (keyPackage: OwnKeyPackage, at: Millis): KeyPackageRow =>
  rowOf('@' as DeviceId, keyPackage, true, at)

/** What a new device gives to the room together with the list that names it. */
export async function firstPool(
  device: NewDevice,
  list: DeviceList,
  now: Millis,
): Promise<{ up: KeyPackageUp; rows: KeyPackageRow[] }> {
  const member = memberOf(list, device.id)
  const { oneTime, lastResort } = await makePool(member, fromBase64(device.secrets.dsk), now, atFirst)
  return {
    up: await keysUp(device, list, { device: device.id, oneTime, lastResort }, now),
    rows: [
      ...oneTime.map((one) => rowOf(device.id, one, false, now)),
      rowOf(device.id, lastResort, true, now),
    ],
  }
}

/**
 * Fills up what was used, and once a week replaces all of it. The private halves are stored before the public ones
 * are given out: else somebody would write to a package that nobody can open.
 */
export async function refill(
  db: Db,
  account: AccountRow,
  requests: Requests,
  { left, size, now }: { left: number; size: number; now: Millis },
): Promise<void> {
  const madeAt = ((await db.settings.get(poolKey))?.value as Millis | undefined) ?? account.createdAt
  const isOld = now - madeAt > poolMs
  if (!isOld && left >= Math.ceil(size * 0.4)) return
  const { dsk } = await openSecrets(account.lsk, account.device, account.sealedSecrets)
  const member = memberOf(account.list, account.device)
  let missing = isOld ? size : size - left
  for (let replace = isOld; missing > 0; replace = false) {
    const count = Math.min(missing, atOnce)
    const { oneTime, lastResort } = await makePool(member, fromBase64(dsk), now, count)
    await db.keyPackages.bulkPut([
      ...oneTime.map((one) => rowOf(account.device, one, false, now)),
      rowOf(account.device, lastResort, true, now),
    ])
    const up = await keysUp(account, account.list, { device: account.device, oneTime, lastResort }, now)
    await requests.ask({ type: 'keys', up, replace })
    missing -= count
  }
  if (isOld) await db.settings.put({ key: poolKey, value: now })
  await db.keyPackages
    .filter(
      ({ device, isLastResort, at }) =>
        device !== '@' && now - at > (isLastResort ? lastResortMs + day : servesMs + day),
    )
    .delete()
}
