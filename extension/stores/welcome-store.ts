/** Signing up and in: what was typed, what is being done about it, and what came of it. */
import { computed, createModel, effect, signal } from '@preact/signals'
import type { SlotName } from '#shared/account'
import type { UserId } from '#shared/ids'
import { canonicalName, nameProblem } from '#shared/names'
import type { Commands } from '../bus/commands.ts'
import type { Db } from '../db/db.ts'
import { passwordProblem, passwordStrength, type PasswordProblem } from './password.ts'
import { problemOf, type Problem } from './problem.ts'

/** Makes of the password (or the recovery code) what the relay may know something about: Argon2id, in this page. */
export type DeriveRoot = (input: {
  secret: string
  slot: SlotName
  relayId: string
  user: UserId
  /** From 0 to 1. */
  onProgress: (share: number) => void
}) => Promise<string>

/** `choice`: nothing was chosen yet. */
export type WelcomeMode = 'choice' | 'create' | 'sign-in'
export type NameProblem = NonNullable<ReturnType<typeof nameProblem>>
/** What is being done: it takes seconds, so it is told. */
export type Step = { type: 'relay' } | { type: 'password'; share: number } | { type: 'account' }

/** Survives the closing of the page. Never the password, nor the code. */
interface Typed {
  mode: WelcomeMode
  user: string
  relay: string
}
const viewKey = 'welcome'

const isTyped = (value: unknown): value is Typed =>
  typeof value === 'object' && value !== null && 'user' in value && 'relay' in value

/** `relay.example` is https, this machine is not: people leave the scheme out. */
export function relayAddress(typed: string): string {
  const text = typed.trim().replace(/\/+$/, '')
  if (text === '' || /^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return text
  return /^(localhost|127\.|\[::1\])/i.test(text) ? `http://${text}` : `https://${text}`
}

export const WelcomeStore = createModel(
  (db: Db, commands: Commands, derive: DeriveRoot, deviceName: string, defaultRelay: string) => {
    const mode = signal<WelcomeMode>('choice')
    const user = signal('')
    const relay = signal(defaultRelay)
    const password = signal('')
    const code = signal('')
    /** The invitation that this relay asks for; null while none is asked for. */
    const invite = signal<string | null>(null)
    /** With the recovery code instead of the password. */
    const useCode = signal(false)
    const step = signal<Step | null>(null)
    const failure = signal<Problem | null>(null)
    /** A new account, whose recovery code the person has yet to put somewhere safe. */
    const newAccount = signal<{ user: UserId; relay: string; code: string } | null>(null)
    /** Problems of fields are shown once it was tried: nobody is wrong while still typing. */
    const wasTried = signal(false)
    const isRestored = signal(false)

    void restore()
    async function restore() {
      const typed = (await db.views.get(viewKey).catch(() => undefined))?.value
      if (isTyped(typed) && user.peek() === '') {
        mode.value = typed.mode
        user.value = typed.user
        relay.value = typed.relay || defaultRelay
      }
      isRestored.value = true
    }

    effect(() => {
      const typed: Typed = { mode: mode.value, user: user.value, relay: relay.value }
      if (!isRestored.value) return
      // A convenience: where the database refuses, the page itself says so.
      void db.views.put({ key: viewKey, value: typed }).catch(() => {})
    })

    // Another relay may ask for none.
    effect(() => {
      void relay.value
      invite.value = null
    })

    // What was said about the last try is about what was typed then.
    effect(() => {
      void [mode.value, user.value, relay.value, password.value, code.value, useCode.value, invite.value]
      failure.value = null
    })

    const userProblem = computed((): NameProblem | null => (wasTried.value ? nameProblem(user.value) : null))
    const secretProblem = computed((): PasswordProblem | null => {
      if (!wasTried.value) return null
      if (mode.value === 'create') return passwordProblem(password.value, canonicalName(user.value))
      return (useCode.value ? code.value.trim() : password.value) === '' ? 'empty' : null
    })

    function switchTo(next: WelcomeMode) {
      mode.value = next
      useCode.value = false
      wasTried.value = false
    }

    async function submit() {
      if (step.value) return
      failure.value = null
      wasTried.value = true
      if (userProblem.value || secretProblem.value) return
      const name = canonicalName(user.value) as UserId // nameProblem has just said so
      const address = relayAddress(relay.value)
      const isNew = mode.value === 'create'
      const slot: SlotName = !isNew && useCode.value ? 'code' : 'pw'
      try {
        step.value = { type: 'relay' }
        const info = await commands.relayInfo(address)
        const { relayId } = info
        const typedInvite = invite.value?.trim() ?? ''
        if (isNew && info.invite === 'required' && typedInvite === '') {
          invite.value ??= '' // shows the field
          failure.value = { code: 'forbidden' }
          return
        }
        step.value = { type: 'password', share: 0 }
        const root = await derive({
          secret: slot === 'code' ? code.value.trim() : password.value,
          slot,
          relayId,
          user: name,
          onProgress: (share) => (step.value = { type: 'password', share }),
        })
        step.value = { type: 'account' }
        const input = { relay: address, relayId, user: name, root, deviceName }
        if (isNew) {
          const { recoveryCode } = await commands.signUp({
            ...input,
            ...(typedInvite !== '' && { invite: typedInvite }),
          })
          newAccount.value = { user: name, relay: address, code: recoveryCode }
        } else await commands.signIn({ ...input, slot })
        // Whoever signs out here begins anew; only the relay is worth remembering.
        user.value = ''
        password.value = ''
        code.value = ''
        invite.value = null
        switchTo('choice')
      } catch (error) {
        failure.value = problemOf(error)
      } finally {
        step.value = null
      }
    }

    return {
      mode,
      user,
      relay,
      password,
      code,
      invite,
      useCode,
      step,
      failure,
      newAccount,
      userProblem,
      secretProblem,
      strength: computed(() => (password.value === '' ? null : passwordStrength(password.value))),
      switchTo,
      submit,
      /** The person has it somewhere safe; from here on it exists there only. */
      codeSaved() {
        newAccount.value = null
      },
    }
  },
)
export type WelcomeStore = InstanceType<typeof WelcomeStore>
