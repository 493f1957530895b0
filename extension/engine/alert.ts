/**
 * What a message that has come in may do to the screen: one decision, made here and nowhere else. Pure: what is
 * so, is asked by alerting.ts, and the browser does what comes out.
 */
import type { Millis } from '#shared/ids'
import type { SessionRow } from '../db/db.ts'
import { isOpen } from '../db/sessions.ts'
import type { Arrival, Settings } from '../db/settings.ts'

/** What is shown or heard. The badge is no part of it: it always tells the truth. */
export type Reaction = 'window' | 'prompt' | 'attention' | 'notification' | 'sound'

/** What I have said about this sitting, as far as it matters for being disturbed. */
export type Mood = 'open' | 'accepted' | 'later' | 'rejected'

export interface Circumstances {
  /** Is somebody at this computer? */
  activity: 'active' | 'idle'
  /** Do not disturb, quiet hours, or the browser fills the screen. */
  isQuiet: boolean
  isMuted: boolean
  /** The conversation's window. */
  window: 'none' | 'focused' | 'behind' | 'minimised'
  /** As chosen for this buddy, in general, or by the browser. */
  arrival: Arrival
  mood: Mood
  /** Can a window be opened here without taking the keyboard? */
  canOpenUnfocused: boolean
}

/** "Not now" holds for so long (§5.3). */
const laterMs = 10 * 60_000

/** The table of R-41, from the top: the first row that fits decides. */
export function decide(around: Circumstances): Reaction[] {
  const { activity, isQuiet, isMuted, window, arrival, mood, canOpenUnfocused } = around
  if (isQuiet || isMuted) return []
  if (window === 'focused') return activity === 'active' ? [] : ['notification', 'sound']
  if (window === 'minimised') return ['attention', 'notification', 'sound']
  if (window === 'behind') return ['attention', 'sound']
  if (arrival === 'badge' || mood === 'later' || mood === 'rejected') return []
  // Where a window takes the keyboard, it opens only because the person has chosen that, knowing it.
  if (arrival === 'window') return ['window', 'sound']
  if (!canOpenUnfocused) return ['notification', 'sound']
  return mood === 'accepted' ? ['window', 'sound'] : ['prompt', 'sound']
}

/** A stranger never opens anything: a notification, and a sound at most once an hour. */
export const decideKnock = ({ isQuiet, isMuted }: Pick<Circumstances, 'isQuiet' | 'isMuted'>): Reaction[] =>
  isQuiet || isMuted ? [] : ['notification', 'sound']

/** What was waiting during an absence is no news: one summary for all of it, no windows and no sound. */
export const decideLate = ({ isQuiet }: Pick<Circumstances, 'isQuiet'>, messages: number): Reaction[] =>
  isQuiet || messages === 0 ? [] : ['notification']

/** Whether this message asks first: then the prompt is stored with it, and every page can show it. */
export const asks = ({ isQuiet, isMuted, arrival, mood }: Omit<Circumstances, 'window' | 'activity'>) =>
  !isQuiet && !isMuted && arrival === 'prompt' && mood === 'open'

/** Who began it myself, or has answered, is not asked again; "not now" holds for ten minutes. */
export function moodOf(session: SessionRow | undefined, now: Millis): Mood {
  if (session?.end?.how === 'rejected') return 'rejected'
  if (!isOpen(session, now) || !session.answer) return 'open'
  if (session.answer.what === 'accepted') return 'accepted'
  return now - session.answer.at < laterMs ? 'later' : 'open'
}

/** By the clock on this device's wall; from 22:00 to 07:00 goes over midnight. */
export function isQuietHour(quietHours: Settings['quietHours'], at: Date): boolean {
  if (!quietHours) return false
  const { from, to } = quietHours
  const minute = at.getHours() * 60 + at.getMinutes()
  return from <= to ? minute >= from && minute < to : minute >= from || minute < to
}

/** How long this device waits, because the person may be at another one. */
export function waitMsOf(lead: 'here' | 'active' | 'idle', { otherDevicesWaitS }: Settings): number {
  if (lead === 'here') return 0
  return lead === 'active' ? otherDevicesWaitS * 1000 : Math.min(2000, otherDevicesWaitS * 1000)
}
