/**
 * The small window: who wrote and waits for an answer, who knocks, or one line to somebody. One of them is shown, the
 * others are named; when nothing is left, it is over.
 */
import { computed, createModel, effect, signal } from '@preact/signals'
import { v7 } from 'uuid'
import { characters } from '#shared/content'
import type { EnvelopeId, Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Commands } from '../bus/commands.ts'
import {
  pendingTs,
  type ConnectionRow,
  type Db,
  type OutboxRow,
  type PromptRow,
  type RelayRow,
  type RosterRow,
} from '../db/db.ts'
import { live } from '../db/live.ts'
import { isOpen } from '../db/sessions.ts'
import { settingsOf, type Settings } from '../db/settings.ts'
import type { Clock } from './clock.ts'
import { presenceOf, relayTime } from './presence.ts'
import { attempting, problemOf, type Problem } from './problem.ts'
import { saidIn } from './said.ts'
import { requestOf } from './waiting.ts'

/** Who opened the window, and about whom: what its address says. */
export interface Asked {
  peer: UserId | null
  by: 'user' | 'network'
}

interface Person {
  peer: UserId
  /** Which question this is: it is asked once. */
  key: string
}
/** A stranger. Their words are plain text, whatever stands in them. */
export interface KnockQuestion extends Person {
  type: 'knock'
  text: string
  reason: string
  page: string
  /** As chosen by them: never shown alone. */
  chosenName: string
  isInvited: boolean
  /** Which of my buddies they could be taken for. */
  looksLike: UserId | null
}
/** A buddy has begun a session. */
export interface PromptQuestion extends Person {
  type: 'prompt'
  count: number
}
/** Nothing is asked: one line to somebody who has written. */
export interface LineQuestion extends Person {
  type: 'line'
}
export type Question = KnockQuestion | PromptQuestion | LineQuestion

/** What the person does with a prompt: chooses an answer, writes one, or says why not. */
export type Mode = 'asking' | 'replying' | 'reasoning'

/** So many of their messages fit in, newest last. */
const linesMax = 10

async function readPeople(db: Db) {
  const [account, prompts, roster, settings, connection, relay] = await Promise.all([
    db.account.get('me'),
    db.prompts.toArray(),
    db.roster.toArray(),
    settingsOf(db),
    db.status.get('connection') as Promise<ConnectionRow | undefined>,
    db.status.get('relay') as Promise<RelayRow | undefined>,
  ])
  return { account, prompts, roster, settings, connection, limits: relay?.limits ?? limits }
}
type People = Awaited<ReturnType<typeof readPeople>>

/** What they have said and I have not read, or else the last thing they said. */
async function readLines(db: Db, peer: UserId) {
  const [conversation, presence] = await Promise.all([db.conversations.get(peer), db.presence.get(peer)])
  const theirs = (after: Millis, count: number) =>
    db.messages
      .where('[peer+direction+ts]')
      .between([peer, 'in', after], [peer, 'in', pendingTs], false, true)
      .reverse() // oxlint-disable-line no-array-reverse -- a collection of Dexie is no array
      .filter(({ kind, removed, content }) => kind === 'message' && !removed && saidIn(content) !== null)
      .limit(count)
      .toArray()
  const unread = await theirs(conversation?.readTs ?? 0, linesMax)
  const rows = unread.length > 0 ? unread : await theirs(0, 1)
  return {
    peer,
    conversation,
    presence,
    lines: rows.toReversed().flatMap(({ id, ts, content }) => {
      const said = saidIn(content)
      return said ? [{ id, ts, ...said }] : []
    }),
  }
}

type Lines = Awaited<ReturnType<typeof readLines>>

export const PromptStore = createModel((db: Db, commands: Commands, clock: Clock, asked: Asked) => {
  const people = live<People | undefined>(() => readPeople(db), undefined)

  /** Whom the person wants to see; a question that the network has opened goes on by itself. */
  const wanted = signal<UserId | null>(asked.peer)
  /** Answered here, before the database says so. */
  const finished = signal<ReadonlySet<string>>(new Set())
  /** What it was about somebody when they were first shown: a prompt answered elsewhere does not become a line. */
  const begun = signal<Readonly<Record<UserId, Question['type']>>>({})
  /** Whoever is shown stays there while they wait: nobody else takes their place under the pointer. */
  const holding = signal<UserId | null>(null)
  const text = signal('')
  const mode = signal<Mode>('asking')
  const isBusy = signal(false)
  const problem = signal<Problem | null>(null)
  const attempt = attempting(problem)

  // --- What there is to ask ---

  /** Those whom it was folded away from are asked about no more, unless the person wants to see them. */
  const waiting = computed((): PromptQuestion[] =>
    (people.value?.prompts ?? [])
      .filter(({ isFolded }) => !isFolded)
      .map(promptQuestion)
      .filter(({ key }) => !finished.value.has(key)),
  )

  const current = computed((): Question | null => {
    if (!people.value?.account) return null
    const peer = wanted.value
    const question = peer && questionAbout(peer, people.value)
    if (question && !finished.value.has(question.key)) {
      const before = begun.value[peer!]
      if (before === undefined || before === question.type) return question
      // One who writes has begun to answer, whatever became of the question meanwhile.
      if (before === 'line' || mode.value === 'replying') return lineQuestion(peer!)
    }
    return waiting.value.find((one) => one.peer === holding.value) ?? waiting.value[0] ?? null
  })
  const shownPeer = computed(() => current.value?.peer ?? null)

  effect(() => {
    const question = current.value
    holding.value = question?.peer ?? null
    if (!question || begun.peek()[question.peer]) return
    begun.value = { ...begun.peek(), [question.peer]: question.type }
  })

  const around = live<Lines | null, UserId | null>(
    async (peer) => peer && readLines(db, peer),
    null,
    () => shownPeer.value,
  )
  const shown = computed(() => (around.value?.peer === shownPeer.value ? around.value : null))

  /** What they said, as far as it may be seen here; null when it may not. */
  const lines = computed(() => {
    const question = current.value
    const settings = people.value?.settings
    if (!question || !settings || question.type === 'knock') return null
    const preview = settings.buddies[question.peer]?.preview ?? settings.preview
    const isVisible = question.type === 'prompt' ? settings.promptText : preview === 'text'
    return isVisible ? (shown.value?.lines ?? []) : null
  })

  const charsLeft = computed(
    () => (people.value?.limits.messageCharsMax ?? limits.messageCharsMax) - characters(text.value.trim()),
  )

  // --- Answering ---

  /** The question is answered, and the next one comes up. */
  function finish({ key, peer }: Question) {
    finished.value = new Set([...finished.peek(), key])
    if (wanted.peek() === peer) wanted.value = null
    text.value = ''
    mode.value = 'asking'
  }

  async function answering(run: (question: Question) => Promise<unknown>) {
    const question = current.peek()
    if (!question || isBusy.peek()) return
    isBusy.value = true
    const isDone = await attempt(() => run(question))
    isBusy.value = false
    if (isDone) finish(question)
  }

  /** Everything of theirs that was unread has been seen here: an answer says so. */
  async function markRead({ peer }: Question) {
    const seen = lines.peek()
    const last = seen?.at(-1)
    const unread = around.peek()?.conversation?.unread ?? 0
    // A mark that the background does not take now is no reason to disturb anyone.
    if (last && unread > 0 && unread <= seen!.length) await commands.read(peer, last.ts).catch(() => {})
  }

  async function send() {
    const question = current.peek()
    const said = text.peek().trim()
    if (!question || question.type === 'knock' || isBusy.peek() || said === '' || charsLeft.peek() < 0) return
    isBusy.value = true
    problem.value = null
    const now = clock.now()
    try {
      const session = (await db.conversations.get(question.peer))?.session
      const goesOn = isOpen(session, relayTime(now, people.peek()?.connection))
      const row: OutboxRow = {
        id: v7() as EnvelopeId,
        peer: question.peer,
        kind: 'message',
        content: { type: 'text', text: said, session: goesOn ? session.id : v7(), written: now },
        at: now,
      }
      await db.outbox.add(row)
    } catch (error) {
      problem.value = problemOf(error)
      return
    } finally {
      isBusy.value = false
    }
    // The row is safe: a background that does not answer now finds it when it starts.
    await Promise.all([commands.nudge().catch(() => {}), markRead(question)])
    finish(question)
  }

  /** Nothing is said to anybody; a question that is none is just put away. */
  const later = () =>
    answering(async ({ type, peer }) => type === 'prompt' && (await commands.answer(peer, 'later')))

  return {
    current,
    lines,
    text,
    mode,
    isBusy,
    problem,
    /** The rest of those who wait. */
    others: computed(() =>
      waiting.value.filter(({ peer }) => peer !== shownPeer.value).map(({ peer }) => peer),
    ),
    /** How I call them. */
    nameOf: (peer: UserId): string => people.value?.settings.buddies[peer]?.nickname ?? peer,
    presence: computed(() => presenceOf(shown.value?.presence, people.value?.connection, clock.now())),
    tooLongBy: computed(() => Math.max(0, -charsLeft.value)),
    canSend: computed(() => text.value.trim() !== '' && charsLeft.value >= 0 && !isBusy.value),
    isReady: computed(() => people.value !== undefined),
    /** Nothing is left to ask, or nobody is signed in. */
    isOver: computed(() => people.value !== undefined && current.value === null),

    show(peer: UserId) {
      wanted.value = peer
      if (peer === shownPeer.peek()) return
      problem.value = null
      text.value = ''
      mode.value = 'asking'
      // Who asks again is shown again, whatever was answered before.
      const { [peer]: _, ...others } = begun.peek()
      begun.value = others
      finished.value = new Set([...finished.peek()].filter((key) => key !== lineQuestion(peer).key))
    },
    /** The person has begun to act here: what is shown stays, also when its time is over. */
    stay() {
      wanted.value ??= shownPeer.peek()
    },
    /** Out of what has been begun, or away with the question. */
    escape() {
      if (current.peek()?.type === 'prompt' && mode.peek() !== 'asking') mode.value = 'asking'
      else void later()
    },
    send,
    accept: () =>
      answering(({ type, peer }) =>
        type === 'knock' ? commands.accept(peer) : commands.answer(peer, 'accepted'),
      ),
    later,
    reject: (note = '') =>
      answering(({ type, peer }) => {
        if (type === 'knock') return commands.roster(peer, 'reject')
        const why = note.trim()
        return why === '' ? commands.answer(peer, 'rejected') : commands.answer(peer, 'rejected', why)
      }),
    rejectAndBlock: () => answering(({ peer }) => commands.roster(peer, 'block')),
    /** The person closes the window with everything in it: that is "not now" to all of them. */
    putAway() {
      const left = [current.peek(), ...waiting.peek()].filter((question) => question?.type === 'prompt')
      for (const peer of new Set(left.map((question) => question!.peer))) {
        void commands.answer(peer, 'later').catch(() => {}) // the page is going
      }
    },
    clearProblem() {
      problem.value = null
    },
  }
})
export type PromptStore = InstanceType<typeof PromptStore>

const promptQuestion = ({ peer, session, count }: PromptRow): PromptQuestion => ({
  type: 'prompt',
  peer,
  key: `prompt:${peer}:${session}`,
  count,
})
const lineQuestion = (peer: UserId): LineQuestion => ({ type: 'line', peer, key: `line:${peer}` })

/** What there is between us: their knock, their prompt, or a line to a buddy. */
function questionAbout(peer: UserId, { prompts, roster, settings }: People): Question | null {
  const row = roster.find((one) => one.peer === peer)
  if (!row || row.blocked) return null
  if (row.relation === 'asked') return knockQuestion(row, roster, settings)
  if (row.relation !== 'buddies') return null
  const prompt = prompts.find((one) => one.peer === peer)
  return prompt ? promptQuestion(prompt) : lineQuestion(peer)
}

function knockQuestion(row: RosterRow, roster: RosterRow[], settings: Settings): KnockQuestion {
  const { name, ownName, text, reason, page, via, looksLike, at } = requestOf(row, { roster, settings })
  return {
    type: 'knock',
    peer: name,
    key: `knock:${name}:${at}`,
    text,
    reason,
    page,
    chosenName: ownName,
    isInvited: via === 'invite',
    looksLike,
  }
}
