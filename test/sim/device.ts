/**
 * A device as it ought to be: what it keeps changes as a whole, it acknowledges what it has stored, and it sends its
 * outbox in order until it is confirmed. It loses its connection, its memory and its patience.
 */
import type {
  Entry,
  EntryOf,
  Kind,
  PeerPresence,
  Policy,
  Relation,
  ServerFrame,
  ServerFrameOf,
} from '#shared/frames'
import type { DeviceId, EnvelopeId, Epoch, Millis, Seq, UserId } from '#shared/ids'
import type { KeyPackageUp } from '#shared/keys'
import { limits } from '#shared/limits'
import { lastResort, must } from './checks.ts'
import type { Relay } from './room.ts'

export interface Message {
  id: EnvelopeId
  from: UserId
  peer: UserId
  kind: Kind
  ts: Millis
  payload: string
  /** Which of this device's sends it was; undefined for what others sent. */
  index?: number
}

interface Outgoing {
  id: EnvelopeId
  to: UserId
  kind: Kind
  payload: string
  index: number
  /** With a knock: the token of a link. */
  invite?: string
}

/** What survives a crash. */
interface Kept {
  generation: number
  epoch: Epoch | null
  seq: Seq
  mark: number
  messages: Map<string, Message>
  failed: Map<EnvelopeId, string>
  delivered: Map<UserId, { delivered: Millis; read: Millis; except: [Millis, Millis][] }>
  relations: Map<UserId, Relation>
  blocked: Set<UserId>
  reads: Map<UserId, Millis>
  outbox: Outgoing[]
  index: number
  /** Uploads of key packages so far. */
  portions: number
  /** Own messages that a replay has brought, until it is over: also when the connection was lost meanwhile. */
  replayed: Set<EnvelopeId> | null
}

/** A socket and what is known only while it is open. */
interface Session {
  id: string
  isOpen: boolean
  isWelcome: boolean
  heardAt: Millis
  presence: Map<UserId, PeerPresence>
}

export interface Device {
  readonly user: UserId
  readonly id: DeviceId
  readonly kept: Kept
  readonly session: Session | null
  /** Whether it wants to be connected. */
  isOn: boolean
  turnOn(): void
  turnOff(): void
  send(to: UserId, kind?: Kind, fields?: { payload?: string; invite?: string }): void
  policy(change: Partial<Policy>): void
  read(peer: UserId): void
  roster(operation: 'block' | 'unblock' | 'remove' | 'withdraw' | 'reject', peer: UserId): void
  /** Asks for packages of the peer, or of the own other devices. */
  claim(peer: UserId): void
  mode(mode: 'auto' | 'away' | 'dnd' | 'invisible'): void
  shows(peer: UserId): string
  crash(): void
}

/** What the people outside know to be true, whatever the devices and rooms believe. */
export interface Ledger {
  /** Confirmed by `ok`. */
  stored: Map<EnvelopeId, { from: UserId; device: DeviceId; to: UserId; kind: Kind; index: number }>
}

export function createDevice(relay: Relay, user: UserId, id: DeviceId, ledger: Ledger): Device {
  const { world } = relay
  const kept: Kept = {
    generation: 0,
    epoch: null,
    seq: 0,
    mark: 0,
    messages: new Map(),
    failed: new Map(),
    delivered: new Map(),
    relations: new Map(),
    blocked: new Set(),
    reads: new Map(),
    outbox: [],
    index: 0,
    portions: 1, // the account was made with the first
    replayed: null,
  }
  let session: Session | null = null
  let sockets = 0
  let inFlight: EnvelopeId[] = []
  let previous: EnvelopeId | null = null
  /** The last send that the room has confirmed: where the chain goes on. */
  let accepted: EnvelopeId | null = null
  let attempt = 0
  let waitUntil: Millis = 0
  let lastArrival: Millis = 0
  let lastDeparture: Millis = 0

  const room = () => relay.rooms.get(user)!

  // --- The wire: in order, and gone when it breaks ---------------------------------------------------------

  function connect() {
    if (!device.isOn || session) return
    const own: Session = {
      id: `${user}-${id}-${++sockets}`,
      isOpen: true,
      isWelcome: false,
      heardAt: world.now,
      presence: new Map(),
    }
    session = own
    world.after(wireDelay('out'), () => {
      if (!own.isOpen) return
      room().open(own.id, {
        take: (text) => world.after(wireDelay('in'), () => own.isOpen && take(own, text)),
        closed: (code) => world.after(wireDelay('in'), () => ended(own, code)),
      })
    })
    world.after(limits.heartbeatMs, () => beat(own))
  }

  /** The next thing on the wire never comes before the last. */
  function wireDelay(direction: 'in' | 'out'): Millis {
    const last = direction === 'in' ? lastArrival : lastDeparture
    const at = Math.max(last, world.now + world.upTo(relay.faults.wireDelayMs))
    if (direction === 'in') lastArrival = at
    else lastDeparture = at
    return at - world.now
  }

  function say(frame: object) {
    const own = session
    if (!own) return
    const text = JSON.stringify(frame)
    if (world.chance(relay.faults.breakOff)) return breakOff(own)
    world.after(wireDelay('out'), () => own.isOpen && room().received(own.id, text))
  }

  /** Both ends lose what is under way; the room notices late, and the device may be back before that. */
  function breakOff(own: Session) {
    world.note('break', user, id)
    own.isOpen = false
    world.after(world.upTo(40_000), () => room().lost(own.id))
    if (own === session) ended(own, 1006)
  }

  function ended(own: Session, code: number) {
    own.isOpen = false
    if (own !== session) return
    session = null
    if (code === 4409) must(false, 'S2', () => `${user} ${id} was replaced by itself`)
    world.after(500 + world.upTo(3000), connect)
  }

  function beat(own: Session) {
    if (own !== session || !own.isOpen) return
    if (world.now - own.heardAt > 2 * limits.heartbeatMs) return breakOff(own)
    say({ type: 'ping' })
    world.after(limits.heartbeatMs, () => beat(own))
  }

  // --- What comes in ----------------------------------------------------------------------------------------

  function take(own: Session, text: string) {
    if (own !== session) return
    own.heardAt = world.now
    const frame = JSON.parse(text) as ServerFrame
    if (world.chance(relay.faults.deviceCrash)) return device.crash()
    try {
      on(own, frame)
    } catch (error) {
      relay.fail(error)
    }
  }

  function on(own: Session, frame: ServerFrame) {
    if (frame.type === 'hello') auth(frame)
    if (frame.type === 'welcome') welcome(own, frame)
    if (frame.type === 'deliver') store(frame.entries)
    if (frame.type === 'live') live()
    if (frame.type === 'ok') onOk(frame)
    if (frame.type === 'error') onError(frame)
    if (frame.type === 'presence') onPresence(own, frame)
    if (frame.type === 'keys') onKeys(frame)
  }

  function auth({ nonce, now }: ServerFrameOf<'hello'>) {
    kept.generation++
    say({
      type: 'auth',
      version: 1,
      device: id,
      generation: kept.generation,
      at: now,
      cursor: kept.epoch && { epoch: kept.epoch, seq: kept.seq, mark: kept.mark },
      signature: `${'A'.repeat(64)}${nonce}`,
      reads: Object.fromEntries(kept.reads),
      client: 'simulator',
    })
  }

  function welcome(own: Session, frame: ServerFrameOf<'welcome'>) {
    own.isWelcome = true
    own.presence = new Map(frame.presence.map((one) => [one.peer, one]))
    if (frame.resync) {
      if (frame.resync !== 'new') world.note('resync', user, id, frame.resync, frame.from, frame.head)
      kept.epoch = frame.epoch
      kept.seq = frame.from
      kept.mark = 0
      kept.replayed = new Set()
      kept.relations = new Map(frame.snapshot!.roster.map(({ peer, relation }) => [peer, relation]))
      kept.blocked = new Set(frame.snapshot!.roster.filter((one) => one.blocked).map(({ peer }) => peer))
    } else must(frame.from === kept.seq, 'S2', () => `${user} ${id} is at ${kept.seq}, not at ${frame.from}`)
    waitUntil = 0
    refill(frame.keysLeft)
    restart(frame.last)
  }

  /** The answer to an upload may be lost: then it is repeated, and packages of it have been given away meanwhile. */
  function refill(keysLeft: number) {
    const isLow = keysLeft < portionSize
    if (!isLow && !world.chance(0.2)) return
    if (isLow && !world.chance(0.2)) kept.portions++
    say({ type: 'keys', request: 'k', up: portionOf(id, kept.portions), replace: world.chance(0.3) })
  }

  /** Every device has brought packages, so there is always one of each. */
  function onKeys({ peer, lists, packages }: ServerFrameOf<'keys'>) {
    world.note('claimed', user, id, peer, packages)
    const wanted = lists.at(-1)!.devices.filter((device) => peer !== user || device.id !== id)
    const missing = wanted.filter((device) => !packages.some((one) => one.device === device.id))
    must(missing.length === 0, 'L5', () => `${user} got no package for ${missing.length} devices of ${peer}`)
  }

  function store(entries: readonly Entry[]) {
    for (const entry of entries) {
      if (entry.seq <= kept.seq) continue
      must(entry.seq === kept.seq + 1, 'S2', () => `${user} ${id} got ${entry.seq} after ${kept.seq}`)
      apply(entry)
      if (entry.type === 'message' && entry.direction === 'out') kept.replayed?.add(entry.id)
      kept.seq = entry.seq
      kept.mark = entry.mark
    }
    say({ type: 'ack', seq: kept.seq })
  }

  function apply(entry: Entry) {
    if (entry.type === 'message') applyMessage(entry)
    if (entry.type === 'failed') kept.failed.set(entry.id, entry.code)
    if (entry.type === 'receipts') kept.delivered.set(entry.peer, entry)
    if (entry.type === 'read' && entry.ts >= (kept.reads.get(entry.peer) ?? 0)) kept.reads.delete(entry.peer)
    if (entry.type === 'roster') {
      kept.relations.set(entry.peer, entry.relation)
      if (entry.relation !== 'buddies') session?.presence.delete(entry.peer)
      if (entry.blocked) kept.blocked.add(entry.peer)
      else kept.blocked.delete(entry.peer)
    }
  }

  function applyMessage({ direction, peer, id: envelope, ts, kind, payload }: EntryOf<'message'>) {
    const from = direction === 'in' ? peer : user
    const key = `${from} ${envelope}`
    const known = kept.messages.get(key)
    if (known && direction === 'in') world.note('known already', user)
    // A second time only after a restore: the smaller ts stays.
    kept.messages.set(key, {
      ...known,
      id: envelope,
      from,
      peer,
      kind,
      payload,
      ts: Math.min(ts, known?.ts ?? ts),
    })
  }

  /** After a replay: what the room has lost of my own goes to it again, under the same ids and in the same order. */
  function live() {
    const { replayed } = kept
    kept.replayed = null
    if (!replayed) return
    const waiting = new Set(kept.outbox.map((item) => item.id))
    const lost = [...kept.messages.values()].filter(
      (one) =>
        one.index !== undefined && !replayed.has(one.id) && !waiting.has(one.id) && !kept.failed.has(one.id),
    )
    for (const one of lost) world.note('sends again', user, id, one.id)
    const again = lost.map((one) => ({ ...one, to: one.peer, index: one.index! }))
    kept.outbox = [...again, ...kept.outbox].toSorted((a, b) => a.index - b.index)
    flush()
  }

  function onPresence({ presence }: Session, frame: ServerFrameOf<'presence'>) {
    const last = presence.get(frame.peer)
    must(!last || frame.version >= last.version, 'S7', () => `presence of ${frame.peer} went back`)
    presence.set(frame.peer, frame)
  }

  // --- What goes out ----------------------------------------------------------------------------------------

  function restart(last: EnvelopeId | null) {
    attempt++
    accepted = previous = last
    inFlight = []
    flush()
  }

  function flush() {
    if (!session?.isWelcome) return
    if (world.now < waitUntil) return
    for (const { id: envelope, to, kind, payload, invite } of kept.outbox) {
      if (inFlight.length >= limits.sendsInFlightMax) return
      if (inFlight.includes(envelope)) continue
      inFlight.push(envelope)
      say({ type: 'send', id: envelope, to, kind, payload, invite, previous, attempt })
      previous = envelope
    }
  }

  function onOk({ id: envelope, ts }: ServerFrameOf<'ok'>) {
    const item = kept.outbox.find((one) => one.id === envelope)
    if (!item) return
    kept.outbox = kept.outbox.filter((one) => one !== item)
    inFlight = inFlight.filter((one) => one !== envelope)
    accepted = item.id
    const { to, kind, index, payload } = item
    world.note('stored', user, id, item.id)
    ledger.stored.set(item.id, { from: user, device: id, to, kind, index })
    const key = `${user} ${item.id}`
    const known = kept.messages.get(key)
    const message = {
      id: item.id,
      from: user,
      peer: to,
      kind,
      payload,
      ts: Math.min(ts!, known?.ts ?? ts!),
      index,
    }
    kept.messages.set(key, message)
    flush()
  }

  /** Only the first refusal of a pass counts: it is why all that follow were refused. */
  function onError({
    code,
    action,
    id: envelope,
    attempt: pass,
    last,
    retryAfterMs,
  }: ServerFrameOf<'error'>) {
    if (!envelope || pass !== attempt) return
    world.note(`error ${code}`, user)
    if (code === 'unexpected-request') return restart(last ?? null)
    if (action === 'wait') {
      attempt++
      waitUntil = world.now + (retryAfterMs ?? 1000)
      const mine = attempt
      world.after(waitUntil - world.now, () => session?.isWelcome && attempt === mine && restart(accepted))
      return
    }
    kept.outbox = kept.outbox.filter((one) => one.id !== envelope)
    kept.failed.set(envelope, code)
    restart(accepted)
  }

  const device: Device = {
    user,
    id,
    kept,
    get session() {
      return session
    },
    isOn: false,
    turnOn() {
      device.isOn = true
      connect()
    },
    turnOff() {
      device.isOn = false
      const own = session
      if (!own) return
      session = null
      world.after(wireDelay('out'), () => {
        own.isOpen = false
        room().lost(own.id)
      })
    },
    send(to, kind = 'message', fields = {}) {
      const index = kept.index++
      const envelope = newId(world.now, world.random())
      const payload = `${id}${index}`.replaceAll('@', '')
      kept.outbox.push({ id: envelope, to, kind, payload, index, ...fields })
      flush()
    },
    read(peer) {
      const incoming = [...kept.messages.values()].filter((one) => one.from === peer)
      const ts = Math.max(0, ...incoming.map((one) => one.ts))
      if (ts === 0) return
      kept.reads.set(peer, ts)
      say({ type: 'read', peer, ts })
    },
    roster(operation, peer) {
      if (session?.isWelcome) say({ type: 'roster', request: 'r', peer, operation })
    },
    policy(change) {
      if (session?.isWelcome) say({ type: 'policy', request: 'r', ...change })
    },
    claim(peer) {
      if (session?.isWelcome) say({ type: 'claim', request: 'c', peer, after: 0, packages: true })
    },
    mode(mode) {
      if (session?.isWelcome) say({ type: 'presence', mode })
    },
    shows(peer) {
      const last = session?.presence.get(peer)
      return last && last.until > world.now ? last.show : 'offline'
    },
    crash() {
      if (!session) return
      world.note('device crash', user, id)
      const own = session
      breakOff(own)
    },
  }
  return device
}

const portionSize = 2

/** Packages by name, so that each is known when it is met again. The simulator believes every signature. */
export const portionOf = (device: DeviceId, portion: number): KeyPackageUp => ({
  device,
  suite: 'none',
  oneTime: Array.from({ length: portionSize }, (_, i) => `one-${device}-${portion}-${i}`),
  lastResort: `${lastResort}${device}`,
  exp: Date.UTC(2100, 0, 1),
  sig: 'A'.repeat(86),
})

function newId(now: Millis, random: number): EnvelopeId {
  const time = now.toString(16).padStart(12, '0')
  const tail = Math.floor(random * 2 ** 48)
    .toString(16)
    .padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail}` as EnvelopeId
}
