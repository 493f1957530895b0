/**
 * What this device holds for the account: its secrets, archive keys among them, and the list of own devices that these
 * keys belong to. Both lie in one row and change in one transaction, so whoever knows a list has its keys: what is
 * sealed for my devices under the newest key cannot be for a list from before (§4.8 of the cryptography reference).
 */
import { deviceListHash, type DeviceList } from '#shared/account'
import { CommandError } from '../bus/commands.ts'
import { openSecrets, sealSecrets, type Secrets } from '../crypto/identity.ts'
import { mailboxOf, openVaultAsDevice } from '../crypto/vault.ts'
import type { AccountRow } from '../db/db.ts'
import { mailboxRow } from './key-pool.ts'
import type { Requests } from './requests.ts'
import type { Signed } from './state.ts'

export interface OwnSecrets extends Secrets {
  /** Hash of the list of own devices for which the archive keys are. */
  list: string
}

export interface OwnKeys {
  /** As they are stored now. */
  secrets(): Promise<OwnSecrets>
  /**
   * The newest list of own devices, and what else is new of their chain, oldest first; all checked. Stores them, with
   * the archive key that was made for a list among them. @throws CommandError when that key cannot be had: then the
   * newest list is not stored either
   */
  adopt(newest: DeviceList, lists: readonly DeviceList[]): Promise<void>
}

export function createOwnKeys({ account, db, timers }: Signed, requests: Requests): OwnKeys {
  let opened: { ct: string; secrets: Promise<Secrets> } | null = null
  let turn: Promise<unknown> = Promise.resolve()

  async function row(): Promise<AccountRow> {
    const me = await db.account.get('me')
    if (me?.device !== account.device) throw new Error('the account was replaced')
    return me
  }

  async function secretsOf({ lsk, device, sealedSecrets }: AccountRow): Promise<Secrets> {
    if (opened?.ct !== sealedSecrets.ct) {
      opened = { ct: sealedSecrets.ct, secrets: openSecrets(lsk, device, sealedSecrets) }
    }
    return opened.secrets
  }

  async function adopt(newest: DeviceList, lists: readonly DeviceList[]): Promise<void> {
    const before = await row()
    const isNew = before.list.ver < newest.ver
    const isRenewed = isNew && mailboxOf(before.list) !== mailboxOf(newest)
    const renewed = isRenewed ? await newKeys(before, lists) : null
    await db.transaction('rw', [db.account, db.lists, db.keyPackages], async () => {
      await db.lists.bulkPut(lists.map((list) => ({ hash: deviceListHash(list), list, at: timers.now() })))
      const now = await row()
      if (now.list.ver >= newest.ver) return
      if (!renewed) return void (await db.account.put({ ...now, list: newest }))
      const { sealedSecrets, mailboxes, ref } = renewed
      await db.account.put({ ...now, list: newest, sealedSecrets })
      await db.keyPackages.bulkPut(mailboxes.map(({ keyPackage }) => mailboxRow(keyPackage, timers.now())))
      await db.keyPackages
        .where('ref')
        .equals(ref)
        .and((one) => !one.isLastResort)
        .delete()
    })
  }

  async function newKeys(me: AccountRow, lists: readonly DeviceList[]) {
    const { payload } = await requests.askVault()
    const packageOf = async (ref: string) => {
      const own = await db.keyPackages.get(ref)
      return own?.device === me.device ? own : undefined
    }
    // Where two devices were removed in a moment, the vault may be that of the next list.
    const vault = await openVaultAsDevice(payload, lists, packageOf).catch((error: unknown) => {
      throw new CommandError('resource-constraint', `no archive key: ${String(error)}`)
    })
    const known = await secretsOf(me)
    const secrets: Secrets = { ...known, aks: { ...vault.keys, ...known.aks } }
    return { ...vault, sealedSecrets: await sealSecrets(me.lsk, me.device, secrets) }
  }

  return {
    async secrets() {
      const me = await row()
      return { ...(await secretsOf(me)), list: deviceListHash(me.list) }
    },
    adopt(newest, lists) {
      const done = turn.then(() => adopt(newest, lists))
      turn = done.catch(() => {}) // it is told to whoever asked for it
      return done
    },
  }
}
