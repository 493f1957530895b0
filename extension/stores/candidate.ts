/** What the text in the field would be as somebody new: a user name, or somebody's invite link. */
import type { AccountId, UserId } from '#shared/ids'
import { canonicalName, nameProblem, parseAddress } from '#shared/names'
import type { Relation } from '#shared/frames'
import { isLink, readInvite } from './invite.ts'

export type Candidate =
  | { type: 'person'; name: UserId }
  | { type: 'invite'; name: UserId; acct: AccountId; token: string }
  | {
      type: 'problem'
      problem: 'self' | 'other-relay' | 'known' | 'link' | NonNullable<ReturnType<typeof nameProblem>>
    }

interface Knowing {
  user: UserId | undefined
  relay: string | undefined
  relationTo: (peer: UserId) => Relation
}

export function candidateOf(typed: string, knowing: Knowing): Candidate | null {
  if (typed.trim() === '') return null
  return isLink(typed) ? fromLink(typed, knowing) : fromName(typed, knowing)
}

const wrong = (problem: Extract<Candidate, { type: 'problem' }>['problem']) =>
  ({ type: 'problem', problem }) as const

function fromLink(typed: string, { user, relay = '', relationTo }: Knowing): Candidate {
  const invite = readInvite(typed, relay)
  if (invite === 'wrong') return wrong('link')
  if (invite === 'other-relay') return wrong('other-relay')
  if (invite.user === user) return wrong('self')
  if (relationTo(invite.user) === 'buddies') return wrong('known')
  return { type: 'invite', name: invite.user, acct: invite.acct, token: invite.token }
}

function fromName(typed: string, { user, relay = '', relationTo }: Knowing): Candidate {
  const name = canonicalName(typed).replace(/^@/, '')
  const address = parseAddress(name)
  if (!address) return wrong(nameProblem(name.split('@')[0]!) ?? 'grammar')
  const ownHost = URL.canParse(relay) ? new URL(relay).hostname : null
  if (address.host !== null && address.host !== ownHost) return wrong('other-relay')
  if (address.user === user) return wrong('self')
  if (relationTo(address.user) !== 'none') return wrong('known')
  return { type: 'person', name: address.user }
}

/** What the list is to be filtered by meanwhile: of a link, whose it is. */
export function wantedIn(typed: string, candidate: Candidate | null): string {
  if (!isLink(typed)) return canonicalName(typed)
  return candidate?.type === 'invite' ? candidate.name : typed
}
