/** What needs the password once more: another list of devices, another way in. Each with a login of its own. */
import * as v from 'valibot'
import { deleteBytes, slotBytes, type DeviceList, type SlotName } from '#shared/account'
import type { DeleteAccount, PutDevices, PutSlot } from '#shared/api'
import { fromBase64 } from '#shared/bytes'
import type { DeviceId } from '#shared/ids'
import { CommandError, type Proof } from '../bus/commands.ts'
import { listWithout } from '../crypto/identity.ts'
import { signingKey } from '../crypto/keys.ts'
import type { AccountRow } from '../db/db.ts'
import { ask, logIn, slotOf, type Http } from './accounts.ts'

const loggedIn = (http: Http, { relay, relayId, user, list }: AccountRow, proof: Proof) =>
  logIn(http, { relay, relayId, user, ...proof }, list)

/** The list without the device, as it is on the relay now. @throws CommandError `item-not-found`, and as `logIn` */
export async function removeDevice(
  http: Http,
  account: AccountRow,
  device: DeviceId,
  proof: Proof,
): Promise<DeviceList> {
  const { ticket, aik, list, now } = await loggedIn(http, account, proof)
  if (device === '@' || !list.devices.some(({ id }) => id === device))
    throw new CommandError('item-not-found')
  const next = await listWithout(device, list, aik, now)
  const body: PutDevices = { user: account.user, ticket, list: next }
  await ask(http, account.relay, '/v1/devices', v.unknown(), body)
  return next
}

/** The same secrets under another lock: nobody's device changes, and what opened the slot before opens it no more. */
export async function changeSlot(
  http: Http,
  account: AccountRow,
  proof: Proof,
  { slot, root }: { slot: SlotName; root: string },
): Promise<void> {
  const { relay, relayId, user } = account
  const { ticket, aik, rk, list, change } = await loggedIn(http, account, proof)
  const { made } = await slotOf(slot, root, account, { aik, rk })
  const key = await signingKey(fromBase64(aik))
  const body: PutSlot = {
    user,
    acct: list.acct,
    ticket,
    version: list.ver,
    change: change + 1,
    slot: made,
    signature: await key.sign(slotBytes(relayId, list.acct, change + 1, made)),
  }
  await ask(http, relay, '/v1/slot', v.unknown(), body)
}

/** Everything of it at the relay goes, and cannot be brought back. */
export async function deleteAccount(http: Http, account: AccountRow, proof: Proof): Promise<void> {
  const { relay, relayId, user } = account
  const { ticket, aik, list } = await loggedIn(http, account, proof)
  const key = await signingKey(fromBase64(aik))
  const { acct, ver: version } = list
  const signature = await key.sign(deleteBytes(relayId, acct, user, ticket))
  const body: DeleteAccount = { user, acct, ticket, version, signature }
  await ask(http, relay, '/v1/delete', v.unknown(), body)
}
