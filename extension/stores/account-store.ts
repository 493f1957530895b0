/** Who is signed in on this device, and the way out. */
import { computed, createModel, signal } from '@preact/signals'
import type { Commands } from '../bus/commands.ts'
import type { AccountRow, Db } from '../db/db.ts'
import { live } from '../db/live.ts'
import { attempting, type Problem } from './problem.ts'

export const AccountStore = createModel((db: Db, commands: Commands) => {
  /** Undefined until the database has answered, null while signed out. */
  const account = live<AccountRow | null | undefined>(
    async () => (await db.account.get('me')) ?? null,
    undefined,
  )
  const problem = signal<Problem | null>(null)
  const isLeaving = signal(false)
  const attempt = attempting(problem)

  return {
    account,
    problem,
    isLeaving,
    deviceName: computed(() => {
      const row = account.value
      return row?.list.devices.find(({ id }) => id === row.device)?.name ?? ''
    }),
    async signOut() {
      isLeaving.value = true
      await attempt(() => commands.signOut())
      isLeaving.value = false
    },
    clearProblem() {
      problem.value = null
    },
  }
})
export type AccountStore = InstanceType<typeof AccountStore>
