/**
 * A whole relay in memory: rooms with the real core, the shortest store, a link that is a function call, a clock that
 * stands still until it is advanced, and real signatures. Every method resolves when nothing is happening any more.
 */
import { newConnectionState } from '../../relay/core/connection-state.ts'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { connectBytes, deviceListHash, type DeviceList } from '#shared/account'
import { errors } from '#shared/errors'
import {
  parseServerFrame,
  type ClientFrame,
  type ClientFrameOf,
  type Cursor,
  type Entry,
  type EntryOf,
  type Kind,
  type Mode,
  type PeerPresence,
  type ServerFrame,
  type ServerFrameOf,
  type Show,
} from '#shared/frames'
import type { DeviceId, EnvelopeId, Millis, UserId } from '#shared/ids'
import type { KeyPackageUp, Vault } from '#shared/keys'
import { limits, type AnnouncedLimits } from '#shared/limits'
import { memoryStore, type MemoryStore } from '../../relay/core/memory-store.ts'
import type {
  AccountOperation,
  AccountReply,
  ConnectionId,
  ConnectionState,
  Room,
  RoomMessage,
  RoomReply,
  Sockets,
  Quotas,
  RelaySettings,
} from '../../relay/core/ports.ts'
import { createRoom } from '../../relay/core/runner.ts'
import { verify } from '../../relay/http/web-crypto.ts'
import { announcedLimits } from '../../relay/http/announced.ts'
import { memoryBlobs } from './memory-blobs.ts'
import { mulberry32, seededRandom } from './seeded.ts'
import { makeDevice, makeMailbox, signList, signUpBody, type OwnDevice, type SignUp } from './sign-up.ts'

const relayId = Buffer.alloc(32, 7).toString('base64url')
const noWork = { salt: 'A'.repeat(22), bits: 0, exp: 0, mac: 'A'.repeat(43), answer: 0 }

/** A readable name as an envelope's id, always the same one: `e1` in a test is a UUIDv7 on the wire. */
export function idOf(name: string): EnvelopeId {
  const hex = createHash('sha256').update(name).digest('hex').slice(0, 12)
  return `01980000-0000-7000-8000-${hex}` as EnvelopeId
}

export const payloadOf = (text: string) => Buffer.from(text).toString('base64url')
export const textOf = ({ payload }: { payload: string }) => Buffer.from(payload, 'base64url').toString()

/** What the link does with a call: nothing of it arrives, or only its answer is lost. */
export type LinkFault = 'request' | 'answer' | null | 'failure'

interface Home {
  room: Room
  store: MemoryStore
  rows: Map<string, string>
  sockets: Map<ConnectionId, { client: TestClient; state: ConnectionState }>
}

export type TestRelay = ReturnType<typeof testRelay>

export function testRelay(limitsOfOperator: Partial<AnnouncedLimits> = {}, quotas?: Quotas) {
  let now: Millis = Date.UTC(2026, 0, 15)
  let connections = 0
  const homes = new Map<UserId, Home>()
  const people = new Map<UserId, Person>()
  const timers: { at: Millis; run(): Promise<void> }[] = []
  const settings: RelaySettings = {
    relayId,
    announced: { ...announcedLimits(), ...limitsOfOperator },
    blobKey: new Uint8Array(32).fill(5),
    ...(quotas && { quotas }),
  }
  const blobs = memoryBlobs(() => now)
  const random = seededRandom(mulberry32(1))
  const failures: string[] = []

  const relay = {
    relayId,
    blobs,
    blobKey: settings.blobKey,
    get now() {
      return now
    },
    /** Every call between rooms, as it was made. */
    posts: [] as { from: UserId; to: UserId; message: RoomMessage; reply?: RoomReply }[],
    /** Decides about each call between rooms. */
    fault: (_from: string, _to: string, _message: RoomMessage): LinkFault => null,
    /** The next delivery does not arrive; an old answer comes instead. */
    answerInstead: null as RoomReply | null,
    /** What every socket has not yet handed to the network. */
    buffered: 0,
    /** Resolves when nothing is under way any more. */
    async settle() {
      for (;;) {
        const busy = [...homes.values()].filter(({ room }) => room.busy)
        if (busy.length === 0) break
        await Promise.all(busy.map(({ room }) => room.idle()))
      }
      assert.deepEqual(failures.splice(0), [])
    },
    /** Lets time pass: alarms ring when they are due, in order. */
    async advance(ms: number) {
      const end = now + ms
      await relay.settle()
      for (;;) {
        const alarms = [...homes].flatMap(([user, { store }]) =>
          store.alarm === null ? [] : [{ user, at: store.alarm }],
        )
        const [alarm] = alarms.toSorted((a, b) => a.at - b.at)
        const [timer] = timers.toSorted((a, b) => a.at - b.at)
        const next = Math.min(alarm?.at ?? Infinity, timer?.at ?? Infinity)
        if (next > end) break
        now = Math.max(now, next)
        if (timer && timer.at === next) {
          timers.splice(timers.indexOf(timer), 1)
          await timer.run()
        } else await relay.ring(alarm!.user)
        await relay.settle()
      }
      now = end
    },
    /** Rings a room's alarm now, whether it is due or not. */
    async ring(user: string) {
      const { store, room } = home(user)
      store.rung()
      await room.alarm()
      await relay.settle()
    },

    // --- Rooms and their misfortunes ---

    rows: (user: string) => home(user).rows,
    /** A row as it is stored. */
    row: <T>(user: string, key: string) => JSON.parse(home(user).rows.get(key) ?? 'null') as T,
    rowsLike: (user: string, prefix: string) =>
      [...home(user).rows.keys()].filter((key) => key.startsWith(prefix)),
    states: (user: string) => [...home(user).sockets.values()].map(({ state }) => state),
    /** The host puts the room away and loads it again: memory is gone, sockets stay. */
    async hibernate(user: string) {
      await relay.settle()
      const one = home(user)
      one.room = createRoom(hostOf(user as UserId, one))
    },
    /** The process is killed: memory and sockets are gone, what was committed stays. */
    async kill(user: string) {
      await relay.hibernate(user)
      const sockets = [...home(user).sockets.values()]
      home(user).sockets.clear()
      for (const { client } of sockets) client.lost(1006)
    },
    backup: (user: string) => new Map(home(user).rows),
    /** Puts an older state back, with or without saying so to the room. */
    async restore(user: string, backup: Map<string, string>, { silently = false } = {}) {
      await relay.kill(user)
      const { rows } = home(user)
      rows.clear()
      for (const [key, json] of backup) rows.set(key, json)
      if (!silently) await relay.account(user, { type: 'restored' })
    },
    async account(user: string, operation: AccountOperation): Promise<AccountReply> {
      const reply = await home(user).room.account(operation)
      await relay.settle()
      return reply
    },
    /** A call as another room would make it. */
    async peer(to: string, from: string, message: RoomMessage): Promise<RoomReply> {
      const reply = await home(to).room.peer(from as UserId, structuredClone(message))
      await relay.settle()
      return reply
    },

    // --- People ---

    async person(name: string): Promise<Person> {
      const user = name as UserId
      const known = people.get(user)
      if (known) return known
      const signUp = await signUpBody({ relayId, user, work: noWork })
      const reply = await relay.account(user, { type: 'register', body: signUp.body })
      assert.deepEqual(reply, { type: 'registered', acct: signUp.acct })
      const person: Person = { ...signUp, list: signUp.body.list, devices: [newDevice(signUp.device)] }
      people.set(user, person)
      return person
    },
    /** Signs another device in. */
    async addDevice(name: string): Promise<TestDevice> {
      const person = await relay.person(name)
      const device = newDevice(await makeDevice())
      await relay.putDevices(name, [...person.devices, device])
      return device
    },
    /** Adds `@` to the list: in `devices` it is the last one. */
    async addMailbox(name: string) {
      const person = await relay.person(name)
      await relay.putDevices(name, [...person.devices, newDevice(await makeMailbox())])
    },
    async putDevices(
      name: string,
      devices: TestDevice[],
      ups?: KeyPackageUp[],
      vault?: Vault,
    ): Promise<AccountReply> {
      const person = await relay.person(name)
      const prev = deviceListHash(person.list)
      const list = await signList(
        person,
        devices.map(({ own }) => own),
        { ver: person.list.ver + 1, prev },
      )
      const reply = await relay.account(name, {
        type: 'put-devices',
        list,
        ...(ups && { keys: ups }),
        ...(vault && { vault }),
      })
      if (reply.type === 'ok') Object.assign(person, { list, devices })
      return reply
    },
    /** A socket that has said nothing yet. */
    async open(name: string): Promise<TestClient> {
      const user = name as UserId
      const person = people.get(user) ?? null
      const client = new TestClient(relay, user, person, person?.devices[0] ?? newDevice(await makeDevice()))
      await client.open()
      return client
    },
    /** A device that is signed in; person and account are made when they are not there yet. */
    async connect(name: string, { device = 0, ...options }: ConnectOptions = {}): Promise<TestClient> {
      const person = await relay.person(name)
      while (person.devices.length <= device) await relay.addDevice(name)
      const client = new TestClient(relay, name as UserId, person, person.devices[device]!)
      Object.assign(client, options)
      await client.open()
      await client.auth()
      return client
    },
    /** Makes them buddies, by a knock and an answer. */
    async befriend(alice: TestClient, bob: TestClient) {
      await alice.send(bob.user, `knock-${alice.user}-${bob.user}`, { kind: 'knock' })
      await bob.send(alice.user, `accept-${bob.user}-${alice.user}`, { kind: 'accept' })
      alice.forget()
      bob.forget()
    },
    /** Two people who are buddies, each with one device. */
    async pair(a = 'alice', b = 'bob'): Promise<[TestClient, TestClient]> {
      const alice = await relay.connect(a)
      const bob = await relay.connect(b)
      await relay.befriend(alice, bob)
      return [alice, bob]
    },

    // --- For TestClient ---

    async attach(user: UserId, client: TestClient): Promise<ConnectionId> {
      const connection = `c${++connections}`
      const state = newConnectionState(now)
      const one = home(user)
      one.sockets.set(connection, { client, state })
      timers.push({ at: now + limits.authDeadlineMs, run: () => home(user).room.alarm() })
      await one.room.opened(connection)
      await relay.settle()
      return connection
    },
    async receive(user: UserId, connection: ConnectionId, text: string) {
      await home(user).room.received(connection, text)
    },
    async detach(user: UserId, connection: ConnectionId, code: number) {
      const one = home(user)
      const socket = one.sockets.get(connection)
      if (!one.sockets.delete(connection)) return
      socket!.client.lost(code)
      await one.room.closed(connection, socket!.state, code)
      await relay.settle()
    },
  }

  function home(name: string): Home {
    const user = name as UserId
    let one = homes.get(user)
    if (!one) {
      const rows = new Map<string, string>()
      one = { rows, store: memoryStore(rows), sockets: new Map(), room: null! }
      one.room = createRoom(hostOf(user, one))
      homes.set(user, one)
    }
    return one
  }

  function hostOf(self: UserId, { store, sockets: open }: Home) {
    const sockets: Sockets = {
      states: () => new Map(Array.from(open, ([id, { state }]) => [id, state])),
      send: (id, text) => open.get(id)?.client.take(text),
      close(id, code) {
        const socket = open.get(id)
        if (!open.delete(id)) return
        socket!.client.lost(code)
        void home(self).room.closed(id, socket!.state, code)
      },
      remember(id, state) {
        const bytes = JSON.stringify(state).length
        assert.ok(bytes <= limits.connectionStateBytesMax, `a socket's state of ${bytes} bytes`)
        const socket = open.get(id)
        if (socket) socket.state = structuredClone(state)
      },
      buffered: () => relay.buffered,
    }
    return {
      self,
      store,
      sockets,
      blobs,
      settings,
      random,
      verify,
      clock: () => now,
      link: { post },
      metric: () => {},
      log: (level: string, text: string, fields?: object) => {
        if (level === 'error') failures.push(`${self}: ${text} ${JSON.stringify(fields)}`)
      },
    }
  }

  async function post(to: UserId, message: RoomMessage, { from }: { from: UserId }): Promise<RoomReply> {
    const call: (typeof relay.posts)[number] = { from, to, message: structuredClone(message) }
    relay.posts.push(call)
    const fault = relay.fault(from, to, message)
    if (fault === 'request') throw new Error('lost')
    if (fault === 'failure') return { type: 'error', code: 'internal-server-error' }
    const old = message.type === 'deliver' ? relay.answerInstead : null
    if (old) {
      relay.answerInstead = null
      return structuredClone(old)
    }
    const reply = await home(to).room.peer(from, structuredClone(message))
    call.reply = structuredClone(reply)
    if (fault === 'answer') throw new Error('the answer is lost')
    return structuredClone(reply)
  }

  return relay
}

// --- People ----------------------------------------------------------------------------------------------

export interface Person extends SignUp {
  list: DeviceList
  devices: TestDevice[]
}

/** What a device keeps when its socket is gone. */
export interface TestDevice {
  own: OwnDevice
  generation: number
  cursor: Cursor | null
  last: EnvelopeId | null
  /** Everything it has stored, by seq. */
  entries: Entry[]
}

const newDevice = (own: OwnDevice): TestDevice => ({
  own,
  generation: 0,
  cursor: null,
  last: null,
  entries: [],
})

interface ConnectOptions {
  /** Which of the person's devices; it is made when it is not there yet. */
  device?: number
  /** Does not acknowledge by itself. */
  silent?: boolean
}

type DistributiveOmit<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never
type Frame<Type extends ClientFrame['type']> = Omit<ClientFrameOf<Type>, 'type'>

/** A device with an open socket. It stores and acknowledges entries by itself, unless it is `silent`. */
export class TestClient {
  readonly relay: TestRelay
  readonly user: UserId
  readonly person: Person | null
  readonly device: TestDevice
  silent = false
  /** The code with which the socket was closed. */
  closed: number | null = null
  frames: ServerFrame[] = []
  texts: string[] = []
  /** What it was told of buddies last. */
  buddies = new Map<string, PeerPresence>()
  connection: ConnectionId = ''
  attempt = 1
  requests = 0

  constructor(relay: TestRelay, user: UserId, person: Person | null, device: TestDevice) {
    this.relay = relay
    this.user = user
    this.person = person
    this.device = device
  }

  // --- What it has received ---

  received<Type extends ServerFrame['type']>(type: Type): ServerFrameOf<Type>[] {
    return this.frames.filter((frame): frame is ServerFrameOf<Type> => frame.type === type)
  }
  last<Type extends ServerFrame['type']>(type: Type): ServerFrameOf<Type> {
    const frame = this.received(type).at(-1)
    if (!frame) throw new Error(`${this.user} has received no ${type}`)
    return frame
  }
  /** All entries of a type that this socket has brought. */
  entries<Type extends Entry['type']>(type: Type): EntryOf<Type>[] {
    const all = this.received('deliver').flatMap(({ entries }) => entries)
    return all.filter((entry): entry is EntryOf<Type> => entry.type === type)
  }
  /** The texts of incoming messages (knocks and answers too), as this socket has brought them. */
  get inbox(): string[] {
    return this.entries('message')
      .filter(({ direction }) => direction === 'in')
      .map((entry) => textOf(entry))
  }
  relationTo(peer: string) {
    return this.device.entries.findLast((entry) => entry.type === 'roster' && entry.peer === peer) as
      | EntryOf<'roster'>
      | undefined
  }
  /** What it would show of a buddy, by what it was told and by the clock. */
  shows(peer: string): Show {
    const last = this.buddies.get(peer)
    return last && last.until > this.relay.now ? last.show : 'offline'
  }
  /** What was received so far no longer counts. */
  forget() {
    this.frames = []
    this.texts = []
  }

  // --- What it does ---

  async open() {
    this.connection = await this.relay.attach(this.user, this)
  }
  async auth(
    changes: Partial<Frame<'auth'>> & { nonce?: string; acct?: string; signedGeneration?: number } = {},
  ) {
    const {
      nonce = this.last('hello').nonce,
      acct = this.person?.acct ?? 'A'.repeat(22),
      ...fields
    } = changes
    const { own, cursor } = this.device
    const at = fields.at ?? this.relay.now
    const generation = fields.generation ?? ++this.device.generation
    const device = fields.device ?? own.id
    const bytes = connectBytes(
      this.relay.relayId,
      acct as SignUp['acct'],
      device,
      fields.signedGeneration ?? generation,
      nonce,
      at,
    )
    const signature = fields.signature ?? (await own.dak.sign(bytes))
    const frame = { version: 1, device, generation, at, cursor, reads: {}, activity: 'active' as const }
    await this.say('auth', { ...frame, client: 'test', capabilities: [], ...fields, signature })
  }
  async say<Type extends ClientFrame['type']>(type: Type, frame: Frame<Type>) {
    await this.text(JSON.stringify({ type, ...frame }))
  }
  async text(text: string) {
    await this.relay.receive(this.user, this.connection, text)
    await this.relay.settle()
  }
  /** Sends an envelope named `name`; its text is its name. Names the last send as its predecessor. */
  async send(to: string, name: string, fields: Partial<Frame<'send'>> & { text?: string } = {}) {
    const { text = name, ...more } = fields
    const id = idOf(name)
    const kind: Kind = 'message'
    const frame = {
      id,
      to,
      kind,
      payload: payloadOf(text),
      previous: this.device.last,
      attempt: this.attempt,
    }
    await this.say('send', { ...frame, ...more })
  }
  async ack(seq: number) {
    await this.say('ack', { seq })
  }
  async read(peer: string, ts: Millis) {
    await this.say('read', { peer: peer as UserId, ts })
  }
  /** Says something that is answered by its number, and returns the answer. */
  async ask(frame: DistributiveOmit<Extract<ClientFrame, { request: string }>, 'request'>) {
    const request = `r${++this.requests}`
    await this.text(JSON.stringify({ ...frame, request }))
    const answer = this.frames.findLast((one) => 'request' in one && one.request === request)
    if (!answer) throw new Error(`${this.user} has no answer to ${frame.type}`)
    return answer
  }
  /** Changes the roster; returns the code of a refusal, or `ok`. */
  async roster(operation: ClientFrameOf<'roster'>['operation'], peer: string) {
    const request = `r${++this.requests}`
    await this.say('roster', { request, operation, peer })
    const answer = this.frames.find((frame) => 'request' in frame && frame.request === request)
    return answer?.type === 'error' ? answer.code : answer?.type
  }
  async policy(change: Omit<Frame<'policy'>, 'request'>) {
    await this.say('policy', { request: `r${++this.requests}`, ...change })
  }
  async mode(mode: Mode, fields: Partial<Frame<'presence'>> = {}) {
    await this.say('presence', { mode, ...fields })
  }
  async close(code = 1006) {
    await this.relay.detach(this.user, this.connection, code)
  }

  // --- What happens to it ---

  take(text: string) {
    this.texts.push(text)
    const frame = parseServerFrame(text)
    this.frames.push(frame)
    if (frame.type === 'error') assert.equal(frame.action, errors[frame.code].action)
    // Whoever is refused begins another pass.
    if (frame.type === 'error' && frame.id !== undefined) this.attempt++
    if (frame.type === 'welcome') this.welcome(frame)
    if (frame.type === 'presence') this.buddies.set(frame.peer, frame)
    if (frame.type === 'ok' && frame.id) this.device.last = frame.id
    if (frame.type === 'deliver' && frame.request === undefined) this.store(frame.entries)
  }
  lost(code: number) {
    this.closed ??= code
  }
  private welcome({ epoch, from, resync, last, presence }: ServerFrameOf<'welcome'>) {
    this.buddies = new Map(presence.map((one) => [one.peer, one]))
    this.device.last = last
    if (!resync) return
    this.device.entries = []
    this.device.cursor = { epoch, seq: from, mark: 0 }
  }
  private store(entries: Entry[]) {
    if (this.silent) return
    const { cursor } = this.device
    for (const entry of entries) {
      if (entry.seq <= cursor!.seq) continue
      assert.equal(entry.seq, cursor!.seq + 1)
      Object.assign(cursor!, { seq: entry.seq, mark: entry.mark })
      this.device.entries.push(entry)
    }
    void this.relay.receive(this.user, this.connection, JSON.stringify({ type: 'ack', seq: cursor!.seq }))
  }
}

export type { DeviceId }
