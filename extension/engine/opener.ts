/**
 * Opens what comes in, before it is stored: states of sessions are carried along in memory and stored in the same
 * transaction as the messages, so whoever dies in between finds everything as it was and opens it again. What no
 * session of this device opens, the mailbox device may (the cryptography reference, §4.6).
 */
import { toBase64 } from '#shared/bytes'
import { parseContent, type Content } from '#shared/content'
import type { EntryOf } from '#shared/frames'
import type { EnvelopeId, Seq, UserId } from '#shared/ids'
import { openForMe } from '../crypto/for-me.ts'
import { refsIn } from '../crypto/mls/key-package.ts'
import { membersOf } from '../crypto/mls/members.ts'
import { openMessage, type Opening } from '../crypto/mls/message.ts'
import { hasMailbox } from '../crypto/mls/session.ts'
import { decodePayload, type Payload } from '../crypto/mls/payload.ts'
import { Refusal } from '../crypto/refusal.ts'
import type { KeyPackageRow, WelcomeRow } from '../db/db.ts'
import { find } from './changes.ts'
import type { Identities } from './identities.ts'
import type { Signed } from './state.ts'

type Envelope = Pick<
  EntryOf<'message'>,
  'peer' | 'direction' | 'id' | 'kind' | 'payload' | 'device' | 'lists'
> & { seq?: Seq }

export interface Opened {
  /** Null for what cannot be opened, or is of this device's own making: then it is known already. */
  content: Content | null
  /** With null: it was opened, and is nothing that this version knows. */
  unknown?: unknown
  /** The message's id: another one than the envelope's where it was sealed and sent again. */
  mid: EnvelopeId
}

export interface Opener {
  /** One after the other, in their order. @throws CommandError `unreachable` when a list had to be asked for */
  open(envelope: Envelope): Promise<Opened>
  /** What opening them has changed: in the transaction that stores the messages. */
  store(): Promise<void>
}

export interface OpenerOptions {
  signed: Signed
  identities: Identities
  archiveKey(e: number): Promise<string | undefined>
}

/** For one batch of entries: it is thrown away when they could not be stored. */
export function createOpener({ signed, identities, archiveKey }: OpenerOptions): Opener {
  const { account, db, timers } = signed
  const states = new Map<string, { rev: number; state: Uint8Array }>()
  const welcomes = new Map<string, Pick<WelcomeRow, 'welcome' | 'seq' | 'peer'>>()
  const used = new Set<string>()
  /** Who has left their mailbox device out of the newest session that they opened, or taken it in again. */
  const mailboxes = new Map<UserId, { acct: string; isIn: boolean }>()

  async function open(envelope: Envelope): Promise<Opened> {
    const { peer, direction, id, kind, payload, device, seq } = envelope
    if (peer === account.user) return { content: await openNote(payload), mid: id }
    if (payload === '') return { content: kind === 'knock' ? { type: 'knock', text: '' } : null, mid: id }
    let sealed: Payload
    try {
      sealed = decodePayload(payload)
    } catch {
      return { content: null, mid: id }
    }
    const ratchet = toBase64(sealed.ratchet)
    // Kept whoever it is for: who joins late finds it here.
    const { welcome } = sealed
    if (welcome && !welcomes.has(ratchet) && (await db.welcomes.get(ratchet)) === undefined) {
      welcomes.set(ratchet, { welcome, peer, ...(seq !== undefined && { seq }) })
    }
    const mid = sealed.resendOf ?? id
    const from = direction === 'out' ? account.user : peer
    if (direction === 'out' && device === account.device) return { content: null, mid }
    const known = (await find(db, from, mid))?.row
    if (known && (known.content || known.removed)) return { content: known.content, mid }
    return { ...(await openSealed(envelope, sealed, ratchet)), mid }
  }

  async function openNote(payload: string): Promise<Content | null> {
    try {
      return parseContent(await openForMe(archiveKey, account.acct, 'note', payload))
    } catch (error) {
      if (error instanceof Refusal) return null
      throw error
    }
  }

  async function openSealed(
    envelope: Envelope,
    payload: Payload,
    ratchet: string,
  ): Promise<Omit<Opened, 'mid'>> {
    try {
      const common = await circumstancesOf(envelope, payload)
      if (!common) return { content: null }
      const { content, state } = (await asMember(common, ratchet)) ?? (await asMailbox(common, ratchet))
      if (payload.welcome && envelope.direction === 'in' && envelope.seq !== undefined) {
        const { acct } = common.envelope.from
        mailboxes.set(envelope.peer, { acct, isIn: hasMailbox(state, acct) })
      }
      const parsed = parseContent(content)
      return parsed ? { content: parsed } : { content: null, unknown: content ?? null }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      console.warn(`${envelope.id} of ${envelope.peer}: ${error.message}`)
      return { content: null }
    }
  }

  /** The lists that the envelope names, and what follows from them. */
  async function circumstancesOf(
    { peer, direction, id, kind, device, lists }: Envelope,
    payload: Payload,
  ): Promise<Omit<Opening, 'session'> | null> {
    if (!lists || device === undefined) return null
    const [sender, receiver]: [UserId, UserId] =
      direction === 'out' ? [account.user, peer] : [peer, account.user]
    // Another account under a known name may knock, and nothing else, until a person has decided about it.
    const senders = await identities.listOf(sender, lists.own, kind === 'knock')
    const receivers = senders && (await identities.listOf(receiver, lists.peer))
    if (!senders || !receivers) return null
    return {
      envelope: {
        relayId: account.relayId,
        id,
        kind,
        from: { acct: senders.acct, device },
        to: receivers.acct,
        lists,
      },
      payload,
      members: membersOf(senders, receivers),
    }
  }

  /** By the session as it is here, or by joining it; null where this device is no member or has lost it. */
  async function asMember(common: Omit<Opening, 'session'>, ratchet: string) {
    const known = states.get(ratchet) ?? (await db.ratchetsIn.get(ratchet))
    const own = known ? null : await packageIn(ratchet, account.device)
    if (!known && !own) return null
    try {
      const session = known ? { state: known.state } : { welcome: own!.welcome, keyPackage: own!.row }
      const inner = await openMessage({ ...common, session })
      states.set(ratchet, { rev: (known?.rev ?? 0) + 1, state: inner.state })
      if (own && !own.row.isLastResort) used.add(own.row.ref)
      return inner
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return null
    }
  }

  /** As the account's mailbox: neither of its states is kept. @throws Refusal when it cannot either */
  async function asMailbox(common: Omit<Opening, 'session'>, ratchet: string) {
    const own = await packageIn(ratchet, '@')
    if (!own) throw new Refusal('not-for-us', 'no member, and no mailbox')
    return openMessage({ ...common, session: { welcome: own.welcome, keyPackage: own.row } })
  }

  async function packageIn(
    ratchet: string,
    device: string,
  ): Promise<{ welcome: Uint8Array; row: KeyPackageRow } | null> {
    const welcome = (welcomes.get(ratchet) ?? (await db.welcomes.get(ratchet)))?.welcome
    if (!welcome) return null
    for (const ref of refsIn(welcome)) {
      const row = await db.keyPackages.get(ref)
      if (row?.device === device) return { welcome, row }
    }
    return null
  }

  return {
    open,
    async store() {
      const at = timers.now()
      await db.ratchetsIn.bulkPut(
        [...states].map(([ratchet, { rev, state }]) => ({ ratchet, rev, state, usedAt: at })),
      )
      await db.welcomes.bulkPut([...welcomes].map(([ratchet, welcome]) => ({ ratchet, ...welcome, at })))
      await db.keyPackages.bulkDelete([...used])
      for (const [peer, { acct, isIn }] of mailboxes) {
        await db.identities
          .where('peer')
          .equals(peer)
          .and((row) => row.acct === acct)
          .modify((row) => {
            if (isIn) delete row.hasNoMailbox
            else row.hasNoMailbox = true
          })
      }
    },
  }
}
