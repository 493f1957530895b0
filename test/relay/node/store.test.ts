import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Tx } from '../../../relay/core/ports.ts'
import { openDatabase, type Database } from '../../../relay/node/store.ts'
import { runSteps, storeContract, type StoreDriver, type StoreHarness } from '../store.contract.ts'

const open = (folder: string) =>
  openDatabase({
    folder,
    newRelayId: () => 'A'.repeat(43),
    clock: Date.now,
    onFatal: (error) => {
      throw error
    },
  })

function driver(database: Database, name: string): StoreDriver {
  const store = database.room(name)
  const due = (now: number) => database.due(now, 1000).find(({ room }) => room === name)
  return {
    transact: (steps) => runSteps(store, steps),
    alarm: async () => due(Number.MAX_SAFE_INTEGER)?.at ?? null,
    async ring(steps) {
      await vi.waitUntil(() => due(Date.now()))
      await store.ring(async () => void (await runSteps(store, steps)))
    },
  }
}

async function harness(): Promise<StoreHarness> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-store-'))
  let database = await open(folder)
  let rooms = 0
  const names = new WeakMap<StoreDriver, string>()
  const named = (name: string) => {
    const store = driver(database, name)
    names.set(store, name)
    return store
  }
  return {
    room: async () => named(`room${++rooms}`),
    async reopen(store) {
      await database.close()
      database = await open(folder)
      return named(names.get(store)!)
    },
    now: Date.now,
    async close() {
      await database.close()
      rmSync(folder, { recursive: true })
    },
  }
}

storeContract('SQLite', harness, { runs: 100 })

test('batches of many rooms become durable together, and each is whole', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-store-'))
  const database = await open(folder)
  onTestFinished(async () => {
    await database.close()
    rmSync(folder, { recursive: true })
  })
  const rooms = Array.from({ length: 50 }, (_, i) => database.room(`room${i}`))

  await Promise.all(
    rooms.flatMap((room, i) =>
      Array.from({ length: 20 }, () =>
        room.transact(async (tx) => {
          const count = ((await tx.get<number>('count')) ?? 0) + 1
          tx.put('count', count)
          tx.put(`entry:${count}`, i)
        }),
      ),
    ),
  )

  for (const room of rooms) {
    const { count, entries } = await room.transact(async (tx) => ({
      count: await tx.get('count'),
      entries: await tx.list({ prefix: 'entry:', limit: 100 }),
    }))
    expect(count).toBe(20)
    expect(entries).toHaveLength(20)
  }
})

test('rooms go on while the disk works: each sees what has its place, and what is durable comes in that order', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-store-'))
  const database = await open(folder)
  onTestFinished(async () => {
    await database.close()
    rmSync(folder, { recursive: true })
  })
  const room = database.room('alice')
  await room.transact(async (tx) => ['a', 'b', 'c'].forEach((key) => tx.put(key, 'old')))
  const happened: string[] = []
  const write = (name: string, run: (tx: Tx) => void) =>
    room
      .transact(
        async (tx) => run(tx),
        () => happened.push(`${name} has its place`),
      )
      .then(() => happened.push(`${name} is durable`))

  const first = write('first', (tx) => (tx.put('b', 'new'), tx.delete('c'), tx.put('d', 'new')))
  const second = write('second', (tx) => (tx.delete('d'), tx.put('e', 'new')))
  const seen = room.transact(
    async (tx) => [
      await tx.get('b'),
      await tx.get('d'),
      await tx.list({ prefix: '', limit: 3, reverse: true }),
    ],
    () => happened.push('seen'),
  )
  await Promise.all([first, second, seen])

  expect(await seen).toEqual([
    'new',
    undefined,
    [
      ['e', 'new'],
      ['b', 'new'],
      ['a', 'old'],
    ],
  ])
  expect(happened.indexOf('seen')).toBeLessThan(happened.indexOf('first is durable'))
  expect(happened.indexOf('first is durable')).toBeLessThan(happened.indexOf('second is durable'))
  expect(await room.transact((tx) => tx.list({ prefix: '', limit: 9 }))).toHaveLength(3)
})

test('what cannot be written takes with it whatever came after, and whoever had it before can do nothing any more', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-store-'))
  const database = await open(folder)
  onTestFinished(async () => {
    await database.close()
    rmSync(folder, { recursive: true })
  })
  const [alice, bob] = [database.room('alice'), database.room('bob')]
  await alice.transact(async (tx) => tx.put('a', 1))
  let losses = 0
  database.onLost(() => {
    losses++
    alice.end()
  })
  const other = new DatabaseSync(join(folder, 'relay.sqlite'))
  other.exec('ALTER TABLE kv RENAME TO kv_away')

  const follower = Promise.withResolvers<unknown>()
  const outcomes = await Promise.allSettled([
    alice.transact(
      async (tx) => tx.put('a', 2),
      () => {
        bob.follow()
        follower.resolve(bob.transact((tx) => tx.get('nothing')))
      },
    ),
    follower.promise,
  ])
  other.exec('ALTER TABLE kv_away RENAME TO kv')
  other.close()

  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect([losses, database.queued]).toEqual([1, 0])
  await expect(alice.transact((tx) => tx.get('a'))).rejects.toThrow('lost')
  expect(await database.room('alice').transact((tx) => tx.get('a'))).toBe(1)
  await bob.transact(async (tx) => tx.put('b', 1))
  expect(await bob.transact((tx) => tx.get('b'))).toBe(1)
})

test('a relay keeps the id of its first start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-store-'))
  const first = await open(folder)
  await first.close()

  const options = { folder, clock: Date.now, onFatal: () => undefined }
  const second = await openDatabase({ ...options, newRelayId: () => 'B'.repeat(43) })

  expect(second.relayId).toBe('A'.repeat(43))
  await second.close()
  rmSync(folder, { recursive: true })
})

test('a file that is no database is an error at the start, not later', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-store-'))
  const { writeFileSync } = await import('node:fs')
  writeFileSync(join(folder, 'relay.sqlite'), 'not a database, but long enough to have a header '.repeat(100))

  await expect(open(folder)).rejects.toThrow(/not a database/)
  rmSync(folder, { recursive: true })
})

test('an alarm that was ringing when the process was lost rings again, and keeps what was wished for meanwhile', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-store-'))
  const first = await open(folder)
  const [at, later] = [Date.now() - 10, Date.now() + 600_000]
  const room = first.room('alice')
  await room.transact(async (tx) => tx.wakeAt(at))
  await room
    .ring(async () => {
      await room.transact(async (tx) => tx.wakeAt(later))
      throw new Error('lost while it was ringing')
    })
    .catch(() => undefined)
  await first.close()

  const second = await open(folder)
  expect(second.due(Date.now(), 10)).toEqual([{ room: 'alice', at }])
  await second.room('alice').ring(async () => undefined)

  expect(second.due(Number.MAX_SAFE_INTEGER, 10)).toEqual([{ room: 'alice', at: later }])
  await second.close()
  rmSync(folder, { recursive: true })
})

test('reading on at the end of a long log costs no more than at its start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-store-'))
  const database = await open(folder)
  onTestFinished(async () => {
    await database.close()
    rmSync(folder, { recursive: true })
  })
  const room = database.room('long')
  const key = (seq: number) => `log:${String(seq).padStart(12, '0')}`
  const rows = 20_000
  for (let from = 0; from < rows; from += 250) {
    await room.transact(async (tx) => {
      for (let i = 0; i < 250; i++) tx.put(key(from + i), 'x'.repeat(400))
    })
  }

  const cost = async (after: number) => {
    const startedAt = performance.now()
    for (let i = 0; i < 20; i++) {
      const found = await room.transact((tx) => tx.list({ prefix: 'log:', after: key(after), limit: 10 }))
      expect(found).toHaveLength(10)
    }
    return performance.now() - startedAt
  }
  await cost(0)

  expect(await cost(rows - 20)).toBeLessThan(5 * (await cost(0)) + 10)
})
