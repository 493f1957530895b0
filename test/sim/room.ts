/** A host as bad as can be: processes die at any moment, sockets linger, calls get lost, clocks are wrong. */
import type { Entry, ServerFrame } from '#shared/frames'
import type { Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { newConnectionState } from '../../relay/core/connection-state.ts'
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
} from '../../relay/core/ports.ts'
import { keys, type LogRow, type Meta } from '../../relay/core/rows.ts'
import { createRoom } from '../../relay/core/runner.ts'
import { seededRandom } from '../support/seeded.ts'
import { createRoomChecks, must, type RoomChecks, type Writes } from './checks.ts'
import { createDisk, never } from './disk.ts'
import { calm, type Faults } from './faults.ts'
import type { Mutant } from './mutants.ts'
import type { Process } from './process.ts'
import type { Table } from './table.ts'
import type { World } from './world.ts'

/** The room's end of a socket. */
export interface Line {
  take(text: string): void
  closed(code: number): void
}

export interface SimRoom {
  readonly user: UserId
  readonly rows: Table
  readonly checks: RoomChecks
  core(): Room
  open(id: ConnectionId, line: Line): void
  received(id: ConnectionId, text: string): void
  /** The room notices that a socket is gone. */
  lost(id: ConnectionId): void
  /** Its part of the process is gone: memory, sockets, and what is not durable. */
  end(why: string): void
  /** Another room of the process has called it. */
  follow(): void
  /** Puts older rows back; with `silent`, nobody will say so to the room. */
  putBack(rows: ReadonlyMap<string, string>, silent: boolean): void
  /** Says so. */
  tellRestored(): Promise<void>
  /** Its clock is so far from the true time from now on. */
  setClock(skewMs: Millis): void
}

/** No more has anybody to say without time passing. */
const callsAtOnceMax = 2000

/** What all rooms of a history share. */
export interface Relay {
  world: World
  faults: Faults
  settings: RelaySettings
  mutant: Partial<Mutant>
  rooms: Map<UserId, SimRoom>
  /** That of all rooms; null when each has its own, as on PartyKit. */
  process: Process | null
  /** Only operators' commands run. */
  isStopped: boolean
  /** Between rooms since time last passed. */
  calls: { at: Millis; count: number }
  /** How many rooms were put back to an older state: then some things may happen twice. */
  restores: number
  /** By how much the fastest clock was ever ahead. */
  aheadMs: Millis
  /** Accounts that were deleted, and when. */
  gone: Map<UserId, Millis>
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

/** As it comes out of the other end of a line. */
const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

export function createSimRoom(relay: Relay, user: UserId): SimRoom {
  const { world, mutant } = relay
  const random = seededRandom(() => world.random())
  const sockets = new Map<ConnectionId, { line: Line; state: ConnectionState }>()
  const checks = createRoomChecks(relay, user)
  let generation = 0
  let skew: Millis = 0
  const clock = () => world.now + skew
  const disk = createDisk(relay, user, {
    get generation() {
      return generation
    },
    now: clock,
    die(why) {
      crash(why)
      return never()
    },
    placed: checks.placed,
    committed,
    lost: checks.lost,
    follows: (isDurable) =>
      attempt(() => must(isDurable, 'S10', () => `${user} goes on before what it has heard is stored`)),
    alarm: () => core.alarm(),
  })
  const { rows } = disk
  let core = load()

  const dead = (born: number) => born !== generation

  function committed(writes: Writes) {
    for (const [key, json] of writes) {
      if (json === null || !key.startsWith('log:')) continue
      world.note('entry', user, shortOf((JSON.parse(json) as LogRow).entry))
    }
    attempt(() => checks.committed(writes))
  }

  // --- Sockets and calls ---------------------------------------------------------------------------------

  function socketsOf(born: number): Sockets {
    /** Not by a process that is dead, and perhaps not by one that is alive. */
    function may(): boolean {
      if (dead(born)) return false
      if (!world.chance(relay.faults.effectCrash)) return true
      crash('between effects')
      return false
    }
    return {
      states: () => new Map(Array.from(sockets, ([id, { state }]) => [id, state])),
      send(id, text) {
        if (!may()) return
        checkSent(id, JSON.parse(text) as ServerFrame)
        sockets.get(id)?.line.take(text)
      },
      close(id, code) {
        if (may()) close(id, code)
      },
      remember(id, state) {
        if (dead(born)) return
        const bytes = JSON.stringify(state).length
        attempt(() =>
          must(bytes <= limits.connectionStateBytesMax, 'S9', () => `a socket's state of ${bytes} bytes`),
        )
        const socket = sockets.get(id)
        if (socket) socket.state = { ...state }
      },
      buffered: () => 0,
    }
  }

  function checkSent(id: ConnectionId, frame: ServerFrame) {
    attempt(() => {
      if (frame.type === 'ok' && frame.id !== undefined && frame.seq !== undefined) {
        const row = rows.get(keys.log(frame.seq))
        const floor = (JSON.parse(rows.get(keys.meta)!) as Meta).floor
        const isThere = row !== undefined && (JSON.parse(row) as LogRow).entry.type === 'message'
        must(isThere || frame.seq <= floor, 'S1', () => `${user} confirmed ${frame.id}, which is not stored`)
      }
      // In one process nothing is given away before a device has it: what is lost before that goes to the next.
      if (frame.type === 'keys' && (frame.peer === user || relay.process))
        relay.rooms.get(frame.peer)!.checks.gave(frame.packages)
      if (frame.type === 'deliver' && frame.request === undefined) {
        const last = frame.entries.at(-1)!.seq
        // What became durable together with the end may still go out.
        const goneAt = relay.gone.get(user) ?? Infinity
        must(goneAt >= world.now, 'S11', () => `${user}, who is gone, gets entry ${last}`)
        must(rows.has(keys.log(last)), 'S10', () => `${user} sent entry ${last}, which is not stored`)
        const { acked } = sockets.get(id)?.state ?? { acked: last }
        if (last - acked === limits.entriesInFlightMax) world.note('no credit', user)
        must(last - acked <= limits.entriesInFlightMax, 'S9', () => `${last - acked} entries under way`)
      }
    })
  }

  function close(id: ConnectionId, code: number) {
    const socket = sockets.get(id)
    if (!sockets.delete(id)) return
    world.note(`close ${code}`, user)
    socket!.line.closed(code)
    void core.closed(id, socket!.state, code)
  }

  function linkOf(born: number): RoomLink {
    return {
      async post(to, message, { from, timeoutMs }) {
        if (dead(born)) return never()
        if (relay.isStopped) throw new Error('the relay does not run')
        checkPost(to, message)
        if (relay.calls.at !== world.now) relay.calls = { at: world.now, count: 0 }
        const isEnough = ++relay.calls.count > callsAtOnceMax
        attempt(() => must(!isEnough, 'L1', () => `${user} and ${to} call each other without end`))
        if (isEnough) return never()
        const { faults } = relay
        const late = world.sleep(timeoutMs).then(() => {
          const answer = mutant.noAnswer?.(message, relay.rooms.get(to)!.rows)
          if (!answer) throw new Error('no answer in time')
          return answer
        })
        return Promise.race([call(to, from, message, faults), late])
      },
    }
  }

  async function call(to: UserId, from: UserId, message: RoomMessage, faults: Faults): Promise<RoomReply> {
    // In one process a call is as good as what it was written with: it is never heard by the next one.
    const born = generation
    const isOver = () => relay.process !== null && dead(born)
    if (world.chance(faults.linkDuplicate)) {
      world.note('call twice')
      world.after(world.upTo(8000), () => void (isOver() || deliver(to, from, message)))
    }
    await linger(faults)
    if (isOver() || world.chance(faults.linkDrop)) return never()
    const reply = await deliver(to, from, message)
    if (isOver()) return never()
    disk.follow()
    await linger(faults)
    if (isOver() || world.chance(faults.linkAnswerDrop)) return never()
    disk.follow()
    return reply
  }

  /** In one process most calls are heard at once, and in some histories all of them. */
  async function linger({ linkDelayMs }: Faults) {
    const isLate = !relay.process || (linkDelayMs > calm.linkDelayMs && world.chance(0.1))
    if (isLate) await world.sleep(world.upTo(linkDelayMs))
  }

  async function deliver(to: UserId, from: UserId, message: RoomMessage): Promise<RoomReply> {
    const target = relay.rooms.get(to)!
    target.follow()
    const heard = mutant.call?.(copyOf(message)) ?? copyOf(message)
    const reply = await target.core().peer(from, newer(heard))
    world.note(`reply ${reply.type}${reply.type === 'error' ? ` ${reply.code}` : ''}`, to, from)
    if (reply.type === 'keys' && !relay.process) attempt(() => target.checks.gave(reply.packages))
    if (reply.type === 'presence' && target.checks.wasBlocked(from)) {
      attempt(() =>
        must(reply.show === 'offline', 'S5', () => `${to} shows itself to ${from}, who is blocked`),
      )
    }
    return newer(mutant.reply?.(copyOf(reply), message) ?? copyOf(reply))
  }

  /** A room of a version that is to come says more (FR1). */
  function newer<T extends object>(said: T): T {
    return world.chance(relay.faults.newer) ? { ...said, later: { that: ['is', 'unknown'] } } : said
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
      const isInOrder = relay.process !== null || !disk.isPending
      must(isInOrder, 'S10', () => `${user} calls ${to} before the commit`)
    })
  }

  // --- Life and death ------------------------------------------------------------------------------------

  function load(): Room {
    const born = generation
    const host: RoomHost = {
      self: user,
      store: disk.storeOf(born),
      link: linkOf(born),
      sockets: socketsOf(born),
      settings: relay.settings,
      blobs: { drop: () => undefined }, // the bytes of files are no part of a history
      clock,
      random,
      verify: async () => true,
      log: (level, text, fields) => {
        if (level !== 'error' || disk.isFull || relay.process?.isFull || dead(born)) return
        relay.fail(new Error(`${user}: ${text} ${JSON.stringify(fields)}`))
      },
      metric: () => {},
    }
    return createRoom(host)
  }

  function crash(why: string) {
    if (relay.process) relay.process.crash(why)
    else end(why)
  }

  function end(why: string) {
    world.note('crash', user, why)
    world.note(`crash ${why}`)
    generation++
    for (const [, { line }] of sockets) world.after(world.upTo(2000), () => line.closed(1006))
    sockets.clear()
    core = load()
    disk.crashed()
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
    core: () => core,
    open(id, line) {
      const state = newConnectionState(clock())
      sockets.set(id, { line, state })
      void core.opened(id)
      world.after(limits.authDeadlineMs, () => void core.alarm()) // as every host does
    },
    received(id, text) {
      const socket = sockets.get(id)
      if (!socket) return
      if (world.chance(relay.faults.hibernate) && !core.busy) {
        world.note('hibernate', user)
        core = load()
      }
      const frame = JSON.parse(text) as { type: string; id?: string; attempt?: number }
      if (frame.type === 'send' && world.chance(relay.faults.refuse)) {
        world.note('refuse', user)
        const refusal = { code: 'resource-constraint', action: 'wait', retryAfterMs: 300 }
        const { id: envelope, attempt: pass } = frame
        socket.line.take(JSON.stringify({ type: 'error', id: envelope, attempt: pass, ...refusal }))
        return
      }
      void core.received(id, mutant.frame?.(text, rows, socket.state) ?? text)
    },
    lost(id) {
      const socket = sockets.get(id)
      if (sockets.delete(id)) void core.closed(id, socket!.state, 1006)
    },
    end,
    follow: disk.follow,
    putBack(backup, silent) {
      relay.restores++
      crash('restore')
      rows.clear()
      for (const [key, json] of backup) rows.set(key, json)
      disk.rearm(null)
      checks.restored(backup, silent)
    },
    async tellRestored() {
      const reply = await core.account({ type: 'restored' })
      if (reply.type !== 'ok') world.note('restore refused', reply)
    },
    setClock(ms) {
      if (ms < skew) world.note('clock set back')
      skew = ms
      relay.aheadMs = Math.max(relay.aheadMs, skew)
      disk.rearm()
    },
  }
}
