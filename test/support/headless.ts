/**
 * A user without a browser: the extension's own engine in Node, over an IndexedDB in memory and real sockets. For
 * tests, for loads, and as the other person of an end-to-end test.
 */
import { argon2Sync } from 'node:crypto'
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb'
import { v7 } from 'uuid'
import { kdf, passwordSalt } from '#shared/account'
import { toBase64 } from '#shared/bytes'
import type { Content } from '#shared/content'
import type { EnvelopeId, UserId } from '#shared/ids'
import { codeRoot } from '../../extension/crypto/recovery-code.ts'
import { messagesOf } from '../../extension/db/conversations.ts'
import { openDb, type ConnectionRow, type Db, type SelfRow } from '../../extension/db/db.ts'
import type { ArchiveWhen } from '../../extension/engine/archive.ts'
import { createEngine, type Engine } from '../../extension/engine/engine.ts'
import type { Alert, Platform, Words } from '../../extension/engine/ports.ts'
import type { ViewState } from '../../extension/bus/commands.ts'
import { blobFrom, sealInto, type FileMeta } from '../../extension/stores/file-sealing.ts'
import { until } from './until.ts'

const words: Words = {
  title: (peer) => peer,
  many: (count) => `${count} new messages`,
  knock: (peer) => `${peer} would like to be your buddy`,
  joined: (peer) => `${peer} is your buddy now`,
  asks: (peer) => `${peer} writes`,
  online: (peer) => `${peer} is online`,
  signIn: (device) => `New sign-in: ${device}`,
  notYou: () => 'Not you?',
  somebody: () => 'Somebody',
  aMessage: () => 'A message',
  photo: () => 'Photo',
  file: (name) => `File: ${name}`,
  missed: (messages, people) => `${messages} new messages from ${people} people`,
}

/** What Argon2id makes of the password: by Node's own, which is twenty times as fast as the page's. */
export function passwordRoot(password: string, relayId: string, user: string): string {
  const root = argon2Sync('argon2id', {
    message: Buffer.from(password.normalize('NFKC')),
    nonce: Buffer.from(passwordSalt(relayId, user)),
    parallelism: kdf.p,
    tagLength: 32,
    memory: kdf.m,
    passes: kdf.t,
  })
  return toBase64(new Uint8Array(root))
}

export interface HeadlessOptions {
  password?: string
  /** Sign in to an account that exists, instead of making one. */
  existing?: boolean
  /** Instead of a password, which takes a moment to hash: 32 bytes as base64url. */
  root?: string
  /** The background's database, before anything is done with it. */
  prepare?: (db: Db) => void
  canOpenUnfocused?: boolean
  /** The code that a relay by invitation asks for. */
  invite?: string
  /** Nobody signs in. */
  signedOut?: boolean
  /** Starts with these rows instead of signing in: a profile that was copied. Does not wait for a connection. */
  copyOf?: { db: Db }
  /** In place of one in memory, for those that fail. */
  indexedDB?: IDBFactory
  /** How far this device's clock is ahead. */
  clockAheadMs?: number
  /** How many seconds of its own it lives in one. */
  speed?: number
  /** 0: never waits before it connects again. */
  random?: () => number
  /** What this browser does otherwise, or fails to do. */
  platform?: Partial<Platform>
  fetch?: typeof fetch
  /** How many key packages it keeps at the room; few, for making them takes longer than most tests. */
  poolSize?: number
  /** When it puts its history away: here, where hours do not pass. */
  archiveWhen?: ArchiveWhen
  /** In place of the platform's, for those who count or cut frames. */
  WebSocket?: unknown
}

export type Headless = Awaited<ReturnType<typeof headless>>

export async function headless(relay: string, name: string, options: HeadlessOptions = {}) {
  const password = options.password ?? 'correct horse battery staple'
  const user = name as UserId
  const indexedDB = options.indexedDB ?? new IDBFactory()
  let own = newDb()
  /** What the pages see of it: they live on when the background dies. */
  const db = openDb('parley', { indexedDB, IDBKeyRange })
  let engine: Engine
  /** What the platform was asked to do, over all restarts. */
  const alerts: Alert[] = []
  let badge = { unread: 0, requests: 0, connected: false }
  let views: ViewState[] = []
  let tellActivity: ((activity: 'active' | 'idle', since: number) => void) | null = null
  const { speed = 1, clockAheadMs = 0 } = options
  const bornAt = Date.now()
  const now = () => bornAt + (Date.now() - bornAt) * speed + clockAheadMs

  function newDb() {
    const opened = openDb('parley', { indexedDB, IDBKeyRange })
    options.prepare?.(opened)
    return opened
  }

  const platform: Platform = {
    canOpenUnfocused: options.canOpenUnfocused ?? true,
    deviceName: 'Node on this machine',
    async alert(alert) {
      alerts.push(alert)
    },
    async clear() {},
    async badge(state) {
      badge = state
    },
    async openChat() {},
    async openPrompt() {},
    async closeChat() {},
    isFullScreen: async () => false,
    onChatClosed() {},
    exclusively: (_, run) => run(),
    setIdleAfter() {},
    views: () => views,
    onActivity(listener) {
      tellActivity = listener
    },
    heartbeat() {},
    async watchdog() {},
    ...options.platform,
  }

  function newEngine(): Engine {
    return createEngine({
      db: own,
      platform,
      timers: {
        now,
        after(ms, run) {
          const timer = setTimeout(run, ms / speed)
          return () => clearTimeout(timer)
        },
      },
      words,
      fetch: options.fetch ?? fetch,
      client: 'parley/headless',
      poolSize: options.poolSize ?? 4,
      ...(options.archiveWhen && { archiveWhen: options.archiveWhen }),
      WebSocket: options.WebSocket,
      ...(options.random && { random: options.random }),
    })
  }

  const connection = async () => (await db.status.get('connection')) as ConnectionRow | undefined
  const isConnected = async () => {
    const row = await connection()
    return row?.state === 'connected' && row.live
  }

  engine = newEngine()
  const { relayId } = await engine.commands.relayInfo(relay)
  const input = { relay, relayId, user, deviceName: platform.deviceName }
  let recoveryCode = ''
  if (options.copyOf) {
    for (const { name: table } of db.tables) {
      await own.table(table).bulkPut(await options.copyOf.db.table(table).toArray())
    }
    await engine.start()
  } else if (options.signedOut) {
    await engine.start()
  } else if (options.existing) {
    await engine.commands.signIn({
      ...input,
      root: options.root ?? passwordRoot(password, relayId, name),
      slot: 'pw',
    })
  } else {
    ;({ recoveryCode } = await engine.commands.signUp({
      ...input,
      root: options.root ?? passwordRoot(password, relayId, name),
      ...(options.invite && { invite: options.invite }),
    }))
  }
  if (!options.copyOf && !options.signedOut) await until(isConnected, `${name} connected`)

  const me = {
    name: user,
    recoveryCode,
    relayId,
    alerts,
    get badge() {
      return badge
    },
    db,
    get commands() {
      return engine.commands
    },
    look(at: ViewState[]) {
      views = at
      engine.viewsChanged()
    },
    be(activity: 'active' | 'idle') {
      tellActivity?.(activity, now())
    },
    connection,
    /** The watchdog rings. */
    ring: () => engine.ring(),
    isConnected,
    connected: (withinMs?: number) => until(isConnected, `${name} connected`, withinMs),
    rootOfCode: (code: string) => codeRoot(code, relayId, name),

    knock: (peer: string, text = '') => engine.commands.knock(peer as UserId, { text }),
    accept: (peer: string) => engine.commands.accept(peer as UserId),
    /** As the chat page does it: a row in the outbox, then a nudge. */
    send: (peer: string, text: string) => me.say(peer, { type: 'text', text }),
    /** Anything that a page may put into the outbox. */
    async say(peer: string, content: Content): Promise<EnvelopeId> {
      const id = v7() as EnvelopeId
      const kind = content.type === 'text' || content.type === 'file' ? 'message' : 'control'
      await db.outbox.add({ id, peer: peer as UserId, kind, content, at: now() })
      await engine.commands.nudge()
      return id
    },
    /** As the chat page does it: sealed into the database, then a nudge. Answers with the row's key. */
    async attach(
      peer: string,
      bytes: Uint8Array<ArrayBuffer>,
      more: Partial<FileMeta & { caption: string }> = {},
    ) {
      const key = v7()
      const { caption = '', ...meta } = { name: 'a.bin', mime: 'application/octet-stream', ...more }
      await sealInto(db, { key, peer: peer as UserId, caption, blob: new Blob([bytes]), meta })
      await engine.commands.nudge()
      return key
    },
    /** File messages with this person that are stored, in order. */
    async files(peer: string) {
      const rows = await messagesOf(db, peer as UserId)
      return rows.filter(({ content, state }) => content?.type === 'file' && state !== 'pending')
    },
    fileRow: (key: string) => db.files.get(key),
    /** What is in a file that is here. */
    async bytesOf(key: string) {
      return new Uint8Array(await (await blobFrom(db, (await db.files.get(key))!)).arrayBuffer())
    },
    /** Reads everything of theirs that is there. */
    async read(peer: string) {
      const last = (await messagesOf(db, peer as UserId)).findLast(({ direction }) => direction === 'in')
      if (last) await engine.commands.read(peer as UserId, last.ts)
    },
    async relationTo(peer: string) {
      return (await db.roster.get(peer as UserId))?.relation ?? 'none'
    },
    /** As a page would show it. */
    async presenceOf(peer: string) {
      const [row, line] = await Promise.all([db.presence.get(peer as UserId), connection()])
      return line?.state === 'connected' && row && row.until > now() + line.skew ? row.show : 'offline'
    },
    async ownPresence() {
      return (await db.status.get('self')) as SelfRow | undefined
    },
    async stateOf(id: EnvelopeId) {
      const row = await db.messages.get([user, id])
      if (row?.state !== 'stored') return row?.state ?? 'pending'
      const conversation = await db.conversations.get(row.peer)
      const dropped = conversation?.except.some(([from, to]) => row.ts >= from && row.ts <= to)
      if (!conversation || dropped) return 'stored'
      if (row.ts <= conversation.read) return 'read'
      return row.ts <= conversation.delivered ? 'delivered' : 'stored'
    },
    history: (peer: string) => messagesOf(db, peer as UserId),
    async textsWith(peer: string): Promise<string[]> {
      const rows = await messagesOf(db, peer as UserId)
      return rows.flatMap(({ content }) => (content?.type === 'text' ? [content.text] : []))
    },
    unread: async (peer: string) => (await db.conversations.get(peer as UserId))?.unread ?? 0,
    until: (condition: () => Promise<boolean> | boolean, what: string, withinMs?: number) =>
      until(async () => condition(), `${name}: ${what}`, withinMs),

    /** The background dies: nothing is said, nothing is finished. */
    kill() {
      engine.stop()
      own.close()
    },
    /** A new background over the same database. */
    async restart() {
      me.kill()
      own = newDb()
      engine = newEngine()
      await engine.start()
    },
    async stop() {
      me.kill()
      db.close()
    },
  }
  return me
}

/** Two who are buddies already. */
export async function buddies(relay: string, one = 'alice', other = 'bob', options: HeadlessOptions = {}) {
  const [a, b] = await Promise.all([
    headless(relay, one, options),
    headless(relay, other, options.random ? { random: options.random } : {}),
  ])
  await a.knock(other)
  await b.until(async () => (await b.relationTo(one)) === 'asked', 'is asked')
  await b.accept(one)
  await Promise.all([
    a.until(async () => (await a.relationTo(other)) === 'buddies', 'buddies'),
    b.until(async () => (await b.relationTo(one)) === 'buddies', 'buddies'),
  ])
  return [a, b] as const
}
