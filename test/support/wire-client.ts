/**
 * A device as small as can be, over a real socket with real keys: it keeps a log, acknowledges, and sends its outbox
 * again until it is confirmed. For tests of a relay, and for loads; the extension's engine is another matter.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import { WebSocket } from 'ws'
import { connectBytes, deviceListBytes, deviceListHash, type DeviceList } from '#shared/account'
import type { Info, LoggedIn, LoginNonce, Pow } from '#shared/api'
import { toBase64, utf8 } from '#shared/bytes'
import type { ErrorCode } from '#shared/errors'
import {
  parseServerFrame,
  type ClientFrame,
  type ClientFrameOf,
  type Entry,
  type EntryOf,
  type Kind,
  type ServerFrame,
  type ServerFrameOf,
} from '#shared/frames'
import type { AccountId, DeviceId, EnvelopeId, Epoch, UserId } from '#shared/ids'
import {
  loginBody,
  makeDevice,
  signList,
  signUpBody,
  workOut,
  type OwnDevice,
  type SignUp,
} from './sign-up.ts'

type DistributiveOmit<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never

export interface Refused {
  status: number
  code: ErrorCode
  action: string
}

/** Asks the relay over HTTP. @throws Error with the refusal's code when it refuses. */
export async function ask<R>(relay: string, path: string, body?: unknown): Promise<R> {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }
  const response = await fetch(`${relay}${path}`, body === undefined ? {} : request)
  const answer = (await response.json()) as R & { error?: { code: string } }
  if (!response.ok) throw new Error(`${path}: ${answer.error?.code}`)
  return answer
}

export const infoOf = (relay: string) => ask<Info>(relay, '/v1/info')

/** Makes an account, with its work and signatures. */
export async function signUp(relay: string, user: string): Promise<SignUp> {
  const [{ relayId }, work] = await Promise.all([
    infoOf(relay),
    ask<Pow>(relay, '/v1/register/start', { user }),
  ])
  const made = await signUpBody({ relayId, user, work: workOut(work) })
  await ask(relay, '/v1/register', made.body)
  return made
}

export async function signIn(
  relay: string,
  { user, login }: Pick<SignUp, 'user' | 'login'>,
): Promise<LoggedIn> {
  const [{ relayId }, nonce] = await Promise.all([
    infoOf(relay),
    ask<LoginNonce>(relay, '/v1/login/start', { user }),
  ])
  return ask(relay, '/v1/login/finish', await loginBody(relayId, user, login, nonce))
}

export interface Outgoing {
  id: EnvelopeId
  to: string
  kind: Kind
  payload: string
  invite?: string
}

export interface SendOptions {
  kind?: Kind
  id?: EnvelopeId
  /** With a knock: the token of an invite link. */
  invite?: string
}

interface Waiter {
  /** It waits for a frame of this connection; what a device has stored outlives its connections. */
  ofSocket: boolean
  check(): boolean
  fail(error: Error): void
}

export interface WireClientOptions {
  /** Acknowledge what arrives; on by default. */
  acks?: boolean
  /** Keep every frame, for `until`; on by default, off for loads. */
  keepFrames?: boolean
}

/** workerd says goodbye at once, and hangs up some ten seconds later. */
const socketOptions = { perMessageDeflate: false, closeTimeout: 200 }
const withinMs = 10_000

export class WireClient {
  readonly relay: string
  readonly account: SignUp
  readonly device: OwnDevice
  readonly user: UserId
  readonly acks: boolean
  readonly keepFrames: boolean
  /** What the device has stored, by seq: what a browser would have in its database. */
  readonly log = new Map<number, Entry>()
  epoch: Epoch | null = null
  head = 0
  generation = 0
  /** Not confirmed yet, in the order of sending. */
  outbox: Outgoing[] = []
  /** What `ok` said. */
  readonly stored = new Map<EnvelopeId, { ts: number; seq: number }>()
  /** What was refused for good. */
  readonly refused = new Map<EnvelopeId, ErrorCode>()
  /** Entries that came with a gap before them: there must be none. */
  readonly gaps: string[] = []
  /** The frames of this connection. */
  frames: ServerFrame[] = []
  onFrame: ((frame: ServerFrame) => void) | null = null
  socket: WebSocket | null = null
  closed: Promise<{ code: number; reason: string }> = Promise.resolve({ code: 0, reason: '' })
  #waiters = new Set<Waiter>()
  #attempt = 0
  #requests = 0
  #last: EnvelopeId | null = null
  #previous = new Map<EnvelopeId, EnvelopeId | null>()
  #relayId: string | null = null

  constructor(relay: string, account: SignUp, device: OwnDevice, options: WireClientOptions = {}) {
    this.relay = relay
    this.account = account
    this.device = device
    this.user = account.user
    this.acks = options.acks ?? true
    this.keepFrames = options.keepFrames ?? true
  }

  /** A new account with its first device, not connected yet. */
  static async signUp(relay: string, user: string, options?: WireClientOptions): Promise<WireClient> {
    const account = await signUp(relay, user)
    return new WireClient(relay, account, account.device, options)
  }

  /** Another device of the same account: signs in, and adds itself to the device list. */
  async addDevice(options?: WireClientOptions): Promise<WireClient> {
    const { ticket, list } = await signIn(this.relay, this.account)
    const device = await makeDevice()
    const next = await this.nextList(list, device)
    await ask(this.relay, '/v1/devices', { user: this.user, ticket, list: next })
    return new WireClient(this.relay, this.account, device, options)
  }

  /** The list after `list`, with one device more, or with other devices than before. */
  async nextList(list: DeviceList, added: OwnDevice | null, kept = list.devices): Promise<DeviceList> {
    const next = await signList(this.account, added ? [added] : [], {
      ver: list.ver + 1,
      prev: deviceListHash(list),
    })
    const { sig: _, ...unsigned } = { ...next, devices: [...kept, ...next.devices] }
    return { ...unsigned, sig: await this.account.account.sign(deviceListBytes(unsigned)) }
  }

  // --- The socket ---------------------------------------------------------------------------------------------

  /** Opens a socket and waits for `hello`. */
  async open(path = `/parties/user/${this.user}`): Promise<ServerFrameOf<'hello'>> {
    const url = `${this.relay.replace(/^http/, 'ws')}${path}`
    const socket = new WebSocket(url, socketOptions)
    this.socket = socket
    this.frames = []
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() })
        if (socket !== this.socket) return
        const lost = Array.from(this.#waiters).filter(({ ofSocket }) => ofSocket)
        for (const waiter of lost) waiter.fail(new Error(`the socket closed with ${code} ${reason}`))
      })
    })
    socket.on('error', () => undefined) // "close" follows
    socket.on('message', (data) => {
      if (socket === this.socket) this.#receive(data.toString())
    })
    return this.until('hello')
  }

  /** What `auth` says for this device and this challenge. */
  async auth(
    hello: Pick<ServerFrameOf<'hello'>, 'relayId' | 'nonce' | 'now'>,
    generation = ++this.generation,
  ) {
    const { acct } = this.account
    const signed = connectBytes(hello.relayId, acct, this.device.id, generation, hello.nonce, hello.now)
    const at = this.log.get(this.head)
    const cursor = this.epoch && at ? { epoch: this.epoch, seq: this.head, mark: at.mark } : null
    return {
      type: 'auth',
      version: 1,
      device: this.device.id,
      generation,
      at: hello.now,
      cursor,
      signature: await this.device.dak.sign(signed),
      client: 'test',
    } as unknown as ClientFrameOf<'auth'>
  }

  /** Opens a socket, signs in on it, sends what was not confirmed, and resolves when the backlog has arrived. */
  async connect(): Promise<ServerFrameOf<'welcome'>> {
    const hello = await this.open()
    this.#relayId = hello.relayId
    this.frame(await this.auth(hello))
    const welcome = await this.until('welcome')
    await this.until('live')
    return welcome
  }

  /** Resolves when it is signed in and has all that waited, over whichever socket. */
  connected(deadlineMs = withinMs): Promise<void> {
    const isLive = () =>
      this.socket?.readyState === WebSocket.OPEN && this.frames.some(({ type }) => type === 'live')
    return this.#wait(isLive, 'a connection', deadlineMs)
  }

  /** Connects, again and again if need be: the relay may be gone at the moment. */
  async connectPatiently(withinTotalMs = 20_000): Promise<void> {
    const giveUpAt = performance.now() + withinTotalMs
    for (;;) {
      try {
        await this.connect()
        return
      } catch (error) {
        this.socket?.terminate()
        if (performance.now() > giveUpAt) throw error
        await pause(20)
      }
    }
  }

  raw(text: string | Buffer) {
    this.socket!.send(text)
  }

  frame(frame: ClientFrame) {
    this.raw(JSON.stringify(frame))
  }

  /** Goes without a word, as a lost network does. */
  drop() {
    this.socket?.terminate()
    return this.closed
  }

  close() {
    this.socket?.close()
    return this.closed
  }

  /**
   * The first frame of this connection that is of this type or meets the condition, whether it has come already
   * or comes in time. @throws when the socket closes before.
   */
  until<Type extends ServerFrame['type']>(type: Type, deadlineMs?: number): Promise<ServerFrameOf<Type>>
  until(condition: (frame: ServerFrame) => boolean, deadlineMs?: number): Promise<ServerFrame>
  until(wanted: string | ((frame: ServerFrame) => boolean), deadlineMs = withinMs): Promise<ServerFrame> {
    const matches = typeof wanted === 'string' ? (frame: ServerFrame) => frame.type === wanted : wanted
    let found: ServerFrame | undefined
    return this.#wait(
      () => (found = this.frames.find(matches)) !== undefined,
      String(wanted),
      deadlineMs,
      true,
    ).then(() => found!)
  }

  /** Resolves when the device has stored an entry that meets the condition. */
  async entry(condition: (entry: Entry) => boolean, deadlineMs = withinMs): Promise<Entry> {
    let found: Entry | undefined
    const look = () => (found = [...this.log.values()].find(condition)) !== undefined
    await this.#wait(look, `an entry: ${condition}`, deadlineMs)
    return found!
  }

  async message(text: string, deadlineMs = withinMs): Promise<EntryOf<'message'>> {
    const payload = sealed(text)
    const is = (entry: Entry) =>
      entry.type === 'message' && entry.direction === 'in' && entry.payload === payload
    return (await this.entry(is, deadlineMs)) as EntryOf<'message'>
  }

  #wait(check: () => boolean, what: string, deadlineMs: number, ofSocket = false): Promise<void> {
    if (check()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
      }
      const fail = (error: Error) => {
        end()
        reject(error)
      }
      const timer = setTimeout(() => {
        const seen = this.frames.map(({ type }) => type).join(' ')
        fail(new Error(`${this.user} waited ${deadlineMs} ms for ${what}; came: ${seen}`))
      }, deadlineMs)
      const waiter: Waiter = {
        ofSocket,
        check() {
          if (!check()) return false
          end()
          resolve()
          return true
        },
        fail,
      }
      this.#waiters.add(waiter)
    })
  }

  // --- What a device does ---------------------------------------------------------------------------------------

  /** Puts a message into the outbox and sends it; `ok` comes later. */
  send(
    to: string,
    text: string,
    { kind = 'message', id = uuidv7() as EnvelopeId, invite }: SendOptions = {},
  ) {
    const outgoing = { id, to, kind, payload: sealed(text), ...(invite && { invite }) }
    this.outbox.push(outgoing)
    if (this.socket?.readyState === WebSocket.OPEN) this.#sendAfter(this.#last, outgoing)
    return id
  }

  /** Sends and waits until it is stored. */
  async sendAndWait(to: string, text: string, options?: SendOptions) {
    const id = this.send(to, text, options)
    await this.confirmed(id)
    return id
  }

  confirmed(id: EnvelopeId, deadlineMs = withinMs) {
    return this.#wait(() => this.stored.has(id), `the confirmation of ${id}`, deadlineMs)
  }

  #sendAfter(previous: EnvelopeId | null, outgoing: Outgoing) {
    const { id } = outgoing
    this.frame({ type: 'send', ...outgoing, previous, attempt: this.#attempt })
    this.#previous.set(id, previous)
    this.#last = id
  }

  /** Another pass over the outbox. What was accepted already is confirmed again; the first new one follows `last`. */
  #sendAgain(last: EnvelopeId | null, outgoing = this.outbox) {
    this.#attempt += 1
    this.#last = last
    for (const one of outgoing) this.#sendAfter(this.#last, one)
  }

  #receive(text: string) {
    const frame = parseServerFrame(text)
    if (this.keepFrames || frame.type !== 'deliver') this.frames.push(frame)
    if (frame.type === 'welcome') {
      if (this.epoch !== frame.epoch) {
        this.log.clear()
        this.epoch = frame.epoch
      }
      this.head = frame.from
      this.#sendAgain(frame.last)
    } else if (frame.type === 'deliver' && frame.request === undefined) this.#store(frame.entries)
    else if (frame.type === 'ok' && frame.id !== undefined) {
      this.stored.set(frame.id, { ts: frame.ts!, seq: frame.seq! })
      this.outbox = this.outbox.filter(({ id }) => id !== frame.id)
    } else if (frame.type === 'error' && frame.id !== undefined) void this.#refused(frame)
    this.onFrame?.(frame)
    for (const waiter of Array.from(this.#waiters)) waiter.check()
  }

  /** Asks for something that is answered by its number, and waits for the answer. */
  async ask(frame: DistributiveOmit<Extract<ClientFrame, { request: string }>, 'request'>) {
    const request = `r${++this.#requests}`
    this.frame({ ...frame, request } as ClientFrame)
    return this.until((answer) => 'request' in answer && answer.request === request)
  }

  async #refused({ id, code, attempt, action, last, retryAfterMs = 0 }: ServerFrameOf<'error'>) {
    if (attempt !== undefined && attempt !== this.#attempt) return // of an older pass
    if (code === 'unexpected-request') {
      this.#sendAgain(last ?? null)
      return
    }
    const index = this.outbox.findIndex((outgoing) => outgoing.id === id)
    if (index < 0) return
    this.#attempt += 1 // what follows is refused too: those answers are void
    if (action === 'wait') {
      const socket = this.socket
      await pause(retryAfterMs + 5)
      if (socket !== this.socket || socket?.readyState !== WebSocket.OPEN) return
    } else {
      this.refused.set(id!, code)
      this.outbox.splice(index, 1)
    }
    // Meanwhile what stood before it may have been confirmed, and then it stands further in front.
    const from = action === 'wait' ? this.outbox.findIndex((outgoing) => outgoing.id === id) : index
    if (from < 0) return
    this.#sendAgain(this.#previous.get(id!) ?? null, this.outbox.slice(from))
  }

  #store(entries: readonly Entry[]) {
    for (const entry of entries) {
      if (entry.seq <= this.head) continue
      if (entry.seq !== this.head + 1) this.gaps.push(`${entry.seq} after ${this.head}`)
      this.log.set(entry.seq, entry)
      this.head = entry.seq
    }
    if (this.acks) this.frame({ type: 'ack', seq: this.head })
  }

  /** The texts of the messages from somebody, in the order of the log. */
  textsFrom(peer: string): string[] {
    return [...this.log.values()]
      .filter((entry) => entry.type === 'message' && entry.direction === 'in' && entry.peer === peer)
      .map((entry) => opened((entry as EntryOf<'message'>).payload))
  }

  get acct(): AccountId {
    return this.account.acct
  }

  get deviceId(): DeviceId {
    return this.device.id
  }

  get relayId(): string | null {
    return this.#relayId
  }
}

/** Relays see base64url; tests need no secrecy. */
export const sealed = (text: string): string => toBase64(utf8(text))
export const opened = (payload: string): string => Buffer.from(payload, 'base64url').toString()

/** Both connected, and on each other's list. */
export async function befriend(alice: WireClient, bob: WireClient): Promise<void> {
  await alice.sendAndWait(bob.user, 'may I?', { kind: 'knock' })
  await bob.entry(
    (entry) => entry.type === 'roster' && entry.peer === alice.user && entry.relation === 'asked',
  )
  await bob.sendAndWait(alice.user, 'yes', { kind: 'accept' })
  await alice.entry(
    (entry) => entry.type === 'roster' && entry.peer === bob.user && entry.relation === 'buddies',
  )
}
