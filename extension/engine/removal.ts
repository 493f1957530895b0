/**
 * Removing one of my devices. It has the archive keys of its time and the mailbox device's, so with it go all of these:
 * the others get a new archive key and the account a new mailbox device. List, vault and packages reach the room in one
 * commit: whoever dies before it has changed nothing, and who dies after it finds its key where all others do.
 */
import * as v from 'valibot'
import { deviceListHash } from '#shared/account'
import type { PutDevices } from '#shared/api'
import { fromBase64, toBase64 } from '#shared/bytes'
import type { DeviceId } from '#shared/ids'
import { CommandError, type Proof } from '../bus/commands.ts'
import { grantToDevices } from '../crypto/archive/device-grant.ts'
import { makeArchiveKey } from '../crypto/archive/grant.ts'
import { newestKey } from '../crypto/for-me.ts'
import { listWithout, randomSeed } from '../crypto/identity.ts'
import { signingKey } from '../crypto/keys.ts'
import { makeKeyPackage } from '../crypto/mls/key-package.ts'
import { makeMailbox } from '../crypto/mls/mailbox.ts'
import { membersOf } from '../crypto/mls/members.ts'
import { makeVault, openVaultWith } from '../crypto/vault.ts'
import type { AccountRow } from '../db/db.ts'
import { loggedIn } from './account-changes.ts'
import { ask } from './accounts.ts'
import type { Desk } from './desk.ts'
import { keysUp, memberOf, oneTimeRow } from './key-pool.ts'
import type { Session } from './session.ts'

const mailboxId = '@' as DeviceId

/** @throws CommandError `item-not-found`, `conflict` when another device was faster, `unreachable`, and as `logIn` */
export async function removeDevice(
  { db, http }: Pick<Desk, 'db' | 'http'>,
  { identities, secrets }: Pick<Session, 'identities' | 'secrets'>,
  account: AccountRow,
  device: DeviceId,
  proof: Proof,
): Promise<void> {
  const { user, device: by } = account
  const { ticket, aik, list, vault, now } = await loggedIn(http, account, proof)
  if (device === mailboxId || !list.devices.some(({ id }) => id === device))
    throw new CommandError('item-not-found')
  const claimed = await identities.claim(user)
  if (deviceListHash(claimed.list) !== deviceListHash(list)) throw new CommandError('conflict')
  const { dsk, aks } = await secrets() // those of this list, now that it was claimed

  const seed = fromBase64(randomSeed())
  const next = await listWithout(device, list, aik, now, seed)
  const mailbox = await makeMailbox(next.acct, now, { member: memberOf(next, mailboxId), seed })
  const { sign } = await signingKey(fromBase64(dsk))
  const e = newestKey(aks).e + 1
  const key = makeArchiveKey()

  // This device gets the key as the others do: by a package that is stored before anybody can seal for it.
  const mine = await makeKeyPackage(memberOf(next, by), fromBase64(dsk), now)
  await db.keyPackages.put(oneTimeRow(by, mine, now))
  const packages = membersOf(next)
    .filter((member) => member.device !== mailboxId)
    .map((member) => {
      const theirs = claimed.packages.find((one) => one.device === member.device)?.package
      if (member.device !== by && theirs === undefined)
        throw new CommandError('resource-constraint', `no key package of ${member.device}`)
      return { member, keyPackage: theirs === undefined ? mine.public : fromBase64(theirs) }
    })
  const devices = await grantToDevices({ list: next, mailbox, by, sign, e, key, packages, now })
  const before = await openVaultWith(vault.payload, list, aks).catch((error: unknown) => {
    throw new CommandError('inconsistent-keys', `the vault does not open: ${String(error)}`)
  })
  const payload = await makeVault({
    list: next,
    by,
    sign,
    keys: { ...aks, [e]: toBase64(key) },
    mailboxes: [mailbox, ...before.mailboxes],
    devices,
  })
  const up = { device: mailboxId, lastResort: mailbox.keyPackage }
  const body: PutDevices = {
    user,
    ticket,
    list: next,
    keys: [await keysUp(account, next, up, now)],
    vault: { version: vault.version, payload },
  }
  await ask(http, account.relay, '/v1/devices', v.unknown(), body)
  // As on all other devices, to which an entry of the log says it. Without a connection: with the next one.
  await identities.refresh(user).catch((error: unknown) => {
    if (!(error instanceof CommandError)) throw error
  })
}
