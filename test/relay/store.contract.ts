/** What every Store must do, whatever it keeps its rows in. Runs: store.*.test.ts beside this file. */
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { batchWritesMax, valueBytesMax } from '../../relay/core/batch.ts'
import type { Store } from '../../relay/core/ports.ts'
import { apply, type Range, type Step } from './partykit/steps.ts'

export type { Step }

/** One room's store, as the suite drives it. */
export interface StoreDriver {
  /** What each reading step found; rejects when the transaction does. */
  transact(steps: readonly Step[]): Promise<unknown[]>
  /** When the room is to be woken; null when it is not. */
  alarm(): Promise<number | null>
  /**
   * Waits for the next alarm and handles it by running the steps; resolves when it has rung and was handled.
   * Absent where alarms are only kept, not rung.
   */
  ring?(steps: readonly Step[]): Promise<void>
}

export interface StoreHarness {
  /** An empty store with a name of its own. */
  room(): Promise<StoreDriver>
  /** The same room after the process that kept it was lost; absent where nothing outlives it. */
  reopen?(store: StoreDriver): Promise<StoreDriver>
  /** Alarms do not outlive the process: so it is in `partykit dev`, though not where it is deployed. */
  losesAlarms?: true
  now(): number
  close(): Promise<void>
}

/** Runs the steps against a store in this process. */
export async function runSteps(store: Store, steps: readonly Step[]): Promise<unknown[]> {
  return store.transact((tx) => apply(tx, steps))
}

const put = (key: string, value: unknown = key): Step => ({ do: 'put', key, value })
const remove = (key: string): Step => ({ do: 'delete', key })
const get = (key: string): Step => ({ do: 'get', key })
const list = (range: Partial<Range>): Step => ({ do: 'list', range: { prefix: '', limit: 100, ...range } })
const wakeAt = (at: number): Step => ({ do: 'wakeAt', at })
const keysOf = (found: unknown) => (found as [string, unknown][]).map(([key]) => key)

export function storeContract(name: string, open: () => Promise<StoreHarness>, { runs = 60 } = {}) {
  describe(`${name} as a store`, () => {
    let harness: StoreHarness
    beforeAll(async () => {
      harness = await open()
    }, 60_000)
    afterAll(() => harness?.close())

    test('what a batch wrote is there afterwards, as one', async () => {
      const store = await harness.room()

      await store.transact([put('a', 1), put('b', { deep: ['x', null, true, 1.5] })])
      await store.transact([put('a', 2), remove('b'), put('c', '')])

      const found = await store.transact([get('a'), get('b'), get('c'), list({})])
      expect(found.slice(0, 3)).toEqual([2, null, ''])
      expect(found[3]).toEqual([
        ['a', 2],
        ['c', ''],
      ])
    })

    test('reads see the own writes of the batch', async () => {
      const store = await harness.room()
      await store.transact([put('a', 'old'), put('b', 'old'), put('d', 'old')])

      const steps = [put('a', 'new'), remove('b'), put('c', 'new'), get('a'), get('b'), get('c')]
      const found = await store.transact([
        ...steps,
        { do: 'getMany', keys: ['d', 'c', 'b', 'nothing'] },
        list({}),
        list({ limit: 2, reverse: true }),
      ])

      expect(found.slice(0, 3)).toEqual(['new', null, 'new'])
      expect(new Map(found[3] as [string, unknown][])).toEqual(
        new Map([
          ['d', 'old'],
          ['c', 'new'],
        ]),
      )
      expect(keysOf(found[4])).toEqual(['a', 'c', 'd'])
      expect(keysOf(found[5])).toEqual(['d', 'c'])
    })

    test('what was read is a copy: changing it changes nothing that is stored', async () => {
      const store = await harness.room()
      const value = { list: [1] }

      await store.transact([put('a', value)])
      value.list.push(2)
      const [first] = await store.transact([get('a')])
      ;(first as { list: number[] }).list.push(3)

      expect(await store.transact([get('a')])).toEqual([{ list: [1] }])
    })

    test('a range is bounded by prefix, after and end, limited, in either direction', async () => {
      const store = await harness.room()
      const keys = ['log:001', 'log:002', 'log:003', 'log:004', 'log;', 'lo', 'log', 'm']
      await store.transact(keys.map((key) => put(key)))

      const found = await store.transact([
        list({ prefix: 'log:' }),
        list({ prefix: 'log:', after: 'log:002' }),
        list({ prefix: 'log:', after: 'log:001', end: 'log:004' }),
        list({ prefix: 'log:', limit: 2, reverse: true }),
        list({ prefix: 'log:', end: 'log:004', limit: 2, reverse: true }),
        list({ prefix: 'log:', after: 'log:003', limit: 2, reverse: true }),
        list({ prefix: 'log' }),
        list({ prefix: 'none' }),
      ])

      expect(found.map(keysOf)).toEqual([
        ['log:001', 'log:002', 'log:003', 'log:004'],
        ['log:003', 'log:004'],
        ['log:002', 'log:003'],
        ['log:004', 'log:003'],
        ['log:003', 'log:002'],
        ['log:004'],
        ['log', 'log:001', 'log:002', 'log:003', 'log:004', 'log;'],
        [],
      ])
    })

    test('keys are in the order of UTF-8', async () => {
      const store = await harness.room()
      const keys = ['\u{1f600}', '\uffee', 'é', 'z', 'Z', '~']
      await store.transact(keys.map((key) => put(key)))

      const [found] = await store.transact([list({})])

      expect(keysOf(found)).toEqual(keys.toSorted(inUtf8))
    })

    test('a transaction that fails leaves nothing behind, and the next one works', async () => {
      const store = await harness.room()
      await store.transact([put('a', 1)])

      await expect(
        store.transact([
          put('a', 2),
          put('b', 2),
          remove('a'),
          wakeAt(harness.now() + 60_000),
          { do: 'fail' },
        ]),
      ).rejects.toThrow(/fails/)

      expect(await store.transact([get('a'), get('b')])).toEqual([1, null])
      expect(await store.alarm()).toBeNull()
    })

    test('what is too large or too much is refused as a whole', async () => {
      const store = await harness.room()
      const longest = 'x'.repeat(valueBytesMax - 2)
      const many = (count: number) => Array.from({ length: count }, (_, i) => put(`many:${i}`, i))

      await store.transact([put('longest', longest)])
      await store.transact(many(batchWritesMax))
      await expect(store.transact([put('a', 1), put('b', `${longest}x`)])).rejects.toThrow(/bytes/)
      await expect(store.transact([put('a', 1), ...many(batchWritesMax)])).rejects.toThrow(/more than/)

      expect(await store.transact([get('longest'), get('a'), get('b')])).toEqual([longest, null, null])
      expect(keysOf((await store.transact([list({ prefix: 'many:', limit: 600 })]))[0])).toHaveLength(
        batchWritesMax,
      )
    })

    test('text of every kind comes back as it was', async () => {
      const store = await harness.room()
      const value = { text: 'Grüße 😀 \u0000 \u2028 \ud800 lone', ['__proto__x']: 1, 'k"\\': '\\"' }

      await store.transact([put('a', value)])

      expect(await store.transact([get('a')])).toEqual([value])
    })

    test('the earliest wish to be woken wins, and it outlives other batches', async () => {
      const store = await harness.room()
      const at = harness.now() + 600_000

      await store.transact([wakeAt(at + 2), wakeAt(at + 1)])
      await store.transact([wakeAt(at + 3)])
      await store.transact([put('a', 1)])
      expect(await store.alarm()).toBe(at + 1)
      await store.transact([wakeAt(at)])

      expect(await store.alarm()).toBe(at)
    })

    test('an alarm rings, and a wish made before or while it rings is not lost', async () => {
      const store = await harness.room()
      if (!store.ring) return
      await store.transact([wakeAt(harness.now() + 50)])

      await store.ring([put('rung', 1)])
      expect(await store.alarm()).toBeNull()
      expect(await store.transact([get('rung')])).toEqual([1])

      const later = harness.now() + 600_000
      await store.transact([wakeAt(harness.now() + 50)])
      await store.ring([wakeAt(later + 1), wakeAt(later)])
      expect(await store.alarm()).toBe(later)
    })

    test('an alarm that was handled in vain rings again', async () => {
      const store = await harness.room()
      if (!store.ring) return
      await store.transact([wakeAt(harness.now() + 20)])

      await store.ring([put('a', 1), { do: 'fail' }]).catch(() => undefined) // some say so, some just ring again
      await store.ring([put('b', 1)])

      expect(await store.transact([get('a'), get('b')])).toEqual([null, 1])
      expect(await store.alarm()).toBeNull()
    })

    test('rooms have nothing in common', async () => {
      const alice = await harness.room()
      const bob = await harness.room()

      await alice.transact([put('a', 'alice'), wakeAt(harness.now() + 600_000)])
      await bob.transact([put('a', 'bob'), put('b', 'bob')])

      expect(await alice.transact([list({})])).toEqual([[['a', 'alice']]])
      expect(await bob.alarm()).toBeNull()
    })

    test('it keeps rows, alarms and their order when the process is lost', async () => {
      if (!harness.reopen) return
      const store = await harness.room()
      const at = harness.now() + 600_000
      await store.transact([put('b', 2), put('a', { one: 1 }), wakeAt(at)])

      const again = await harness.reopen(store)

      expect(await again.transact([list({})])).toEqual([
        [
          ['a', { one: 1 }],
          ['b', 2],
        ],
      ])
      expect(await again.alarm()).toBe(harness.losesAlarms ? null : at)
    })

    test('any sequence of transactions has the effects it would have on a map', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(transactions, { minLength: 1, maxLength: 8 }), async (sequence) => {
          const store = await harness.room()
          let model = new Map<string, unknown>()
          for (const steps of sequence) {
            const expected = simulate(model, steps)
            const outcome = await store.transact(steps).catch(() => null)
            expect(sortMaps(outcome, steps)).toEqual(sortMaps(expected?.found ?? null, steps))
            if (expected) model = expected.model
          }
          const [rows] = await store.transact([list({ limit: 1000 })])
          expect(rows).toEqual(inRange(model, { prefix: '', limit: 1000 }))
        }),
        { numRuns: runs },
      )
    }, 60_000)
  })
}

// --- A store as simple as can be, to compare with ----------------------------------------------------------

const keys = fc.constantFrom('a', 'a:', 'a:1', 'a:2', 'a:10', 'ab', 'b', 'b:\u{1f600}', 'b:\uffee', 'b:é')
const values = fc.jsonValue({ maxDepth: 2, noUnicodeString: false })
const ranges: fc.Arbitrary<Range> = fc.record(
  {
    prefix: fc.constantFrom('', 'a', 'a:', 'b:', 'c'),
    after: keys,
    end: keys,
    limit: fc.integer({ min: 1, max: 6 }),
    reverse: fc.boolean(),
  },
  { requiredKeys: ['prefix', 'limit'] },
)
const transactions: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), key: keys, value: values }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), key: keys }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('get' as const), key: keys }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('getMany' as const), keys: fc.array(keys, { maxLength: 4 }) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('list' as const), range: ranges }) },
    { weight: 1, arbitrary: fc.constant({ do: 'fail' as const }) },
  ),
  { maxLength: 10 },
)

const inUtf8 = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
const utf8Order = ([a]: [string, unknown], [b]: [string, unknown]) =>
  Buffer.compare(Buffer.from(a), Buffer.from(b))
const isBelow = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0

function inRange(
  rows: Map<string, unknown>,
  { prefix, after, end, limit, reverse }: Range,
): [string, unknown][] {
  const sorted = [...rows]
    .filter(([key]) => key.startsWith(prefix))
    .filter(
      ([key]) => (after === undefined || isBelow(after, key)) && (end === undefined || isBelow(key, end)),
    )
    .toSorted(utf8Order)
  return (reverse ? sorted.toReversed() : sorted).slice(0, limit)
}

function simulate(before: Map<string, unknown>, steps: readonly Step[]) {
  const model = new Map(before)
  const found: unknown[] = []
  for (const step of steps) {
    if (step.do === 'get') found.push(model.get(step.key) ?? null)
    else if (step.do === 'getMany') {
      found.push([...new Set(step.keys)].filter((key) => model.has(key)).map((key) => [key, model.get(key)]))
    } else if (step.do === 'list') found.push(inRange(model, step.range))
    else if (step.do === 'put') model.set(step.key, JSON.parse(JSON.stringify(step.value)))
    else if (step.do === 'delete') model.delete(step.key)
    else if (step.do === 'fail') return null
  }
  return { model, found }
}

/** What `getMany` finds is a map: it has no order. */
function sortMaps(found: unknown[] | null, steps: readonly Step[]): unknown[] | null {
  const reads = steps.filter((step) => step.do === 'get' || step.do === 'getMany' || step.do === 'list')
  return (
    found &&
    found.map((one, i) =>
      reads[i]?.do === 'getMany' ? (one as [string, unknown][]).toSorted(utf8Order) : one,
    )
  )
}
