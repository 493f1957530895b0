/**
 * Sees to it that news reach the person: asks how things are, lets alert.ts decide, and has the platform do it. Bursts
 * are one alert, devices at which nobody is wait for the one where somebody is, and what has been read or
 * answered meanwhile is no news any more.
 */
import type { Lead, Mode } from '#shared/frames'
import type { Millis, UserId } from '#shared/ids'
import { conversationOf } from '../db/conversations.ts'
import { pendingTs, type Db, type FileNote, type MessageRow, type SessionRow } from '../db/db.ts'
import { arrivalOf, settingsOf, type Settings } from '../db/settings.ts'
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
} from './alert.ts'
import type { Alert, Incoming, Platform, Timers, Words } from './ports.ts'
import type { Status } from './status.ts'

export interface AlertingOptions {
  db: Db
  platform: Platform
  timers: Timers
  words: Words
  status: Status
  activity(): 'active' | 'idle'
  /** Which of my devices alerts first, as the room says. */
  lead(): Lead
  /** Now, by the relay's clock. */
  relayNow(): Millis
}

export interface Alerting {
  /** Has just come in. */
  news(incoming: readonly Incoming[]): void
  /** Was waiting during an absence. */
  missed(incoming: readonly Incoming[]): void
  /**
   * Whether a message of somebody is asked about first. Answered before it is stored, and without a database, so that
   * the prompt is stored together with the message that it is about.
   */
  whoAsks(): Promise<(row: MessageRow, session: SessionRow | undefined, isMuted: boolean) => boolean>
  /** Somebody came online of whom the person wanted to hear it. */
  online(peer: UserId): void
  /** Resolves when all that has been begun is done, but for what waits for its time. */
  settled(): Promise<void>
  /** Nothing more is told. */
  stop(): Promise<void>
}

/** One sound for each conversation, and one notification, in so many milliseconds; and a sound of anything. */
const perPersonMs = 3000
const perSoundMs = 1000
/** So long a prompt stands there (§5.3). */
const promptMs = 60_000
/** Strangers may be heard this often, all together. */
const perKnockSoundMs = 60 * 60_000
/** Of a file's name. */
const nameCharsMax = 60

export function createAlerting(options: AlertingOptions): Alerting {
  const { db, platform, timers, words, status } = options
  /** The newest of each person that has not been told yet. */
  const waiting = new Map<UserId, Incoming & { cameAt: number }>()
  const toldAt = new Map<UserId, number>()
  const soundAt = new Map<UserId | 'any' | 'knock', number>()
  const cancels = new Set<() => void>()
  let ended = false
  let chain = Promise.resolve()

  /** One after the other, beside the frames: a browser that takes its time with a window holds up nothing else. */
  function next(work: () => Promise<void>): void {
    chain = chain
      .then(() => (ended ? undefined : work()))
      .catch((error: unknown) => {
        if (!ended) console.error(error)
      })
  }

  function after(ms: number, run: () => void): void {
    if (ms <= 0) return run()
    const cancel = timers.after(ms, () => {
      cancels.delete(cancel)
      run()
    })
    cancels.add(cancel)
  }

  // --- One person's news ------------------------------------------------------------------------------------------

  function news(incoming: readonly Incoming[]): void {
    const people = new Set<UserId>()
    for (const one of incoming) {
      if (!waiting.has(one.peer)) people.add(one.peer)
      waiting.set(one.peer, { ...one, cameAt: timers.now() })
    }
    for (const peer of people) next(() => schedule(peer))
  }

  async function schedule(peer: UserId): Promise<void> {
    const waitMs = waitMsOf(options.lead(), await settingsOf(db))
    const pauseMs = (toldAt.get(peer) ?? -Infinity) + perPersonMs - timers.now()
    after(Math.max(waitMs, pauseMs), () => next(() => tell(peer, waitMs > 0)))
  }

  async function tell(peer: UserId, hasWaited: boolean): Promise<void> {
    const one = waiting.get(peer)
    waiting.delete(peer)
    if (!one || (await isOver(one, hasWaited))) return
    toldAt.set(peer, timers.now())
    const settings = await settingsOf(db)
    const around = await circumstancesOf(peer, settings)
    const reactions = one.kind === 'knock' ? decideKnock(around) : decide(around)
    await perform(reactions, one, settings, around)
    if (await db.prompts.get(peer)) after(promptMs, () => next(() => fold(peer)))
  }

  /** Who is not answered in time does not stand in the way any longer: the badge and the popup still tell of them. */
  async function fold(peer: UserId): Promise<void> {
    const prompt = await db.prompts.get(peer)
    if (prompt && timers.now() - prompt.at >= promptMs) await db.prompts.update(peer, { isFolded: true })
  }

  /** Read, answered or taken back meanwhile; or the person goes on with the conversation on another device. */
  async function isOver({ peer, ts, kind }: Incoming, hasWaited: boolean): Promise<boolean> {
    if (kind === 'knock') {
      const relation = (await db.roster.get(peer))?.relation
      return relation !== 'asked' && relation !== 'buddies'
    }
    const { readTs, last, unread } = await conversationOf(db, peer)
    if (readTs >= ts || unread === 0) return true
    return hasWaited && last?.direction === 'out' && last.ts > ts
  }

  async function whoAsks() {
    const [settings, mode] = await Promise.all([settingsOf(db), status.mode()])
    const isQuiet = isQuietBy(settings, mode)
    const { canOpenUnfocused } = platform
    return ({ peer, ts }: MessageRow, session: SessionRow | undefined, isMuted: boolean) =>
      // Whoever has the conversation before them has nothing to decide.
      !viewOf(peer) &&
      asks({
        isQuiet,
        isMuted,
        arrival: arrivalBy(settings, peer),
        mood: moodOf(session, ts),
        canOpenUnfocused,
      })
  }

  const viewOf = (peer: UserId) => platform.views().find((view) => view.page === 'chat' && view.peer === peer)
  const arrivalBy = (settings: Settings, peer: UserId) =>
    arrivalOf(settings, peer, platform.canOpenUnfocused ? 'window' : 'prompt')
  const isQuietBy = ({ quietHours }: Settings, mode: Mode) =>
    mode === 'dnd' || isQuietHour(quietHours, new Date(timers.now()))

  async function circumstancesOf(peer: UserId, settings: Settings): Promise<Circumstances> {
    const [roster, conversation, isQuiet] = await Promise.all([
      db.roster.get(peer),
      conversationOf(db, peer),
      isQuietNow(settings),
    ])
    const { canOpenUnfocused } = platform
    const open = viewOf(peer)
    return {
      activity: options.activity(),
      isQuiet,
      isMuted: roster?.muted ?? false,
      window: !open ? 'none' : open.focused ? 'focused' : open.minimised ? 'minimised' : 'behind',
      arrival: arrivalBy(settings, peer),
      mood: moodOf(conversation.session, options.relayNow()),
      canOpenUnfocused,
    }
  }

  const isQuietNow = async (settings: Settings): Promise<boolean> =>
    isQuietBy(settings, await status.mode()) || platform.isFullScreen()

  // --- Doing it ---------------------------------------------------------------------------------------------------

  async function perform(
    reactions: readonly Reaction[],
    one: Incoming & { cameAt: number },
    settings: Settings,
    { arrival, mood }: Circumstances,
  ): Promise<void> {
    const { peer, kind } = one
    for (const reaction of reactions) {
      if (reaction === 'notification') {
        if (!settings.notifications) continue
        const isAsking = arrival === 'prompt' && mood === 'open'
        const about = kind === 'knock' ? 'knock' : isAsking ? 'prompt' : 'message'
        await platform.alert({
          type: 'notification',
          peer,
          about,
          ...(await wordsFor(one, about, settings)),
        })
      } else if (reaction === 'sound') {
        const isWanted = settings.buddies[peer]?.sound ?? settings.sound
        if (isWanted && mayBeHeard(one)) await platform.alert({ type: 'sound' })
      } else if (reaction === 'prompt') await platform.alert({ type: 'prompt' })
      else await platform.alert({ type: reaction, peer })
    }
  }

  /** As much as the person wants to be seen by whoever looks over their shoulder. */
  async function wordsFor(
    one: Incoming,
    about: 'message' | 'prompt' | 'knock',
    settings: Settings,
  ): Promise<Pick<Extract<Alert, { type: 'notification' }>, 'title' | 'text'>> {
    const { peer, text: sent, file, kind } = one
    const name = nameOf(peer, settings)
    const preview = settings.buddies[peer]?.preview ?? settings.preview
    const isShown = preview === 'text' && (about !== 'prompt' || settings.promptText)
    if (preview === 'nothing') return { title: words.somebody(), text: words.aMessage() }
    if (kind === 'knock') {
      const isBuddy = (await db.roster.get(peer))?.relation === 'buddies'
      return {
        title: isBuddy ? words.joined(name) : words.knock(name),
        text: isShown ? sent : '',
      }
    }
    const { unread } = await conversationOf(db, peer)
    const newest = await newestOf(peer)
    const content = newest?.content
    const text =
      content?.type === 'text' || content?.type === 'file' ? inWords(content) : inWords({ text: sent, file })
    return {
      title: about === 'prompt' ? words.asks(name) : words.title(name),
      text: unread > 1 ? words.many(unread) : isShown ? text : words.aMessage(),
    }
  }

  const inWords = ({ text, file }: { text: string; file?: FileNote | undefined }): string =>
    text === '' && file ? aboutFile(file) : text

  /** Without what could make it look like another one. */
  const aboutFile = ({ name, mime }: FileNote): string =>
    mime.startsWith('image/')
      ? words.photo()
      : words.file([...name.replaceAll(/[\p{C}\s]+/gu, ' ').trim()].slice(0, nameCharsMax).join(''))

  /** As it is now: it may have been edited since it came. */
  const newestOf = (peer: UserId): Promise<MessageRow | undefined> =>
    db.messages
      .where('[peer+direction+ts]')
      .between([peer, 'in', 0], [peer, 'in', pendingTs])
      .filter(({ kind, removed }) => kind === 'message' && !removed)
      .last()

  /** What came right after a sound belongs to it, however late it is told: a burst calls once. */
  function mayBeHeard({ peer, kind, cameAt }: Incoming & { cameAt: number }): boolean {
    const now = timers.now()
    const isSilent = (key: UserId | 'any' | 'knock', since: number, forMs: number) =>
      since - (soundAt.get(key) ?? -Infinity) < forMs
    if (isSilent('any', now, perSoundMs) || isSilent(peer, cameAt, perPersonMs)) return false
    if (kind === 'knock' && isSilent('knock', now, perKnockSoundMs)) return false
    for (const key of [peer, 'any', ...(kind === 'knock' ? ['knock' as const] : [])] as const)
      soundAt.set(key, now)
    return true
  }

  // --- After an absence, and of presence --------------------------------------------------------------------------

  function missed(incoming: readonly Incoming[]): void {
    if (incoming.length === 0) return
    next(async () => {
      const waitMs = waitMsOf(options.lead(), await settingsOf(db))
      after(waitMs, () => next(() => tellMissed(incoming, waitMs > 0)))
    })
  }

  async function tellMissed(incoming: readonly Incoming[], hasWaited: boolean): Promise<void> {
    const settings = await settingsOf(db)
    const left: Incoming[] = []
    for (const one of incoming) {
      const { muted = false } = (await db.roster.get(one.peer)) ?? {}
      const row = one.kind === 'message' ? await db.messages.get([one.peer, one.id]) : undefined
      if (!muted && !row?.removed && !(await isOver(one, hasWaited))) left.push(one)
    }
    const last = left.at(-1)
    const reactions = decideLate({ isQuiet: await isQuietNow(settings) }, left.length)
    if (!last || !settings.notifications || !reactions.includes('notification')) return
    const people = new Set(left.map(({ peer }) => peer)).size
    const about = last.kind
    const said =
      people === 1 && (left.length === 1 || about === 'message')
        ? await wordsFor(last, about, settings)
        : { title: words.missed(left.length, people), text: '' }
    await platform.alert({ type: 'notification', peer: last.peer, about, ...said })
  }

  function online(peer: UserId): void {
    if (options.lead() !== 'here') return
    next(async () => {
      const settings = await settingsOf(db)
      const muted = (await db.roster.get(peer))?.muted ?? false
      if (muted || (await isQuietNow(settings)) || !settings.notifications) return
      const title = words.online(nameOf(peer, settings))
      await platform.alert({ type: 'notification', peer, about: 'presence', title, text: '' })
    })
  }

  async function settled(): Promise<void> {
    for (let seen: unknown; seen !== chain;) {
      seen = chain
      await chain
    }
  }

  return {
    news,
    missed,
    whoAsks,
    online,
    settled,
    async stop() {
      ended = true
      for (const cancel of cancels) cancel()
      await settled()
    },
  }
}

const nameOf = (peer: UserId, { buddies }: Settings): string => buddies[peer]?.nickname ?? peer
