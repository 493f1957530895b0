/**
 * A room's storage and its alarm. Writes take their time; a process that dies meanwhile never learns whether they were
 * done; the disk is full for a while; alarms are late, ring twice, or are lost with a process.
 */
import type { Millis, UserId } from '#shared/ids'
import { createBatch, isIn, overlaid, type Batch, type Rows } from '../../relay/core/batch.ts'
import type { Store, Tx } from '../../relay/core/ports.ts'
import type { Writes } from './checks.ts'
import type { Process, Request } from './process.ts'
import type { Relay } from './room.ts'
import { Table } from './table.ts'

/** The process that holds the room. */
export interface Host {
  readonly generation: number
  now(): Millis
  /** Dies, and never returns. */
  die(why: string): Promise<never>
  placed(writes: Writes): void
  committed(writes: Writes): void
  lost(): void
  /** Something is said to be durable: is all that it follows from? */
  follows(isDurable: boolean): void
  alarm(): Promise<void>
}

export interface Disk {
  readonly rows: Table
  /** A transaction runs whose writes have no place yet. */
  readonly isPending: boolean
  /** The last transaction failed because the disk was full. */
  readonly isFull: boolean
  storeOf(born: number): Store
  /** Another room of the process was heard. */
  follow(): void
  /** The process is gone. */
  crashed(): void
  /** The room's clock has jumped, or its storage was put back. */
  rearm(at?: null): void
}

/** How long a failed alarm rests, on every host. */
const failedAlarmRestsMs = 2000
const fullMs = 20_000

export const never = <T>() => new Promise<T>(() => {})

export function createDisk(relay: Relay, user: UserId, host: Host): Disk {
  const { world, mutant } = relay
  const rows = new Table()
  /** What has its place and is not durable, the oldest first. */
  let unwritten: Writes[] = []
  /** The last request that anything here is part of, or follows from. */
  let last: Request | null = null
  /** So many batches of the process had their place when another room was last heard. */
  let follows = 0
  let isPending = false
  let isFull = false
  let fullUntil = 0
  let alarm: Millis | null = null
  let armed = 0
  let hasAlarmFailed = false
  const deaths: (() => void)[] = []

  const dead = (born: number) => born !== host.generation

  /** As the room sees its rows: what is not durable over what is. */
  const seen: Rows = {
    async get(wanted) {
      const found = new Map<string, string>()
      for (const key of wanted) {
        const writes = unwritten.findLast((one) => one.has(key))
        const json = writes ? writes.get(key) : rows.get(key)
        if (typeof json === 'string') found.set(key, json)
      }
      return found
    },
    async list(range) {
      const over = unwritten.flatMap((writes) => [...writes].filter(([key]) => isIn(range, key)))
      return overlaid(rows.list({ ...range, limit: range.limit + over.length }), over, range)
    },
  }

  function storeOf(born: number): Store {
    return {
      async transact<R>(run: (tx: Tx) => Promise<R>, inOrder?: (result: R) => void): Promise<R> {
        if (dead(born)) return never()
        if (world.chance(relay.faults.roomCrash)) return host.die('before an event')
        isPending = true
        isFull = false
        const batch = createBatch(seen)
        try {
          const result = await run(mutant.tx?.(batch, user, relay) ?? batch)
          if (dead(born)) return await never()
          await (relay.process ? together(relay.process, batch, () => inOrder?.(result)) : alone(batch, born))
          if (dead(born)) return await never()
          isPending = false
          if (!relay.process) inOrder?.(result)
          return result
        } catch (error) {
          isPending = false
          throw error
        }
      },
    }
  }

  /** The room is where it is with nobody else: nothing happens before it is durable. */
  async function alone(batch: Batch, born: number): Promise<void> {
    if (batch.writes.size > 0) refuseIfFull()
    const commit = finish(batch, born)
    if (mutant.effectsFirst) isPending = false
    else await commit
  }

  /** Everything here has its place at once; it is durable when all before it is. */
  async function together(process: Process, batch: Batch, inOrder: () => void): Promise<void> {
    if (batch.writes.size > 0 || batch.wish !== null) {
      unwritten.push(batch.writes)
      host.placed(batch.writes)
      last = process.add({ apply, forget }, batch)
    }
    inOrder()
    const [request, since] = [last, follows]
    if (!mutant.effectsFirst) await request?.durable
    if (last === request) last = null
    host.follows(process.stored >= since)
  }

  function forget() {
    host.lost()
    follows = 0
    unwritten = []
    last = null
  }

  function refuseIfFull() {
    if (world.chance(relay.faults.diskFull)) fullUntil = world.now + world.upTo(fullMs)
    if (world.now > fullUntil || relay.faults.diskFull === 0) return
    world.note('disk full', user)
    isFull = hasAlarmFailed = true
    throw new Error('the disk is full')
  }

  async function finish(batch: Batch, born: number): Promise<void> {
    if (batch.writes.size === 0 && batch.wish === null) return
    await world.sleep(world.upTo(relay.faults.commitDelayMs))
    if (dead(born)) return // it was not
    if (world.chance(relay.faults.roomCrash)) {
      if (world.chance(0.5)) apply(batch)
      return host.die('during a commit')
    }
    apply(batch)
  }

  function apply({ writes, wish: at }: Batch) {
    unwritten = unwritten.filter((one) => one !== writes)
    for (const [key, json] of writes) {
      if (json === null) rows.delete(key)
      else rows.set(key, json)
    }
    host.committed(writes)
    if (at !== null) wish(at)
  }

  // --- The alarm -----------------------------------------------------------------------------------------

  function wish(at: Millis) {
    if (alarm !== null && alarm <= at) return
    alarm = at
    const late = world.chance(relay.faults.alarmLate) ? world.upTo(3000) : 0
    arm(late)
    if (world.chance(relay.faults.alarmTwice)) {
      world.after(Math.max(0, at - host.now()) + world.upTo(5000), () => {
        world.note('alarm twice', user)
        void host.alarm()
      })
    }
  }

  function arm(late = 0) {
    if (alarm === null) return
    const mine = ++armed
    const ms = Math.max(0, alarm - host.now()) + late
    const ringOnce = () => mine === armed && void ring()
    if (relay.process) relay.process.ringAfter(ms, ringOnce)
    else world.after(ms, ringOnce)
  }

  async function ring() {
    const at = alarm!
    const born = host.generation
    const died = new Promise<void>((resolve) => deaths.push(resolve))
    alarm = null
    hasAlarmFailed = false
    world.note('alarm', user)
    await Promise.race([host.alarm(), died])
    if (dead(born)) wish(Math.max(at, host.now() + 100)) // it has not been handled: it rings again
    else if (hasAlarmFailed) wish(host.now() + failedAlarmRestsMs)
  }

  return {
    rows,
    get isPending() {
      return isPending
    },
    get isFull() {
      return isFull
    },
    storeOf,
    follow() {
      if (!relay.process) return
      follows = relay.process.placed
      if (!mutant.noFollow) last = relay.process.last ?? last
    },
    crashed() {
      isPending = false
      forget()
      for (const died of deaths.splice(0)) died()
      if (world.chance(relay.faults.alarmLost)) {
        world.note('alarm lost', user)
        alarm = null
      } else arm()
    },
    rearm(at) {
      if (at === null) alarm = null
      arm()
    },
  }
}
