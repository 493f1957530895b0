/**
 * Who may knock: the owner's gate for strangers. It asks nothing about blocks and rejections, so that its answer tells
 * nothing about them. Whom it lets pass may still be met with silence (lane-in.ts).
 */
import { hashOf } from '#shared/account'
import { fromBase64 } from '#shared/bytes'
import type { Item } from './ports.ts'
import { rosterSize } from './roster.ts'
import type { Turn } from './turn.ts'

/** `knock`: like any knock. `invited`: buddies at once. `unseen`: as if nobody had that name. */
export type Passage = 'knock' | 'invited' | 'forbidden' | 'unseen'

export function passageOf(turn: Turn, { invite, payload }: Pick<Item, 'invite' | 'payload'>): Passage {
  const { reach, invite: wanted } = turn.meta.policy
  const isInvited = invite !== undefined && hashOf(fromBase64(invite)) === wanted
  const { rosterMax } = turn.env.settings.announced
  if (isInvited && rosterSize(turn.meta) < rosterMax) return 'invited'
  if (reach === 'invite') return 'unseen'
  // Without a text there is nothing in it that a stranger could want to be read.
  return reach === 'buddies' && payload !== '' ? 'forbidden' : 'knock'
}
