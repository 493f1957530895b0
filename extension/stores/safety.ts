/** Whether somebody is who they were: the number to compare, the mark that it was, and another account in their place. */
import { computed, signal, type ReadonlySignal } from '@preact/signals'
import type { UserId } from '#shared/ids'
import type { Commands } from '../bus/commands.ts'
import type { IdentityRow } from '../db/db.ts'
import type { Settings } from '../db/settings.ts'
import { attempting, type Problem } from './problem.ts'

type Known = Awaited<ReturnType<Commands['safetyNumber']>>

interface Surroundings {
  peer: UserId
  commands: Commands
  identity: ReadonlySignal<IdentityRow | undefined>
  settings: ReadonlySignal<Settings>
}

export function safety({ peer, commands, identity, settings }: Surroundings) {
  const number = signal<Known | null>(null)
  const problem = signal<Problem | null>(null)
  const attempt = attempting(problem)
  const verified = computed(() => settings.value.buddies[peer]?.verified)

  return {
    /** To compare; null until it has been worked out. */
    number,
    problem,
    isVerified: computed(() => identity.value !== undefined && verified.value === identity.value.acct),
    /** Another account has taken the name, and nothing is sent until the person has decided (§4.4). */
    isOther: computed(() => identity.value?.other !== undefined),
    async load() {
      number.value = null
      await attempt(async () => {
        number.value = await commands.safetyNumber(peer)
      })
    },
    /** "It is the same on both sides", or not any more. */
    verify(isSame: boolean) {
      const acct = isSame ? number.peek()?.acct : null
      return attempt(async () => {
        if (acct !== undefined) await commands.changeSettings({ buddies: { [peer]: { verified: acct } } })
      })
    },
    /** Goes on with the account whose number was shown. */
    trust() {
      return attempt(async () => {
        if (number.peek()?.isOther) await commands.trustAccount(peer, number.peek()!.acct)
      })
    },
  }
}
export type Safety = ReturnType<typeof safety>
