/** A host as bad as can be: commits take time, processes die at any moment, sockets linger, calls get lost. */
import { newConnectionState } from '../../relay/core/connection-state.ts'
import type { AccountId, Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Entry, ServerFrame } from '#shared/frames'
import { createBatch, isIn, type Batch, type Range, type Rows } from '../../relay/core/batch.ts'
import type {
  ConnectionId,
  ConnectionState,
  RelaySettings,
  Room,
  RoomHost,
  RoomLink,
  RoomMessage,
  RoomReply,
  Sockets,
  Store,
  Tx,
} from '../../relay/core/ports.ts'
import { keys, type LogRow, type Meta } from '../../relay/core/rows.ts'
import { createRoom } from '../../relay/core/runner.ts'
import { seededRandom } from '../support/seeded.ts'
import { createRoomChecks, must, type RoomChecks } from './checks.ts'
import type { Faults } from './faults.ts'
import type { Mutant } from './mutants.ts'
import type { World } from './world.ts'

/** The room's end of a socket. */
export interface Line {
  take(text: string): void
  closed(code: number): void
}

export interface SimRoom {
  readonly user: UserId
  readonly rows: Map<string, string>
  readonly checks: RoomChecks
  readonly generation: number
  core(): Room
  open(id: ConnectionId, line: Line): void
  received(id: ConnectionId, text: string): void
  /** The room notices that a socket is gone. */
  lost(id: ConnectionId): void
  crash(why: string): void
  restore(rows: ReadonlyMap<string, string>): Promise<void>
}

/** What all rooms of a history share. */
export interface Relay {
  world: World
  faults: Faults
  settings: RelaySettings
  mutant: Mutant
  rooms: Map<UserId, SimRoom>
  /** How many rooms were put back to an older state: then some things may happen twice. */
  restores: number
  /** A violation ends the history. */
  fail(error: unknown): void
}

/** An entry in a line of a trace. */
function shortOf(entry: Entry): string {
  const { seq, type } = entry
  if (type === 'roster') return `${seq} ${entry.peer} ${entry.relation}${entry.blocked ? ' blocked' : ''}`
  if (type === 'failed') return `${seq} failed ${entry.peer} ${entry.id} ${entry.code}`
  if (type !== 'message') return `${seq} ${type}`
  return `${seq} ${entry.direction} ${entry.peer} ${entry.kind} ${entry.id} ts ${entry.ts}`
}

const never = <T>() => new Promise<T>(() => {})

export function createSimRoom(relay: Relay, user: UserId): SimRoom {
  const { world, mutant } = relay
  const random = seededRandom(() => world.random())
  const rows = new Map<string, string>()
  const sockets = new Map<ConnectionId, { line: Line; state: ConnectionState }>()
  const checks = createRoomChecks(
    user,
    () => world.now,
    () => relay.restores > 0,
  )
  let generation = 0
  let alarm: Millis | null = null
  let isPending = false
  let core = load()

  const dead = (born: number) => born !== generation

  // --- Storage -------------------------------------------------------------------------------------------

  const committed: Rows = {
    async get(wanted) {
      return new Map(wanted.filter((key) => rows.has(key)).map((key) => [key, rows.get(key)!]))
    },
    async list(range: Range) {
      const found = [...rows].filter(([key]) => isIn(range, key)).toSorted(([a], [b]) => (a < b ? -1 : 1))
      return (range.reverse ? found.toReversed() : found).slice(0, range.limit)
    },
  }

  function storeOf(born: number): Store {
    return {
      async transact<R>(run: (tx: Tx) => Promise<R>): Promise<R> {
        if (dead(born)) return never()
        if (world.chance(relay.faults.roomCrash)) return die('before an event')
        isPending = true
        const batch = createBatch(committed)
        let result: R
        try {
          result = await run(mutant.tx?.(batch, user, relay) ?? batch)
        } catch (error) {
          isPending = false
          throw error
        }
        if (mutant.effectsFirst) isPending = false
        const commit = finish(batch, born)
        if (!mutant.effectsFirst) await commit
        if (!dead(born)) isPending = false
        return dead(born) ? never() : result
      },
      wipe: () => Promise.reject(new Error('not in the simulator')),
      usage: async () => ({ rows: rows.size, bytes: 0 }),
    }
  }

  /** The write takes its time; a process that dies meanwhile never learns whether it was done. */
  async function finish(batch: Batch, born: number): Promise<void> {
    if (batch.writes.size === 0 && batch.wish === null) return
    await world.sleep(world.upTo(relay.faults.commitDelayMs))
    if (dead(born)) return // it was not
    if (world.chance(relay.faults.roomCrash)) {
      if (world.chance(0.5)) apply(batch)
      return die('during a commit')
    }
    apply(batch)
  }

  function apply(batch: Batch) {
    for (const [key, json] of batch.writes) {
      if (json === null) rows.delete(key)
      else rows.set(key, json)
      if (json !== null && key.startsWith('log:'))
        world.note('entry', user, shortOf((JSON.parse(json) as LogRow).entry))
    }
    attempt(() => checks.committed(batch.writes))
    if (batch.wish !== null) wish(batch.wish)
  }

  // --- Alarms --------------------------------------------------------------------------------------------

  function wish(at: Millis) {
    if (alarm !== null && alarm <= at) return
    alarm = at
    const late = world.chance(relay.faults.alarmLate) ? world.upTo(3000) : 0
    world.after(Math.max(0, at - world.now) + late, () => ring(at))
    if (world.chance(relay.faults.alarmTwice)) {
      world.after(Math.max(0, at - world.now) + world.upTo(5000), () => void core.alarm())
    }
  }

  async function ring(at: Millis) {
    if (alarm !== at) return
    const born = generation
    const died = new Promise<void>((resolve) => deaths.push(resolve))
    alarm = null
    world.note('alarm', user)
    await Promise.race([core.alarm(), died])
    if (dead(born)) wish(Math.max(at, world.now + 100)) // it has not been handled: it rings again
  }
  const deaths: (() => void)[] = []

  // --- Sockets and calls ---------------------------------------------------------------------------------

  function socketsOf(born: number): Sockets {
    /** What may be done now: not before the commit (S10), and not by a process that is dead. */
    function may(what: string): boolean {
      if (dead(born)) return false
      // A mailbox that is full closes a socket without asking the room.
      attempt(() => must(!isPending || what === 'close', 'S10', () => `${user}: ${what} before the commit`))
      if (!world.chance(relay.faults.effectCrash)) return true
      crash('between effects')
      return false
    }
    return {
      states: () => new Map(Array.from(sockets, ([id, { state }]) => [id, state])),
      send(id, text) {
        if (!may('send')) return
        checkSent(id, JSON.parse(text) as ServerFrame)
        sockets.get(id)?.line.take(text)
      },
      close(id, code) {
        if (may('close')) close(id, code)
      },
      remember(id, state) {
        if (dead(born)) return
        const bytes = JSON.stringify(state).length
        attempt(() =>
          must(bytes <= limits.connectionStateBytesMax, 'S9', () => `a socket's state of ${bytes} bytes`),
        )
        const socket = sockets.get(id)
        if (socket) socket.state = structuredClone(state)
      },
      buffered: () => 0,
    }
  }

  function checkSent(id: ConnectionId, frame: ServerFrame) {
    attempt(() => {
      if (frame.type === 'ok' && frame.id !== undefined && frame.seq !== undefined) {
        const row = rows.get(keys.log(frame.seq))
        const isThere = row !== undefined && (JSON.parse(row) as LogRow).entry.type === 'message'
        must(isThere, 'S1', () => `${user} confirmed ${frame.id}, which is not stored`)
      }
      if (frame.type === 'keys' && frame.peer === user) checks.gave(frame.packages)
      if (frame.type === 'deliver' && frame.request === undefined) {
        const last = frame.entries.at(-1)!.seq
        must(rows.has(keys.log(last)), 'S10', () => `${user} sent entry ${last}, which is not stored`)
        const { acked } = sockets.get(id)?.state ?? { acked: last }
        must(last - acked <= limits.entriesInFlightMax, 'S9', () => `${last - acked} entries under way`)
      }
    })
  }

  function close(id: ConnectionId, code: number) {
    const socket = sockets.get(id)
    if (!sockets.delete(id)) return
    world.note('close', user, String(code))
    socket!.line.closed(code)
    void core.closed(id, socket!.state, code)
  }

  function linkOf(born: number): RoomLink {
    return {
      async post(to, message, { from, timeoutMs }) {
        if (dead(born)) return never()
        checkPost(to, message)
        const { faults } = relay
        const late = world.sleep(timeoutMs).then(() => {
          const { epoch } = JSON.parse(relay.rooms.get(to)!.rows.get(keys.meta)!) as Meta
          const answer = mutant.answer?.(message, epoch)
          if (!answer) throw new Error('no answer in time')
          return answer
        })
        return Promise.race([call(to, from, message, faults), late])
      },
    }
  }

  async function call(to: UserId, from: UserId, message: RoomMessage, faults: Faults): Promise<RoomReply> {
    if (world.chance(faults.linkDuplicate)) {
      world.after(world.upTo(8000), () => void deliver(to, from, message))
    }
    await world.sleep(world.upTo(faults.linkDelayMs))
    if (world.chance(faults.linkDrop)) return never()
    const reply = await deliver(to, from, message)
    await world.sleep(world.upTo(faults.linkDelayMs))
    if (world.chance(faults.linkAnswerDrop)) return never()
    return reply
  }

  async function deliver(to: UserId, from: UserId, message: RoomMessage): Promise<RoomReply> {
    const target = relay.rooms.get(to)!
    const reply = await target.core().peer(from, structuredClone(message))
    world.note(`reply ${reply.type}`, to, from)
    if (reply.type === 'keys') attempt(() => target.checks.gave(reply.packages))
    if (reply.type === 'presence' && target.checks.isBlocked(from)) {
      attempt(() =>
        must(reply.show === 'offline', 'S5', () => `${to} shows itself to ${from}, who is blocked`),
      )
    }
    return structuredClone(reply)
  }

  function checkPost(to: UserId, message: RoomMessage) {
    const shows =
      (message.type === 'presence' && message.show !== 'offline') ||
      (message.type === 'deliver' && message.receipts.show) ||
      message.type === 'typing'
    attempt(() => {
      checks.posted(to, message)
      must(
        !(shows && checks.isBlocked(to)),
        'S5',
        () => `${user} sends ${message.type} to ${to}, who is blocked`,
      )
      must(!isPending, 'S10', () => `${user} calls ${to} before the commit`)
    })
  }

  // --- Life and death ------------------------------------------------------------------------------------

  function load(): Room {
    const born = generation
    const host: RoomHost = {
      self: user,
      store: storeOf(born),
      link: linkOf(born),
      sockets: socketsOf(born),
      settings: relay.settings,
      blobs: { drop: () => undefined }, // the bytes of files are no part of a history
      clock: () => world.now,
      random,
      verify: async () => true,
      log: (level, text, fields) => {
        if (level === 'error') relay.fail(new Error(`${user}: ${text} ${JSON.stringify(fields)}`))
      },
      metric: () => {},
    }
    return createRoom(host)
  }

  function crash(why: string) {
    world.note('crash', user, why)
    generation++
    isPending = false
    for (const [, { line }] of sockets) world.after(world.upTo(2000), () => line.closed(1006))
    sockets.clear()
    core = load()
    for (const died of deaths.splice(0)) died()
    if (world.chance(relay.faults.alarmLost)) alarm = null
    else if (alarm !== null) {
      const at = alarm
      alarm = null
      wish(at)
    }
  }

  function die<T>(why: string): Promise<T> {
    crash(why)
    return never()
  }

  function attempt(check: () => void) {
    try {
      check()
    } catch (error) {
      relay.fail(error)
    }
  }

  return {
    user,
    rows,
    checks,
    get generation() {
      return generation
    },
    core: () => core,
    open(id, line) {
      const { now } = world
      const state = newConnectionState(now)
      sockets.set(id, { line, state })
      void core.opened(id)
      world.after(limits.authDeadlineMs, () => void core.alarm()) // as every host does
    },
    received(id, text) {
      if (!sockets.has(id)) return
      if (world.chance(relay.faults.hibernate) && !core.busy) {
        world.note('hibernate', user)
        core = load()
      }
      const {
        type,
        id: envelope,
        attempt: pass,
      } = JSON.parse(text) as { type: string; id?: string; attempt?: number }
      if (type === 'send' && world.chance(relay.faults.refuse)) {
        world.note('refuse', user)
        const refusal = { code: 'resource-constraint', action: 'wait', retryAfterMs: 300 }
        sockets.get(id)!.line.take(JSON.stringify({ type: 'error', id: envelope, attempt: pass, ...refusal }))
        return
      }
      void core.received(id, mutant.frame?.(text, rows, sockets.get(id)!.state) ?? text)
    },
    lost(id) {
      const socket = sockets.get(id)
      if (sockets.delete(id)) void core.closed(id, socket!.state, 1006)
    },
    crash,
    async restore(backup) {
      relay.restores++
      crash('restore')
      rows.clear()
      for (const [key, json] of backup) rows.set(key, json)
      alarm = null
      checks.restored(backup)
      const reply = await core.account({ type: 'restored' })
      if (reply.type !== 'ok') world.note('restore refused', reply)
    },
  }
}

export type { AccountId }
