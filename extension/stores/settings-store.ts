/** The options page: everything chosen, live from the database, so that another device's change is seen at once. */
import { computed, createModel, signal } from '@preact/signals'
import type { UserId } from '#shared/ids'
import type { Commands } from '../bus/commands.ts'
import type { ConnectionRow, Db, PolicyRow } from '../db/db.ts'
import { live } from '../db/live.ts'
import { defaultSettings, settingsOf, type Arrival, type SettingsChange } from '../db/settings.ts'
import type { Clock } from './clock.ts'
import { displayName, tooLongBy } from './display-name.ts'
import { archiveProblem } from './history.ts'
import { inviteLink } from './invite.ts'
import { attempting, type Problem } from './problem.ts'
import { storage } from './storage.ts'

export type { Arrival, Settings } from '../db/settings.ts'
export type Reach = PolicyRow['reach']

/** What differs for one buddy. */
export interface Exception {
  name: UserId
  nickname: string
  arrival: Arrival | null
  sound: boolean | null
}

/** How long "Saved" stays. */
const savedMs = 2000

/** `canOpenUnfocused`: whether this browser opens a window without giving it the keyboard. */
export const SettingsStore = createModel(
  (db: Db, commands: Commands, clock: Pick<Clock, 'after'>, canOpenUnfocused: boolean) => {
    const settings = live(() => settingsOf(db), defaultSettings)
    const account = live(() => db.account.get('me'), undefined)
    const policyRow = live(() => db.status.get('policy') as Promise<PolicyRow | undefined>, undefined)
    const connection = live(
      () => db.status.get('connection') as Promise<ConnectionRow | undefined>,
      undefined,
    )
    const blocked = live(
      async () => (await db.roster.toArray()).filter((row) => row.blocked).map(({ peer }) => peer),
      [],
    )

    const archive = live(() => archiveProblem(db), null)

    const problem = signal<Problem | null>(null)
    /** Which setting was saved just now. */
    const saved = signal<string | null>(null)
    const isBusy = signal(false)
    const attempt = attempting(problem)
    const defaultArrival: Arrival = canOpenUnfocused ? 'window' : 'prompt'
    const files = storage(db, commands)
    let forgetSaved = () => {}

    /** Does it, and says so beside the setting `id`. */
    async function save(id: string, action: () => Promise<unknown>): Promise<void> {
      isBusy.value = true
      const done = await attempt(action)
      isBusy.value = false
      if (!done) return
      saved.value = id
      forgetSaved()
      forgetSaved = clock.after(savedMs, () => (saved.value = null))
    }
    const change = (id: string, what: SettingsChange) => save(id, () => commands.changeSettings(what))

    return {
      settings,
      problem,
      saved,
      /** The relay is asked for something. */
      isBusy,
      /** What it can, and what suits it (DESIGN.md §8). */
      browser: computed(() => ({ canOpenUnfocused, defaultArrival })),
      isConnected: computed(() => connection.value?.state === 'connected'),
      policy: computed(() => ({
        reach: policyRow.value?.reach ?? ('everyone' as Reach),
        reads: policyRow.value?.reads ?? true,
      })),
      /** My invite link while it holds: the room knows its hash, and my devices its secret. */
      invite: computed((): string | null => {
        const me = account.value
        const { invite } = settings.value
        if (!me || !invite || !policyRow.value?.invite) return null
        return inviteLink(me.relay, { user: me.user, acct: me.acct, token: invite.token })
      }),
      blocked,
      /** What is wrong with the archive. */
      archiveProblem: computed(() => archive.value),
      /** Conversations that are not kept for devices that come later, though the others are. */
      leftOut: computed(() =>
        Object.entries(settings.value.buddies)
          .flatMap(([name, { keepsHistory }]) => (keepsHistory === false ? [name as UserId] : []))
          .toSorted(),
      ),
      storage: files,
      freeFiles: (peer?: UserId) => save('kept', () => files.free(peer)),
      exceptions: computed((): Exception[] =>
        Object.entries(settings.value.buddies)
          .filter(([, { arrival, sound, preview }]) =>
            [arrival, sound, preview].some((own) => own !== undefined),
          )
          .map(([name, { nickname = '', arrival = null, sound = null }]) => ({
            name: name as UserId,
            nickname,
            arrival,
            sound,
          }))
          .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      ),

      change,
      /** The one that suits the browser is no choice of mine: it differs where the browser does. */
      setArrival(arrival: Arrival) {
        return change('arrival', { arrival: arrival === defaultArrival ? null : arrival })
      },
      /** True unless it is too long. */
      async setDisplayName(typed: string): Promise<boolean> {
        const name = displayName(typed)
        if (tooLongBy(name) > 0) return false
        if (name !== settings.value.displayName) await change('displayName', { displayName: name })
        return true
      },
      backToGeneral: (peer: UserId) =>
        change('exceptions', { buddies: { [peer]: { arrival: null, sound: null, preview: null } } }),
      keepHistory: (peer: UserId) => change('history', { buddies: { [peer]: { keepsHistory: null } } }),
      setReach: (reach: Reach) => save('reach', () => commands.setPolicy({ reach })),
      setReads: (reads: boolean) => save('reads', () => commands.setPolicy({ reads })),
      newInvite: () => save('invite', () => commands.newInvite()),
      dropInvite: () => save('invite', () => commands.dropInvite()),
      unblock: (peer: UserId) => save('blocked', () => commands.roster(peer, 'unblock')),
      clearProblem() {
        problem.value = null
      },
    }
  },
)
export type SettingsStore = InstanceType<typeof SettingsStore>
