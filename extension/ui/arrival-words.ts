/** Words for how messages arrive. */
import type { Buddy } from '../stores/buddy-list-store.ts'
import { say, type TextKey } from './text.ts'

const words: Record<NonNullable<Buddy['arrival']>, TextKey> = {
  window: 'arrivalWindow',
  prompt: 'arrivalPrompt',
  badge: 'arrivalBadge',
}

export const arrivalWord = (arrival: NonNullable<Buddy['arrival']>): string => say(words[arrival])

export const arrivals = ['window', 'prompt', 'badge'] as const
