/** The open conversation with one person: what was said, what is being typed, and what one should know meanwhile. */
import { computed, createModel, effect, signal } from '@preact/signals'
import { Dexie } from 'dexie'
import type { Content } from '#shared/content'
import type { Relation } from '#shared/frames'
import type { EnvelopeId, Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Commands } from '../bus/commands.ts'
import type { ConnectionRow, Db, MessageRow, RelayRow } from '../db/db.ts'
import { live } from '../db/live.ts'
import { sessionQuietMs, sessionsOf } from '../db/sessions.ts'
import { defaultSettings, settingsOf } from '../db/settings.ts'
import { allowed } from './allowed.ts'
import type { Clock } from './clock.ts'
import { composing } from './composing.ts'
import { conversationFiles, sharedWith } from './conversation-files.ts'
import { safeName } from './file-names.ts'
import { historyOf } from './history.ts'
import { lateArrivals } from './late-arrivals.ts'
import { presenceOf, relayTime } from './presence.ts'
import { attempting, type Problem } from './problem.ts'
import { recentEmoji } from './recent-emoji.ts'
import { safety } from './safety.ts'
import { isShown, timeline, type Item, type MessageItem, type SessionItem } from './timeline.ts'

/** How many messages are shown at first, and how many more each time somebody scrolls up to the oldest. */
export const pageLength = 60
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
  const [newestFirst, outbox, notices] = await Promise.all([
    db.messages
      .where('[peer+ts+from+id]')
      .between([peer, Dexie.minKey], [peer, Dexie.maxKey])
      .reverse() // oxlint-disable-line no-array-reverse -- a collection of Dexie is no array
      .filter(isShown)
      .limit(length + 1)
      .toArray(),
    db.outbox.where('peer').equals(peer).sortBy('id'),
    db.notices.where('[peer+ts+what]').between([peer, Dexie.minKey], [peer, Dexie.maxKey]).toArray(),
  ])
  return {
    messages: newestFirst.slice(0, length).toReversed(),
    outbox,
    notices,
    /** The one before all these. */
    older: newestFirst[length],
  }
}

async function readAround(db: Db, peer: UserId) {
  const [account, roster, presence, typing, conversation, connection, relay, settings, identity] =
    await Promise.all([
      db.account.get('me'),
      db.roster.get(peer),
      db.presence.get(peer),
      db.typing.get(peer),
      db.conversations.get(peer),
      db.status.get('connection') as Promise<ConnectionRow | undefined>,
      db.status.get('relay') as Promise<RelayRow | undefined>,
      settingsOf(db),
      db.identities.get(peer),
    ])
  return {
    account,
    roster,
    presence,
    typing,
    conversation,
    connection,
    limits: relay?.limits ?? null,
    settings,
    identity,
  }
}

/** A line of a session as text. */
export interface SessionLine {
  from: UserId
  at: Millis
  text: string
}

const dayOf = (at: Millis) => new Date(at).toDateString()

export const ConversationStore = createModel((peer: UserId, db: Db, commands: Commands, clock: Clock) => {
  const length = signal(pageLength)
  const recent = live<Awaited<ReturnType<typeof readRecent>> | undefined, number>(
    (rows) => readRecent(db, peer, rows),
    undefined,
    () => length.value,
  )
  const around = live<Awaited<ReturnType<typeof readAround>> | undefined>(
    () => readAround(db, peer),
    undefined,
  )
  const coarseTime = computed(() => Math.floor(clock.seconds.value / coarseMs) * coarseMs)

  const problem = signal<Problem | null>(null)
  /** Is the person at this window, and at the end of the log? The page says. */
  const isWatching = signal(false)
  const newAfter = signal<Millis | null>(null)
  const attempt = attempting(problem)
  const settings = computed(() => around.value?.settings ?? defaultSettings)
  const collapsed = signal<ReadonlySet<string>>(new Set())

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
      settings.value.typing &&
      presence.value.show !== 'offline' &&
      (around.value?.typing?.until ?? 0) > relayTime(clock.seconds.value, around.value?.connection),
  )
  const unread = computed(() => around.value?.conversation?.unread ?? 0)

  // --- What was said ---

  const isQuiet = computed(() => {
    const last = around.value?.conversation?.session?.lastTs ?? Infinity
    const isWaiting = (recent.value?.outbox ?? []).some(({ kind }) => kind === 'message')
    return !isWaiting && relayTime(coarseTime.value, around.value?.connection) - last >= sessionQuietMs
  })
  const files = conversationFiles({
    peer,
    db,
    commands,
    clock,
    bytesMax: computed(() => around.value?.limits?.fileBytesMax ?? limits.fileBytesMax),
    attempt,
    onCaptionBack: (caption) => composer.giveBack(caption),
  })
  const items = computed((): Item[] => {
    if (!recent.value || !around.value?.account) return []
    return timeline({
      me: around.value.account.user,
      messages: recent.value.messages,
      outbox: recent.value.outbox,
      notices: recent.value.notices,
      unsent: files.unsent.value,
      conversation: around.value.conversation,
      skew: around.value.connection?.skew ?? 0,
      newAfter: newAfter.value,
      dayOf,
      before: recent.value.older,
      collapsed: collapsed.value,
      isQuiet: isQuiet.value,
    })
  })
  const late = lateArrivals(recent, length)

  // "New messages" stands where reading stopped: at opening, and whenever something comes while nobody looks.
  let unreadBefore: number | null = null
  effect(() => {
    if (!around.value) return
    if (unread.value > 0 && !unreadBefore && !isWatching.peek()) {
      newAfter.value = around.value.conversation?.readTs ?? 0
    }
    unreadBefore = unread.value
  })

  // --- What is being written ---

  const charsMax = computed(() => around.value?.limits?.messageCharsMax ?? limits.messageCharsMax)
  const composer = composing({
    peer,
    db,
    commands,
    clock,
    problem,
    charsMax,
    mayWrite: computed(() => relation.value === 'buddies'),
    tellsTyping: computed(() => settings.value.typing),
    files: { isAny: computed(() => files.chips.value.length > 0), send: files.send },
    session: () => ({
      known: around.peek()?.conversation?.session,
      outbox: recent.peek()?.outbox ?? [],
      skew: around.peek()?.connection?.skew ?? 0,
      me: around.peek()!.account!.user, // who may write has a roster, and so an account
    }),
    async onSent() {
      newAfter.value = null
      await markShownRead()
    },
  })
  const { left } = composer

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

  // --- What is done with a message ---

  /** Changes something that was said: shown at once, and sent like a message. */
  const change = (content: Content) => attempt(() => composer.post('control', content))
  const allowedFor = (item: MessageItem) =>
    allowed(item, relayTime(clock.now(), around.peek()?.connection), relation.peek() === 'buddies')
  const itemsOf = () => items.peek().filter((item) => item.type === 'message')

  /** Loads back to a message; false when it is not here. */
  async function reveal(key: string): Promise<boolean> {
    const [from, id] = key.split(' ') as [UserId, EnvelopeId]
    const row = await db.messages.get([from, id]).catch(() => undefined)
    if (!row) return itemsOf().some((item) => item.key === key) // it may be one that waits in the outbox
    if (row.peer !== peer || !isShown(row)) return false
    const newer = await db.messages
      .where('[peer+ts+from+id]')
      .between([peer, row.ts, from, id], [peer, Dexie.maxKey])
      .filter(isShown)
      .count()
    if (newer > length.peek()) length.value = newer + pageLength / 2
    collapsed.value = new Set() // it may be in any of them
    return true
  }

  /** Everything of a session, oldest first, also what is not loaded. */
  async function rowsOf(session: SessionItem): Promise<MessageRow[]> {
    const me = around.peek()?.account?.user
    if (!me) return []
    const startTs = Number(session.key.split(' ')[1])
    const rows = await db.messages
      .where('[peer+ts+from+id]')
      .between([peer, startTs], [peer, Dexie.maxKey])
      .filter(isShown)
      .toArray()
    const sessions = sessionsOf(rows, me)
    return rows.filter((_, place) => sessions[place]?.startTs === startTs)
  }
  async function linesOf(session: SessionItem): Promise<SessionLine[]> {
    const skew = around.peek()?.connection?.skew ?? 0
    return (await rowsOf(session)).flatMap(({ from, ts, content }) => {
      if (content?.type === 'text') return [{ from, at: ts - skew, text: content.text }]
      if (content?.type !== 'file') return []
      const name = safeName(content.file.name)
      return [{ from, at: ts - skew, text: content.text === '' ? name : `${name}: ${content.text}` }]
    })
  }
  /** By its messages and not by its name: where one of them was deleted before, the name may be another one. */
  async function hideSession(session: SessionItem) {
    const rows = await rowsOf(session)
    await commands.hide(
      peer,
      rows.filter(({ kind }) => kind === 'message').map(({ from, id }) => ({ from, id })),
    )
  }

  // A dot that was set to come back goes when somebody comes back, and not while they are still here.
  const hasArrived = signal(false)
  effect(() => {
    if (!hasArrived.value || !around.value) return
    hasArrived.value = false
    if (around.value.conversation?.isMarked) void commands.markUnread(peer, false).catch(() => {}) // next time
  })

  return {
    items,
    relation,
    presence,
    isTyping,
    unread,
    fact,
    problem,
    isWatching,
    draft: composer.draft,
    aim: composer.aim,
    left,
    canSend: composer.canSend,
    showsCounter: composer.showsCounter,
    type: composer.type,
    send: composer.send,
    leave: composer.leave,
    isCaption: composer.isCaption,
    files,
    shared: () => sharedWith(db, peer, around.peek()?.connection?.skew ?? 0),
    dropAim: composer.dropAim,
    isReady: computed(() => recent.value !== undefined && around.value !== undefined),
    isMuted: computed(() => around.value?.roster?.muted ?? false),
    isMarked: computed(() => around.value?.conversation?.isMarked ?? false),
    me: computed(() => around.value?.account?.user ?? ''),
    /** What I call them, or else their user name. */
    name: computed(() => settings.value.buddies[peer]?.nickname ?? peer),
    /** Is every session forgotten here when it ends? */
    forgets: computed(() => settings.value.buddies[peer]?.forgets ?? false),
    /** Is what is said here kept for my devices that come later? */
    keepsHistory: computed(() => settings.value.buddies[peer]?.keepsHistory ?? true),
    history: historyOf(db),
    knock: computed(() => around.value?.roster?.knock ?? null),
    hasOlder: computed(() => recent.value?.older !== undefined),
    readTs: computed(() => around.value?.conversation?.readTs ?? 0),
    emoji: recentEmoji(db),
    safety: safety({ peer, commands, settings, identity: computed(() => around.value?.identity) }),
    /** Of the first that has come in above what was seen; null when there is none. */
    late: late.first,
    seeLate: late.see,
    /** Sent and still waiting although nothing stands in the way any more: after a minute that is said. */
    isSlow: computed(() =>
      (recent.value?.outbox ?? []).some(({ at, held }) => !held && coarseTime.value - at > 60_000),
    ),

    markRead,
    /** The person has come to this window. */
    arrive() {
      hasArrived.value = true
    },
    showOlder() {
      const shown = recent.peek()
      // Once for each page, however often it is asked for while it comes.
      if (shown?.older && shown.messages.length >= length.peek()) length.value += pageLength
    },
    reveal,

    allowed: allowedFor,
    reply: (item: MessageItem) => {
      if (allowedFor(item).reply) composer.reply(item)
    },
    edit: (item: MessageItem) => {
      if (allowedFor(item).edit) composer.edit(item)
    },
    /** My last message, if it may still be edited; false when there is nothing to edit. */
    editLast(): boolean {
      const last = itemsOf().findLast(
        ({ direction, isRetracted, isUnsent }) => direction === 'out' && !isRetracted && !isUnsent,
      )
      if (!last || !allowedFor(last).edit) return false
      composer.edit(last)
      return true
    },
    /** One picture a person: another one replaces it, the same one takes it away. */
    react: ({ from, id, reactions }: MessageItem, emoji: string) => {
      const isGiven = reactions.some((reaction) => reaction.isMine && reaction.emoji === emoji)
      return change({ type: 'reaction', target: { from, id }, emoji: isGiven ? '' : emoji })
    },
    retract: ({ id }: MessageItem) => change({ type: 'retract', id }),
    hide: ({ from, id }: MessageItem) => attempt(() => commands.hide(peer, [{ from, id }])),
    retry: (id: EnvelopeId) => attempt(() => commands.retry(id)),
    askAgain: ({ id }: MessageItem) => attempt(() => commands.askForMessage(peer, id)),
    discard: (id: EnvelopeId) => attempt(() => commands.discard(id)),
    /** "Edit" of one that was not sent: its text is to be sent anew. */
    async takeBack(item: MessageItem) {
      composer.takeBack(item)
      await attempt(() => commands.discard(item.id))
    },

    collapse(key: string, isCollapsed: boolean) {
      const next = new Set(collapsed.peek())
      if (isCollapsed) next.add(key)
      else next.delete(key)
      collapsed.value = next
    },
    linesOf,
    hideSession: (session: SessionItem) => attempt(() => hideSession(session)),
    end: () => attempt(() => commands.endConversation(peer)),

    mute: (isMuted: boolean) => attempt(() => commands.roster(peer, isMuted ? 'mute' : 'unmute')),
    remove: () => attempt(() => commands.roster(peer, 'remove')),
    block: () => attempt(() => commands.roster(peer, 'block')),
    unblock: () => attempt(() => commands.roster(peer, 'unblock')),
    markUnread: () => attempt(() => commands.markUnread(peer, true)),
    setForgets: (forgets: boolean) =>
      attempt(() => commands.changeSettings({ buddies: { [peer]: { forgets: forgets || null } } })),
    setKeepsHistory: (keeps: boolean) =>
      attempt(() => commands.changeSettings({ buddies: { [peer]: { keepsHistory: keeps ? null : false } } })),
    sendKnock: () => attempt(() => commands.knock(peer, {})),
    withdraw: () => attempt(() => commands.roster(peer, 'withdraw')),
    accept: () => attempt(() => commands.accept(peer)),
    reject: () => attempt(() => commands.roster(peer, 'reject')),
    clearProblem() {
      problem.value = null
    },
  }
})
export type ConversationStore = InstanceType<typeof ConversationStore>
