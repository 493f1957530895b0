/** When files are moved and when they are given up: with a clock by hand, and a relay that answers as it is told. */
import { v7 } from 'uuid'
import { afterEach, expect, test } from 'vitest'
import { CommandError } from '../../../extension/bus/commands.ts'
import type { FileRow } from '../../../extension/db/db.ts'
import { sealingLock } from '../../../extension/db/files.ts'
import type { Blobs } from '../../../extension/engine/blobs.ts'
import { createFiles } from '../../../extension/engine/files.ts'
import type { Requests } from '../../../extension/engine/requests.ts'
import { offeredFile } from '../../support/offered-file.ts'
import { until } from '../../support/until.ts'
import { bob, memoryEngine } from './memory.ts'

const minute = 60_000
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

function moving() {
  const me = memoryEngine()
  let asked = 0
  const away = async (): Promise<never> => {
    asked++
    throw new CommandError('unreachable')
  }
  const files = createFiles({
    signed: me.signed,
    requests: { ask: away } as unknown as Requests,
    blobs: { get: away, put: away, state: away } satisfies Blobs,
    random: () => 0.5,
    skew: () => 0,
    posted: async () => {},
  })
  stops.push(() => files.stop())
  const row = (change: Partial<FileRow> = {}): FileRow => ({
    key: `bob ${v7()}`,
    parts: v7(),
    peer: bob,
    direction: 'in',
    state: 'queued',
    file: offeredFile(),
    done: 0,
    at: 1,
    usedAt: 1,
    ...change,
  })
  return {
    ...me,
    files,
    row,
    asked: () => asked,
    stateOf: async (key: string) => (await me.db.files.get(key))?.state,
    /** It has been asked so often, and rests. */
    rests: (count: number) =>
      until(async () => asked === count && me.timers() === 1, `asked ${count} times, and at rest`),
  }
}

test('what does not get through for five minutes is told to the person, who may try again', async () => {
  const { db, files, row, rests, pass, asked, stateOf } = moving()
  const one = row()
  await db.files.put(one)
  files.tend()

  let times = 0
  for (let passed = 0; passed <= 6 * minute; passed += minute) {
    await rests(++times)
    expect(await stateOf(one.key)).toBe('queued')
    if (passed >= 5 * minute) break
    pass(minute)
  }
  pass(minute)
  await until(async () => (await stateOf(one.key)) === 'failed', 'given up')

  expect(await db.files.get(one.key)).toMatchObject({ failure: 'unreachable' })
  expect(asked()).toBe(7)
  await db.files.put(one)
  files.changed(one.key)
  await rests(8)
})

test('each try waits longer than the one before, and never longer than a minute', async () => {
  const { db, files, row, rests, pass, asked } = moving()
  await db.files.put(row())
  files.tend()

  const waits: number[] = []
  for (let times = 1; times <= 8; times++) {
    await rests(times)
    let waited = 0
    for (; asked() === times && waited < 2 * minute; waited += 100) {
      pass(100)
      // Who is woken asks at once, but not in the same breath.
      if (waited % 1000 === 0) await new Promise((resume) => setImmediate(resume))
    }
    waits.push(Math.ceil(waited / 1000))
  }

  expect(waits).toEqual(waits.toSorted((a, b) => a - b))
  expect(Math.max(...waits)).toBeLessThanOrEqual(62)
  expect(waits.at(-1)).toBeGreaterThan(20)
})

test('without a connection nothing is tried and nothing given up', async () => {
  const { db, files, row, setWelcome, asked, stateOf, pass } = moving()
  const one = row()
  await db.files.put(one)
  setWelcome(false)
  files.tend()
  pass(60 * minute)
  await files.stop()

  expect([asked(), await stateOf(one.key)]).toEqual([0, 'queued'])
})

test('what a page has left behind goes, what one is still at stays, and what was moving goes on', async () => {
  const { db, files, row, setWelcome, stateOf } = moving()
  setWelcome(false)
  const [dead, alive, moved] = [
    row({ key: v7(), state: 'sealing', direction: 'out', caption: '' }),
    row({ key: v7(), state: 'sealing', direction: 'out', caption: '' }),
    row({ state: 'moving' }),
  ]
  await db.files.bulkPut([dead, alive, moved])
  await db.parts.put({ key: dead.parts, n: 0, bytes: new Uint8Array(1) })
  let letGo = () => {}
  const held = navigator.locks.request(sealingLock(alive.key), () => new Promise<void>((go) => (letGo = go)))

  files.tend()
  await until(async () => (await stateOf(dead.key)) === undefined, 'swept')

  expect(await stateOf(alive.key)).toBe('sealing')
  expect(await stateOf(moved.key)).toBe('queued')
  expect(await db.parts.count()).toBe(0)
  letGo()
  await held
})
