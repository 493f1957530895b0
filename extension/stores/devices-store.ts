/** The devices of my account, and what is done about them and the account with the password in hand. */
import { computed, createModel, signal } from '@preact/signals'
import type { SlotName } from '#shared/account'
import type { DeviceId, Millis } from '#shared/ids'
import type { Commands, DeviceState, Proof } from '../bus/commands.ts'
import type { AccountRow, ConnectionRow, Db, DevicesRow } from '../db/db.ts'
import { live } from '../db/live.ts'
import { defaultSettings, settingsOf } from '../db/settings.ts'
import type { Clock } from './clock.ts'
import { displayName, tooLongBy } from './display-name.ts'
import { passwordProblem } from './password.ts'
import { problemOf, type Problem } from './problem.ts'
import type { DeriveRoot } from './welcome-store.ts'

export interface MyDevice {
  id: DeviceId
  /** Empty where nobody has given one. */
  name: string
  added: Millis
  /** Null while it is not known. */
  seen: Millis | null
  isConnected: boolean
  isThis: boolean
  /** Has come in since the person last looked. */
  isNew: boolean
}

/** What was typed to prove who one is. */
export interface Secret {
  slot: SlotName
  text: string
}

/** What takes a while with a password in it: how far it has come, from 0 to 1. */
export interface Progress {
  share: number
}

const lost = new Set(['not-authorized', 'credentials-expired', 'account-disabled'])

export const DevicesStore = createModel(
  (db: Db, commands: Commands, derive: DeriveRoot, clock: Pick<Clock, 'now'>) => {
    const account = live<AccountRow | undefined>(() => db.account.get('me'), undefined)
    const settings = live(() => settingsOf(db), defaultSettings)
    const known = live(() => db.status.get('devices') as Promise<DevicesRow | undefined>, undefined)
    const connection = live(
      () => db.status.get('connection') as Promise<ConnectionRow | undefined>,
      undefined,
    )
    const states = signal<DeviceState[]>([])
    const progress = signal<Progress | null>(null)
    const failure = signal<Problem | null>(null)

    /** Asks the relay who was here when. Without a connection the list is shown all the same. */
    async function refresh(): Promise<void> {
      try {
        states.value = await commands.devices()
      } catch {
        states.value = []
      }
    }

    async function proofOf({ slot, text }: Secret, from = 0, to = 1): Promise<Proof> {
      return { slot, root: await rootOf(slot, text, from, to) }
    }

    function rootOf(slot: SlotName, secret: string, from: number, to: number): Promise<string> {
      const { relayId, user } = account.value!
      return derive({
        secret: slot === 'code' ? secret.trim() : secret,
        slot,
        relayId,
        user,
        onProgress: (share) => (progress.value = { share: from + share * (to - from) }),
      })
    }

    /** Undefined when it has failed; `failure` says why. */
    async function attempt<T>(run: () => Promise<T>): Promise<T | undefined> {
      if (progress.value) return undefined
      failure.value = null
      progress.value = { share: 0 }
      try {
        return await run()
      } catch (error) {
        failure.value = problemOf(error)
        return undefined
      } finally {
        progress.value = null
      }
    }

    return {
      account,
      progress,
      failure,
      /** Why this device is one no longer; null while it is. Trying again changes nothing, signing in does. */
      lostBecause: computed(() => {
        const { state, reason = '' } = connection.value ?? {}
        return state === 'refused' && lost.has(reason) ? reason : null
      }),
      isConnected: computed(() => connection.value?.state === 'connected'),
      now: () => clock.now(),
      devices: computed((): MyDevice[] => {
        const me = account.value
        if (!me) return []
        const skew = connection.value?.skew ?? 0
        return me.list.devices
          .filter(({ id }) => id !== '@')
          .map(({ id, name = '', created }) => {
            const state = states.value.find((one) => one.id === id)
            return {
              id,
              name: settings.value.deviceNames[id] ?? name,
              added: created - skew,
              seen: state ? state.seen - skew : null,
              isConnected: state?.connected ?? false,
              isThis: id === me.device,
              isNew: known.value?.isNew.includes(id) ?? false,
            }
          })
          .toSorted((a, b) => Number(b.isThis) - Number(a.isThis) || b.added - a.added)
      }),
      refresh,
      seen: () => commands.devicesSeen(),
      isNameFine: (typed: string) => tooLongBy(displayName(typed)) === 0,
      /** Without a name it has the one again that it came with. */
      async rename(id: DeviceId, typed: string): Promise<void> {
        const name = displayName(typed)
        const { [id]: _, ...others } = settings.value.deviceNames
        const deviceNames = name === '' ? others : { ...others, [id]: name }
        await attempt(() => commands.changeSettings({ deviceNames }))
      },
      /** True when it is out. */
      async remove(id: DeviceId, secret: Secret): Promise<boolean> {
        const done = await attempt(async () => {
          await commands.removeDevice(id, await proofOf(secret))
          return true
        })
        return done ?? false
      },
      /** True when this is a device again. */
      async signInAgain(secret: Secret): Promise<boolean> {
        const done = await attempt(async () => {
          await commands.signInAgain(await proofOf(secret))
          return true
        })
        return done ?? false
      },
      /** True when it is gone; then nobody is signed in here any more. */
      async deleteAccount(secret: Secret): Promise<boolean> {
        const done = await attempt(async () => {
          await commands.deleteAccount(await proofOf(secret))
          return true
        })
        return done ?? false
      },
      /** What is wrong with the new password, or null; the same floor as at sign-up. */
      passwordProblem: (password: string) => passwordProblem(password, account.value?.user ?? ''),
      /** True when it holds. */
      async changePassword(secret: Secret, password: string): Promise<boolean> {
        const done = await attempt(async () => {
          const half = secret.slot === 'code' ? 0 : 0.5
          const proof = await proofOf(secret, 0, half)
          await commands.changePassword(proof, await rootOf('pw', password, half, 1))
          return true
        })
        return done ?? false
      },
      /** The new code, which exists nowhere else; undefined when there is none. */
      newRecoveryCode: (secret: Secret) =>
        attempt(async () => (await commands.newRecoveryCode(await proofOf(secret))).recoveryCode),
      clearFailure() {
        failure.value = null
      },
    }
  },
)
export type DevicesStore = InstanceType<typeof DevicesStore>
