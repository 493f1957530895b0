/**
 * Seals what goes out. For each conversation this device has a session of MLS in which it alone speaks; when the lists
 * of devices change, or it has served long enough, the next message opens another one. The new state and the message
 * are stored in one transaction, before anything leaves (the cryptography reference, §4.5).
 */
import { deviceListHash, type DeviceList } from '#shared/account'
import { fromBase64, toBase64 } from '#shared/bytes'
import type { Lists } from '#shared/frames'
import type { Millis, UserId } from '#shared/ids'
import { CommandError } from '../bus/commands.ts'
import { sealForMe } from '../crypto/for-me.ts'
import { membersOf, type Member } from '../crypto/mls/members.ts'
import { sealMessage } from '../crypto/mls/message.ts'
import { isSpent } from '../crypto/mls/renewal.ts'
import { open } from '../crypto/mls/session.ts'
import { Refusal } from '../crypto/refusal.ts'
import type { OutboxRow, RatchetOutRow } from '../db/db.ts'
import { isArchived, settingsOf } from '../db/settings.ts'
import type { Identities } from './identities.ts'
import { memberOf } from './key-pool.ts'
import type { OwnSecrets } from './own-keys.ts'
import type { Platform } from './ports.ts'
import type { Signed } from './state.ts'

export interface Sealed {
  payload: string
  lists?: Lists
  ratchet?: string
}

export interface Sealer {
  /**
   * Makes the bytes of a row and stores them by `write`, in one transaction with what making them has changed.
   * @throws CommandError with the room's code, or `unreachable`, where a new session was needed; Refusal
   */
  seal<T>(row: OutboxRow, write: (sealed: Sealed) => Promise<T>): Promise<T>
  /** Whether the session of this conversation has just been opened: nobody has its Welcome for certain yet. */
  isOpening(peer: UserId): Promise<boolean>
}

export interface SealerOptions {
  signed: Signed
  identities: Identities
  secrets(): Promise<OwnSecrets>
  relayNow(): Millis
  exclusively: Platform['exclusively']
}

export function createSealer({ signed, identities, secrets, relayNow, exclusively }: SealerOptions): Sealer {
  const { account, db, timers } = signed
  const tables = [db.outbox, db.messages, db.changes, db.ratchetsOut]

  /** The session to go on with; null when a new one has to be opened. */
  async function current(peer: UserId): Promise<RatchetOutRow | null> {
    const [out, own, theirs] = await Promise.all([
      db.ratchetsOut.get(peer),
      identities.known(account.user),
      identities.known(peer),
    ])
    if (!out || !own || !theirs) return null
    const newest = { own: deviceListHash(own), peer: deviceListHash(theirs) }
    const [before, now] = [out.mailboxes ?? { own: true, peer: true }, await mailboxesWith(peer)]
    if (before.own !== now.own || before.peer !== now.peer) return null
    return isSpent(out, newest, timers.now()) ? null : out
  }

  /** Whoever keeps no history leaves their mailbox device out, and is answered without it (§4.9). */
  const mailboxesWith = async (peer: UserId) => ({
    own: isArchived(await settingsOf(db), peer),
    peer: !(await db.identities.get(peer))?.hasNoMailbox,
  })

  /** Not stored yet: that happens together with the first message. */
  async function openNew(peer: UserId, seed: Uint8Array, invite?: string): Promise<RatchetOutRow> {
    const before = await db.ratchetsOut.get(peer)
    const theirs = await identities.claim(peer, invite)
    const mine = await identities.claim(account.user)
    const packages = new Map<string, string>([
      ...named(theirs.list, theirs.packages),
      ...named(mine.list, mine.packages),
    ])
    const self = memberOf(mine.list, account.device)
    const mailboxes = await mailboxesWith(peer)
    const isLeftOut = ({ acct, device }: Member) =>
      device === '@' && !(acct === self.acct ? mailboxes.own : mailboxes.peer)
    const others = membersOf(mine.list, theirs.list)
      .filter(({ acct, device }) => acct !== self.acct || device !== self.device)
      .filter((member) => !isLeftOut(member))
      .map((member) => ({ member, keyPackage: packages.get(`${member.acct}|${member.device}`) }))
    const missing = others.find(({ member, keyPackage }) => keyPackage === undefined && member.device !== '@')
    if (missing) throw new CommandError('resource-constraint', `no key package of ${missing.member.device}`)
    const opened = await open({
      self,
      seed,
      others: others.flatMap(({ member, keyPackage }) =>
        keyPackage === undefined ? [] : [{ member, keyPackage: fromBase64(keyPackage) }],
      ),
      now: relayNow(),
    })
    return {
      peer,
      rev: before?.rev ?? 0,
      ratchet: toBase64(opened.ratchet),
      state: opened.state,
      welcome: opened.welcome,
      lists: { own: deviceListHash(mine.list), peer: deviceListHash(theirs.list) },
      sealed: 0,
      openedAt: timers.now(),
      n: before?.n ?? 1,
      mailboxes,
    }
  }

  return {
    async seal(row, write) {
      const { id, peer, kind, content, bare, invite, resendOf } = row
      const { dsk, aks, list } = await secrets()
      if (bare) return db.transaction('rw', tables, () => write({ payload: '' }))
      if (peer === account.user) {
        const payload = await sealForMe(aks, account.acct, 'note', content)
        return db.transaction('rw', tables, () => write({ payload, lists: { own: list, peer: list } }))
      }
      return exclusively('seal', async () => {
        const seed = fromBase64(dsk)
        const known = await current(peer)
        const { out, state, payload } =
          (known && (await sealIn(known).catch(ifUnreadable))) ??
          (await sealIn(await openNew(peer, seed, invite)))
        return db.transaction('rw', tables, async () => {
          const now = await db.ratchetsOut.get(peer)
          // Two steps from one state would seal two messages with one key.
          if ((now?.rev ?? 0) !== out.rev) throw new Error('the session has moved on')
          await db.ratchetsOut.put({ ...out, state, rev: out.rev + 1, sealed: out.sealed + 1, n: out.n + 1 })
          return write({ payload, lists: out.lists, ratchet: out.ratchet })
        })

        async function sealIn(session: RatchetOutRow) {
          const to = (await identities.known(peer))!.acct
          const { relayId, acct, device } = account
          const { ratchet, welcome, lists, n } = session
          const sealed = await sealMessage({
            envelope: { relayId, id, kind, from: { acct, device }, to, lists },
            ...(resendOf && { resendOf }),
            n,
            content,
            session: { state: session.state, ratchet: fromBase64(ratchet), ...(welcome && { welcome }) },
            seed,
          })
          return { out: session, ...sealed }
        }
      })
    },
    async isOpening(peer) {
      return (await db.ratchetsOut.get(peer))?.welcome !== undefined
    },
  }
}

/** Stored by another version of the library, or damaged: the session is left, and the next one opened. */
function ifUnreadable(error: unknown): null {
  if (error instanceof Refusal && error.reason === 'state') return null
  throw error
}

const named = ({ acct }: DeviceList, packages: readonly { device: string; package: string }[]) =>
  packages.map((one): [string, string] => [`${acct}|${one.device}`, one.package])
