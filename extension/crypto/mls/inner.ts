/** The JSON that is sealed: the content, and what numbers it. What content there is, `#shared/content` says. */
import * as v from 'valibot'
import { utf8 } from '#shared/bytes'
import type { EnvelopeId } from '#shared/ids'
import { count, envelopeId } from '#shared/schema'
import { Refusal } from '../refusal.ts'

const Inner = v.looseObject({
  v: v.literal(1),
  /** The message's id: that of its first envelope, also where it is sealed and sent again. */
  mid: envelopeId,
  /** Counts what this device has said in this conversation: whoever opens it sees a gap. */
  n: count,
  type: v.string(),
})

export interface Inner {
  mid: EnvelopeId
  n: number
  /** Not checked here: give it to `parseContent`. */
  content: { type: string }
}

export const encodeInner = ({ mid, n, content }: Inner): Uint8Array =>
  utf8(JSON.stringify({ ...content, v: 1, mid, n }))

/** @throws Refusal `malformed`, `envelope` when it is not the message that the envelope promises */
export function decodeInner(bytes: Uint8Array, mid: EnvelopeId): Inner {
  let input: unknown
  try {
    input = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new Refusal('malformed', 'not JSON', { cause })
  }
  const result = v.safeParse(Inner, input)
  if (!result.success) throw new Refusal('malformed', 'not a numbered content')
  const { v: _, mid: inside, n, ...content } = result.output
  if (inside !== mid) throw new Refusal('envelope', `message ${inside} in the place of ${mid}`)
  return { mid, n, content }
}
