/** What seldom happens and has to have happened in so many histories, or they are too harmless. */
import type { Mode } from './modes.ts'

const everywhere = [
  'crash before an event',
  'crash during a commit',
  'crash between effects',
  'hibernate',
  'disk full',
  'later lost',
  'alarm twice',
  'alarm lost',
  'call twice',
  'break',
  'device crash',
  'refuse',
  'clock set back',
  'newer device',
  'close 4409', // somebody took the place of a socket that nobody had noticed to be gone
  'close 4426',
  'reply confirmed',
  'reply presence',
  'error unexpected-request',
  'error not-acceptable',
  'error policy-violation',
]

const ofMode: Record<Mode, readonly string[]> = {
  plain: ['note', 'claimed', 'reply keys', 'trimmed'],
  restores: [
    'restore',
    'silent restore',
    'resync epoch',
    'resync mark',
    'resync ahead',
    'sends again',
    'known already',
    'no credit',
    'reply gap',
    'reply stale',
    'reply lane',
  ],
  knocks: [
    'error forbidden',
    'error not-allowed',
    'reply error item-not-found',
    'agreed buddies,buddies',
    'agreed asking,none',
    'agreed none,none',
  ],
  farewell: ['reply error gone', 'another life', 'resync floor'],
  engine: ['engine stores', 'engine death'],
}

/** So many seeds in a row are enough for all of it. */
export const enoughSeeds = 300

export function missing(counts: ReadonlyMap<string, number>): string[] {
  return [...everywhere, ...Object.values(ofMode).flat()].filter((word) => !counts.has(word))
}
