/** What is sealed inside an envelope. No relay may import this file: it never sees any of it. */
import * as v from 'valibot'
import { limits } from './limits.ts'

export const Content = v.variant('type', [
  v.object({
    type: v.literal('text'),
    text: v.pipe(
      v.string(),
      v.minLength(1),
      v.check((text) => characters(text) <= limits.messageCharsMax),
    ),
    /** One sitting of a conversation; a label, not a boundary. */
    session: v.optional(v.pipe(v.string(), v.maxLength(40))),
    /** By the writer's clock: shown only when it differs a lot from the relay's, orders nothing. */
    written: v.optional(v.number()),
  }),
  v.object({
    type: v.literal('knock'),
    text: v.pipe(
      v.string(),
      v.check((text) => characters(text) <= limits.knockCharsMax),
    ),
  }),
  v.object({ type: v.literal('accept') }),
])
export type Content = v.InferOutput<typeof Content>

/** How long people would say a text is: in code points. */
export const characters = (text: string): number => {
  let length = 0
  for (const _ of text) length++
  return length
}

/** Reads what came out of an envelope; null when it is nothing this version knows. */
export function parseContent(input: unknown): Content | null {
  const result = v.safeParse(Content, input)
  return result.success ? result.output : null
}
