/**
 * One process with all rooms in it, as on Node: what they write becomes durable in one order, a request at a time, and
 * until then every room sees it. So the rooms go on while the disk works, and a crash, or a disk that is full, costs
 * the end of what they did, never something in the middle.
 */
import type { Batch } from '../../relay/core/batch.ts'
import type { Millis } from '#shared/ids'
import type { Relay } from './room.ts'

/** A room's storage, as far as the process has to do with it. */
interface Rows {
  apply(batch: Batch): void
  /** What is not durable is lost. */
  forget(): void
}

export interface Request {
  readonly durable: Promise<void>
}

interface Open extends Request {
  batches: [Rows, Batch][]
  settle(error?: Error): void
}

export interface Process {
  add(rows: Rows, batch: Batch): Request
  /** The last that is not durable. */
  readonly last: Request | null
  /** How many batches had their place so far, and how many are durable: the first ones. */
  readonly placed: number
  readonly stored: number
  /** Rings after that time, with all others that are due until then. */
  ringAfter(ms: Millis, ring: () => void): void
  /** The disk was full a moment ago. */
  readonly isFull: boolean
  /** All rooms end with it. */
  crash(why: string): void
}

const fullMs = 20_000
/** So often one looks whose alarm is due. */
const sweepMs = 250

export function createProcess(relay: Relay): Process {
  const { world, mutant } = relay
  let young: Open | null = null
  let old: Open | null = null
  let generation = 0
  let placed = 0
  let stored = 0
  let fullUntil = 0
  const due = new Map<Millis, (() => void)[]>()
  let isFull = false

  function open(): Open {
    const { promise: durable, resolve, reject } = Promise.withResolvers<void>()
    durable.catch(() => undefined)
    return { durable, batches: [], settle: (error) => (error ? reject(error) : resolve()) }
  }

  async function flush() {
    if (old || !young) return
    const request = (old = young)
    const born = generation
    young = null
    await world.sleep(world.upTo(relay.faults.commitDelayMs))
    if (born !== generation) return
    if (refuses()) return lose(request)
    const dies = world.chance(relay.faults.roomCrash)
    if (!dies || world.chance(0.5)) for (const [rows, batch] of request.batches) rows.apply(batch)
    stored += request.batches.length
    if (dies) return crash('during a commit')
    old = null
    void flush()
    request.settle()
  }

  function refuses(): boolean {
    if (world.chance(relay.faults.diskFull)) fullUntil = world.now + world.upTo(fullMs)
    isFull = relay.faults.diskFull > 0 && world.now <= fullUntil
    if (isFull) world.note('disk full')
    return isFull
  }

  /** What came after it may follow from it. */
  function lose(request: Open) {
    const lost = young && !mutant.laterStays ? [request, young] : [request]
    if (lost.length > 1) world.note('later lost')
    forget()
    old = null
    if (!mutant.laterStays) young = null
    for (const room of relay.rooms.values())
      if (room.core().busy && !mutant.busyStay) room.end('what was not durable is lost')
    for (const { settle } of lost) settle(new Error('the disk is full'))
    void flush()
  }

  function forget() {
    placed = stored
    for (const request of [old, young]) for (const [rows] of request?.batches ?? []) rows.forget()
  }

  function crash(why: string) {
    generation++
    forget()
    old = young = null
    for (const room of relay.rooms.values()) room.end(why)
  }

  return {
    add(rows, batch) {
      young ??= open()
      young.batches.push([rows, batch])
      placed++
      const request = young
      // At the end of this turn, with whatever else finishes in it.
      world.after(0, () => void flush())
      return request
    },
    ringAfter(ms, ring) {
      const at = Math.ceil((world.now + ms) / sweepMs) * sweepMs
      const rings = due.get(at)
      if (rings) return void rings.push(ring)
      due.set(at, [ring])
      world.after(at - world.now, () => {
        const all = due.get(at)!
        due.delete(at)
        for (const one of all) one()
      })
    },
    get last() {
      return young ?? old
    },
    get placed() {
      return placed
    },
    get stored() {
      return stored
    },
    get isFull() {
      return isFull
    },
    crash,
  }
}
