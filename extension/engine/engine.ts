/**
 * The background's work, without a browser: so the same code runs in Node for tests and loads. It owns the connection
 * and every write of messages. Start reading at `onFrame`.
 *
 * Nothing that matters is kept in memory: `start` builds everything from the database, and whoever stops the background
 * at any point finds it again as if it had never stopped.
 */
import { v7 } from 'uuid'
import { connectBytes } from '#shared/account'
import { closeCodes } from '#shared/errors'
import type { ClientFrame, ClientFrameOf, ServerFrame, ServerFrameOf } from '#shared/frames'
import type { EnvelopeId, Epoch, UserId } from '#shared/ids'
import { protocolVersion, supportedVersions } from '#shared/version'
import { CommandError, type Commands } from '../bus/commands.ts'
import { storedKey } from '../crypto/keys.ts'
import type { AccountRow, ConnectionRow, Db, SelfRow } from '../db/db.ts'
import { conversationOf, countUnread } from '../db/conversations.ts'
import { relayInfo, signIn, signUp, type Http } from './accounts.ts'
import { decide, decideLate } from './alert.ts'
import { createConnection, type Connection } from './connection.ts'
import { applyEntries, pushAgain, startOver } from './inbox.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import type { Incoming, Platform, Timers, Words } from './ports.ts'
import { createRequests, type Requests } from './requests.ts'
import type { Signed } from './state.ts'

export interface EngineOptions {
  db: Db
  platform: Platform
  timers: Timers
  words: Words
  fetch: typeof fetch
  /** 0 ≤ x < 1; for waiting times only. */
  random?: () => number
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
  /** Ends at once and leaves everything as it is: for tests, and for hosts that end in good order. */
  stop(): void
}

export function createEngine(options: EngineOptions): Engine {
  const { db, platform, timers, words } = options
  const random = options.random ?? Math.random
  const http: Http = { fetch: options.fetch, timers }
  let session: Session | null = null
  let starting: Promise<void> | null = null
  let stopped = false
  let activity: { state: 'active' | 'idle'; since: number } = { state: 'active', since: timers.now() }
  platform.onActivity((state, since) => {
    activity = { state, since }
    session?.tellActivity()
  })

  /** Everything that lasts while an account is signed in. */
  interface Session {
    account: AccountRow
    connection: Connection
    outbox: Outbox
    requests: Requests
    send(frame: ClientFrame): boolean
    isWelcome(): boolean
    tellActivity(): void
    tellWatching(): void
    end(): void
  }

  function start(): Promise<void> {
    starting ??= open().finally(() => (starting = null))
    return starting
  }

  async function open(): Promise<void> {
    if (session || stopped) return
    const account = await guarded(() => db.account.get('me'))
    if (!account) {
      await setConnection({ state: 'signed-out' })
      await Promise.all([
        platform.watchdog(false),
        platform.badge({ unread: 0, requests: 0, connected: true }),
      ])
      return
    }
    await platform.watchdog(true)
    await setConnection({ state: 'connecting', live: false })
    await db.typing.clear()
    session = openSession(account)
    await showBadge()
  }

  // --- One session: from the first try to connect until signing out ---------------------------------------

  function openSession(account: AccountRow): Session {
    let welcome: { epoch: Epoch } | null = null
    let live = false
    let ended = false
    /** Frames are handled one after the other, each to its end. */
    let chain = Promise.resolve()
    let waiting: Incoming[] = []
    let replay: { from: number; ids: Set<EnvelopeId> } | null = null
    let toldActivity = ''
    let toldWatching: boolean | null = null

    const signed: Signed = {
      account,
      db,
      platform,
      timers,
      send,
      isWelcome: () => welcome !== null && !ended,
      isLive: () => live,
      recount,
      flush: () => void outbox.flush().catch(report),
    }
    const outbox = createOutbox(signed)
    const requests = createRequests(signed)
    const connection = createConnection({
      relay: account.relay,
      user: account.user,
      timers,
      random,
      heartbeat: () => platform.heartbeat(),
      onFrame: (frame) => {
        chain = chain.then(() => (ended ? undefined : onFrame(frame))).catch(onFault)
      },
      onClosed: (closed) => {
        chain = chain.then(() => (ended ? undefined : onClosed(closed))).catch(report)
      },
    })

    function send(frame: ClientFrame): boolean {
      return !ended && connection.send(frame)
    }

    /** What went wrong while handling a frame: the database answers again, or the log continues, after a reconnect. */
    function onFault(error: unknown): void {
      if (ended) return
      report(error)
      connection.again()
    }

    async function onFrame(frame: ServerFrame): Promise<void> {
      switch (frame.type) {
        case 'hello':
          return onHello(frame)
        case 'welcome':
          return onWelcome(frame)
        case 'deliver':
          return frame.request === undefined ? onDeliver(frame) : undefined
        case 'live':
          return onLive()
        case 'ok':
          requests.onOk(frame)
          return outbox.onOk(frame)
        case 'error':
          return onError(frame)
        case 'presence': {
          const { type: _, ...row } = frame
          const known = await db.presence.get(row.peer)
          if (!known || known.version <= row.version) await db.presence.put(row)
          if (row.show === 'offline') await db.typing.delete(row.peer)
          return
        }
        case 'self': {
          const { type: _, ...self } = frame
          await db.status.put({ key: 'self', ...self })
          return
        }
        case 'typing':
          if (frame.state === 'paused') await db.typing.delete(frame.peer)
          else await db.typing.put({ peer: frame.peer, until: frame.until })
          return
        case 'bye':
        case 'pong':
          return
      }
    }

    /** The relay's challenge: this device answers with its key, and says how far it has the log. */
    async function onHello({ relayId, nonce, versions, now }: ServerFrameOf<'hello'>): Promise<void> {
      welcome = null
      live = false
      if (relayId !== account.relayId) return refuse('wrong-relay')
      if (!supportedVersions.some((version) => versions.includes(version)))
        return refuse('unsupported-version')
      // Stored before it is used: a copy of this profile would use the same number, and be found out by it.
      const generation = await db.transaction('rw', db.account, async () => {
        const row = (await db.account.get('me'))!
        await db.account.put({ ...row, generation: row.generation + 1 })
        return row.generation + 1
      })
      const cursor = await db.cursor.get('cursor')
      const unsent = await db.conversations.filter(({ readTs, readSentTs }) => readTs > readSentTs).toArray()
      const key = await storedKey(account.dak)
      const message = connectBytes(relayId, account.acct, account.device, generation, nonce, now)
      toldActivity = activity.state
      send({
        type: 'auth',
        version: protocolVersion,
        device: account.device,
        generation,
        at: now,
        cursor: cursor ? { epoch: cursor.epoch, seq: cursor.seq, mark: cursor.mark } : null,
        signature: await key.sign(message),
        reads: Object.fromEntries(unsent.map(({ peer, readTs }) => [peer, readTs])) as Record<UserId, number>,
        activity: activity.state,
        since: activity.since,
        client: options.client,
        capabilities: [],
      })
    }

    async function onWelcome(frame: ServerFrameOf<'welcome'>): Promise<void> {
      if (frame.resync) {
        await startOver(signed, frame)
        replay = frame.resync === 'new' ? null : { from: frame.from, ids: new Set() }
      }
      welcome = { epoch: frame.epoch }
      connection.established()
      toldWatching = null
      await db.transaction('rw', [db.presence, db.status], async () => {
        await db.presence.clear()
        await db.presence.bulkPut(frame.presence)
        await db.status.bulkPut([
          { key: 'self', ...frame.self },
          { key: 'relay', limits: frame.limits },
        ])
      })
      await setConnection({
        state: 'connected',
        heardAt: timers.now(),
        skew: frame.now - timers.now(),
        live: false,
      })
      tellWatching()
      await outbox.welcomed(frame.last)
    }

    async function onDeliver({ entries }: ServerFrameOf<'deliver'>): Promise<void> {
      if (!welcome) return
      const late = !live
      const applied = await applyEntries(signed, entries, { epoch: welcome.epoch, late })
      send({ type: 'ack', seq: applied.seq })
      if (replay) for (const entry of entries) if (entry.type === 'message') replay.ids.add(entry.id)
      await recount(applied.peers)
      if (late) waiting.push(...applied.incoming)
      else await alertAll(applied.incoming)
    }

    async function onLive(): Promise<void> {
      live = true
      await setConnection({ live: true })
      if (replay) {
        const pushed = await pushAgain(signed, replay)
        replay = null
        if (pushed > 0) await outbox.flush()
      }
      const missed = waiting
      waiting = []
      const mode = await modeNow()
      const unmuted: Incoming[] = []
      for (const news of missed)
        if (!(await isRead(news)) && !(await db.roster.get(news.peer))?.muted) unmuted.push(news)
      for (const alert of decideLate(unmuted, mode, words)) await platform.alert(alert)
    }

    /** It may have been read on another device before it came here. */
    const isRead = async ({ peer, ts }: Incoming) => (await conversationOf(db, peer)).readTs >= ts

    async function onError(frame: ServerFrameOf<'error'>): Promise<void> {
      if (welcome) {
        requests.onError(frame)
        return outbox.onError(frame)
      }
      if (frame.action === 'wait') return
      return refuse(frame.code)
    }

    /** Trying again would end the same way: a person has to do something. */
    async function refuse(reason: string): Promise<void> {
      connection.close()
      live = false
      welcome = null
      await setConnection({ state: 'refused', reason, live: false })
      await showBadge()
    }

    async function onClosed(
      closed: Parameters<Parameters<typeof createConnection>[0]['onClosed']>[0],
    ): Promise<void> {
      welcome = null
      live = false
      requests.lost()
      await db.typing.clear()
      if (closed.type === 'waiting') {
        const { nextTryAt, reason } = closed
        await setConnection({ state: 'waiting', nextTryAt, reason, live: false })
      } else if ((await connectionRow())?.state !== 'refused') {
        const reason = closed.code === closeCodes.disabled ? 'account-disabled' : 'not-authorized'
        await setConnection({ state: 'refused', reason, live: false })
      }
      await showBadge()
    }

    async function alertAll(incoming: readonly Incoming[]): Promise<void> {
      const latest = new Map<UserId, { news: Incoming; count: number }>()
      for (const news of incoming) {
        latest.set(news.peer, { news, count: (latest.get(news.peer)?.count ?? 0) + 1 })
      }
      for (const { news, count } of latest.values()) {
        const around = {
          canOpenUnfocused: platform.canOpenUnfocused,
          views: platform.views(),
          activity: activity.state,
          mode: await modeNow(),
          muted: (await db.roster.get(news.peer))?.muted ?? false,
          count,
        }
        for (const alert of decide(news, around, words)) await platform.alert(alert)
      }
    }

    function tellActivity(): void {
      if (!signed.isWelcome() || toldActivity === activity.state) return
      toldActivity = activity.state
      send({ type: 'presence', activity: activity.state, since: activity.since })
    }

    function tellWatching(): void {
      const on = platform.views().length > 0
      if (!signed.isWelcome() || toldWatching === on) return
      if (send({ type: 'watch', on })) toldWatching = on
    }

    return {
      account,
      connection,
      outbox,
      requests,
      send,
      isWelcome: signed.isWelcome,
      tellActivity,
      tellWatching,
      end() {
        ended = true
        connection.close()
        outbox.stop()
        requests.lost()
      },
    }
  }

  // --- What the person sees of it -------------------------------------------------------------------------

  const connectionRow = () => db.status.get('connection') as Promise<ConnectionRow | undefined>
  const modeNow = async () => ((await db.status.get('self')) as SelfRow | undefined)?.mode ?? 'auto'

  async function setConnection(change: Partial<ConnectionRow>): Promise<void> {
    await db.transaction('rw', db.status, async () => {
      const before = await connectionRow()
      const empty: ConnectionRow = {
        key: 'connection',
        state: 'connecting',
        heardAt: 0,
        skew: 0,
        live: false,
      }
      const row: ConnectionRow = { ...empty, ...before, ...change }
      if (row.state !== 'waiting') delete row.nextTryAt
      if (row.state !== 'waiting' && row.state !== 'refused') delete row.reason
      await db.status.put(row)
    })
  }

  async function recount(peers: Iterable<UserId>): Promise<void> {
    for (const peer of peers) {
      await db.transaction('rw', [db.conversations, db.messages], async () => {
        const row = await conversationOf(db, peer)
        const unread = await countUnread(db, row)
        if (unread === 0 && row.unread > 0) void platform.clear(peer)
        if (unread !== row.unread) await db.conversations.put({ ...row, unread })
      })
    }
    await showBadge()
  }

  async function showBadge(): Promise<void> {
    const [conversations, roster, connection] = await Promise.all([
      db.conversations.toArray(),
      db.roster.toArray(),
      connectionRow(),
    ])
    const quiet = new Set(roster.filter(({ muted, blocked }) => muted || blocked).map(({ peer }) => peer))
    const unread = conversations.reduce((sum, row) => sum + (quiet.has(row.peer) ? 0 : row.unread), 0)
    const requests = roster.filter(({ relation, blocked }) => relation === 'asked' && !blocked).length
    await platform.badge({
      unread,
      requests,
      connected: connection?.state !== 'waiting' && connection?.state !== 'refused',
    })
  }

  // --- Commands -------------------------------------------------------------------------------------------

  /** A database that does not open is told as such: the page has a screen for it. */
  async function guarded<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      if (error instanceof CommandError) throw error
      throw new CommandError('database', String(error))
    }
  }

  async function needed(): Promise<Session> {
    await start()
    if (!session) throw new CommandError('signed-out')
    return session
  }

  /** Replaces whoever was here: an account, its keys and its history belong together. */
  async function enter(account: AccountRow): Promise<void> {
    await guarded(() => forget())
    await guarded(() => db.account.put(account))
    await start()
  }

  /** Everything of an account on this device, but not the places of windows and the form's last words. */
  async function forget(): Promise<void> {
    const kept = new Set<string>(['views'])
    const tables = db.tables.filter(({ name }) => !kept.has(name))
    await db.transaction('rw', tables, () => Promise.all(tables.map((table) => table.clear())))
  }

  async function enqueue(
    peer: UserId,
    kind: 'knock' | 'accept',
    content: Parameters<typeof db.outbox.add>[0]['content'],
  ) {
    const { outbox } = await needed()
    await guarded(() => db.outbox.add({ id: v7() as EnvelopeId, peer, kind, content, at: timers.now() }))
    await outbox.flush()
  }

  const commands: Commands = {
    wake: () => start(),
    async connectNow() {
      await start()
      session?.connection.now()
    },
    relayInfo: (relay) => relayInfo(http, relay),
    async signUp(input) {
      const { account, recoveryCode } = await signUp(http, input)
      await enter(account)
      return { recoveryCode }
    },
    async signIn(input) {
      await enter(await signIn(http, input))
    },
    async signOut() {
      await start()
      const peers = await guarded(() => db.conversations.toCollection().primaryKeys())
      session?.send({ type: 'leave' })
      session?.end()
      session = null
      await guarded(() => forget())
      await Promise.all(peers.map((peer) => platform.clear(peer)))
      await start()
    },
    async nudge() {
      await (await needed()).outbox.flush()
    },
    async retry(id) {
      const { account, outbox } = await needed()
      await guarded(() => retry(account, id))
      await outbox.flush()
    },
    async discard(id) {
      const { account } = await needed()
      await guarded(() =>
        db.transaction('rw', [db.outbox, db.messages], async () => {
          await db.outbox.delete(id)
          const row = await db.messages.get([account.user, id])
          if (row && row.state !== 'stored') await db.messages.delete([account.user, id])
        }),
      )
    },
    knock: (peer, text) => enqueue(peer, 'knock', { type: 'knock', text }),
    accept: (peer) => enqueue(peer, 'accept', { type: 'accept' }),
    async roster(peer, operation) {
      await (await needed()).requests.ask({ type: 'roster', peer, operation })
    },
    async setPresence({ mode, status, until }) {
      const { send, isWelcome } = await needed()
      const frame: ClientFrameOf<'presence'> = {
        type: 'presence',
        ...(mode !== undefined && { mode }),
        ...(status !== undefined && { status }),
        ...(until !== undefined && { until }),
      }
      if (!isWelcome() || !send(frame)) throw new CommandError('unreachable')
    },
    async read(peer, ts) {
      const { send, isWelcome } = await needed()
      await guarded(() =>
        db.transaction('rw', db.conversations, async () => {
          const row = await conversationOf(db, peer)
          if (ts > row.readTs) await db.conversations.put({ ...row, readTs: ts })
        }),
      )
      await recount([peer])
      if (isWelcome()) send({ type: 'read', peer, ts })
    },
    async typing(peer, state) {
      const { send, isWelcome } = await needed()
      if (isWelcome()) send({ type: 'typing', to: peer, state })
    },
    openChat: (peer) => platform.openChat(peer),
  }

  /** What the room has refused is spent: a new id. What it has never confirmed goes again as it is. */
  async function retry(account: AccountRow, id: EnvelopeId): Promise<void> {
    await db.transaction('rw', [db.outbox, db.messages], async () => {
      const waiting = await db.outbox.get(id)
      if (waiting) {
        const { held: _, ...row } = waiting
        await db.outbox.put({ ...row, at: timers.now() })
        return
      }
      const row = await db.messages.get([account.user, id])
      if (!row || row.content === null || (row.state !== 'failed' && row.state !== 'expired')) return
      await db.messages.delete([account.user, id])
      const { peer, kind, content } = row
      await db.outbox.add({ id: v7() as EnvelopeId, peer, kind, content, at: timers.now() })
    })
  }

  return {
    commands,
    start,
    async ring() {
      await start()
      session?.connection.check()
    },
    viewsChanged: () => session?.tellWatching(),
    stop() {
      stopped = true
      session?.end()
      session = null
    },
  }
}

const report = (error: unknown) => console.error(error)
