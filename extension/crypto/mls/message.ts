/** One message as a whole: content, session and envelope put together, and taken apart again. Pure, as session.ts. */
import type { EnvelopeId } from '#shared/ids'
import { envelopeAad, type EnvelopeFacts } from './envelope.ts'
import { decodeInner, encodeInner, type Inner } from './inner.ts'
import type { OwnKeyPackage } from './key-package.ts'
import type { Member } from './members.ts'
import { encodePayload, type Payload } from './payload.ts'
import { join, seal, unseal } from './session.ts'

/** What the device writes on the envelope and knows of it; the payload has the rest. */
export type Envelope = Omit<EnvelopeFacts, 'ratchet' | 'resendOf'>

export interface Sealing {
  envelope: Envelope
  resendOf?: EnvelopeId
  /** Numbered by this device, for this conversation. */
  n: number
  content: Inner['content']
  session: {
    state: Uint8Array
    ratchet: Uint8Array
    /** Until one envelope of the session is `stored`. */
    welcome?: Uint8Array
  }
  /** Of the device that seals (DSK). */
  seed: Uint8Array
}

/** @throws Refusal `too-large` when content and Welcome do not fit together; `state` */
export async function sealMessage({
  envelope,
  resendOf,
  n,
  content,
  session: { state: before, ratchet, welcome },
  seed,
}: Sealing): Promise<{ state: Uint8Array; payload: string }> {
  const inner = encodeInner({ mid: resendOf ?? envelope.id, n, content })
  const aad = envelopeAad({ ...envelope, ratchet, resendOf })
  const { state, ct } = await seal(before, seed, inner, aad)
  const payload = encodePayload({ ratchet, ct, ...(resendOf && { resendOf }), ...(welcome && { welcome }) })
  return { state, payload }
}

export interface Opening {
  /** `from` is who sent it, `lists.own` is that sender's list. */
  envelope: Envelope
  payload: Payload
  /** Of the two lists that the envelope names. */
  members: readonly Member[]
  /** The session as stored, or what to join it with: the payload's Welcome or the one kept from another envelope. */
  session: { state: Uint8Array } | { welcome: Uint8Array; keyPackage: OwnKeyPackage }
}

/** @throws Refusal of every kind that `join` and `unseal` have */
export async function openMessage({
  envelope,
  payload: { ratchet, resendOf, ct },
  members,
  session,
}: Opening): Promise<Inner & { state: Uint8Array }> {
  const common = { ratchet, owner: envelope.from, members }
  const before = 'state' in session ? session.state : await join({ ...common, ...session })
  const aad = envelopeAad({ ...envelope, ratchet, resendOf })
  const { state, content } = await unseal({ ...common, state: before, ct, aad })
  return { ...decodeInner(content, resendOf ?? envelope.id), state }
}
