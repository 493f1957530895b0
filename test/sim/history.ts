/** People with their devices and rooms, and time that passes for all of them. */
import { toBase64 } from '#shared/bytes'
import type { DeviceId, Millis, UserId } from '#shared/ids'
import { keys, type Meta, type PeerRow } from '../../relay/core/rows.ts'
import { announcedLimits } from '../../relay/http/announced.ts'
import { makeOld, meanwhile, register } from './accounts.ts'
import { must } from './checks.ts'
import { createDevice } from './device.ts'
import { createEngineDevice } from './engine-device.ts'
import { calm } from './faults.ts'
import type { Device, Ledger } from './people.ts'
import { createProcess } from './process.ts'
import { createSimRoom, type Relay, type SimRoom } from './room.ts'
import type { World } from './world.ts'

/** Everybody's link, when they have one. */
export const token = 'A'.repeat(22)
export const otherToken = `${'B'.repeat(21)}A`

const names = ['alice', 'bob', 'carol'] as const
export const second = 1000
export const minute = 60 * second
export const day = 24 * 60 * minute
/** Long enough for the longest backoff between rooms. */
const peaceMs = 7 * minute

export type History = ReturnType<typeof createHistory>

export interface Backup {
  room: SimRoom
  rows: ReadonlyMap<string, string>
}

export interface HistoryOptions {
  mutant: Relay['mutant']
  /** At least so many people. */
  people?: number
  /** All rooms are in one process. */
  isShared?: boolean
  /** Whether a device is the engine that ships. */
  isEngine?: (person: number, device: number) => boolean
}

export function createHistory(
  world: World,
  { mutant, people: least = 2, isShared = false, isEngine }: HistoryOptions,
) {
  const ledger: Ledger = { stored: new Map() }
  const restored = new Set<UserId>()
  const silentlyRestored = new Set<UserId>()
  const givenTwice = new Map<string, Millis>()
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
    process: null,
    isStopped: false,
    calls: { at: 0, count: 0 },
    restores: 0,
    aheadMs: 0,
    gone: new Map(),
    fail(error) {
      failure ??= error
    },
  }
  if (isShared) relay.process = createProcess(relay)
  const people = names.slice(0, Math.max(least, 2 + world.upTo(1))) as unknown as UserId[]
  const rooms = people.map((user) => createSimRoom(relay, user))
  for (const room of rooms) relay.rooms.set(room.user, room)
  let devices: Device[] = people.flatMap((user, person) =>
    Array.from({ length: 1 + world.upTo(2) }, (_, n) => {
      const create = isEngine?.(person, n) ? createEngineDevice : createDevice
      return create(relay, user, idOf(person, n), ledger)
    }),
  )
  const of = (user: UserId) => devices.filter((device) => device.user === user)
  const first = (user: UserId) => of(user)[0]!

  /** Lets time pass; a violation ends the history where it happened. */
  async function run(ms: Millis) {
    await world.runUntil(world.now + ms, () => failure !== null)
    if (failure) throw failure
  }

  function noteTwice(room: SimRoom) {
    silentlyRestored.add(room.user)
    for (const [, json] of room.rows.list({ prefix: 'peer:', limit: Infinity })) {
      const { user, ts } = JSON.parse(json) as PeerRow
      const pair = `${room.user} ${user}`
      givenTwice.set(pair, Math.max(ts, givenTwice.get(pair) ?? 0))
    }
  }

  /** What an operator does, or a person at a form: it is repeated until it is done, so nothing disturbs it here. */
  async function undisturbed<T>(room: SimRoom, doing: () => Promise<T>): Promise<T> {
    const { faults } = relay
    relay.faults = { ...faults, roomCrash: 0, effectCrash: 0, diskFull: 0 }
    const result = await meanwhile(doing(), () => run(50))
    relay.faults = faults
    return result
  }

  /** Who can still be met, in all pairs. */
  const present = () => people.filter((user) => !relay.gone.has(user))
  const pairs = () => present().flatMap((a, i, all) => all.slice(i + 1).map((b): [UserId, UserId] => [a, b]))

  async function befriend(a: UserId, b: UserId) {
    first(a).send(b, 'knock')
    await run(5 * second)
    first(b).send(a, 'accept')
    await run(20 * second)
    await first(a).refresh()
    const relation = first(a).kept.relations.get(b)
    must(relation === 'buddies', 'L2', () => `no buddies: ${a} ${b} ${relation}`)
  }

  return {
    world,
    relay,
    rooms,
    people,
    ledger,
    /** Rooms that were put back to an older state. */
    restored,
    /** And nobody has told them. */
    silent: silentlyRestored,
    /** Up to which ts one room may have said two things to another, with nobody to tell them apart: `alice bob`. */
    givenTwice,
    get devices() {
      return devices
    },
    of,
    first,
    present,
    pairs,
    run,
    befriend,
    refresh: async () => {
      for (const device of devices) await device.refresh()
    },

    /** Everybody has an account, and everybody is a buddy of everybody. */
    async begin({ strangers = false, old = false } = {}) {
      for (const room of rooms) {
        const reply = await register(world, room, of(room.user))
        must(reply.type === 'registered', 'L1', () => JSON.stringify(reply))
        if (old) forgetPolicy(room)
      }
      for (const device of devices) device.wire.turnOn()
      await run(5 * second)
      if (strangers) return rooms.forEach(makeOld)
      for (const [a, b] of pairs()) first(a).send(b, 'knock')
      await run(5 * second)
      for (const [a, b] of pairs()) first(b).send(a, 'accept')
      await run(20 * second)
      for (const device of devices) await device.refresh()
      for (const [a, b] of pairs())
        must(first(a).kept.relations.get(b) === 'buddies', 'L2', () => `no buddies: ${a} ${b}`)
    },

    /** Every room's clock is wrong in its own way. */
    setClocks() {
      const most = relay.faults.clockSkewMs
      if (most > 0) for (const room of rooms) room.setClock(world.upTo(2 * most) - most)
    },

    /** Rooms are put back to backups of the same moment. Those that are silent are not told. */
    async restore(backups: readonly Backup[], silent: boolean) {
      relay.isStopped = relay.process !== null
      for (const { room, rows } of backups) {
        restored.add(room.user)
        if (silent) noteTwice(room)
        room.putBack(rows, silent)
      }
      // Whoever puts a backup back says so to the rooms before anything else happens there.
      for (const { room } of backups)
        await undisturbed(room, () => (silent ? room.core().alarm() : room.tellRestored()))
      relay.isStopped = false
      relay.process?.crash('started again')
    },

    async deleteAccount(user: UserId) {
      const room = relay.rooms.get(user)!
      const reply = await undisturbed(room, () =>
        room.core().account({ type: 'delete', ticket: 'ticket', change: 0, signature: 'A'.repeat(86) }),
      )
      must(reply.type === 'ok', 'S11', () => `${user} cannot go: ${JSON.stringify(reply)}`)
      await run(5 * second)
      for (const device of of(user)) device.wire.turnOff()
    },

    /** Somebody else takes the name, with a device of their own. */
    async takeName(user: UserId, life: number) {
      const device = createDevice(relay, user, idOf(people.indexOf(user), 20 + life), ledger)
      const reply = await register(world, relay.rooms.get(user)!, [device], life)
      if (reply.type !== 'registered') return reply
      relay.gone.delete(user)
      for (const { checks } of rooms) checks.reborn(user)
      devices = [...devices.filter((one) => one.user !== user), device]
      makeOld(relay.rooms.get(user)!)
      device.wire.turnOn()
      return reply
    },

    /** Peace: everybody comes back, forgives, and says one more thing. */
    async settleDown() {
      for (const user of present()) for (const device of of(user)) device.wire.turnOn()
      await run(90 * second)
      for (const user of present()) {
        first(user).mode('auto')
        first(user).policy({ reads: true })
        for (const peer of people) if (peer !== user) first(user).roster('unblock', peer)
      }
      await run(peaceMs)
      for (const [a, b] of pairs()) {
        first(a).send(b)
        first(b).send(a)
      }
      await run(minute)
      for (const [a, b] of pairs()) {
        first(a).read(b)
        first(b).read(a)
      }
      await run(minute)
      for (const device of devices) await device.refresh()
    },

    /** Peace among people who may not know each other: each acts on what they believe, and learns what is so. */
    async settleKnocks(presume: (device: Device, peer: UserId) => void) {
      for (const device of devices) device.wire.turnOn()
      await run(90 * second)
      for (const user of people) {
        first(user).mode('auto')
        for (const peer of people) if (peer !== user) first(user).roster('unblock', peer)
      }
      await run(2 * peaceMs)
      for (const user of people) for (const peer of people) if (peer !== user) presume(first(user), peer)
      await run(minute)
      for (const device of devices) await device.refresh()
    },
  }
}

const idOf = (person: number, n: number) => toBase64(Uint8Array.of(person, n, 0, 0, 0, 0, 0, 0)) as DeviceId

/** As a room was that is older than policies. */
function forgetPolicy({ rows }: SimRoom) {
  const { policy: _, ...meta } = JSON.parse(rows.get(keys.meta)!) as Meta
  rows.set(keys.meta, JSON.stringify(meta))
}
