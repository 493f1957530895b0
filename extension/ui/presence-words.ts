/** Presence in words. */
import type { Millis } from '#shared/ids'
import type { Presence, Shown } from '../stores/presence.ts'
import { duration } from './format.ts'
import { say, type TextKey } from './text.ts'

const words: Record<Shown, TextKey> = {
  online: 'presenceOnline',
  idle: 'presenceIdle',
  away: 'presenceAway',
  dnd: 'presenceDnd',
  offline: 'presenceOffline',
  unknown: 'presenceUnknown',
}

export const showWord = (show: Shown): string => say(words[show])

/** "idle for 12 min" where it is known since when. */
export function presenceWords({ show, since }: Pick<Presence, 'show' | 'since'>, now: Millis): string {
  const idleMs = since === undefined ? 0 : now - since
  return show === 'idle' && idleMs >= 60_000 ? say('presenceIdleFor', duration(idleMs)) : showWord(show)
}
