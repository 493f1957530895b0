/** What needs the password once more: another way in, or the end. Each with a login of its own (removal.ts too). */
import * as v from 'valibot'
import { deleteBytes, slotBytes, type SlotName } from '#shared/account'
import type { DeleteAccount, PutSlot } from '#shared/api'
import { fromBase64 } from '#shared/bytes'
import type { Proof } from '../bus/commands.ts'
import { signingKey } from '../crypto/keys.ts'
import type { AccountRow } from '../db/db.ts'
import { ask, logIn, slotOf, type Http } from './accounts.ts'

export const loggedIn = (http: Http, { relay, relayId, user, list }: AccountRow, proof: Proof) =>
  logIn(http, { relay, relayId, user, ...proof }, list)

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
