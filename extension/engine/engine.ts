/**
 * The background's work, without a browser: so the same code runs in Node for tests and loads. Here is who is signed
 * in and what pages may ask; the connection and what comes over it are in session.ts.
 *
 * Nothing that matters is kept in memory: `start` builds everything from the database, and whoever stops the background
 * at any point finds it again as if it had never stopped.
 */
import type { ClientFrameOf } from '#shared/frames'
import type { Millis, UserId } from '#shared/ids'
import { CommandError, type Commands } from '../bus/commands.ts'
import { pendingTs, type ConnectionRow, type Db } from '../db/db.ts'
import { settingsOf } from '../db/settings.ts'
import { deleteAccount } from './account-changes.ts'
import { relayInfo, signIn, signUp, type Http, type NewAccount } from './accounts.ts'
import { archiveWhen, type ArchiveWhen } from './archive.ts'
import { fileCommands } from './file-commands.ts'
import { forgetOldKeys } from './old-keys.ts'
import { conversationCommands, forgetEnded, leaveBehind } from './conversation-commands.ts'
import type { Desk } from './desk.ts'
import { deviceCommands } from './device-commands.ts'
import { poolSize } from './key-pool.ts'
import { devicesKnown } from './new-devices.ts'
import { breakSeal } from './outbox.ts'
import { peopleCommands } from './people-commands.ts'
import type { Platform, Timers, Words } from './ports.ts'
import { safePlatform } from './safe-platform.ts'
import { safetyCommands } from './safety-commands.ts'
import { settingsCommands } from './settings-commands.ts'
import { openSession, type Session } from './session.ts'
import { createStatus } from './status.ts'

export interface EngineOptions {
  db: Db
  platform: Platform
  timers: Timers
  words: Words
  fetch: typeof fetch
  /** 0 ≤ x < 1; for waiting times only. */
  random?: () => number
  /** In place of the platform's own. */
  WebSocket?: unknown
  /** How many key packages a device keeps at the room; for those that live for a moment only. */
  poolSize?: number
  /** When the archive is put away; for those that live for a moment only. */
  archiveWhen?: ArchiveWhen
  /** Names this client to the relay: "parley/0.1.0 chrome". */
  client: string
}

export interface Engine {
  commands: Commands
  /** Connects if somebody is signed in. Harmless when repeated. */
  start(): Promise<void>
  /** The watchdog rang. */
  ring(): Promise<void>
  /** Pages have come or gone, or look at something else. */
  viewsChanged(): void
  /** The person did something with the notification about `peer`. Closing it is nothing: nobody can tell who did. */
  onNotification(
    peer: UserId,
    what: 'open' | 'reply' | 'accepted' | 'later' | 'rejected' | 'read',
  ): Promise<void>
  /** Ends at once and leaves everything as it is: for tests, and for hosts that end in good order. */
  stop(): void
}

/**
 * Refusals that no try changes, not even one of a new background: it would throw out the profile that this one is a
 * copy of, or ask for ever as a device that was removed.
 */
const finalReasons = new Set(['credentials-expired', 'account-disabled', 'gone'])

export function createEngine(options: EngineOptions): Engine {
  const { db, timers, words, client, random = Math.random } = options
  const platform = safePlatform(options.platform)
  const status = createStatus(db, platform)
  const http: Http = { fetch: options.fetch, timers }
  let session: Session | null = null
  let stopped = false
  let activity: { state: 'active' | 'idle'; since: Millis } = { state: 'active', since: timers.now() }
  platform.onActivity((state, since) => {
    activity = { state, since }
    session?.tellActivity()
  })

  // --- Who is signed in -------------------------------------------------------------------------------------------

  let queue: Promise<unknown> = Promise.resolve()
  /** Signing in, signing out and starting exclude each other: a start in between would revive who is leaving. */
  function exclusively<T>(run: () => Promise<T>): Promise<T> {
    const result = queue.then(run)
    queue = result.catch(() => {}) // it is told to whoever asked
    return result
  }

  const start = () => exclusively(open)

  async function open(): Promise<void> {
    if (stopped) return
    try {
      await guarded(openFromDatabase)
    } catch (error) {
      // It may be a passing trouble, and in Firefox no alarm is left from the time before.
      await platform.watchdog(true)
      throw error
    }
  }

  async function openFromDatabase(): Promise<void> {
    await db.open() // after a failure it does not do so by itself
    if (session || stopped) return
    const account = await db.account.get('me')
    if (!account) {
      await status.setConnection({ state: 'signed-out' })
      await Promise.all([
        platform.watchdog(false),
        platform.badge({ unread: 0, requests: 0, connected: true }),
      ])
      return
    }
    const row = await status.connection()
    const refused = row?.state === 'refused' && finalReasons.has(row.reason ?? '')
    const failing = row?.state === 'waiting' ? failingOf(row) : undefined
    await platform.watchdog(!refused)
    if (!refused && !failing) await status.setConnection({ state: 'connecting', live: false })
    await db.typing.clear()
    await db.prompts.toCollection().modify({ isFolded: true }) // whoever did not answer then is not asked again
    await forgetOldKeys(db, timers.now())
    await status.recountAll()
    await status.showBadge()
    platform.setIdleAfter((await settingsOf(db)).idleMinutes)
    if (stopped) return
    session = openSession({
      account,
      db,
      platform,
      timers,
      words,
      random,
      fetch: options.fetch,
      client,
      status,
      failing,
      refused,
      poolSize: options.poolSize ?? poolSize,
      archiveWhen: options.archiveWhen ?? archiveWhen,
      activity: () => activity,
      WebSocket: options.WebSocket,
    })
  }

  const failingOf = ({ failures, failingSince, nextTryAt }: ConnectionRow) =>
    failures === undefined || failingSince === undefined || nextTryAt === undefined
      ? undefined
      : { failures, failingSince, nextTryAt }

  /** Nothing of it is under way any more, and what it has shown is taken back. */
  async function leave({ signOff }: { signOff: boolean }): Promise<void> {
    const old = session
    session = null
    await old?.end({ leaving: signOff })
    const peers = await guarded(() => db.conversations.toCollection().primaryKeys())
    await Promise.all(peers.map((peer) => platform.clear(peer)))
  }

  /** Replaces whoever was here, in one step: an account, its keys and its history belong together. */
  const enter = ({ account, packages }: NewAccount) =>
    exclusively(async () => {
      await leave({ signOff: session !== null && session.account.acct !== account.acct })
      await guarded(() =>
        db.transaction('rw', db.tables, async () => {
          const before = await db.account.get('me')
          const isSame = before?.acct === account.acct && before.relayId === account.relayId
          await (isSame ? becomeNewDevice() : forget())
          await db.account.put(account)
          await db.status.put(devicesKnown(account.list))
          await db.keyPackages.bulkPut(packages)
        }),
      )
      await open()
    })

  /** Everything of an account on this device, but not the places of windows. */
  const forget = () =>
    db.transaction('rw', db.tables, () =>
      Promise.all(db.tables.filter(({ name }) => name !== 'views').map((table) => table.clear())),
    )

  /** The account stays, with its history; what the old device was in the middle of does not. */
  async function becomeNewDevice(): Promise<void> {
    const tables = [
      db.cursor,
      db.presence,
      db.typing,
      db.status,
      db.ratchetsOut,
      db.ratchetsIn,
      db.keyPackages,
    ]
    await Promise.all(tables.map((table) => table.clear()))
    await db.outbox.toCollection().modify(breakSeal)
  }

  async function needed(): Promise<Session> {
    await start()
    if (!session) throw new CommandError('signed-out')
    return session
  }

  // --- Commands ---------------------------------------------------------------------------------------------------

  /** A database that does not open is told as such: the page has a screen for it. */
  async function guarded<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      if (error instanceof CommandError) throw error
      throw new CommandError('database', String(error))
    }
  }

  const desk: Desk = { db, platform, timers, status, http, needed, guarded }
  platform.onChatClosed((peer) => void leaveBehind(desk, peer).catch(console.error))

  const commands: Commands = {
    wake: () => start(),
    async connectNow() {
      await exclusively(async () => {
        if (session?.isRefused()) {
          const old = session
          session = null
          await old.end()
        }
        await open()
      })
      session?.connectNow()
    },
    relayInfo: (relay) => relayInfo(http, relay),
    async signUp(input) {
      const { recoveryCode, ...made } = await signUp(http, input)
      await enter(made)
      return { recoveryCode }
    },
    async signIn(input) {
      const known = await guarded(() => db.account.get('me'))
      await enter(await signIn(http, input, known?.list ?? null))
    },
    async signInAgain(proof) {
      const me = await guarded(() => db.account.get('me'))
      if (!me) throw new CommandError('signed-out')
      const { relay, relayId, user, list } = me
      const input = { relay, relayId, user, ...proof, deviceName: platform.deviceName }
      await enter(await signIn(http, input, list))
    },
    async deleteAccount(proof) {
      const me = await guarded(() => db.account.get('me'))
      if (!me) throw new CommandError('signed-out')
      await deleteAccount(http, me, proof)
      await exclusively(async () => {
        await leave({ signOff: false }) // the room has closed every door already
        await guarded(forget)
        await open()
      })
    },
    async signOut() {
      await exclusively(async () => {
        await leave({ signOff: true })
        await guarded(forget)
        await open()
      })
    },
    async nudge() {
      const { outbox, files } = await needed()
      files.tend()
      await guarded(() => outbox.flush())
    },
    async setPresence({ mode, status: text, until }) {
      const { send, skew } = await needed()
      const frame: ClientFrameOf<'presence'> = {
        type: 'presence',
        ...(mode !== undefined && { mode }),
        ...(text !== undefined && { status: text }),
        // The page reckons by this device's clock, the room by its own.
        ...(until !== undefined && { until: until === null ? null : until + skew() }),
      }
      if (!send(frame)) throw new CommandError('unreachable')
    },
    openChat: (peer) => platform.openChat(peer),
    ...peopleCommands(desk),
    ...conversationCommands(desk),
    ...safetyCommands(desk),
    ...settingsCommands(desk),
    ...deviceCommands(desk),
    ...fileCommands(desk),
  }

  return {
    commands,
    start,
    async ring() {
      await start()
      session?.check()
      session?.archiveDue()
      if (session) await guarded(() => forgetEnded(db, session!.relayNow()))
    },
    async onNotification(peer, what) {
      if (what === 'open' || what === 'reply') {
        // Where the conversation is on the screen, it is the place to answer.
        const isShown = platform.views().some((view) => view.page === 'chat' && view.peer === peer)
        return isShown ? platform.openChat(peer) : platform.openPrompt(peer)
      }
      if (what === 'read') return commands.read(peer, pendingTs)
      const isKnock = (await db.roster.get(peer))?.relation === 'asked'
      if (!isKnock) return commands.answer(peer, what)
      if (what === 'accepted') return commands.accept(peer)
      if (what === 'rejected') return commands.roster(peer, 'reject')
    },
    viewsChanged: () => session?.tellWatching(),
    stop() {
      stopped = true
      void session?.end().catch(() => {}) // a host that is gone hears no complaint
      session = null
    },
  }
}
