/**
 * What a message that has come in may do to the screen: one decision, made here and nowhere else. The full table of
 * R-41 (prompt, quiet hours, several devices) comes to this function later.
 */
import type { Mode } from '#shared/frames'
import type { ViewState } from '../bus/commands.ts'
import type { Alert, Incoming, Words } from './ports.ts'

export interface Surroundings {
  /** Can a window be opened here without taking the keyboard? */
  canOpenUnfocused: boolean
  views: readonly ViewState[]
  /** Is somebody at this computer? */
  activity: 'active' | 'idle'
  mode: Mode
  muted: boolean
  /** How many came at once: a burst is one alert. */
  count: number
}

export function decide(news: Incoming, around: Surroundings, words: Words): Alert[] {
  const { peer, text, kind } = news
  if (around.muted || around.mode === 'dnd') return [] // the badge says enough
  const notification: Alert = {
    type: 'notification',
    peer,
    title: kind === 'knock' ? words.knock(peer) : words.title(peer),
    text: around.count > 1 ? words.many(around.count) : text,
  }
  // Strangers always knock: nothing of theirs opens a window.
  if (kind === 'knock') return [notification]
  const open = around.views.find((view) => view.page === 'chat' && view.peer === peer)
  if (open?.focused) return around.activity === 'active' ? [] : [notification]
  if (open)
    return open.minimised ? [{ type: 'attention', peer }, notification] : [{ type: 'attention', peer }]
  return around.canOpenUnfocused ? [{ type: 'window', peer }] : [notification]
}

/** What was waiting during an absence is no news: one summary of it, and no windows. */
export function decideLate(news: readonly Incoming[], mode: Mode, words: Words): Alert[] {
  const last = news.at(-1)
  if (!last || mode === 'dnd') return []
  const people = new Set(news.map(({ peer }) => peer)).size
  if (news.length === 1) {
    const title = last.kind === 'knock' ? words.knock(last.peer) : words.title(last.peer)
    return [{ type: 'notification', peer: last.peer, title, text: last.text }]
  }
  return [{ type: 'notification', peer: last.peer, title: words.missed(news.length, people), text: '' }]
}
