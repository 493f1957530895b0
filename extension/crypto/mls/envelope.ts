/** What binds sealed content to the envelope around it: nothing that the device wrote there can be exchanged. */
import { sha256 } from '@noble/hashes/sha2.js'
import { fromBase64, tbs, toBase64 } from '#shared/bytes'
import type { Kind, Lists } from '#shared/frames'
import type { AccountId, DeviceId, EnvelopeId } from '#shared/ids'

/** Names what two accounts say to each other, the same from both sides; made by both, never sent. */
export function conversationOf(one: AccountId, other: AccountId): string {
  const pair = one < other ? [one, other] : [other, one]
  return toBase64(sha256(tbs('conv', ...pair)).slice(0, 16))
}

/** Whoever opens makes it again out of what came in and what it knows; nothing of it is sent for this purpose. */
export interface EnvelopeFacts {
  relayId: string
  id: EnvelopeId
  /** The message that it repeats for somebody who could not open it. */
  resendOf: EnvelopeId | undefined
  kind: Kind
  ratchet: Uint8Array
  from: { acct: AccountId; device: DeviceId }
  to: AccountId
  /** Both seen by the sender: `own` is the sender's list. */
  lists: Lists
}

/** The authenticated data of the MLS message: 32 bytes. */
export const envelopeAad = (facts: EnvelopeFacts): Uint8Array =>
  sha256(
    tbs(
      'env',
      fromBase64(facts.relayId),
      facts.id,
      facts.resendOf ?? '',
      facts.kind,
      facts.ratchet,
      conversationOf(facts.from.acct, facts.to),
      facts.from.acct,
      facts.from.device,
      facts.lists.own,
      facts.lists.peer,
    ),
  )
