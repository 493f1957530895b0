/** The popup: my status, the people I know and what is new from them, and the way to know more of them. */
import { computed, createModel, signal } from '@preact/signals'
import type { Mode } from '#shared/frames'
import type { Millis, UserId } from '#shared/ids'
import { canonicalName, nameProblem, parseAddress } from '#shared/names'
import { limits } from '#shared/limits'
import type { Commands } from '../bus/commands.ts'
import type { ConnectionRow, Db, RelayRow, SelfRow } from '../db/db.ts'
import { live } from '../db/live.ts'
import type { Clock } from './clock.ts'
import { deviceTime, isStale, presenceOf, relayTime, type Presence, type Shown } from './presence.ts'
import { attempting, type Problem } from './problem.ts'

export interface Me {
  user: UserId
  relay: string
  mode: Mode
  /** What others see, as far as the relay can be heard. */
  show: Shown
  status: string
}

export interface Buddy {
  name: UserId
  presence: Presence
  isMuted: boolean
  isTyping: boolean
  unread: number
  draft: string
  last: { text: string; direction: 'in' | 'out'; at: Millis } | null
}

export type SectionName = 'unread' | 'online' | 'away' | 'offline' | 'unknown'
export interface Section {
  name: SectionName
  buddies: Buddy[]
  isFolded: boolean
}

/** Somebody who asks to be a buddy. */
export interface Request {
  name: UserId
  text: string
  at: Millis | null
}

/** My own knock, and why it could not be delivered if it was not. */
export interface SentKnock {
  name: UserId
  failure: Problem | null
}

/** What the text in the field would be as somebody new. */
export type Candidate =
  | { type: 'person'; name: UserId }
  | {
      type: 'problem'
      problem: 'self' | 'other-relay' | 'known' | NonNullable<ReturnType<typeof nameProblem>>
    }

const foldedKey = 'folded'
/** Often enough for "idle for 3 min", seldom enough for a list of a thousand. */
const coarseMs = 5000

/** Everything the list is made of, read in one go so that no half of a change is ever seen. */
async function readPeople(db: Db) {
  const [roster, presence, conversations, typing, drafts, connection] = await Promise.all([
    db.roster.toArray(),
    db.presence.toArray(),
    db.conversations.toArray(),
    db.typing.toArray(),
    db.drafts.toArray(),
    db.status.get('connection') as Promise<ConnectionRow | undefined>,
  ])
  return {
    roster,
    connection,
    presence: new Map(presence.map((row) => [row.peer, row])),
    conversations: new Map(conversations.map((row) => [row.peer, row])),
    typing: new Map(typing.map((row) => [row.peer, row.until])),
    drafts: new Map(drafts.map((row) => [row.peer, row.text])),
  }
}

/** My knocks that the relay could not deliver: they are told where the knock is shown. */
async function readFailedKnocks(db: Db) {
  const asking = await db.roster
    .filter(({ relation }) => relation === 'asking' || relation === 'none')
    .primaryKeys()
  const failed = await Promise.all(
    asking.map((peer) =>
      db.messages
        .where('[peer+direction+ts]')
        .between([peer, 'out', 0], [peer, 'out', Infinity])
        .filter(({ kind, state }) => kind === 'knock' && state === 'failed')
        .last(),
    ),
  )
  return failed.filter((row) => row !== undefined)
}

const byName = (a: Buddy, b: Buddy) => (a.name < b.name ? -1 : 1)
const byNewest = (a: Buddy, b: Buddy) => (b.last?.at ?? 0) - (a.last?.at ?? 0)

function sectionOf({ unread, isMuted, presence: { show } }: Buddy): SectionName {
  if (unread > 0 && !isMuted) return 'unread'
  if (show === 'online' || show === 'idle') return 'online'
  if (show === 'away' || show === 'dnd') return 'away'
  return show
}

export const BuddyListStore = createModel((db: Db, commands: Commands, clock: Clock) => {
  const account = live(() => db.account.get('me'), undefined)
  const self = live(() => db.status.get('self') as Promise<SelfRow | undefined>, undefined)
  const relay = live(() => db.status.get('relay') as Promise<RelayRow | undefined>, undefined)
  const people = live<Awaited<ReturnType<typeof readPeople>> | undefined>(() => readPeople(db), undefined)
  const failedKnocks = live(() => readFailedKnocks(db), [])
  const foldedView = live(() => db.views.get(foldedKey), undefined)

  const filter = signal('')
  const knockText = signal('')
  const problem = signal<Problem | null>(null)
  const attempt = attempting(problem)

  const coarseTime = computed(() => Math.floor(clock.seconds.value / coarseMs) * coarseMs)
  const folded = computed(() => new Set(foldedView.value?.value as SectionName[] | undefined))
  const wanted = computed(() => canonicalName(filter.value).replace(/^@/, ''))

  const me = computed((): Me | null => {
    if (!account.value) return null
    const { mode = 'auto', show = 'offline', status = '' } = self.value ?? {}
    const isConnected = people.value?.connection?.state === 'connected'
    return {
      user: account.value.user,
      relay: account.value.relay,
      mode,
      show: isConnected ? show : 'unknown',
      status,
    }
  })

  /** Everybody who belongs on the list: buddies, and others only while something of theirs is unread. */
  const buddies = computed((): Buddy[] => {
    if (!people.value) return []
    const { roster, connection, presence, conversations, typing, drafts } = people.value
    const now = coarseTime.value
    return roster
      .filter(({ peer, relation, blocked }) => {
        if (blocked) return false
        return relation === 'buddies' || (relation === 'none' && (conversations.get(peer)?.unread ?? 0) > 0)
      })
      .map(({ peer, muted }) => {
        const conversation = conversations.get(peer)
        const shown = presenceOf(presence.get(peer), connection, now)
        return {
          name: peer,
          presence: shown,
          isMuted: muted,
          isTyping: shown.show !== 'offline' && (typing.get(peer) ?? 0) > relayTime(now, connection),
          unread: conversation?.unread ?? 0,
          draft: drafts.get(peer) ?? '',
          last: conversation?.last
            ? {
                text: conversation.last.text,
                direction: conversation.last.direction,
                at: deviceTime(conversation.last.ts, connection),
              }
            : null,
        }
      })
  })

  const sections = computed((): Section[] => {
    const matching = buddies.value.filter(({ name }) => name.includes(wanted.value))
    const isStaleNow = isStale(people.value?.connection, coarseTime.value)
    const names: SectionName[] = isStaleNow ? ['unread', 'unknown'] : ['unread', 'online', 'away', 'offline']
    return names
      .map((name) => ({
        name,
        buddies: matching
          .filter((buddy) => sectionOf(buddy) === name)
          .toSorted(name === 'unread' ? byNewest : byName),
        // Nothing that is looked for, and nothing new, may hide in a folded group.
        isFolded: name !== 'unread' && wanted.value === '' && folded.value.has(name),
      }))
      .filter((section) => section.buddies.length > 0)
  })

  const requests = computed((): Request[] =>
    (people.value?.roster ?? [])
      .filter(
        ({ peer, relation, blocked }) => relation === 'asked' && !blocked && peer.includes(wanted.value),
      )
      .map(({ peer, knock }) => ({
        name: peer,
        text: knock?.text ?? '',
        at: knock ? deviceTime(knock.at, people.value?.connection) : null,
      }))
      .toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0)),
  )

  const sentKnocks = computed((): SentKnock[] => {
    const failures = new Map(failedKnocks.value.map(({ peer, failure }) => [peer, failure]))
    return (people.value?.roster ?? [])
      .filter(({ peer, relation }) => relation === 'asking' || (relation === 'none' && failures.has(peer)))
      .filter(({ peer }) => peer.includes(wanted.value))
      .map(({ peer }) => ({
        name: peer,
        failure: failures.has(peer) ? { code: failures.get(peer) ?? 'internal-server-error' } : null,
      }))
  })

  const candidate = computed((): Candidate | null => {
    if (wanted.value === '') return null
    const address = parseAddress(wanted.value)
    if (!address) return { type: 'problem', problem: nameProblem(wanted.value.split('@')[0]!) ?? 'grammar' }
    if (address.host !== null && address.host !== hostOf(account.value?.relay)) {
      return { type: 'problem', problem: 'other-relay' }
    }
    if (address.user === account.value?.user) return { type: 'problem', problem: 'self' }
    const known = people.value?.roster.find(({ peer }) => peer === address.user)
    if (known && known.relation !== 'none') return { type: 'problem', problem: 'known' }
    return { type: 'person', name: address.user }
  })

  return {
    me,
    filter,
    knockText,
    problem,
    sections,
    requests,
    sentKnocks,
    candidate,
    /** False until the first look into the database: nothing may flash by. */
    isReady: computed(() => people.value !== undefined),
    /** Does nobody belong to this list yet, not even a knock? */
    isEmpty: computed(
      () =>
        people.value !== undefined &&
        buddies.value.length === 0 &&
        people.value.roster.every(({ relation }) => relation === 'none' || relation === 'buddies'),
    ),
    limits: computed(() => {
      const { knockCharsMax, statusCharsMax } = relay.value?.limits ?? limits
      return { knockCharsMax, statusCharsMax }
    }),

    async fold(name: SectionName, isFolded: boolean) {
      const next = new Set(folded.value)
      if (isFolded) next.add(name)
      else next.delete(name)
      await attempt(() => db.views.put({ key: foldedKey, value: [...next] }))
    },
    /** Knocks at the person whose name is in the field. */
    async add() {
      const person = candidate.value
      if (person?.type !== 'person') return
      const done = await attempt(() => commands.knock(person.name, knockText.value.trim()))
      if (!done) return
      filter.value = ''
      knockText.value = ''
    },
    open: (peer: UserId) => attempt(() => commands.openChat(peer)),
    accept: (peer: UserId) => attempt(() => commands.accept(peer)),
    reject: (peer: UserId) => attempt(() => commands.roster(peer, 'reject')),
    withdraw: (peer: UserId) => attempt(() => commands.roster(peer, 'withdraw')),
    remove: (peer: UserId) => attempt(() => commands.roster(peer, 'remove')),
    mute: (peer: UserId, isMuted: boolean) =>
      attempt(() => commands.roster(peer, isMuted ? 'mute' : 'unmute')),
    setMode: (mode: Mode) => attempt(() => commands.setPresence({ mode })),
    setStatus: (status: string) => attempt(() => commands.setPresence({ status: status.trim() })),
    /** Up to the newest message of everybody under "Unread". */
    async markAllRead() {
      const unread = buddies.value.filter((buddy) => sectionOf(buddy) === 'unread')
      await attempt(() =>
        Promise.all(
          unread.map(async ({ name }) => {
            const newest = await db.messages
              .where('[peer+direction+ts]')
              .between([name, 'in', 0], [name, 'in', Infinity])
              .last()
            if (newest) await commands.read(name, newest.ts)
          }),
        ),
      )
    },
    clearProblem() {
      problem.value = null
    },
  }
})
export type BuddyListStore = InstanceType<typeof BuddyListStore>

function hostOf(relay: string | undefined): string | null {
  return relay && URL.canParse(relay) ? new URL(relay).hostname : null
}
