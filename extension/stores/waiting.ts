/** What waits for an answer: of mine, who asks to write or to be a buddy; of others, my own knocks. */
import type { EnvelopeId, Millis, UserId } from '#shared/ids'
import type { Db, MessageRow, RosterRow } from '../db/db.ts'
import { lookAlike } from './look-alike.ts'
import { isMeant, type People } from './people.ts'
import type { Problem } from './problem.ts'
import { saidOf, type Said } from './said.ts'

/** Somebody on the list writes, and I am to be asked first. */
export interface Prompt {
  name: UserId
  nickname: string
  count: number
  /** Null when prompts shall not show it. */
  said: Said | null
}

/** Somebody who asks to be a buddy. */
export interface Request {
  name: UserId
  /** What they call themselves: never shown alone. */
  ownName: string
  text: string
  reason: string
  /** The address of a page; shown, never followed. */
  page: string
  via: 'name' | 'invite'
  /** The buddy they could be taken for. */
  looksLike: UserId | null
  at: Millis
}

/** My own knock, and why it could not be delivered if it was not. */
export interface SentKnock {
  name: UserId
  /** `leaving`: it has not reached the relay yet. */
  state: 'leaving' | 'sent' | 'failed'
  failure: Problem | null
  /** What to forget when it has failed and is dismissed. */
  failed: EnvelopeId[]
}

export function promptsOf({ prompts, settings }: People, wanted: string): Prompt[] {
  return prompts
    .toSorted((a, b) => a.at - b.at)
    .map(({ peer, count, text, file }) => ({
      name: peer,
      nickname: settings.buddies[peer]?.nickname ?? '',
      count,
      said: settings.promptText ? saidOf({ text, ...(file && { file }) }) : null,
    }))
    .filter(({ name, nickname }) => isMeant(wanted, name, nickname))
}

/** A knock as it is shown, wherever that is. */
export function requestOf(
  { peer, knock }: RosterRow,
  { roster, settings }: Pick<People, 'roster' | 'settings'>,
): Request {
  const buddies = roster
    .filter(({ relation }) => relation === 'buddies')
    .map(({ peer: user, name }) => ({ user, name, nickname: settings.buddies[user]?.nickname }))
  return {
    name: peer,
    ownName: knock?.name ?? '',
    text: knock?.text ?? '',
    reason: knock?.reason ?? '',
    page: knock?.page ?? '',
    via: knock?.via ?? 'name',
    looksLike: lookAlike({ user: peer, name: knock?.name }, buddies),
    at: knock?.at ?? 0,
  }
}

export function requestsOf(people: People, wanted: string): Request[] {
  return people.roster
    .filter(({ relation, blocked }) => relation === 'asked' && !blocked)
    .map((row) => requestOf(row, people))
    .filter(({ name, ownName }) => isMeant(wanted, name, ownName))
    .toSorted((a, b) => b.at - a.at)
}

/** Key of `views`: whom I knocked at from here, the newest last. The roster knows of a knock only once it is out. */
const knockedKey = 'knocked'
const knockedMax = 20

const isNames = (value: unknown): value is UserId[] =>
  Array.isArray(value) && value.every((name) => typeof name === 'string')

export async function noteKnocked(db: Db, peer: UserId): Promise<void> {
  const known = (await db.views.get(knockedKey))?.value
  const others = isNames(known) ? known.filter((name) => name !== peer) : []
  await db.views.put({ key: knockedKey, value: [...others, peer].slice(-knockedMax) })
}

/** My knocks at everybody who is no buddy, whatever became of them. */
export async function readSentKnocks(db: Db): Promise<SentKnock[]> {
  const [roster, noted, outbox] = await Promise.all([
    db.roster.toArray(),
    db.views.get(knockedKey),
    db.outbox.filter(({ kind }) => kind === 'knock').toArray(),
  ])
  const relations = new Map(roster.map((row) => [row.peer, row]))
  const leaving = new Set(outbox.map(({ peer }) => peer))
  const names = new Set([
    ...roster.map(({ peer }) => peer),
    ...(isNames(noted?.value) ? noted.value : []),
    ...leaving,
  ])
  const people = [...names].filter((name) => isOpen(relations.get(name)))
  const knocks = await Promise.all(
    people.map((peer) =>
      db.messages
        .where('[peer+direction+ts]')
        .between([peer, 'out', 0], [peer, 'out', Infinity])
        .filter(({ kind }) => kind === 'knock')
        .sortBy('at'),
    ),
  )
  return people
    .map((name, at) => sentKnock(name, relations.get(name), leaving.has(name), knocks[at]!))
    .filter((knock) => knock !== null)
}

const isOpen = (row: RosterRow | undefined) =>
  !row || row.relation === 'asking' || (row.relation === 'none' && !row.blocked)

function sentKnock(
  name: UserId,
  row: RosterRow | undefined,
  isLeaving: boolean,
  knocks: MessageRow[],
): SentKnock | null {
  const newest = knocks.at(-1)
  const failed = knocks.filter(({ state }) => state === 'failed').map(({ id }) => id)
  if (isLeaving) return { name, state: 'leaving', failure: null, failed: [] }
  if (newest?.state === 'failed') {
    return { name, state: 'failed', failure: { code: newest.failure ?? 'internal-server-error' }, failed }
  }
  return row?.relation === 'asking' ? { name, state: 'sent', failure: null, failed: [] } : null
}
