/** Who is on the list, and who may come near: knocks, answers to them, invite links. */
import { toBase64 } from '#shared/bytes'
import { hashOf } from '#shared/account'
import type { UserId } from '#shared/ids'
import { CommandError, type Commands } from '../bus/commands.ts'
import { settingsOf } from '../db/settings.ts'
import { checkAccount } from './accounts.ts'
import { enqueue, type Desk } from './desk.ts'
import { changeSettings } from './preferences.ts'
import { trustAccount } from './safety-commands.ts'

type Names = 'knock' | 'accept' | 'roster' | 'setPolicy' | 'newInvite' | 'dropInvite'

export function peopleCommands(desk: Desk): Pick<Commands, Names> {
  const { db, http, timers, needed, guarded } = desk

  /** What I call myself, if anything. */
  async function ownName(): Promise<{ name?: string }> {
    const { displayName } = await guarded(() => settingsOf(db))
    return displayName === '' ? {} : { name: displayName }
  }

  /** The name in the link may have become somebody else's: then nobody knocks there. */
  async function pin(peer: UserId, acct: Parameters<typeof checkAccount>[3]): Promise<void> {
    const { account, settingsChanged } = await needed()
    const known = (await guarded(() => settingsOf(db))).pins[peer]
    if (known !== undefined && known !== acct)
      throw new CommandError('conflict', 'another account than before')
    await checkAccount(http, account.relay, peer, acct)
    await guarded(async () => {
      const { pins } = await settingsOf(db)
      await changeSettings(db, { pins: { ...pins, [peer]: acct } })
    })
    settingsChanged()
  }

  return {
    async knock(peer, { text = '', reason, page, bare, invite }) {
      if (invite) await pin(peer, invite.acct)
      const content = {
        type: 'knock' as const,
        text,
        ...(reason && { reason }),
        ...(page && { page }),
        ...(await ownName()),
      }
      await enqueue(desk, peer, 'knock', content, {
        ...(bare && { bare }),
        ...(invite && { invite: invite.token }),
      })
    },
    async accept(peer) {
      // Whose knock it is has been said with it; so the answer goes to that account. A buddy's is decided elsewhere.
      const [identity, roster] = await guarded(() =>
        Promise.all([db.identities.get(peer), db.roster.get(peer)]),
      )
      if (identity?.other && roster?.relation === 'asked') {
        await trustAccount(desk, peer, identity.other.acct)
      }
      await enqueue(desk, peer, 'accept', { type: 'accept', ...(await ownName()) })
    },
    async roster(peer, operation) {
      await (await needed()).requests.ask({ type: 'roster', peer, operation })
    },
    async setPolicy(policy) {
      await (await needed()).requests.ask({ type: 'policy', ...policy })
    },
    async newInvite() {
      const { requests, settingsChanged } = await needed()
      const bytes = crypto.getRandomValues(new Uint8Array(16))
      await requests.ask({ type: 'policy', invite: hashOf(bytes) })
      const invite = { token: toBase64(bytes), at: timers.now() }
      await guarded(() => changeSettings(db, { invite }))
      settingsChanged()
    },
    async dropInvite() {
      const { requests, settingsChanged } = await needed()
      await requests.ask({ type: 'policy', invite: null })
      await guarded(() => changeSettings(db, { invite: null }))
      settingsChanged()
    },
  }
}
