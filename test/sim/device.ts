/**
 * A device as it ought to be: what it keeps changes as a whole, it acknowledges what it has stored, and it sends its
 * outbox in order until it is confirmed. It loses its connection, its memory and its patience.
 */
import type { Entry, EntryOf, Kind, PeerPresence, ServerFrame, ServerFrameOf } from '#shared/frames'
import type { DeviceId, EnvelopeId, Millis, Seq, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { payloadOf } from '../extension/engine/plain.ts'
import { must } from './checks.ts'
import {
  actionsOf,
  contentOf,
  newId,
  portionOf,
  portionSize,
  type Device,
  type Ledger,
  type Stored,
} from './people.ts'
import type { Relay } from './room.ts'
import { createWire } from './wire.ts'

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
interface Kept extends Stored {
  generation: number
  mark: number
  marks: Map<Seq, number>
  blocked: Set<UserId>
  reads: Map<UserId, Millis>
  outbox: Outgoing[]
  index: number
  /** Uploads of key packages so far. */
  portions: number
  /** Own messages that a replay has brought, until it is over: also when the connection was lost meanwhile. */
  replayed: Set<EnvelopeId> | null
  /** Where it began: what comes before was not lost but let go. */
  from: Seq
}

export function createDevice(relay: Relay, user: UserId, id: DeviceId, ledger: Ledger): Device {
  const { world } = relay
  const kept: Kept = {
    generation: 0,
    epoch: null,
    seq: 0,
    mark: 0,
    marks: new Map(),
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
    from: 0,
  }
  let presence = new Map<UserId, PeerPresence>()
  let inFlight: EnvelopeId[] = []
  let previous: EnvelopeId | null = null
  /** The last send that the room has confirmed: where the chain goes on. */
  let accepted: EnvelopeId | null = null
  let attempt = 0
  let waitUntil: Millis = 0
  const isWelcome = () => wire.session?.isWelcome === true

  // --- What comes in ----------------------------------------------------------------------------------------

  const wire = createWire(relay, user, id, {
    opened: () => (presence = new Map()),
    closed: (code) => must(code !== 4409, 'S2', () => `${user} ${id} was replaced by itself`),
    take(frame) {
      if (world.chance(relay.faults.deviceCrash)) return device.crash()
      try {
        on(frame)
      } catch (error) {
        relay.fail(error)
      }
    },
  })
  const { say } = wire

  function on(frame: ServerFrame) {
    if (frame.type === 'hello') auth(frame)
    if (frame.type === 'welcome') welcome(frame)
    if (frame.type === 'deliver') store(frame.entries)
    if (frame.type === 'live') live()
    if (frame.type === 'ok') onOk(frame)
    if (frame.type === 'error') onError(frame)
    if (frame.type === 'presence') onPresence(frame)
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

  function welcome(frame: ServerFrameOf<'welcome'>) {
    wire.session!.isWelcome = true
    presence = new Map(frame.presence.map((one) => [one.peer, one]))
    if (frame.resync) {
      if (frame.resync !== 'new') world.note(`resync ${frame.resync}`, user, id, frame.from, frame.head)
      kept.epoch = frame.epoch
      kept.seq = frame.from
      kept.mark = 0
      kept.marks.clear()
      kept.replayed = new Set()
      kept.from = frame.from
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
    must(missing.length === 0, 'KY7', () => `${user} got no package for ${missing.length} devices of ${peer}`)
  }

  function store(entries: readonly Entry[]) {
    for (const entry of entries) {
      if (entry.seq <= kept.seq) continue
      must(entry.seq === kept.seq + 1, 'S2', () => `${user} ${id} got ${entry.seq} after ${kept.seq}`)
      apply(entry)
      if (entry.type === 'message' && entry.direction === 'out') kept.replayed?.add(entry.id)
      kept.seq = entry.seq
      kept.mark = entry.mark
      kept.marks.set(entry.seq, entry.mark)
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
      if (entry.relation !== 'buddies') presence.delete(entry.peer)
      if (entry.blocked) kept.blocked.add(entry.peer)
      else kept.blocked.delete(entry.peer)
    }
  }

  function applyMessage({ direction, peer, id: envelope, ts, kind, payload, seq }: EntryOf<'message'>) {
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
      seq,
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
        one.index !== undefined &&
        one.seq! > kept.from &&
        !replayed.has(one.id) &&
        !waiting.has(one.id) &&
        !kept.failed.has(one.id),
    )
    for (const one of lost) world.note('sends again', user, id, one.id)
    const again = lost.map((one) => ({ ...one, to: one.peer, index: one.index! }))
    kept.outbox = [...again, ...kept.outbox].toSorted((a, b) => a.index - b.index)
    flush()
  }

  function onPresence(frame: ServerFrameOf<'presence'>) {
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
    if (!isWelcome()) return
    if (world.now < waitUntil) return
    for (const { id: envelope, to, kind, payload, invite } of kept.outbox) {
      if (inFlight.length >= limits.sendsInFlightMax) return
      if (inFlight.includes(envelope)) continue
      inFlight.push(envelope)
      say({ type: 'send', id: envelope, to, kind, payload, invite, previous, attempt })
      previous = envelope
    }
  }

  function onOk({ id: envelope, ts, seq }: ServerFrameOf<'ok'>) {
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
      seq: seq!,
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
      world.after(waitUntil - world.now, () => isWelcome() && attempt === mine && restart(accepted))
      return
    }
    kept.outbox = kept.outbox.filter((one) => one.id !== envelope)
    kept.failed.set(envelope, code)
    restart(accepted)
  }

  const device: Device = {
    user,
    id,
    wire,
    kept,
    ...actionsOf(wire),
    send(to, kind = 'message', fields = {}) {
      const index = kept.index++
      const envelope = newId(world, index)
      const payload = payloadOf(contentOf(kind, `${id} ${index}`))
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
    shows(peer) {
      const last = wire.session ? presence.get(peer) : undefined
      return last && last.until > world.now ? last.show : 'offline'
    },
    crash() {
      if (!wire.session) return
      world.note('device crash', user, id)
      wire.cut()
    },
    refresh: async () => {},
  }
  return device
}
