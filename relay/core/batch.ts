/**
 * The writes of one transaction before they are durable: what `Tx` promises, over any place that keeps rows.
 * A host brings the rows below and a way to commit the whole; everything else is the same everywhere.
 */
import type { Millis } from '#shared/ids'
import type { Tx } from './ports.ts'

export type Range = Parameters<Tx['list']>[0]

/** Committed rows, as JSON text. */
export interface Rows {
  /** Those of the keys that are there. */
  get(keys: readonly string[]): Promise<Map<string, string>>
  list(range: Range): Promise<[key: string, json: string][]>
}

export interface Batch extends Tx {
  /** JSON text, or null for what goes. In the order in which the keys were first written. */
  readonly writes: ReadonlyMap<string, string | null>
  /** The earliest wish to be woken, or null. */
  readonly wish: Millis | null
}

/** Of one event, and keys that are read at once: so many a Durable Object takes in one call. */
export const writesMax = 128
/** Of all events in a batch: the runner takes no more once there are 128, the last one may bring as many, and so may each of the two steps that are done once for all. */
export const batchWritesMax = 4 * writesMax
/** PartyKit keeps 128 KiB a value, its own framing included. */
export const valueBytesMax = 127 * 1024
export const keyBytesMax = 1024

export function createBatch(rows: Rows): Batch {
  const writes = new Map<string, string | null>()
  let wish: Millis | null = null

  function write(key: string, json: string | null) {
    // A lone surrogate would be stored as another character, and two keys could become one.
    if (!key.isWellFormed() || key === '') throw new Error(`not a key: ${JSON.stringify(key)}`)
    if (key.length * bytesPerUnitMax > keyBytesMax && utf8Length(key) > keyBytesMax)
      throw new RangeError(`a key of ${utf8Length(key)} bytes`)
    if (!writes.has(key) && writes.size >= batchWritesMax)
      throw new RangeError(`more than ${batchWritesMax} writes in one batch`)
    writes.set(key, json)
  }

  return {
    writes,
    get wish() {
      return wish
    },
    async get<T>(key: string) {
      return (await this.getMany<T>([key])).get(key)
    },
    async getMany<T>(keys: readonly string[]) {
      if (keys.length > writesMax) throw new RangeError(`more than ${writesMax} keys at once`)
      const unwritten = keys.filter((key) => !writes.has(key))
      const below = unwritten.length > 0 ? await rows.get(unwritten) : undefined
      const found = new Map<string, T>()
      for (const key of keys) {
        const json = writes.has(key) ? writes.get(key) : below?.get(key)
        if (typeof json === 'string') found.set(key, JSON.parse(json) as T)
      }
      return found
    },
    async list<T>(range: Range) {
      const own = [...writes].filter(([key]) => isIn(range, key))
      const below = await rows.list({ ...range, limit: range.limit + own.length })
      return overlaid(below, own, range).map(([key, json]): [string, T] => [key, JSON.parse(json) as T])
    },
    put(key, value) {
      const json = JSON.stringify(value) as string | undefined
      if (json === undefined) throw new Error(`no JSON value for ${key}`)
      if (json.length * bytesPerUnitMax > valueBytesMax && utf8Length(json) > valueBytesMax)
        throw new RangeError(`a value of ${utf8Length(json)} bytes for ${key}`)
      write(key, json)
    },
    delete(key) {
      write(key, null)
    },
    wakeAt(at) {
      wish = wish === null ? at : Math.min(wish, at)
    },
  }
}

/**
 * Rows with others laid over them, of which a null hides one. Each can hide at most one row below: ask there for as
 * many more.
 */
export function overlaid<V>(
  below: readonly [key: string, value: V][],
  over: readonly (readonly [key: string, value: V | null])[],
  { limit, reverse }: Range,
): [key: string, value: V][] {
  const order = reverse ? -1 : 1
  const all = over.length > 0 ? new Map<string, V | null>([...below, ...over]) : below
  const found = [...all].filter((row): row is [string, V] => row[1] !== null)
  if (over.length > 0) found.sort(([a], [b]) => compareKeys(a, b) * order)
  return found.slice(0, limit)
}

export function isIn({ prefix, after, end }: Range, key: string): boolean {
  return (
    key.startsWith(prefix) &&
    (after === undefined || compareKeys(key, after) > 0) &&
    (end === undefined || compareKeys(key, end) < 0)
  )
}

/** The order of UTF-8, which SQLite and PartyKit use. JavaScript's own differs where surrogates are involved. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** Surrogates stand for characters above all others. */
const rank = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit)

/** At most this is the length of a text in UTF-8, whatever its characters. */
const bytesPerUnitMax = 3

function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // Both halves of a pair add one each: four bytes for two units.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return bytes
}
