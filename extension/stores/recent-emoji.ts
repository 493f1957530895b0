/** Emoji that were used here lately, the last one first. Local to this device. */
import type { Db } from '../db/db.ts'
import { live } from '../db/live.ts'
import { isEmoji } from './reactions.ts'

const key = 'emoji:recent'
const recentMax = 24

export function recentEmoji(db: Db) {
  const recent = live(async () => emojiIn((await db.views.get(key))?.value), [] as string[])
  return {
    recent,
    /** That it is not remembered is no reason to disturb anybody. */
    async use(emoji: string) {
      const value = [emoji, ...recent.peek().filter((other) => other !== emoji)].slice(0, recentMax)
      await db.views.put({ key, value }).catch(() => {})
    },
  }
}

const emojiIn = (value: unknown): string[] =>
  Array.isArray(value)
    ? value.filter((item): item is string => typeof item === 'string' && isEmoji(item))
    : []
