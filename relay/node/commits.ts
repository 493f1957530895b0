/**
 * What waits to be written. One request is with the writer's thread (store-worker.ts), everything that is finished
 * meanwhile makes up the next one: one transaction, durable at once, and yet cheap. Requests become durable in their
 * order, so whatever follows from another write may be handed over before that one is durable.
 */
import type { Millis } from '#shared/ids'
import type { Alarm, Commit, Order } from './store-worker.ts'
import type { Writer } from './writer.ts'

/** JSON text, or null for what goes. */
type Writes = Map<string, string | null>

interface RoomWrites {
  writes: Writes
  alarms: Alarm[]
}

/** Everything in it becomes durable as one, or not at all. */
export interface Request {
  readonly rooms: Map<string, RoomWrites>
  readonly since: Millis
  /** Rejects when it could not be written: then nothing of it, nor of anything after it, has happened. */
  readonly durable: Promise<void>
  rows: number
  done(): void
  fail(error: Error): void
}

export interface Commits {
  /** Hands over what a room wants to become durable. A later write to a row takes the place of an earlier one. */
  add(room: string, writes: ReadonlyMap<string, string | null>, alarm: Alarm | null): Request
  /** The request that is the last to become durable; null when everything is. */
  readonly last: Request | null
  /** What will be in place of the committed row; undefined when that is to stay. */
  unwritten(room: string, key: string): string | null | undefined
  /** All such rows of a room, the older ones first. */
  unwrittenOf(room: string): [key: string, json: string | null][]
  readonly queued: number
  readonly waitingSince: Millis | null
  readonly failing: boolean
  probe(): Promise<void>
  checkpoint(): Promise<void>
  /** Resolves when everything that was handed over is durable, or lost. */
  idle(): Promise<void>
  close(): Promise<void>
}

interface Options {
  clock(): Millis
  /** Rows have become durable. */
  onDurable(room: string, writes: ReadonlyMap<string, string | null>): void
  /** A request has failed: what is not durable is lost, before anybody else hears of it. */
  onLost(): void
  onCommit?: ((seconds: number, rows: number) => void) | undefined
}

export function createCommits(writer: Writer, { clock, onDurable, onLost, onCommit }: Options): Commits {
  let young: Request | null = null
  let old: Request | null = null
  let scheduled = false
  let failing = false

  function newRequest(): Request {
    let done!: () => void
    let fail!: (error: Error) => void
    const durable = new Promise<void>((resolve, reject) => {
      done = resolve
      fail = reject
    })
    durable.catch(() => undefined) // who wants to know is told all the same
    return { rooms: new Map(), since: clock(), durable, rows: 0, done, fail }
  }

  function schedule() {
    if (scheduled || old) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      void flush()
    }) // at the end of this turn, with whatever else finishes in it
  }

  async function flush() {
    if (old || !young) return
    const request = (old = young)
    young = null
    const answer = await writer.ask({ type: 'commit', ...orderOf(request) })
    failing = answer.type === 'failed'
    if (answer.type === 'failed') return lose(request, new Error(`not written: ${answer.reason}`))
    for (const [room, { writes }] of request.rooms) onDurable(room, writes)
    old = null
    onCommit?.((clock() - request.since) / 1000, request.rows)
    void flush() // before anybody is told: the writer works while the effects are performed
    request.done()
  }

  /** What came after it may follow from it, so it goes the same way. */
  function lose(request: Request, error: Error) {
    const lost = young ? [request, young] : [request]
    old = young = null
    onLost()
    for (const { fail } of lost) fail(error)
  }

  const isIdle = () => !old && !young
  const idle = async () => {
    while (!isIdle()) await new Promise((resume) => setImmediate(resume))
  }

  return {
    add(room, writes, alarm) {
      const request = (young ??= newRequest())
      let own = request.rooms.get(room)
      if (!own) request.rooms.set(room, (own = { writes: new Map(), alarms: [] }))
      const before = own.writes.size
      for (const [key, json] of writes) own.writes.set(key, json)
      if (alarm) own.alarms.push(alarm)
      request.rows += own.writes.size - before + (alarm ? 1 : 0)
      schedule()
      return request
    },
    get last() {
      return young ?? old
    },
    unwritten(room, key) {
      const json = young?.rooms.get(room)?.writes.get(key)
      return json === undefined ? old?.rooms.get(room)?.writes.get(key) : json
    },
    unwrittenOf: (room) => [old, young].flatMap((request) => [...(request?.rooms.get(room)?.writes ?? [])]),
    get queued() {
      return (old?.rows ?? 0) + (young?.rows ?? 0)
    },
    get waitingSince() {
      return (old ?? young)?.since ?? null
    },
    get failing() {
      return failing
    },
    async probe() {
      if (!old) failing = (await writer.ask({ type: 'probe' })).type === 'failed'
    },
    async checkpoint() {
      if (!old) await writer.ask({ type: 'checkpoint' })
    },
    idle,
    async close() {
      await writer.ask({ type: 'close' })
      await writer.ended
    },
  }
}

/** What crosses to a thread costs by the object: one array for the rows of all rooms. */
function orderOf({ rooms }: Request): Order {
  const rows: (string | null)[] = []
  const commits: Commit[] = []
  for (const [room, { writes, alarms }] of rooms) {
    for (const [key, json] of writes) rows.push(key, json)
    commits.push({ room, count: writes.size, alarms })
  }
  return { commits, rows }
}
