/** Who somebody is: comparing, deciding about another account, and asking for what could not be opened. */
import { fromBase64 } from '#shared/bytes'
import type { AccountId, UserId } from '#shared/ids'
import { CommandError, type Commands } from '../bus/commands.ts'
import { Refusal } from '../crypto/refusal.ts'
import { safetyNumber } from '../crypto/safety-number.ts'
import { flush, type Desk } from './desk.ts'
import { believe } from './other-account.ts'
import { askAgain } from './unopened.ts'

type Names = 'safetyNumber' | 'trustAccount' | 'askForMessage'

export function safetyCommands(desk: Desk): Pick<Commands, Names> {
  const { db, timers, needed, guarded } = desk

  /** As pinned: it is not asked for anew, but for somebody who was never written to. */
  async function listOf(peer: UserId) {
    const { identities } = await needed()
    const { other } = (await guarded(() => db.identities.get(peer))) ?? {}
    if (other) return { list: (await guarded(() => db.lists.get(other.hash)))!.list, isOther: true }
    const known = await guarded(() => identities.known(peer))
    try {
      return { list: known ?? (await identities.refresh(peer)), isOther: false }
    } catch (error) {
      if (error instanceof Refusal) throw new CommandError('inconsistent-keys', error.message)
      throw error
    }
  }

  return {
    async safetyNumber(peer) {
      const { identities, account } = await needed()
      const own = (await guarded(() => identities.known(account.user)))!
      const { list, isOther } = await listOf(peer)
      const number = safetyNumber(fromBase64(own.aik), fromBase64(list.aik))
      return { ...number, acct: list.acct, isOther }
    },
    trustAccount: (peer, acct) => trustAccount(desk, peer, acct),
    async askForMessage(peer, id) {
      await needed()
      if (await guarded(() => askAgain({ db, timers }, [{ peer, mid: id }]))) await flush(desk)
    },
  }
}

export async function trustAccount(
  { db, needed, guarded }: Desk,
  peer: UserId,
  acct: AccountId,
): Promise<boolean> {
  const { relayNow, settingsChanged, tryAgain } = await needed()
  const isDone = await guarded(() => believe(db, peer, acct, relayNow()))
  if (!isDone) return false
  settingsChanged()
  await tryAgain()
  return true
}
