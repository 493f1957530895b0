/** What both people think of a message, in pictures. */
import type { UserId } from '#shared/ids'
import type { MessageRow } from '../db/db.ts'

export interface Reaction {
  emoji: string
  isMine: boolean
  isTheirs: boolean
}

/** One that browsers know as a picture: anything else that somebody sends as a reaction is not shown. */
const oneEmoji = /^\p{RGI_Emoji}$/v
export const isEmoji = (text: string): boolean => oneEmoji.test(text)

/** Each picture once, the older one first. */
export function reactionsOf(reactions: MessageRow['reactions'], me: UserId): Reaction[] {
  const shown: Reaction[] = []
  const given = Object.entries(reactions ?? {}).toSorted(([, a], [, b]) => a.ts - b.ts)
  for (const [from, { emoji }] of given) {
    if (!isEmoji(emoji)) continue
    const known = shown.find((other) => other.emoji === emoji)
    const reaction = known ?? { emoji, isMine: false, isTheirs: false }
    if (from === me) reaction.isMine = true
    else reaction.isTheirs = true
    if (!known) shown.push(reaction)
  }
  return shown
}
