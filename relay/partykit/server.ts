/**
 * One user's room on PartyKit: wiring between its events and the core. It sleeps and wakes at any moment, so nothing
 * here has to be remembered; what PartyKit does with alarms is worked round at `onAlarm`.
 */
import { newConnectionState } from '../core/connection-state.ts'
import type * as Party from 'partykit/server'
import { closeCodes, errors, ProtocolError, type ErrorCode } from '#shared/errors'
import type { ServerFrame } from '#shared/frames'
import type { UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { isUserName } from '#shared/names'
import type {
  AccountOperation,
  ConnectionId,
  Log,
  Room,
  RoomLink,
  RoomMessage,
  RoomReply,
} from '../core/ports.ts'
import { keys, type Meta } from '../core/rows.ts'
import { createRoom } from '../core/runner.ts'
import { isExtension } from '../http/origins.ts'
import { roomOf } from '../http/paths.ts'
import { refusal } from '../http/refusals.ts'
import { random, verify } from '../http/web-crypto.ts'
import { partyBlobs } from './blobs.ts'
import { callerOf, internalPaths, linkHeaders, signedCall } from './link.ts'
import { knownPeers, rememberPeers } from './peers.ts'
import { settingsFrom, type Settings } from './settings.ts'
import { attachmentOf, connectionsOf, partySockets, type Connection } from './sockets.ts'
import { partyStore, type PartyStore } from './store.ts'

const failedAlarmRestsMs = 2000
/** A batch of a lane and what stands round it. */
const callBytesMax = 256 * 1024

const log: Log = (level, text, fields) => console[level](JSON.stringify({ level, text, ...fields }))

export default class UserRoom implements Party.Server {
  readonly options = { hibernate: true }
  readonly room: Party.Room
  readonly store: PartyStore
  name: UserId | null = null
  core: Room | null = null
  /** Sockets whose end the core knows about: PartyKit may tell of it twice. */
  readonly ended = new WeakSet<object>()
  /** An alarm has woken this instance: PartyKit will never tell it its name or the way to its peers. */
  readonly cold: boolean
  /** For sockets that have yet to sign in. */
  readonly deadlines = new Map<ConnectionId, ReturnType<typeof setTimeout>>()
  /** The last call by the public address came through. */
  publicUrlWorks = true

  constructor(room: Party.Room) {
    this.room = room
    this.store = partyStore(room.storage)
    let cold = false
    try {
      this.name = room.id as UserId
      rememberPeers(room.context.parties)
    } catch {
      cold = true
    }
    this.cold = cold
  }

  // --- At the edge: before any room is touched --------------------------------------------------------------

  static onBeforeConnect(request: Party.Request, lobby: Party.Lobby): Party.Request | Response {
    rememberPeers(lobby.parties)
    const origin = request.headers.get('origin')
    const settings = settingsFrom(lobby.env)
    if ('problem' in settings) return unavailable(settings.problem)
    if (roomOf(new URL(request.url)) === null) return notFound()
    if (origin !== null && !isExtension(origin))
      return refusal(new ProtocolError('forbidden', 'not from a web page'))
    for (const header of linkHeaders) request.headers.delete(header)
    return request
  }

  /** Rooms have nothing to offer to plain requests. A call between rooms may come this way, if it is signed. */
  static async onBeforeRequest(
    request: Party.Request,
    lobby: Party.Lobby,
  ): Promise<Party.Request | Response> {
    rememberPeers(lobby.parties)
    const settings = settingsFrom(lobby.env)
    if ('problem' in settings) return unavailable(settings.problem)
    if (!isUserName(lobby.id) || request.method !== 'POST') return notFound()
    const signed = linkHeaders.every((header) => request.headers.has(header))
    if (!signed || Number(request.headers.get('content-length') ?? Infinity) > callBytesMax) return notFound()
    const call = { to: lobby.id, path: innerPath(request.url, lobby.id), body: await request.clone().text() }
    if (callerOf(settings.secret, request.headers, call, Date.now()) === null) return notFound()
    return request
  }

  // --- In the room --------------------------------------------------------------------------------------------

  async onConnect(connection: Connection): Promise<void> {
    const id = `c${random.next().toString(36).slice(2)}`
    const state = newConnectionState(Date.now())
    connection.setState({ id, state })
    // A timer keeps the room awake, so it ends as soon as it is not needed.
    const late = setTimeout(() => tooLate(connection), limits.authDeadlineMs)
    this.deadlines.set(id, late)
    await this.attempt(connection, async () => (await this.roomOf(connection.uri)).opened(id))
  }

  async onMessage(message: string | ArrayBuffer | ArrayBufferView, connection: Connection): Promise<void> {
    const attachment = attachmentOf(connection)
    if (!attachment || this.ended.has(connection)) return
    // A frame that is not text cannot be read; the core says so.
    const text = typeof message === 'string' ? message : ''
    if (bytesExceed(text, limits.frameInBytesMax)) {
      tell(connection, 'too-large')
      connection.close(closeCodes.tooLarge, 'frame too large')
      await this.onClose(connection)
      return
    }
    await this.attempt(connection, async () =>
      (await this.roomOf(connection.uri)).received(attachment.id, text),
    )
    if (attachmentOf(connection)?.state.device !== undefined) this.endDeadline(attachment.id)
  }

  endDeadline(id: ConnectionId): void {
    clearTimeout(this.deadlines.get(id))
    this.deadlines.delete(id)
  }

  async onClose(connection: Connection): Promise<void> {
    const attachment = attachmentOf(connection)
    if (!attachment || this.ended.has(connection)) return
    this.ended.add(connection)
    this.endDeadline(attachment.id)
    connection.close() // the other half of the handshake: without it the client waits for some ten seconds
    // PartyKit does not tell the code.
    await this.attempt(connection, async () =>
      (await this.roomOf(connection.uri)).closed(attachment.id, attachment.state, 1006),
    )
  }

  onError(connection: Connection): Promise<void> {
    return this.onClose(connection)
  }

  async onRequest(request: Party.Request): Promise<Response> {
    try {
      return await this.answer(request)
    } catch (error) {
      log('error', 'a call failed', { error: String(error) })
      return refusal(new ProtocolError('internal-server-error'))
    }
  }

  async answer(request: Party.Request): Promise<Response> {
    const settings = settingsFrom(this.room.env)
    if ('problem' in settings) return unavailable(settings.problem)
    const to = nameIn(request.url)
    if (to === null) return notFound()
    const call = { to, path: innerPath(request.url, to), body: await request.text() }
    const from = callerOf(settings.secret, request.headers, call, Date.now())
    if (from === null) return notFound()
    const room = this.roomNamed(to, settings)
    if (call.path === internalPaths.peer && isUserName(from)) {
      return Response.json(await room.peer(from, JSON.parse(call.body) as RoomMessage))
    }
    if (call.path === internalPaths.account && from === '') {
      return Response.json(await room.account(JSON.parse(call.body) as AccountOperation))
    }
    return notFound()
  }

  /**
   * PartyKit forgets an alarm as it rings it, repeats one that fails six times at most, and then never again. So
   * nothing may fail here, and what did is tried again by an alarm of our own.
   */
  async onAlarm(): Promise<void> {
    this.store.rung()
    const { failures } = this.store
    if (this.cold) log('info', 'an alarm has woken the room')
    try {
      const room = await this.roomOfAlarm()
      await room?.alarm()
      if (this.store.failures > failures) throw new Error('not stored')
    } catch (error) {
      log('error', 'an alarm failed and will ring again', { error: String(error) })
      await this.store.transact(async (tx) => tx.wakeAt(Date.now() + failedAlarmRestsMs))
    }
    if (this.cannotReachPeers()) void this.reset()
  }

  // --- Which room this is, and its core -------------------------------------------------------------------------

  async roomOf(uri: string): Promise<Room> {
    const settings = settingsFrom(this.room.env)
    const name = nameIn(uri)
    if ('problem' in settings) throw new Error(settings.problem)
    if (name === null) throw new Error('no user name in the URL of a connection')
    return this.roomNamed(name, settings)
  }

  /** Null when nothing is stored: an alarm of a room that was wiped since. */
  async roomOfAlarm(): Promise<Room | null> {
    if (this.core) return this.core
    const settings = settingsFrom(this.room.env)
    if ('problem' in settings) throw new Error(settings.problem)
    const name = this.name ?? (await this.store.transact((tx) => tx.get<Meta>(keys.meta)))?.name
    return name === undefined ? null : this.roomNamed(name, settings)
  }

  roomNamed(name: UserId, settings: Settings): Room {
    this.name = name
    return (this.core ??= createRoom({
      self: name,
      store: this.store,
      link: this.link(settings),
      sockets: partySockets(this.room),
      blobs: partyBlobs(settings.secret, () => this.peers()),
      settings: settings.http,
      clock: Date.now,
      random,
      verify,
      log,
      metric: () => undefined,
    }))
  }

  /** By PartyKit's own way where it is known; else by the public address, through the front door. */
  link({ secret, http }: Settings): RoomLink {
    return {
      post: async (to, message, { from, timeoutMs }) => {
        const call = { from, to, path: internalPaths.peer, body: JSON.stringify(message) }
        const request = signedCall(secret, call, Date.now())
        const parties = this.peers()
        if (parties) return replyOf(parties.user!.get(to).fetch(call.path, request), timeoutMs)
        if (http.publicUrl === undefined) throw new Error('no way to the other rooms')
        try {
          const reply = await replyOf(
            fetch(`${http.publicUrl}/parties/user/${to}${call.path}`, request),
            timeoutMs,
          )
          this.publicUrlWorks = true
          return reply
        } catch (error) {
          this.publicUrlWorks = false // Cloudflare may refuse a call to the own zone
          throw error
        }
      },
    }
  }

  /** A method, so that tests can take it away. */
  peers(): Party.Context['parties'] | null {
    return knownPeers()
  }

  cannotReachPeers(): boolean {
    if (this.peers()) return false
    const settings = settingsFrom(this.room.env)
    const publicUrl = 'problem' in settings ? undefined : settings.http.publicUrl
    return publicUrl === undefined || !this.publicUrlWorks || this.isEmpty()
  }

  isEmpty(): boolean {
    for (const _ of connectionsOf(this.room)) return false
    return true
  }

  /**
   * Ends this instance, which an alarm has made useless: the next event makes a proper one. Its sockets would be cut,
   * so they are told to connect again; they do within seconds, long before anybody is shown as offline.
   */
  async reset(): Promise<void> {
    await this.core?.idle()
    for (const connection of connectionsOf(this.room)) connection.close(closeCodes.drain, 'made anew')
    await this.room
      .blockConcurrencyWhile(async () => {
        throw new Error('made anew after an alarm')
      })
      .catch(() => undefined) // that it fails is what it is for
  }

  /** Our own mistakes close the socket and say nothing of themselves: PartyKit would send their text. */
  async attempt(connection: Connection, run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      log('error', 'an event failed', { error: String(error) })
      connection.close(1011, '')
    }
  }
}

const notFound = () => refusal(new ProtocolError('item-not-found', 'no such room'))
const unavailable = (problem: string) => refusal(new ProtocolError('resource-constraint', problem))

function tell(connection: Connection, code: ErrorCode) {
  connection.send(JSON.stringify({ type: 'error', code, action: errors[code].action } satisfies ServerFrame))
}

function tooLate(connection: Connection) {
  try {
    tell(connection, 'not-authorized')
    connection.close(closeCodes.notAuthorized, 'not authorized in time')
  } catch {
    // gone already
  }
}

/** The room's name as the URL has it, without any decoding, or null when it is no user name. */
function nameIn(url: string): UserId | null {
  const name = new URL(url).pathname.split('/')[3] ?? ''
  return isUserName(name) ? name : null
}

const innerPath = (url: string, name: string) => new URL(url).pathname.slice(`/parties/user/${name}`.length)

function bytesExceed(text: string, bytesMax: number): boolean {
  if (text.length > bytesMax) return true
  return text.length * 3 > bytesMax && new TextEncoder().encode(text).length > bytesMax
}

async function replyOf(
  calling: Promise<{ ok: boolean; status: number; json(): Promise<unknown> }>,
  timeoutMs: number,
) {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error('no answer in time')), timeoutMs)
  })
  try {
    const response = await Promise.race([calling, late])
    if (!response.ok) throw new Error(`a room answered with status ${response.status}`)
    return (await Promise.race([response.json(), late])) as RoomReply
  } finally {
    clearTimeout(timer)
  }
}
