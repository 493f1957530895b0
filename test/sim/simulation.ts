/** One history: people, their devices and rooms, a time of misfortune, and then peace, in which all must come right. */
import { accountOf, hashOf, zeroHash, type DeviceList } from '#shared/account'
import { fromBase64, toBase64 } from '#shared/bytes'
import type { Register } from '#shared/api'
import { reaches } from '#shared/frames'
import type { DeviceId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { keys, type Meta, type PeerRow } from '../../relay/core/rows.ts'
import { announcedLimits } from '../../relay/http/announced.ts'
import { must } from './checks.ts'
import { createDevice, portionOf, type Device, type Ledger, type Message } from './device.ts'
import { calm, drawFaults, type Faults } from './faults.ts'
import { mutants, type MutantName } from './mutants.ts'
import { createSimRoom, type Relay, type SimRoom } from './room.ts'
import { createWorld, type World } from './world.ts'

export interface Options {
  seed: number
  mutant?: MutantName
  /** Rooms are put back to older states now and then, as from a backup. */
  restores?: boolean
  /** People come to know each other, and part again: knocks, links, answers, blocks, and who may reach whom. */
  knocks?: boolean
  /** Fewer make a history easier to read. */
  operations?: number
  print?: (line: string) => void
}

export interface Outcome {
  seed: number
  /** What did not hold; null when all did. */
  violation: string | null
  counts: ReadonlyMap<string, number>
  hash: string
  faults: Faults
}

/** What both rooms may believe in the end; a knock that was swallowed leaves its sender asking. */
const agreed = new Set(['none,none', 'buddies,buddies', 'asking,none'])

/** Everybody's link, when they have one. */
const token = 'A'.repeat(22)
const otherToken = `${'B'.repeat(21)}A`

const names = ['alice', 'bob', 'carol'] as const
const second = 1000
const minute = 60 * second
/** Long enough for the longest backoff between rooms. */
const peaceMs = 7 * minute

export async function simulate({
  seed,
  mutant = 'none',
  restores = false,
  knocks = false,
  operations = 120,
  print,
}: Options): Promise<Outcome> {
  const world = createWorld(seed, print)
  const history = createHistory(world, mutants[mutant])
  const faults = drawFaults(world)
  let violation: string | null = null
  try {
    await history.begin({ strangers: knocks })
    history.relay.faults = faults
    if (knocks) await acquaintance(world, history, operations)
    else await misfortune(world, history, operations, restores)
    history.relay.faults = calm
    if (knocks) await history.settleKnocks()
    else {
      await history.settleDown()
      history.checkAll()
      await history.checkPresence()
    }
  } catch (error) {
    violation = error instanceof Error ? error.message : String(error)
    if (!(error instanceof Error) || error.name !== 'Violation')
      violation = String((error as Error)?.stack ?? error)
  }
  return { seed, violation, counts: world.counts, hash: world.hash, faults }
}

type History = ReturnType<typeof createHistory>

// --- Misfortune --------------------------------------------------------------------------------------------

async function misfortune(world: World, history: History, operations: number, restores: boolean) {
  const backups: Map<UserId, Map<string, string>[]> = new Map()
  for (let i = 0; i < operations; i++) {
    await history.run(world.upTo(world.chance(0.1) ? 30 * second : 2 * second))
    const device = world.pick(history.devices)
    const peer = world.pick(history.rooms.map((room) => room.user).filter((user) => user !== device.user))
    if (world.chance(0.1)) device.claim(world.pick(history.rooms).user)
    const dice = world.random()
    if (dice < 0.06) device.send(device.user, 'control')
    else if (dice < 0.09) device.policy({ reads: world.chance(0.5) })
    else if (dice < 0.62) for (let n = world.upTo(world.chance(0.1) ? 40 : 3); n >= 0; n--) device.send(peer)
    else if (dice < 0.74) device.read(peer)
    else if (dice < 0.8) device.turnOff()
    else if (dice < 0.9) device.turnOn()
    else if (dice < 0.94) device.mode(world.pick(['auto', 'away', 'dnd', 'invisible']))
    else if (restores) device.read(peer) // a block that comes and goes with backups says nothing about what is lost
    else device.roster(dice < 0.97 ? 'block' : 'unblock', peer)
    if (restores) await maybeRestore(world, history, backups)
  }
}

/** What people who may not know each other do, by what each device believes of the other person. */
async function acquaintance(world: World, history: History, operations: number) {
  for (let i = 0; i < operations; i++) {
    await history.run(world.upTo(world.chance(0.1) ? 30 * second : 3 * second))
    const device = world.pick(history.devices)
    const peer = world.pick(history.rooms.map((room) => room.user).filter((user) => user !== device.user))
    const dice = world.random()
    if (dice < 0.08) device.turnOff()
    else if (dice < 0.22) device.turnOn()
    else if (dice < 0.28) device.policy({ reach: world.pick(reaches) })
    else if (dice < 0.32) device.policy({ invite: world.pick([null, hashOf(fromBase64(token))]) })
    else if (dice < 0.38) device.roster(world.pick(['block', 'unblock']), peer)
    else history.meet(device, peer)
  }
}

/** Takes a backup of a room now and then, and more seldom puts one back. */
async function maybeRestore(world: World, history: History, backups: Map<UserId, Map<string, string>[]>) {
  const room = world.pick(history.rooms)
  const kept = backups.get(room.user) ?? []
  if (world.chance(0.1)) backups.set(room.user, [...kept, new Map(room.rows)])
  if (kept.length === 0 || !world.chance(0.03)) return
  const which = world.upTo(kept.length - 1)
  // Backups that are newer belong to a history that never was: to put one of those back later can lose something.
  backups.set(room.user, kept.slice(0, which + 1))
  world.note('restore', room.user)
  await history.restore(room, kept[which]!)
}

// --- A history ---------------------------------------------------------------------------------------------

function createHistory(world: World, mutant: Relay['mutant']) {
  const ledger: Ledger = { stored: new Map() }
  const restored = new Set<UserId>()
  let failure: unknown = null
  const relay: Relay = {
    world,
    mutant,
    faults: calm,
    settings: {
      relayId: toBase64(new Uint8Array(32).fill(7)),
      announced: announcedLimits(),
      blobKey: new Uint8Array(32),
    },
    rooms: new Map(),
    restores: 0,
    fail(error) {
      failure ??= error
    },
  }
  const people = names.slice(0, 2 + world.upTo(1)) as unknown as UserId[]
  const rooms = people.map((user) => createSimRoom(relay, user))
  for (const room of rooms) relay.rooms.set(room.user, room)
  const devices = people.flatMap((user, person) =>
    Array.from({ length: 1 + world.upTo(2) }, (_, n) => {
      const id = toBase64(Uint8Array.of(person, n, 0, 0, 0, 0, 0, 0)) as DeviceId
      return createDevice(relay, user, id, ledger)
    }),
  )
  const of = (user: UserId) => devices.filter((device) => device.user === user)
  const pairs = people.flatMap((a, i) => people.slice(i + 1).map((b) => [a, b] as const))

  /** Lets time pass; a violation ends the history where it happened. */
  async function run(ms: number) {
    const end = world.now + ms
    while (world.now < end) {
      await world.runUntil(Math.min(end, world.now + 5 * second))
      if (failure) throw failure
    }
  }

  return {
    relay,
    rooms,
    devices,
    run,

    /** Everybody has an account and everybody is a buddy of everybody. */
    async begin({ strangers = false } = {}) {
      for (const room of rooms) await register(world, room, of(room.user))
      for (const device of devices) device.turnOn()
      await run(5 * second)
      if (strangers) return rooms.forEach(makeOld)
      for (const [a, b] of pairs) of(a)[0]!.send(b, 'knock')
      await run(5 * second)
      for (const [a, b] of pairs) of(b)[0]!.send(a, 'accept')
      await run(20 * second)
      for (const [a, b] of pairs)
        must(of(a)[0]!.kept.relations.get(b) === 'buddies', 'L2', () => `no buddies: ${a} ${b}`)
    },

    async restore(room: SimRoom, backup: ReadonlyMap<string, string>) {
      restored.add(room.user)
      const { faults } = relay
      // Whoever puts a backup back says so to the room, until it has understood, before anything else happens there.
      relay.faults = { ...faults, roomCrash: 0, effectCrash: 0 }
      await meanwhile(room.restore(backup), () => run(50))
      relay.faults = faults
    },

    /** Does what one may do with a person of that relation, or tries. */
    meet(device: Device, peer: UserId) {
      relay.rooms.get(device.user)!.rows.delete(keys.quota) // every one of these is another day
      const relation = device.kept.relations.get(peer) ?? 'none'
      const knock = () => {
        const payload = world.chance(0.3) ? { payload: '' } : {}
        const invite = world.chance(0.4) ? { invite: world.pick([token, otherToken]) } : {}
        device.send(peer, 'knock', { ...payload, ...invite })
      }
      const dice = world.random()
      if (relation === 'buddies' && dice < 0.3) device.roster('remove', peer)
      else if (relation === 'buddies') device.send(peer)
      else if (relation === 'asked' && dice < 0.4) device.send(peer, 'accept')
      else if (relation === 'asked' && dice < 0.7) device.roster('reject', peer)
      else if (relation === 'asking' && dice < 0.5) device.roster('withdraw', peer)
      else knock()
    },

    /** Peace among people who may not know each other: when all was said, both rooms believe the same (L6). */
    async settleKnocks() {
      for (const device of devices) device.turnOn()
      await run(90 * second)
      for (const user of people) of(user)[0]!.mode('auto')
      for (const user of people)
        for (const peer of people) if (peer !== user) of(user)[0]!.roster('unblock', peer)
      await run(2 * peaceMs)
      for (const user of people) for (const peer of people) if (peer !== user) presume(of(user)[0]!, peer)
      await run(minute)
      for (const device of devices) checkDrained(device)
      for (const [a, b] of pairs) {
        const both = [relationOf(a, b), relationOf(b, a)].toSorted().join()
        must(agreed.has(both), 'L6', () => `${a} and ${b} end as ${both}`)
        world.note(`agreed ${both}`)
      }
    },

    /** Peace: everybody comes back, forgives, and says one more thing. */
    async settleDown() {
      for (const device of devices) device.turnOn()
      await run(90 * second)
      for (const user of people) {
        of(user)[0]!.mode('auto')
        of(user)[0]!.policy({ reads: true })
        for (const peer of people) if (peer !== user) of(user)[0]!.roster('unblock', peer)
      }
      await run(peaceMs)
      for (const [a, b] of pairs) {
        of(a)[0]!.send(b)
        of(b)[0]!.send(a)
      }
      await run(minute)
      for (const user of people) for (const peer of people) if (peer !== user) of(user)[0]!.read(peer)
      await run(minute)
    },

    checkAll() {
      for (const device of devices) checkDrained(device)
      checkNotes()
      for (const [a, b] of pairs) {
        const isOld = restored.has(a) || restored.has(b)
        checkLoss(a, b)
        if (!isOld) checkViews(a, b)
        if (!isOld) checkOrder(a, b)
        if (!isOld) checkReceipts(a, b)
        if (!isOld) checkReceipts(b, a)
      }
    },

    /** L4: who is there is seen, and who goes is seen to have gone. */
    async checkPresence() {
      const seen = (watcher: UserId, user: UserId) => of(watcher).map((device) => device.shows(user))
      for (const [a, b] of pairs) {
        must(
          seen(a, b).every((show) => show === 'online'),
          'L4',
          () => `${a} sees ${b} ${seen(a, b)}`,
        )
        must(
          seen(b, a).every((show) => show === 'online'),
          'L4',
          () => `${b} sees ${a} ${seen(b, a)}`,
        )
      }
      const gone = world.pick(people)
      for (const device of of(gone)) device.turnOff()
      await run(2 * minute)
      for (const watcher of people) {
        if (watcher === gone) continue
        must(
          seen(watcher, gone).every((show) => show === 'offline'),
          'L4',
          () => `${watcher} still sees ${gone}`,
        )
      }
    },
  }

  // --- Peace must have brought ---

  function checkDrained({ user, id, kept }: Device) {
    must(kept.outbox.length === 0, 'L3', () => `${user} ${id} still has ${kept.outbox.length} to send`)
    const rows = [...relay.rooms.get(user)!.rows.keys()].filter((key) => key.startsWith('outbox:'))
    must(rows.length === 0, 'L3', () => `the room of ${user} still has ${rows}`)
  }

  /** L1: every note to oneself is on all own devices, and in the order of its clock. */
  function checkNotes() {
    for (const [id, { from, to }] of ledger.stored) {
      if (from !== to) continue
      world.note('note')
      for (const { id: device, kept } of of(from))
        must(kept.messages.has(`${from} ${id}`), 'L1', () => `${from} ${device} lacks the note ${id}`)
    }
    for (const user of people) if (!restored.has(user)) checkOrder(user, user)
  }

  /** L1: whatever was confirmed is everywhere, unless it was dropped under a block. */
  function checkLoss(a: UserId, b: UserId) {
    for (const [id, { from, to }] of ledger.stored) {
      if (!(from === a && to === b) && !(from === b && to === a)) continue
      const row = peerRow(to, from)
      const ts = of(from)
        .map(({ kept }) => kept.messages.get(`${from} ${id}`)?.ts)
        .find((one) => one !== undefined)
      const wasDropped = row.mine.dropped.some(([first, last]) => first <= ts! && ts! <= last)
      for (const { id: device, kept, user } of [...of(from), ...of(to)]) {
        const isThere = kept.messages.has(`${from} ${id}`)
        const mayLack = user === to && wasDropped
        must(isThere || mayLack, 'L1', () => `${user} ${device} lacks ${id} from ${from} to ${to} (ts ${ts})`)
      }
    }
  }

  function conversation(device: Device, peer: UserId): Message[] {
    const all = [...device.kept.messages.values()].filter((message) => message.peer === peer)
    return all.toSorted((x, y) => x.ts - y.ts || compare(x.from, y.from) || compare(x.id, y.id))
  }

  /** L2: all devices of both see the same, in the same order. */
  function checkViews(a: UserId, b: UserId) {
    const views = [
      ...of(a).map((device) => ({ device, peer: b })),
      ...of(b).map((device) => ({ device, peer: a })),
    ]
    const dropped = [...peerRow(a, b).mine.dropped, ...peerRow(b, a).mine.dropped]
    const idsOf = ({ device, peer }: (typeof views)[number]) =>
      conversation(device, peer)
        .filter(({ ts }) => !dropped.some(([from, to]) => from <= ts && ts <= to))
        .map(({ id }) => id)
        .join('\n')
    const [first, ...others] = views.map(idsOf)
    for (const other of others) must(other === first, 'L2', () => `${a} and ${b} see different conversations`)
  }

  /** S4: what one device sent is shown in the order in which it was sent. */
  function checkOrder(a: UserId, b: UserId) {
    for (const device of of(a)) {
      const sent = new Map<DeviceId, number>()
      for (const { id } of conversation(device, b)) {
        const stored = ledger.stored.get(id)
        if (!stored) continue
        const last = sent.get(stored.device) ?? -1
        must(stored.index > last, 'S4', () => `${a} ${device.id} shows ${stored.index} after ${last}`)
        sent.set(stored.device, stored.index)
      }
    }
  }

  /** L3: what `from` knows of its messages to `to` is true. */
  function checkReceipts(from: UserId, to: UserId) {
    const sent = conversation(of(from)[0]!, to).filter((message) => message.from === from)
    const last = sent.at(-1)?.ts ?? 0
    for (const { id, kept } of of(from)) {
      const { delivered = 0, read = 0 } = kept.delivered.get(to) ?? {}
      must(delivered === last, 'L3', () => `${from} ${id}: ${to} has up to ${delivered} and not ${last}`)
      must(read === last, 'L3', () => `${from} ${id}: ${to} has read up to ${read} and not ${last}`)
    }
  }

  /** Acts on what is believed: whoever is wrong learns it by that. */
  function presume(device: Device, peer: UserId) {
    const relation = relationOf(device.user, peer)
    if (relation === 'buddies') device.send(peer)
    if (relation === 'asked') device.send(peer, 'accept')
  }

  function relationOf(user: UserId, peer: UserId) {
    const row = relay.rooms.get(user)!.rows.get(`peer:${peer}`)
    return row ? (JSON.parse(row) as PeerRow).relation : 'none'
  }

  function peerRow(user: UserId, peer: UserId): PeerRow {
    return JSON.parse(relay.rooms.get(user)!.rows.get(`peer:${peer}`)!) as PeerRow
  }
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** Young accounts may knock so seldom that nothing would happen. */
function makeOld({ rows }: SimRoom) {
  const meta = JSON.parse(rows.get(keys.meta)!) as Meta
  rows.set(
    keys.meta,
    JSON.stringify({ ...meta, created: meta.created - limits.youngAccountMs } satisfies Meta),
  )
}

/** Signatures are not what is simulated: they hold, whatever they are. */
async function register(world: World, room: SimRoom, devices: readonly Device[]) {
  const aik = toBase64(new Uint8Array(32).fill(room.user.charCodeAt(0)))
  const signature = 'A'.repeat(86)
  const list: DeviceList = {
    v: 1,
    acct: accountOf(fromBase64(aik)),
    aik,
    rkpub: '',
    suite: 'none',
    minProto: 1,
    ver: 1,
    prev: zeroHash,
    ts: world.now,
    devices: devices.map(({ id }) => ({ id, dsk: aik, dak: aik, created: world.now, self: signature })),
    sig: signature,
  }
  const bundle = {
    v: 1 as const,
    kdf: { a: 'argon2id' as const, m: 1, t: 1, p: 1 },
    iv: 'A'.repeat(16),
    ct: '',
  }
  const body: Register = {
    user: room.user,
    slots: [{ slot: 'pw', loginKey: aik, bundle }],
    list,
    pow: { salt: 'A'.repeat(22), bits: 0, exp: 0, mac: 'A'.repeat(43), answer: 0 },
    signatures: { login: signature, account: signature },
    keys: devices.map(({ id }) => portionOf(id, 1)),
  }
  const reply = await meanwhile(room.core().account({ type: 'register', body }), () =>
    world.runUntil(world.now + 20),
  )
  must(reply.type === 'registered', 'L1', () => JSON.stringify(reply))
}

/** Lets time pass until the promise has resolved: what a room does takes virtual time. */
async function meanwhile<T>(doing: Promise<T>, pass: () => Promise<void>): Promise<T> {
  const progress: { result?: { value: T } } = {}
  void doing.then((value) => {
    progress.result = { value }
  })
  while (!progress.result) await pass()
  return progress.result.value
}
