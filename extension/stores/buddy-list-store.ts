/** The popup: my status, the people I know and what is new from them, and the way to know more of them. */
import { computed, createModel, effect, signal } from '@preact/signals'
import { characters } from '#shared/content'
import type { Mode } from '#shared/frames'
import type { EnvelopeId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Commands, Knock } from '../bus/commands.ts'
import type { Db, RelayRow, SelfRow } from '../db/db.ts'
import { live } from '../db/live.ts'
import { defaultSettings, type BuddySettings } from '../db/settings.ts'
import { candidateOf, wantedIn } from './candidate.ts'
import type { Clock } from './clock.ts'
import { displayName, tooLongBy } from './display-name.ts'
import { groupName, intoGroup, movedGroup, renamedGroup, withoutGroup } from './groups.ts'
import { historyOf } from './history.ts'
import { buddiesOf, isMeant, keeper, readPeople, type Buddy, type People } from './people.ts'
import type { Shown } from './presence.ts'
import { attempting, type Problem } from './problem.ts'
import { isNew, sectionsOf, type Section } from './sections.ts'
import { noteKnocked, promptsOf, readSentKnocks, requestsOf, type SentKnock } from './waiting.ts'

export type { Candidate } from './candidate.ts'
export type { Buddy } from './people.ts'
export type { Section, SectionType } from './sections.ts'
export { shownName } from './sections.ts'
export type { Prompt, Request, SentKnock } from './waiting.ts'

export interface Me {
  user: UserId
  relay: string
  mode: Mode
  /** What others see, as far as the relay can be heard. */
  show: Shown
  status: string
}

/** What I may set for one person. */
export type BuddyChange = { [Field in keyof BuddySettings]?: BuddySettings[Field] | null }

const foldedKey = 'folded'
/** Often enough for "idle for 3 min", seldom enough for a list of a thousand. */
const coarseMs = 5000
const reasonCharsMax = 40
const pageCharsMax = 500

export const BuddyListStore = createModel((db: Db, commands: Commands, clock: Clock) => {
  const account = live(() => db.account.get('me'), undefined)
  const keep = keeper()
  const self = live(() => db.status.get('self') as Promise<SelfRow | undefined>, undefined)
  const relay = live(() => db.status.get('relay') as Promise<RelayRow | undefined>, undefined)
  const people = live<People | undefined>(() => readPeople(db), undefined)
  const allSentKnocks = live<SentKnock[]>(() => readSentKnocks(db), [])
  const foldedView = live(() => db.views.get(foldedKey), undefined)

  const filter = signal('')
  const knockText = signal('')
  const knockReason = signal('')
  const knockPage = signal('')
  const problem = signal<Problem | null>(null)
  /** Of the knock that is being typed: told where it is typed, until something else is. */
  const knockProblem = signal<Problem | null>(null)
  const attempt = attempting(problem)
  effect(() => {
    void filter.value
    knockProblem.value = null
  })

  const coarseTime = computed(() => Math.floor(clock.seconds.value / coarseMs) * coarseMs)
  const folded = computed(() => new Set(foldedView.value?.value as string[] | undefined))
  const settings = computed(() => people.value?.settings ?? defaultSettings)

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

  const candidate = computed(() =>
    candidateOf(filter.value, {
      user: account.value?.user,
      relay: account.value?.relay,
      relationTo: (peer) => people.value?.roster.find((row) => row.peer === peer)?.relation ?? 'none',
    }),
  )
  const wanted = computed(() => wantedIn(filter.value, candidate.value))

  /** Who is as before is the same object as before: then nothing of theirs is drawn anew. */
  const buddies = computed((): Buddy[] => keep(people.value ? buddiesOf(people.value, coarseTime.value) : []))
  const prompts = computed(() => (people.value ? promptsOf(people.value, wanted.value) : []))
  const requests = computed(() => (people.value ? requestsOf(people.value, wanted.value) : []))
  const asking = computed(() => new Set<string>(people.value?.prompts.map(({ peer }) => peer)))

  const sections = computed((): Section[] => {
    const isFiltered = wanted.value !== ''
    return sectionsOf({
      buddies: isFiltered
        ? buddies.value.filter(({ name, nickname, ownName }) =>
            isMeant(wanted.value, name, nickname, ownName),
          )
        : buddies.value,
      groups: settings.value.groups,
      folded: folded.value,
      isFiltered,
      asking: asking.value,
    })
  })

  const knockLimits = computed(() => {
    const { knockCharsMax, statusCharsMax } = relay.value?.limits ?? limits
    return { knockCharsMax, statusCharsMax, reasonCharsMax, pageCharsMax }
  })
  /** What is too long or no address in what goes with a knock. */
  const knockProblems = computed(() => {
    const page = knockPage.value.trim()
    const over = (text: string, charsMax: number) => Math.max(0, characters(text.trim()) - charsMax)
    return {
      textOver: over(knockText.value, knockLimits.value.knockCharsMax),
      reasonOver: over(knockReason.value, reasonCharsMax),
      isNoPage: page !== '' && (page.length > pageCharsMax || !/^https?:\/\/[^\s]+$/i.test(page)),
    }
  })

  async function knock(peer: UserId, what: Knock): Promise<boolean> {
    const done = await attempting(knockProblem)(async () => {
      await noteKnocked(db, peer)
      await commands.knock(peer, what)
    })
    if (done && filter.value !== '') {
      filter.value = ''
      knockText.value = knockReason.value = knockPage.value = ''
    }
    return done
  }
  /** Up to the newest message. */
  async function readAll(peer: UserId) {
    const newest = await db.messages
      .where('[peer+direction+ts]')
      .between([peer, 'in', 0], [peer, 'in', Infinity])
      .last()
    if (newest) await commands.read(peer, newest.ts)
  }
  const discard = (ids: EnvelopeId[]) => attempt(() => Promise.all(ids.map((id) => commands.discard(id))))
  const change = (peer: UserId, fields: BuddyChange) =>
    attempt(() => commands.changeSettings({ buddies: { [peer]: fields } }))

  return {
    history: historyOf(db),
    me,
    filter,
    knockText,
    knockReason,
    knockPage,
    knockProblems,
    knockProblem,
    problem,
    sections,
    prompts,
    requests,
    sentKnocks: computed(() => allSentKnocks.value.filter(({ name }) => isMeant(wanted.value, name))),
    candidate,
    /** Own groups, in their order. */
    groups: computed(() => settings.value.groups),
    /** Does anything unread count? */
    hasUnread: computed(() => buddies.value.some(isNew)),
    /** False until the first look into the database: nothing may flash by. */
    isReady: computed(() => people.value !== undefined),
    /** Does nobody belong to this list yet, not even a knock? */
    isEmpty: computed(
      () =>
        people.value !== undefined &&
        buddies.value.length === 0 &&
        allSentKnocks.value.length === 0 &&
        people.value.roster.every(({ relation }) => relation === 'none' || relation === 'buddies'),
    ),
    limits: knockLimits,

    async fold(key: string, isFolded: boolean) {
      const next = new Set(folded.value)
      if (isFolded) next.add(key)
      else next.delete(key)
      await attempt(() => db.views.put({ key: foldedKey, value: [...next] }))
    },
    /** Knocks at the person whose name or link is in the field. */
    async add() {
      const person = candidate.value
      if (person === null || person.type === 'problem') return
      const { textOver, reasonOver, isNoPage } = knockProblems.value
      if (person.type === 'person' && (textOver > 0 || reasonOver > 0 || isNoPage)) return
      const text = knockText.value.trim()
      const reason = knockReason.value.trim()
      const page = knockPage.value.trim()
      const { name } = person
      await knock(
        name,
        person.type === 'invite'
          ? { invite: { token: person.token, acct: person.acct } }
          : { text, ...(reason !== '' && { reason }), ...(page !== '' && { page }) },
      )
    },
    /** Without a word, at somebody who takes words from buddies only; the one that was refused is forgotten. */
    async knockBare(peer: UserId, failed: EnvelopeId[]) {
      if (await knock(peer, { bare: true })) await discard(failed)
    },
    dismiss: discard,
    open: (peer: UserId) => attempt(() => commands.openChat(peer)),
    answer: (peer: UserId, answer: 'accepted' | 'later' | 'rejected') =>
      attempt(() => commands.answer(peer, answer)),
    accept: (peer: UserId) => attempt(() => commands.accept(peer)),
    reject: (peer: UserId) => attempt(() => commands.roster(peer, 'reject')),
    withdraw: (peer: UserId) => attempt(() => commands.roster(peer, 'withdraw')),
    remove: (peer: UserId) => attempt(() => commands.roster(peer, 'remove')),
    block: (peer: UserId) => attempt(() => commands.roster(peer, 'block')),
    mute: (peer: UserId, isMuted: boolean) =>
      attempt(() => commands.roster(peer, isMuted ? 'mute' : 'unmute')),
    mark: (peer: UserId, isMarked: boolean) => attempt(() => commands.markUnread(peer, isMarked)),
    change,
    /** An empty one takes the nickname away. True unless it is too long. */
    async setNickname(peer: UserId, typed: string): Promise<boolean> {
      const nickname = displayName(typed)
      if (tooLongBy(nickname) > 0) return false
      await change(peer, { nickname: nickname === '' ? null : nickname })
      return true
    },
    groupProblem: (typed: string, was?: string) => groupName(settings.value, typed, was).problem,
    putInGroup: (peer: UserId, group: string | null) =>
      attempt(() =>
        commands.changeSettings(
          intoGroup(settings.value, peer, group === null ? null : groupName(settings.value, group).name),
        ),
      ),
    renameGroup: (from: string, typed: string) =>
      attempt(() =>
        commands.changeSettings(renamedGroup(settings.value, from, groupName(settings.value, typed).name)),
      ),
    deleteGroup: (group: string) =>
      attempt(() => commands.changeSettings(withoutGroup(settings.value, group))),
    moveGroup: (group: string, by: -1 | 1) =>
      attempt(() => commands.changeSettings(movedGroup(settings.value, group, by))),
    setMode: (mode: Mode) => attempt(() => commands.setPresence({ mode })),
    setStatus: (status: string) => attempt(() => commands.setPresence({ status: status.trim() })),
    /** Of one: the messages, and the dot that I have set myself. */
    markRead: ({ name, unread, isMarked }: Buddy) =>
      attempt(async () => {
        if (unread > 0) await readAll(name)
        if (isMarked) await commands.markUnread(name, false)
      }),
    /** Everybody who counts. */
    markAllRead: () =>
      attempt(() => Promise.all(buddies.value.filter(isNew).map(({ name }) => readAll(name)))),
    clearProblem() {
      problem.value = null
    },
  }
})
export type BuddyListStore = InstanceType<typeof BuddyListStore>
