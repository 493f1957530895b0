import { expect, test } from 'vitest'
import type { UserId } from '#shared/ids'
import type { SessionRow } from '../../../extension/db/db.ts'
import { arrivals, defaultSettings } from '../../../extension/db/settings.ts'
import {
  asks,
  decide,
  decideKnock,
  decideLate,
  isQuietHour,
  moodOf,
  waitMsOf,
  type Circumstances,
  type Reaction,
} from '../../../extension/engine/alert.ts'

const [alice, bob] = ['alice' as UserId, 'bob' as UserId]
const minute = 60_000
const around = (change: Partial<Circumstances> = {}): Circumstances => ({
  activity: 'active',
  isQuiet: false,
  isMuted: false,
  window: 'none',
  arrival: 'window',
  mood: 'open',
  canOpenUnfocused: true,
  ...change,
})
const session = (change: Partial<SessionRow> = {}): SessionRow => ({
  id: 's1',
  by: bob,
  startTs: 0,
  lastTs: 0,
  ...change,
})

const windows = ['none', 'focused', 'behind', 'minimised'] as const
const moods = ['open', 'accepted', 'later', 'rejected'] as const
/** Everything there is. */
function* everything(): Generator<Circumstances> {
  for (const activity of ['active', 'idle'] as const)
    for (const isQuiet of [true, false])
      for (const isMuted of [true, false])
        for (const window of windows)
          for (const arrival of arrivals)
            for (const mood of moods)
              for (const canOpenUnfocused of [true, false])
                yield { activity, isQuiet, isMuted, window, arrival, mood, canOpenUnfocused }
}

test.each<[string, Partial<Circumstances>, Reaction[]]>([
  ['active, its window focused: nothing, it is read there', { window: 'focused' }, []],
  [
    'idle or locked, its window focused: nobody looks, so it is told',
    { window: 'focused', activity: 'idle' },
    ['notification', 'sound'],
  ],
  [
    'active elsewhere, its window open: the task bar and a sound',
    { window: 'behind' },
    ['attention', 'sound'],
  ],
  [
    'active elsewhere, its window minimised: a notification too',
    { window: 'minimised' },
    ['attention', 'notification', 'sound'],
  ],
  ['no window, window mode: it opens', {}, ['window', 'sound']],
  [
    'no window, window mode where it takes the keyboard: it opens, for somebody has chosen that',
    { canOpenUnfocused: false },
    ['window', 'sound'],
  ],
  ['no window, prompt mode: it asks', { arrival: 'prompt' }, ['prompt', 'sound']],
  [
    'no window, prompt mode where no window can open unfocused: a notification leads to it',
    { arrival: 'prompt', canOpenUnfocused: false },
    ['notification', 'sound'],
  ],
  ['no window, badge only: the badge', { arrival: 'badge' }, []],
  ['do not disturb, quiet hours or full screen, no window: the badge', { isQuiet: true }, []],
  ['do not disturb, window minimised: the badge', { isQuiet: true, window: 'minimised' }, []],
  ['a muted buddy: nothing', { isMuted: true, window: 'behind' }, []],
])('[R-41] %s', (_, change, reactions) => {
  expect(decide(around(change))).toEqual(reactions)
})

test.each<[string, Partial<Circumstances>, Reaction[]]>([
  ['accepted, and its window was closed: the window again', { mood: 'accepted' }, ['window', 'sound']],
  [
    'accepted, where a window would take the keyboard',
    { mood: 'accepted', canOpenUnfocused: false },
    ['notification', 'sound'],
  ],
  ['not now: only the badge', { mood: 'later' }, []],
  ['rejected: quietly, as unread', { mood: 'rejected' }, []],
])('[R-33] in prompt mode, %s', (_, change, reactions) => {
  expect(decide(around({ arrival: 'prompt', ...change }))).toEqual(reactions)
})

test('[R-44] a prompt opens only where it does not take the keyboard, a window there only by choice', () => {
  const stealing = [...everything()].filter((one) => {
    const reactions = decide(one)
    const isUnasked = reactions.includes('window') && one.arrival !== 'window'
    return !one.canOpenUnfocused && (reactions.includes('prompt') || isUnasked)
  })

  expect(stealing).toEqual([])
})

test('[R-41] nothing is shown or heard of what is muted or while it is quiet', () => {
  const loud = [...everything()].filter((one) => (one.isQuiet || one.isMuted) && decide(one).length > 0)

  expect(loud).toEqual([])
})

test('[R-43] nothing makes more than one sound, and a sound never comes alone', () => {
  const all = [...everything()].map(decide)

  expect(all.filter((reactions) => new Set(reactions).size < reactions.length)).toEqual([])
  expect(all.filter((reactions) => reactions.includes('sound') && reactions.length === 1)).toEqual([])
})

test('[R-13] a knock is a notification and a sound, and opens nothing', () => {
  expect(decideKnock(around())).toEqual(['notification', 'sound'])
  expect(decideKnock(around({ isQuiet: true }))).toEqual([])
  expect(decideKnock(around({ isMuted: true }))).toEqual([])
})

test('[R-41] after an absence there is one summary, no window and no sound', () => {
  expect(decideLate({ isQuiet: false }, 1)).toEqual(['notification'])
  expect(decideLate({ isQuiet: false }, 40)).toEqual(['notification'])
  expect(decideLate({ isQuiet: false }, 0)).toEqual([])
  expect(decideLate({ isQuiet: true }, 3)).toEqual([])
})

test('[R-33] whoever is not asked yet, in prompt mode, is asked; nobody else', () => {
  for (const one of everything()) {
    const expected = one.arrival === 'prompt' && one.mood === 'open' && !one.isQuiet && !one.isMuted
    expect(asks(one)).toBe(expected)
  }
})

test('[R-33] an answer holds until the session ends, "not now" for ten minutes', () => {
  const accepted = session({ answer: { what: 'accepted', at: 0 } })
  const later = session({ answer: { what: 'later', at: 0 } })

  expect(moodOf(undefined, 0)).toBe('open')
  expect(moodOf(session(), 5 * minute)).toBe('open')
  expect(moodOf(accepted, 5 * minute)).toBe('accepted')
  expect(moodOf(accepted, 60 * minute)).toBe('open') // a new session asks again
  expect(moodOf({ ...accepted, end: { by: bob, ts: 0, how: 'left' } }, minute)).toBe('open')
  expect(moodOf(later, 9 * minute)).toBe('later')
  expect(moodOf(later, 10 * minute)).toBe('open')
  expect(moodOf(session({ end: { by: alice, ts: 0, how: 'rejected' } }), 5 * minute)).toBe('rejected')
})

test.each([
  [null, 3, false],
  [{ from: 22 * 60, to: 7 * 60 }, 23, true],
  [{ from: 22 * 60, to: 7 * 60 }, 3, true],
  [{ from: 22 * 60, to: 7 * 60 }, 7, false],
  [{ from: 22 * 60, to: 7 * 60 }, 12, false],
  [{ from: 9 * 60, to: 17 * 60 }, 9, true],
  [{ from: 9 * 60, to: 17 * 60 }, 17, false],
])('[R-41] quiet hours %j at %i:00: %s', (hours, hour, is) => {
  expect(isQuietHour(hours, new Date(2026, 10, 25, hour, 0))).toBe(is)
})

test.each([
  ['here', 30, 0],
  ['active', 30, 30_000],
  ['active', 144, 144_000],
  ['idle', 30, 2000],
  ['active', 0, 0],
  ['idle', 0, 0],
] as const)('[R-42] lead %s, set to %i s: waits %i ms', (lead, otherDevicesWaitS, ms) => {
  expect(waitMsOf(lead, { ...defaultSettings, otherDevicesWaitS })).toBe(ms)
})
