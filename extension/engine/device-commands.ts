/** My devices and my account: what a person does about them with their password. */
import { CommandError, type Commands } from '../bus/commands.ts'
import { Refusal } from '../crypto/refusal.ts'
import { codeRoot, makeRecoveryCode } from '../crypto/recovery-code.ts'
import type { AccountRow, DevicesRow } from '../db/db.ts'
import { changeSlot } from './account-changes.ts'
import type { Desk } from './desk.ts'
import { removeDevice } from './removal.ts'

type DeviceCommands = Pick<
  Commands,
  'devices' | 'removeDevice' | 'devicesSeen' | 'changePassword' | 'newRecoveryCode'
>

export function deviceCommands({ db, http, needed, guarded }: Desk): DeviceCommands {
  /** As it is stored: the session's is from when it began. */
  async function account(): Promise<AccountRow> {
    const row = await guarded(() => db.account.get('me'))
    if (!row) throw new CommandError('signed-out')
    return row
  }

  return {
    async devices() {
      const { requests } = await needed()
      return requests.askDevices()
    },
    async removeDevice(device, proof) {
      const me = await account()
      if (device === me.device) throw new CommandError('not-allowed', 'this device signs out')
      const session = await needed()
      await removeDevice({ db, http }, session, me, device, proof).catch((error: unknown) => {
        throw error instanceof Refusal ? new CommandError('inconsistent-keys', error.message) : error
      })
    },
    async devicesSeen() {
      await guarded(() =>
        db.transaction('rw', db.status, async () => {
          const row = (await db.status.get('devices')) as DevicesRow | undefined
          if (row) await db.status.put({ ...row, isNew: [] })
        }),
      )
    },
    async changePassword(proof, newRoot) {
      await changeSlot(http, await account(), proof, { slot: 'pw', root: newRoot })
    },
    async newRecoveryCode(proof) {
      const me = await account()
      const recoveryCode = makeRecoveryCode()
      const root = codeRoot(recoveryCode, me.relayId, me.user)
      await changeSlot(http, me, proof, { slot: 'code', root })
      return { recoveryCode }
    },
  }
}
