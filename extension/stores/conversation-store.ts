/** The open conversation with one person: what was said, what is being typed, and what one should know meanwhile. */
import { computed, createModel, effect, signal } from '@preact/signals'
import { Dexie } from 'dexie'
import { v7 } from 'uuid'
import { characters } from '#shared/content'
import type { Relation } from '#shared/frames'
import type { EnvelopeId, Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Commands } from '../bus/commands.ts'
import type { ConnectionRow, Db, MessageRow, OutboxRow, RelayRow } from '../db/db.ts'
import { live } from '../db/live.ts'
import type { Clock } from './clock.ts'
import { presenceOf, relayTime } from './presence.ts'
import { attempting, problemOf, type Problem } from './problem.ts'
import { rowsInOrder, timeline, type Item } from './timeline.ts'
import { typingTeller } from './typing.ts'

/** How many messages are shown at first, and how many more each time somebody scrolls up to the oldest. */
export const pageLength = 60
/** A draft is safe this long after the last key (at most half a second). */
const draftSavedMs = 400
/** The counter shows when so many characters are left. */
const counterFrom = 200
/** A session ends by itself when nobody wrote for an hour. */
const sessionMs = 60 * 60_000
const coarseMs = 5000
const dayMs = 24 * 60 * 60_000

/** The one thing worth knowing before writing on. */
export type Fact =
  | { type: 'too-long'; by: number }
  | { type: 'not-connected' }
  | { type: 'offline-kept'; days: number }
  | { type: 'offline-refused' }
  | { type: 'dnd' }

async function readRecent(db: Db, peer: UserId, length: number) {
  const [newestFirst, outbox] = await Promise.all([
    db.messages
      .where('[peer+ts+from+id]')
      .between([peer, Dexie.minKey], [peer, Dexie.maxKey])
      .reverse() // oxlint-disable-line no-array-reverse -- a collection of Dexie is no array
      .limit(length + 1)
      .toArray(),
    db.outbox.where('peer').equals(peer).sortBy('id'),
  ])
  return {
    messages: newestFirst.slice(0, length).toReversed(),
    outbox,
    hasOlder: newestFirst.length > length,
  }
}

async function readAround(db: Db, peer: UserId) {
  const [account, roster, presence, typing, conversation, connection, relay] = await Promise.all([
    db.account.get('me'),
    db.roster.get(peer),
    db.presence.get(peer),
    db.typing.get(peer),
    db.conversations.get(peer),
    db.status.get('connection') as Promise<ConnectionRow | undefined>,
    db.status.get('relay') as Promise<RelayRow | undefined>,
  ])
  return { account, roster, presence, typing, conversation, connection, limits: relay?.limits ?? null }
}

/** The session of the last message, if that is less than an hour ago, or a new one. */
function sessionOf(rows: readonly MessageRow[], now: Millis): string {
  const last = rows.findLast(({ content }) => content?.type === 'text')
  const session = last?.content?.type === 'text' ? last.content.session : undefined
  return last && session && now - last.at < sessionMs ? session : v7()
}

const dayOf = (at: Millis) => new Date(at).toDateString()

export const ConversationStore = createModel((peer: UserId, db: Db, commands: Commands, clock: Clock) => {
  const length = signal(pageLength)
  const recent = live<Awaited<ReturnType<typeof readRecent>> | undefined>(
    () => readRecent(db, peer, length.value),
    undefined,
  )
  const around = live<Awaited<ReturnType<typeof readAround>> | undefined>(
    () => readAround(db, peer),
    undefined,
  )
  const coarseTime = computed(() => Math.floor(clock.seconds.value / coarseMs) * coarseMs)

  const draft = signal('')
  const problem = signal<Problem | null>(null)
  /** Is the person at this window, and at the end of the log? The page says. */
  const isWatching = signal(false)
  const newAfter = signal<Millis | null>(null)
  const attempt = attempting(problem)

  // --- What is known of the other one ---

  const relation = computed((): Relation | 'blocked' | null => {
    if (!around.value) return null
    const { roster } = around.value
    return roster?.blocked ? 'blocked' : (roster?.relation ?? 'none')
  })
  const presence = computed(() =>
    presenceOf(around.value?.presence, around.value?.connection, coarseTime.value),
  )
  const isTyping = computed(
    () =>
      presence.value.show !== 'offline' &&
      (around.value?.typing?.until ?? 0) > relayTime(clock.seconds.value, around.value?.connection),
  )
  const unread = computed(() => around.value?.conversation?.unread ?? 0)

  // --- What was said ---

  const items = computed((): Item[] => {
    if (!recent.value || !around.value?.account) return []
    return timeline({
      me: around.value.account.user,
      messages: recent.value.messages,
      outbox: recent.value.outbox,
      conversation: around.value.conversation,
      skew: around.value.connection?.skew ?? 0,
      newAfter: newAfter.value,
      dayOf,
    })
  })

  // "New messages" stands where reading stopped: at opening, and whenever something comes while nobody looks.
  let unreadBefore: number | null = null
  effect(() => {
    if (!around.value) return
    if (unread.value > 0 && !unreadBefore && !isWatching.peek()) {
      newAfter.value = around.value.conversation?.readTs ?? 0
    }
    unreadBefore = unread.value
  })

  // --- What is being typed ---

  const charsMax = computed(() => around.value?.limits?.messageCharsMax ?? limits.messageCharsMax)
  const left = computed(() => charsMax.value - characters(draft.value.trim()))
  const canSend = computed(() => draft.value.trim() !== '' && left.value >= 0 && relation.value === 'buddies')

  let cancelSaving: (() => void) | null = null
  const saveDraft = async () => {
    cancelSaving?.()
    cancelSaving = null
    const text = draft.peek()
    await attempt(() =>
      text === '' ? db.drafts.delete(peer) : db.drafts.put({ peer, text, at: clock.now() }),
    )
  }
  const typing = typingTeller(clock, (state) => {
    // Nobody misses a "typing" that could not be told.
    void commands.typing(peer, state).catch(() => {})
  })

  void restoreDraft()
  async function restoreDraft() {
    const saved = await db.drafts.get(peer).catch(() => undefined) // that the database fails is told elsewhere
    if (saved && draft.peek() === '') draft.value = saved.text
  }

  const fact = computed((): Fact | null => {
    if (!around.value) return null
    if (left.value < 0) return { type: 'too-long', by: -left.value }
    if (around.value.connection?.state !== 'connected') return { type: 'not-connected' }
    const { show } = presence.value
    if (show === 'dnd') return { type: 'dnd' }
    if (show !== 'offline' || relation.value !== 'buddies') return null
    const { keepMs, offline } = around.value.limits ?? { keepMs: limits.keepMs, offline: 'store' }
    return offline === 'refuse'
      ? { type: 'offline-refused' }
      : { type: 'offline-kept', days: Math.round(keepMs / dayMs) }
  })

  async function markRead(ts: Millis) {
    if (ts <= (around.peek()?.conversation?.readTs ?? 0)) return
    // Looking again repeats it; an unread mark that stays a while is no reason to disturb anyone.
    await commands.read(peer, ts).catch(() => {})
  }

  /** Everything of theirs that this page shows: an answer says that it was read. */
  async function markShownRead() {
    const shown = recent.peek()?.messages.findLast(({ direction }) => direction === 'in')
    if (shown) await markRead(shown.ts)
  }

  async function send() {
    if (!canSend.value) return
    const { messages, outbox } = recent.peek() ?? { messages: [], outbox: [] }
    const me = around.peek()!.account!.user // canSend: there is a roster, so there is an account
    const text = draft.value.trim()
    const now = clock.now()
    const row: OutboxRow = {
      id: v7() as EnvelopeId,
      peer,
      kind: 'message',
      content: {
        type: 'text',
        text,
        session: sessionOf(rowsInOrder({ me, messages, outbox }), now),
        written: now,
      },
      at: now,
    }
    cancelSaving?.()
    cancelSaving = null
    problem.value = null
    draft.value = ''
    typing.sent()
    try {
      await db.transaction('rw', db.outbox, db.drafts, async () => {
        await db.outbox.add(row)
        await db.drafts.delete(peer)
      })
    } catch (error) {
      // Never lose what somebody typed: it goes back, before what was typed meanwhile.
      draft.value = [text, draft.value].filter((part) => part !== '').join('\n')
      problem.value = problemOf(error)
      return
    }
    newAfter.value = null
    // The row is safe: a background that does not answer now finds it when it starts.
    await Promise.all([commands.nudge().catch(() => {}), markShownRead()])
  }

  // A page that goes must not leave timers or a "typing" behind.
  effect(() => () => {
    typing.pause()
    if (cancelSaving) void saveDraft()
  })

  return {
    items,
    relation,
    presence,
    isTyping,
    unread,
    draft,
    left,
    canSend,
    fact,
    problem,
    isWatching,
    isReady: computed(() => recent.value !== undefined && around.value !== undefined),
    isMuted: computed(() => around.value?.roster?.muted ?? false),
    knock: computed(() => around.value?.roster?.knock?.text ?? ''),
    hasOlder: computed(() => recent.value?.hasOlder ?? false),
    showsCounter: computed(() => left.value <= counterFrom),
    readTs: computed(() => around.value?.conversation?.readTs ?? 0),
    /** Sent and still waiting although nothing stands in the way any more: after a minute that is said. */
    isSlow: computed(() =>
      (recent.value?.outbox ?? []).some(({ at, held }) => !held && coarseTime.value - at > 60_000),
    ),

    type(text: string) {
      draft.value = text
      cancelSaving ??= clock.after(draftSavedMs, () => void saveDraft())
      if (relation.peek() === 'buddies') typing.changed(text)
    },
    /** The window loses the person: what was typed is kept now, and nobody types any more. */
    async leave() {
      typing.pause()
      if (cancelSaving) await saveDraft()
    },
    send,
    markRead,
    showOlder() {
      if (recent.peek()?.hasOlder) length.value += pageLength
    },
    retry: (id: EnvelopeId) => attempt(() => commands.retry(id)),
    discard: (id: EnvelopeId) => attempt(() => commands.discard(id)),
    mute: (isMuted: boolean) => attempt(() => commands.roster(peer, isMuted ? 'mute' : 'unmute')),
    remove: () => attempt(() => commands.roster(peer, 'remove')),
    sendKnock: () => attempt(() => commands.knock(peer, '')),
    withdraw: () => attempt(() => commands.roster(peer, 'withdraw')),
    accept: () => attempt(() => commands.accept(peer)),
    reject: () => attempt(() => commands.roster(peer, 'reject')),
    unblock: () => attempt(() => commands.roster(peer, 'unblock')),
    clearProblem() {
      problem.value = null
    },
  }
})
export type ConversationStore = InstanceType<typeof ConversationStore>
