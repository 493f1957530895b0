/**
 * Invitations to an invite-only relay: codes that an operator makes, each good for one account. They are rows of a
 * store of their own, so a backup has them too. Not to be confused with people's invite links (gate.ts).
 */
import { ProtocolError } from '#shared/errors'
import type { Millis, UserId } from '#shared/ids'
import type { Random, Store, Tx } from '../core/ports.ts'

export interface Invite {
  code: string
  createdAt: Millis
  expiresAt: Millis
  /** For the operator: whom it is for. */
  note?: string
  /** The name that it was used for, and when. */
  usedBy?: UserId
  usedAt?: Millis
}

export interface Invites {
  /**
   * Uses the code for this name; the same name may use it again, for an answer may be lost. Resolves with how to undo
   * it. @throws ProtocolError `forbidden` without a code, `item-not-found` for a wrong one, `gone` for a spent one
   */
  use(code: string | undefined, user: UserId): Promise<() => Promise<void>>
  create(days: number, note?: string): Promise<Invite>
  /** All of them, the newest first. */
  list(): Promise<Invite[]>
  /** False when there is no such code, or it was used. */
  revoke(code: string): Promise<boolean>
}

/** No letter or digit that is taken for another: people read codes to each other. */
const alphabet = '23456789abcdefghjkmnpqrstuvwxyz'
/** 79 bits: nobody finds one by trying. */
const groups = 4
const charsInGroup = 4
const day = 86_400_000
/** What was used or has expired is kept so long, for the operator to see. */
const keepDays = 90
const listMax = 10_000

const keyOf = (code: string) => `invite:${code}`

/** As people type it: in capitals, with spaces, without dashes. */
export function plainCode(typed: string): string {
  const chars = typed.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  return chars.match(new RegExp(`.{1,${charsInGroup}}`, 'g'))?.join('-') ?? ''
}

export function createInvites(store: Store, clock: () => Millis, random: Random): Invites {
  const all = async (tx: Tx) =>
    (await tx.list<Invite>({ prefix: 'invite:', limit: listMax })).map(([, invite]) => invite)

  return {
    async use(typed, user) {
      if (typed === undefined || typed.trim() === '')
        throw new ProtocolError('forbidden', 'by invitation only')
      const code = plainCode(typed)
      const isNew = await store.transact(async (tx) => {
        const invite = code.length > 100 ? undefined : await tx.get<Invite>(keyOf(code))
        if (!invite) throw new ProtocolError('item-not-found', 'no such code')
        if (invite.usedBy === user) return false
        if (invite.usedBy !== undefined || clock() >= invite.expiresAt)
          throw new ProtocolError('gone', 'the code was used, or is too old')
        tx.put(keyOf(code), { ...invite, usedBy: user, usedAt: clock() } satisfies Invite)
        return true
      })
      return async () => {
        if (!isNew) return
        await store.transact(async (tx) => {
          const { usedBy, usedAt: _, ...unused } = (await tx.get<Invite>(keyOf(code))) ?? {}
          if (usedBy === user) tx.put(keyOf(code), unused)
        })
      }
    },
    create: (days, note) =>
      store.transact(async (tx) => {
        const now = clock()
        const code = Array.from({ length: groups }, () =>
          Array.from({ length: charsInGroup }, () => alphabet[letter(random)]!).join(''),
        ).join('-')
        const invite = { code, createdAt: now, expiresAt: now + days * day, ...(note && { note }) }
        tx.put(keyOf(code), invite satisfies Invite)
        const old = (await all(tx)).filter(
          ({ expiresAt, usedAt = expiresAt }) => now > usedAt + keepDays * day,
        )
        for (const { code: past } of old.slice(0, 50)) tx.delete(keyOf(past))
        return invite
      }),
    list: async () => (await store.transact(all)).toSorted((a, b) => b.createdAt - a.createdAt),
    revoke: (typed) =>
      store.transact(async (tx) => {
        const code = plainCode(typed)
        const invite = code.length > 100 ? undefined : await tx.get<Invite>(keyOf(code))
        if (!invite || invite.usedBy !== undefined) return false
        tx.delete(keyOf(code))
        return true
      }),
  }
}

/** Each letter as likely as any other: bytes above the last whole multiple are thrown away. */
function letter(random: Random): number {
  const [byte] = random.bytes(1) as unknown as [number]
  return byte < 256 - (256 % alphabet.length) ? byte % alphabet.length : letter(random)
}
