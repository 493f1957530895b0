/**
 * A room's storage and its alarm. Writes take their time; a process that dies meanwhile never learns whether they were
 * done; the disk is full for a while; alarms are late, ring twice, or are lost with a process.
 */
import type { Millis, UserId } from '#shared/ids'
import { createBatch, type Batch, type Rows } from '../../relay/core/batch.ts'
import type { Store, Tx } from '../../relay/core/ports.ts'
import type { Writes } from './checks.ts'
import type { Relay } from './room.ts'
import { Table } from './table.ts'

/** The process that holds the room. */
export interface Host {
  readonly generation: number
  now(): Millis
  /** Dies, and never returns. */
  die(why: string): Promise<never>
  committed(writes: Writes): void
  alarm(): Promise<void>
}

export interface Disk {
  readonly rows: Table
  /** A transaction runs whose writes are not durable. */
  readonly isPending: boolean
  /** The last transaction failed because the disk was full. */
  readonly isFull: boolean
  storeOf(born: number): Store
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
  let isPending = false
  let isFull = false
  let fullUntil = 0
  let alarm: Millis | null = null
  let armed = 0
  let hasAlarmFailed = false
  const deaths: (() => void)[] = []

  const dead = (born: number) => born !== host.generation

  const committed: Rows = {
    async get(wanted) {
      return new Map(wanted.filter((key) => rows.has(key)).map((key) => [key, rows.get(key)!]))
    },
    list: async (range) => rows.list(range),
  }

  function storeOf(born: number): Store {
    return {
      async transact<R>(run: (tx: Tx) => Promise<R>): Promise<R> {
        if (dead(born)) return never()
        if (world.chance(relay.faults.roomCrash)) return host.die('before an event')
        isPending = true
        isFull = false
        const batch = createBatch(committed)
        let result: R
        try {
          result = await run(mutant.tx?.(batch, user, relay) ?? batch)
          if (batch.writes.size > 0) refuseIfFull()
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
    world.after(Math.max(0, alarm - host.now()) + late, () => mine === armed && void ring())
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
    crashed() {
      isPending = false
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
