/** Everybody on the buddy list, as one row shows them. */
import type { Millis, UserId } from '#shared/ids'
import type { ConnectionRow, Db } from '../db/db.ts'
import { settingsOf, type Arrival } from '../db/settings.ts'
import { deviceTime, presenceOf, relayTime, type Presence } from './presence.ts'
import { saidOf, type Said } from './said.ts'

export interface Buddy {
  name: UserId
  /** What I call them; empty without one. */
  nickname: string
  /** What they call themselves. */
  ownName: string
  presence: Presence
  isFavourite: boolean
  /** One of my own groups, or none. */
  group: string | null
  isMuted: boolean
  isTyping: boolean
  unread: number
  /** A dot that I have set myself. */
  isMarked: boolean
  /** I am told when they come online. */
  tellsOnline: boolean
  /** How their messages arrive, where it differs from the general settings. */
  arrival: Arrival | null
  sound: boolean | null
  /** What is said with them is kept for my devices that come later. */
  keepsHistory: boolean
  draft: string
  last: (Said & { direction: 'in' | 'out'; at: Millis }) | null
}

/** Everything the list is made of, read in one go so that no half of a change is ever seen. */
export async function readPeople(db: Db) {
  const [roster, presence, conversations, typing, drafts, prompts, connection, settings] = await Promise.all([
    db.roster.toArray(),
    db.presence.toArray(),
    db.conversations.toArray(),
    db.typing.toArray(),
    db.drafts.toArray(),
    db.prompts.toArray(),
    db.status.get('connection') as Promise<ConnectionRow | undefined>,
    settingsOf(db),
  ])
  return {
    roster,
    connection,
    settings,
    prompts,
    presence: new Map(presence.map((row) => [row.peer, row])),
    conversations: new Map(conversations.map((row) => [row.peer, row])),
    typing: new Map(typing.map((row) => [row.peer, row.until])),
    drafts: new Map(drafts.map((row) => [row.peer, row.text])),
  }
}
export type People = Awaited<ReturnType<typeof readPeople>>

/** Everybody who belongs on the list: buddies, and others only while something of theirs is unread. */
export function buddiesOf(people: People, now: Millis): Buddy[] {
  const { roster, connection, settings, presence, conversations, typing, drafts } = people
  return roster
    .filter(({ peer, relation, blocked }) => {
      if (blocked) return false
      return relation === 'buddies' || (relation === 'none' && (conversations.get(peer)?.unread ?? 0) > 0)
    })
    .map(({ peer, muted, name }) => {
      const { unread = 0, isMarked = false, last } = conversations.get(peer) ?? {}
      const mine = settings.buddies[peer] ?? {}
      const shown = presenceOf(presence.get(peer), connection, now)
      return {
        name: peer,
        nickname: mine.nickname ?? '',
        ownName: name ?? '',
        presence: shown,
        isFavourite: mine.isFavourite ?? false,
        group: mine.group !== undefined && settings.groups.includes(mine.group) ? mine.group : null,
        isMuted: muted,
        isTyping: shown.show !== 'offline' && (typing.get(peer) ?? 0) > relayTime(now, connection),
        unread,
        isMarked,
        tellsOnline: mine.tellOnline ?? false,
        arrival: mine.arrival ?? null,
        sound: mine.sound ?? null,
        keepsHistory: mine.keepsHistory ?? true,
        draft: drafts.get(peer) ?? '',
        last: last
          ? { ...saidOf(last), direction: last.direction, at: deviceTime(last.ts, connection) }
          : null,
      }
    })
}

/** Remembers the rows of the last time, and gives those that have not changed again. */
export function keeper() {
  let known = new Map<UserId, { text: string; buddy: Buddy }>()
  return (buddies: Buddy[]): Buddy[] => {
    const next = buddies.map((buddy) => {
      const text = JSON.stringify(buddy)
      const before = known.get(buddy.name)
      return before?.text === text ? before : { text, buddy }
    })
    known = new Map(next.map((kept) => [kept.buddy.name, kept]))
    return next.map(({ buddy }) => buddy)
  }
}

/** Without case and marks: who types `zoe` means Zoë. */
const folded = (text: string) => text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase()

/** Does what was typed mean this person, by any of their names? */
export function isMeant(typed: string, ...names: string[]): boolean {
  const wanted = folded(typed.trim()).replace(/^@/, '')
  return names.some((name) => folded(name).includes(wanted))
}
