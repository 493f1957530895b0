/** What is sealed inside an envelope. No relay may import this file: it never sees any of it. */
import * as v from 'valibot'
import { sealedBytesMax } from './blobs.ts'
import { limits } from './limits.ts'
import { blobId, blob as base64, bytes, count, envelopeId, userId } from './schema.ts'

/** How long people would say a text is: in code points. */
export const characters = (text: string): number => {
  let length = 0
  for (const _ of text) length++
  return length
}

const atMost = (charsMax: number) =>
  v.pipe(
    v.string(),
    v.check((text) => characters(text) <= charsMax),
  )
const messageText = v.pipe(v.string(), v.minLength(1), atMost(limits.messageCharsMax))

/** Which message is meant: an id is unique together with who wrote it. */
export const Target = v.object({ from: userId, id: envelopeId })
export type Target = v.InferOutput<typeof Target>

/** One sitting of a conversation; a label, not a boundary. */
const session = v.pipe(v.string(), v.maxLength(40))
/** As chosen by its owner, so never shown alone. */
const displayName = atMost(limits.displayNameCharsMax)

/** A file that lies sealed at the relay (age, a key of its own). */
const fileFields = v.object({
  blob: blobId,
  /** The age identity that opens it. */
  key: v.pipe(v.string(), v.regex(/^AGE-SECRET-KEY-PQ-1[02-9AC-HJ-NP-Z]{58}$/)),
  /** Of what lies at the relay, sealed: how much it is, and its SHA-256. */
  sealedBytes: count,
  sha256: bytes(32),
  /** When it goes. */
  until: count,
  /** As its sender named it, so never believed: shown through stores/file-names.ts only. */
  name: v.pipe(v.string(), atMost(limits.fileNameCharsMax)),
  mime: v.pipe(v.string(), v.maxLength(100)),
  bytes: count,
  /** Of a picture, as it is shown: its box is reserved before it is here. */
  width: v.optional(v.pipe(count, v.minValue(1), v.maxValue(100_000))),
  height: v.optional(v.pipe(count, v.minValue(1), v.maxValue(100_000))),
  /** Of a picture: a small JPEG or WebP. */
  thumbnail: v.optional(base64(Math.ceil((limits.thumbnailBytesMax * 4) / 3))),
})
export const OfferedFile = v.pipe(
  fileFields,
  // Whoever says that it is small must not make others fetch something large.
  v.check(({ bytes: plain, sealedBytes }) => sealedBytes > plain && sealedBytes <= sealedBytesMax(plain)),
)
export type OfferedFile = v.InferOutput<typeof OfferedFile>

export const Content = v.variant('type', [
  v.object({
    type: v.literal('text'),
    text: messageText,
    session: v.optional(session),
    /** By the writer's clock: shown only when it differs a lot from the relay's, orders nothing. */
    written: v.optional(v.number()),
    /** What it answers, with the beginning of its text: the answered message may not be here. */
    reply: v.optional(v.object({ ...Target.entries, text: atMost(limits.quoteCharsMax) })),
  }),
  v.object({
    type: v.literal('file'),
    file: OfferedFile,
    /** The caption; may be empty. */
    text: atMost(limits.captionCharsMax),
    session: v.optional(session),
    written: v.optional(v.number()),
  }),
  /** A new text for a message of one's own. `id` is always the original one. */
  v.object({ type: v.literal('edit'), id: envelopeId, text: messageText }),
  /** Takes a message of one's own back, on all devices of both. */
  v.object({ type: v.literal('retract'), id: envelopeId }),
  /** One for each person and message: a later one replaces it, an empty one takes it away. */
  v.object({ type: v.literal('reaction'), target: Target, emoji: v.pipe(v.string(), v.maxLength(32)) }),
  /** Who ends a session for themselves, or does not want to have it at all (§5.3). */
  v.object({
    type: v.literal('leave'),
    session,
    how: v.picklist(['left', 'rejected']),
    note: v.optional(atMost(limits.statusCharsMax)),
  }),
  v.object({
    type: v.literal('knock'),
    text: atMost(limits.knockCharsMax),
    /** What it is about, in a few words. */
    reason: v.optional(atMost(40)),
    /** The address of a page it is about. Never a link: it is shown as text. */
    page: v.optional(v.pipe(v.string(), v.maxLength(500))),
    name: v.optional(displayName),
  }),
  v.object({ type: v.literal('accept'), name: v.optional(displayName) }),

  /** Could not open these: whoever wrote them seals them once more. */
  v.object({ type: v.literal('resend-request'), mids: v.pipe(v.array(envelopeId), v.maxLength(50)) }),

  // To oneself: what all of one's own devices have to know. From anybody else these mean nothing.

  /** A prompt was answered here: no other device asks any more (§5.3). */
  v.object({
    type: v.literal('own-answer'),
    peer: userId,
    session,
    answer: v.picklist(['accepted', 'later']), // a rejection goes to the peer, and so to all devices
  }),
  /** "Delete for me": of any age, and only here. */
  v.object({ type: v.literal('own-hide'), peer: userId, targets: v.pipe(v.array(Target), v.maxLength(100)) }),
  /** A dot that stays until the conversation is opened. */
  v.object({ type: v.literal('own-unread'), peer: userId, on: v.boolean() }),
])
export type Content = v.InferOutput<typeof Content>
export type ContentOf<Type extends Content['type']> = Extract<Content, { type: Type }>

/** Changes what was said, and is no message of its own. */
export const isChange = (
  content: Content | null,
): content is ContentOf<'edit'> | ContentOf<'retract'> | ContentOf<'reaction'> =>
  content?.type === 'edit' || content?.type === 'retract' || content?.type === 'reaction'

/** Reads what came out of an envelope; null when it is nothing this version knows. */
export function parseContent(input: unknown): Content | null {
  const result = v.safeParse(Content, input)
  return result.success ? result.output : null
}
