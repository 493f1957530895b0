/**
 * Everything that lasts while an account is signed in: what the relay says, and what follows from it. Start reading at
 * `onFrame`. Frames are handled one after the other, each to its end; what was begun for one opening of the socket
 * answers into that one only.
 */
import { connectBytes } from '#shared/account'
import { closeCodes, type ErrorCode } from '#shared/errors'
import type { ClientFrame, Lead, ServerFrame, ServerFrameOf, Show } from '#shared/frames'
import type { Epoch, Millis, Seq, UserId } from '#shared/ids'
import { protocolVersion, supportedVersions } from '#shared/version'
import { storedKey } from '../crypto/keys.ts'
import { CommandError } from '../bus/commands.ts'
import type { AccountRow, ArchiveStatusRow, Db } from '../db/db.ts'
import { settingsOf } from '../db/settings.ts'
import { createAlerting } from './alerting.ts'
import { createArchive, type ArchiveWhen } from './archive.ts'
import { createBlobs } from './blobs.ts'
import { createConnection, type Closed, type Connection, type Failing, type Link } from './connection.ts'
import { createFiles, makeRoom, type Files } from './files.ts'
import type { Identities } from './identities.ts'
import { applyEntries, pushAgain, startOver } from './inbox.ts'
import { refill } from './key-pool.ts'
import { noteNewDevices } from './new-devices.ts'
import { believeDecided } from './other-account.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import type { Incoming, Platform, Timers, Words } from './ports.ts'
import { changeSettings, createPreferences } from './preferences.ts'
import { createRequests, type Requests } from './requests.ts'
import { createRestore } from './restore.ts'
import { createSealing, type Sealing } from './sealing.ts'
import { createSegments } from './segments.ts'
import type { Signed } from './state.ts'
import type { Status } from './status.ts'
import { askAgain, openWaiting, resend, unanswered } from './unopened.ts'

export interface Session {
  readonly account: AccountRow
  readonly outbox: Outbox
  readonly requests: Requests
  readonly files: Files
  readonly identities: Identities
  secrets: Sealing['secrets']
  /** Tries again what could not be opened, and sends what was waiting. */
  tryAgain(): Promise<void>
  /** False without a connection that is welcome: then nothing has been sent. */
  send(frame: ClientFrame): boolean
  /** The relay's clock minus this device's. */
  skew(): Millis
  /** Now, by the relay's clock. */
  relayNow(): Millis
  /** Settings were changed here: tells the room, now or as soon as it can be reached. */
  settingsChanged(): void
  /** A person has to do something: this session will not connect again. */
  isRefused(): boolean
  connectNow(): void
  check(): void
  /** Puts into the archive what is due. */
  archiveDue(): void
  tellActivity(): void
  tellWatching(): void
  /** Resolves when nothing of it touches the database any more; `leaving` tells the room that it is for good. */
  end(how?: { leaving?: boolean }): Promise<void>
}

export interface SessionOptions {
  account: AccountRow
  db: Db
  platform: Platform
  timers: Timers
  words: Words
  random: () => number
  fetch: typeof fetch
  client: string
  status: Status
  activity(): { state: 'active' | 'idle'; since: Millis }
  failing?: Failing | undefined
  /** How many key packages this device keeps at the room. */
  poolSize: number
  archiveWhen: ArchiveWhen
  /** It was refused before, in a way that no try changes: it only stands there and says so. */
  refused: boolean
  WebSocket?: unknown
}

/** The nonce is good for five seconds: an answer that took this long may have come too late. */
const promptMs = 3000
/** One more would not fit into a frame before `auth`; the others follow it. */
const readsInAuthMax = 25
/**
 * Each is an event of the room, whose mailbox holds 256: it closes a socket that fills it, and who then came back with
 * the same burst would be closed again without end. What is left goes with the next connect.
 */
const readsMax = 100
/** Pongs come every 20 s; the pages need to know that they do, and a database wants rest. */
const heardEveryMs = 15_000

const noConnection: Connection = {
  established() {},
  now() {},
  again() {},
  check() {},
  close() {},
  async leave() {},
}

/** What says more than that it is done. */
const isAnswer = (frame: ServerFrame): frame is Parameters<Requests['onAnswer']>[0] =>
  ['keys', 'devices', 'segments', 'segment', 'vault', 'reserved'].includes(frame.type)

export function openSession(options: SessionOptions): Session {
  const { account, db, platform, timers, words, status } = options
  let welcome: { link: Link; epoch: Epoch } | null = null
  let live = false
  let ended = false
  let { refused } = options
  /** How often in a row the relay did not believe an answer that was given in time. */
  let unproved = 0
  let skew = 0
  let heardAt = 0
  let chain = Promise.resolve()
  let missed: Incoming[] = []
  let lead: Lead = 'here'
  let keysLeft = 0
  /** Of the room's newest list of my devices, as of the beginning of this connection. */
  let listVersion = 0
  let toldActivity = ''
  let toldWatching: boolean | null = null

  const isWelcome = () => !ended && welcome !== null && welcome.link.isOpen()
  const send = (frame: ClientFrame) => !ended && welcome !== null && welcome.link.send(frame)
  const signed: Signed = { account, db, timers, send, isWelcome }
  const requests = createRequests(signed)
  const relayNow = () => timers.now() + skew
  const sealing = createSealing(signed, requests, platform, relayNow)
  const { identities } = sealing
  const { secrets, archiveKey } = sealing
  const mayFlush = () => live && !ended && isWelcome() && lead === 'here'
  const segments = createSegments(signed, requests, { secrets, archiveKey })
  const archive = createArchive({ signed, segments, requests, mayFlush, when: options.archiveWhen })
  const restore = createRestore({ signed, segments, changed: () => status.settle([]) })
  const outbox = createOutbox(signed, sealing.sealer, () => identities.refresh(account.user))
  const files = createFiles({
    signed,
    requests,
    blobs: createBlobs(account.relay, options.fetch),
    random: options.random,
    skew: () => skew,
    posted: () => outbox.flush(),
  })
  const preferences = createPreferences(db, requests, sealing.sealSettings)
  const alerting = createAlerting({
    db,
    platform,
    timers,
    words,
    status,
    activity: () => options.activity().state,
    lead: () => lead,
    relayNow,
  })
  const connection = refused
    ? noConnection
    : createConnection({
        relay: account.relay,
        user: account.user,
        timers,
        random: options.random,
        failing: options.failing,
        WebSocket: options.WebSocket,
        heartbeat: () => platform.heartbeat(),
        onFrame(frame, link) {
          // What somebody has asked for may be what holds up everything else.
          if (!onAnswer(frame, link)) next(link, () => onFrame(frame, link))
        },
        onClosed: (closed) => next(null, () => onClosed(closed)),
      })

  function onAnswer(frame: ServerFrame, link: Link): boolean {
    if (ended || welcome?.link !== link) return false
    if (isAnswer(frame)) requests.onAnswer(frame)
    else if (frame.type === 'ok' && frame.request !== undefined) requests.onOk(frame)
    else if (frame.type === 'error' && frame.request !== undefined) requests.onError(frame)
    else return false
    return true
  }

  function next(link: Link | null, work: () => Promise<void> | void): void {
    chain = chain
      .then(() => (ended ? undefined : work()))
      .catch((error: unknown) => {
        if (ended) return
        // Without a connection a list cannot be asked for; with the next one all of it comes again.
        if (!(error instanceof CommandError)) console.error(error)
        // The database may answer again, or the log continue, after a reconnect.
        if (link) connection.again(link)
      })
  }

  async function onFrame(frame: ServerFrame, link: Link): Promise<void> {
    switch (frame.type) {
      case 'hello':
        return onHello(frame, link)
      case 'welcome':
        return onWelcome(frame, link)
      case 'deliver':
        return onDeliver(frame)
      case 'live':
        return onLive()
      case 'ok':
        return outbox.onOk(frame)
      case 'error':
        return onError(frame, link)
      case 'presence': {
        const { type: _, ...row } = frame
        const known = await db.presence.get(row.peer)
        if (!known || known.version <= row.version) await db.presence.put(row)
        if (row.show === 'offline') await db.typing.delete(row.peer)
        else await tellOnline([row])
        return
      }
      case 'self': {
        const { type: _, ...self } = frame
        await db.status.put({ key: 'self', ...self })
        return
      }
      case 'lead':
        lead = frame.lead
        archive.tend()
        return
      case 'typing':
        if (!(await settingsOf(db)).typing) return // who does not show it does not see it
        if (frame.state === 'paused') await db.typing.delete(frame.peer)
        else await db.typing.put({ peer: frame.peer, until: frame.until })
        return
      case 'pong':
        return onPong()
      case 'archived':
        archive.setArchived(frame.seq)
        return
      case 'keys':
      case 'devices':
      case 'segments':
      case 'segment':
      case 'reserved':
      case 'vault': // an answer of another connection
      case 'bye': // the connection has read it
    }
  }

  // --- Coming in ----------------------------------------------------------------------------------------------------

  /** The relay's challenge: this device answers with its key, and says how far it has the log. */
  async function onHello(
    { relayId, nonce, versions, now }: ServerFrameOf<'hello'>,
    link: Link,
  ): Promise<void> {
    if (!link.isOpen()) return
    if (relayId !== account.relayId) return refuse('wrong-relay')
    if (!supportedVersions.some((version) => versions.includes(version))) return refuse('unsupported-version')
    await db.open() // after a failure it does not do so by itself
    // Stored before it is used: a copy of this profile would use the same number, and be found out by it.
    const generation = await db.transaction('rw', db.account, async () => {
      const row = await db.account.get('me')
      if (row?.device !== account.device) throw new Error('the account was replaced')
      await db.account.put({ ...row, generation: row.generation + 1 })
      return row.generation + 1
    })
    const cursor = await db.cursor.get('cursor')
    const reads = (await unsentReads()).slice(0, readsInAuthMax)
    const key = await storedKey(account.dak)
    const message = connectBytes(relayId, account.acct, account.device, generation, nonce, now)
    const { state, since } = options.activity()
    skew = now - link.openedAt
    toldActivity = state
    link.send({
      type: 'auth',
      version: protocolVersion,
      device: account.device,
      generation,
      at: now,
      cursor: cursor ? { epoch: cursor.epoch, seq: cursor.seq, mark: cursor.mark } : null,
      signature: await key.sign(message),
      reads: Object.fromEntries(reads.map(({ peer, readTs }) => [peer, readTs])) as Record<UserId, number>,
      activity: state,
      since: Math.max(0, since + skew),
      client: options.client,
      capabilities: [],
    })
    if (timers.now() - link.openedAt > promptMs) unproved = 0
    else unproved++
  }

  /** Read marks that the room has not confirmed: they are state, so they go again until it has. */
  const unsentReads = () => db.conversations.filter(({ readTs, readSentTs }) => readTs > readSentTs).toArray()

  async function onWelcome(frame: ServerFrameOf<'welcome'>, link: Link): Promise<void> {
    welcome = { link, epoch: frame.epoch } // settings may need a key that has to be asked for
    if (frame.resync) await startOver(signed, frame, sealing.openSettings)
    keysLeft = frame.keysLeft
    listVersion = frame.devices.version
    await archiveThere(frame.archived)
    unproved = 0
    connection.established(link)
    toldWatching = null
    skew = frame.now - timers.now()
    heardAt = timers.now()
    await db.transaction('rw', [db.presence, db.status], async () => {
      await db.presence.clear()
      await db.presence.bulkPut(frame.presence)
      await db.status.bulkPut([
        { key: 'self', ...frame.self },
        { key: 'relay', limits: frame.limits },
      ])
    })
    await status.setConnection({ state: 'connected', heardAt, skew, live: false })
    await status.showBadge()
    tellWatching()
    tellActivity()
    const left = (await unsentReads()).slice(readsInAuthMax, readsMax)
    for (const { peer, readTs } of left) send({ type: 'read', peer, ts: readTs })
    await outbox.welcomed(frame.last)
    await tellOnline(frame.presence)
  }

  /** Without a mailbox device there is none, and with one the relay may be older than archives. */
  async function archiveThere(archived: Seq | undefined): Promise<void> {
    archive.setArchived(archived)
    const before = (await db.status.get('archive')) as ArchiveStatusRow | undefined
    if (archived !== undefined) {
      if (before?.problem === 'unsupported') await db.status.delete('archive')
      return
    }
    await restore.drop()
    if (!account.list.devices.some(({ id }) => id === '@')) return
    await db.status.put({ key: 'archive', problem: 'unsupported', at: timers.now() })
  }

  async function onDeliver({ entries, request }: ServerFrameOf<'deliver'>): Promise<void> {
    // What was asked for again is no continuation of the log; nothing asks yet.
    if (!welcome || request !== undefined) return
    const late = !live
    const { epoch } = welcome
    const asks = await alerting.whoAsks()
    const applied = await platform.exclusively('open', () =>
      applyEntries(signed, entries, {
        epoch,
        now: relayNow(),
        late,
        missed: new Set(missed.map(({ id }) => id)),
        asks,
        opener: sealing.newOpener(),
        openSettings: sealing.openSettings,
      }),
    )
    send({ type: 'ack', seq: applied.seq })
    // What the archive brings may open it; whoever still waits then asks.
    const isAsking = !(await restore.isOpen()) && (await askAgain(signed, applied.unopened))
    const isAnswering = await resend(signed, identities, applied.wanted)
    if (isAsking || isAnswering) await outbox.flush()
    if (applied.devices.length > 0) void learn(applied.devices).catch(console.error)
    await status.settle(applied.cleared)
    for (const peer of applied.blocked) await platform.closeChat(peer)
    archive.tend()
    if (applied.hasFiles) files.tend()
    if (late) missed.push(...applied.incoming)
    else alerting.news(applied.incoming)
    if (entries.some(({ type }) => type === 'preferences')) await settingsChanged()
  }

  /** Somebody has another device, or one less: what waits may be opened now. */
  async function learn(users: readonly (UserId | null)[]): Promise<void> {
    for (const user of new Set(users)) {
      // What the room says of one of them holds up no other.
      await identities.refresh(user ?? account.user).catch(console.error)
    }
    if (users.includes(null)) {
      // What was sealed for my devices as they were before was refused.
      if (isWelcome()) void preferences.push().catch(console.error)
      archive.tend()
    }
    next(null, tryWaiting)
    next(null, tellSignIns)
  }

  /** Whoever has got hold of the password shall not be here unnoticed: this is told whatever else is quiet. */
  async function tellSignIns(): Promise<void> {
    for (const { name = '' } of await noteNewDevices(db)) {
      await platform.alert({ type: 'sign-in', title: words.signIn(name), text: words.notYou() })
    }
  }

  const tryWaiting = () => platform.exclusively('open', () => openWaiting(signed, sealing.newOpener()))

  async function tryAgain(): Promise<void> {
    await tryWaiting()
    await outbox.flush()
  }

  async function settingsCame(): Promise<void> {
    platform.setIdleAfter((await settingsOf(db)).idleMinutes)
    if (await believeDecided(db, relayNow())) next(null, tryAgain)
    if (isWelcome()) void preferences.push().catch(console.error)
    archive.tend()
  }

  async function settingsChanged(): Promise<void> {
    await settingsCame()
    await makeRoom(db, timers.now())
  }

  /** "Tell me when they come online": once (R-41 decides how). */
  async function tellOnline(present: readonly { peer: UserId; show: Show }[]): Promise<void> {
    const settings = await settingsOf(db)
    for (const { peer, show } of present) {
      if (show === 'offline' || !settings.buddies[peer]?.tellOnline) continue
      await changeSettings(db, { buddies: { [peer]: { tellOnline: null } } })
      alerting.online(peer)
      void preferences.push().catch(console.error)
    }
  }

  async function onLive(): Promise<void> {
    if (!welcome) return
    live = true
    const { restored } = (await db.cursor.get('cursor')) ?? {}
    if (restored) {
      await pushAgain(signed)
      await outbox.flush()
      void blockAgain(restored.blocks).catch(console.error)
    }
    await status.setConnection({ live: true })
    alerting.missed(missed)
    missed = []
    await settingsCame()
    files.tend()
    await tryWaiting()
    if (await restore.isOpen()) void bringHistory().catch(console.error)
    else {
      if (await askAgain(signed, await unanswered(signed))) await outbox.flush()
      archive.tend({ atStart: true })
    }
    await tellSignIns()
    void tendKeys().catch((error: unknown) => {
      if (!ended) console.error(error)
    })
  }

  /** Old packages go only when the newest list is here: the archive key of that list may be sealed for one of them. */
  async function tendKeys(): Promise<void> {
    const me = await db.account.get('me')
    if (me && me.list.ver < listVersion) await identities.refresh(account.user)
    await refill(db, account, requests, { left: keysLeft, size: options.poolSize, now: relayNow() })
  }

  /** What the log does not have any more, while everything else goes on. Without a connection: with the next one. */
  async function bringHistory(): Promise<void> {
    try {
      if (!(await restore.run())) return
    } catch (error) {
      if (error instanceof CommandError) return
      throw error
    }
    next(null, async () => {
      await tryWaiting()
      if (await askAgain(signed, await unanswered(signed))) await outbox.flush()
      archive.tend({ atStart: true })
    })
  }

  /** Whom I have blocked stays blocked, whatever backup the room comes from. */
  async function blockAgain(blocks: readonly UserId[]): Promise<void> {
    for (const peer of blocks) {
      await requests.ask({ type: 'roster', peer, operation: 'block' })
      await db.transaction('rw', db.cursor, async () => {
        const { restored, ...cursor } = (await db.cursor.get('cursor'))!
        const left = restored?.blocks.filter((other) => other !== peer) ?? []
        await db.cursor.put(left.length > 0 ? { ...cursor, restored: { blocks: left } } : cursor)
      })
    }
  }

  async function onPong(): Promise<void> {
    if (!isWelcome() || Math.abs(timers.now() - heardAt) < heardEveryMs) return
    heardAt = timers.now()
    await status.setConnection({ heardAt })
  }

  // --- Going wrong --------------------------------------------------------------------------------------------------

  async function onError(frame: ServerFrameOf<'error'>, link: Link): Promise<void> {
    if (welcome?.link === link) return outbox.onError(frame)
    const { code, action, retryAfterMs } = frame
    if (action === 'wait') return connection.again(link, retryAfterMs)
    // The relay says this also when the answer came too late, as from a machine that fell asleep over it.
    if (code === 'not-authorized' && unproved < 2) return connection.again(link)
    return refuse(code)
  }

  /** Trying again would end the same way: a person has to do something. */
  async function refuse(reason: ErrorCode | 'wrong-relay'): Promise<void> {
    connection.close()
    refused = true
    live = false
    welcome = null
    requests.lost()
    // The watchdog would bring back a background that was put away, and that one would try again.
    await platform.watchdog(false)
    await status.setConnection({ state: 'refused', reason, live: false })
    await status.showBadge()
  }

  async function onClosed(closed: Closed): Promise<void> {
    if (refused) return
    welcome = null
    live = false
    requests.lost()
    if (closed.type === 'refused') {
      if (closed.code === closeCodes.gone) return refuse('gone')
      return refuse(closed.code === closeCodes.disabled ? 'account-disabled' : 'unsupported-version')
    }
    const { type, ...waiting } = closed
    await db.open()
    await db.typing.clear()
    await status.setConnection({ state: type, ...waiting, live: false })
    await status.showBadge()
  }

  // --- What the relay is told ---------------------------------------------------------------------------------------

  function tellActivity(): void {
    const { state, since } = options.activity()
    if (toldActivity === state) return
    if (send({ type: 'presence', activity: state, since: Math.max(0, since + skew) })) toldActivity = state
  }

  function tellWatching(): void {
    const on = platform.views().length > 0
    if (toldWatching !== on && send({ type: 'watch', on })) toldWatching = on
  }

  return {
    account,
    outbox,
    requests,
    files,
    identities,
    secrets,
    tryAgain: async () => next(null, tryAgain),
    send,
    skew: () => skew,
    relayNow,
    settingsChanged: () => void settingsChanged().catch(console.error),
    isRefused: () => refused,
    connectNow: () => connection.now(),
    check: () => connection.check(),
    archiveDue: () => archive.tend(),
    tellActivity,
    tellWatching,
    async end({ leaving = false } = {}) {
      if (leaving) await archive.flush()
      ended = true
      requests.lost()
      if (leaving && welcome) await connection.leave()
      else connection.close()
      void alerting.stop() // it only reads, and a browser may take its time with a window
      await Promise.all([outbox.stop(), files.stop(), archive.stop(), restore.stop(), chain])
    },
  }
}
