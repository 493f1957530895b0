import { expect, test } from 'vitest'
import type { Entry } from '#shared/frames'
import { limits } from '#shared/limits'
import { testRelay, type TestClient, type TestRelay } from '../../support/test-relay.ts'

const hour = 3_600_000
const day = 24 * hour

const seqsOf = (client: TestClient) =>
  client.received('deliver').flatMap(({ entries }) => entries.map(({ seq }) => seq))

/** As many messages as wanted, as fast as the relay takes them. */
async function sendMany(relay: TestRelay, from: TestClient, to: string, count: number, prefix = 'm') {
  for (let i = 0; i < count; i++) {
    if (i % 30 === 29) await relay.advance(10_000)
    await from.send(to, `${prefix}${i}`)
  }
}

test('[LG1] entries have consecutive seqs from 1, each with a mark', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()

  await sendMany(relay, alice, 'bob', 10)

  const { entries } = bob.device
  expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, i) => i + 1))
  expect(new Set(entries.map(({ mark }) => mark)).size).toBe(entries.length)
})

test('[LG2] a device gets what it missed in order, then `live`, then what is new', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const { seq } = bob.device.cursor!
  await bob.close()
  await sendMany(relay, alice, 'bob', 5)

  const back = await relay.connect('bob')
  await alice.send('bob', 'news')

  expect(back.last('welcome')).toMatchObject({ from: seq, head: seq + 5 })
  expect(back.inbox).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'news'])
  const kinds = back.frames
    .map(({ type }) => type)
    .filter((type) => ['welcome', 'deliver', 'live'].includes(type))
  expect(kinds).toEqual(['welcome', 'deliver', 'live', 'deliver'])
})

test('[LG3] at most 256 entries are sent beyond what the device has acknowledged', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.close()
  await sendMany(relay, alice, 'bob', 300)

  const back = await relay.connect('bob', { silent: true })
  const first = seqsOf(back)
  await back.ack(first[9]!)

  expect(first).toHaveLength(limits.entriesInFlightMax)
  expect(back.received('live')).toHaveLength(0)
  expect(seqsOf(back)).toHaveLength(limits.entriesInFlightMax + 10)
})

test('[LG3] nor more than 256 KiB, also after the room has slept', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.close()
  for (let i = 0; i < 5; i++) await alice.send('bob', `big${i}`, { payload: 'A'.repeat(90 * 1024) })

  const back = await relay.connect('bob', { silent: true })
  const before = seqsOf(back).length
  await relay.hibernate('bob')
  await back.text('{"type":"ping"}')
  const asleep = seqsOf(back).length
  await back.ack(seqsOf(back)[0]!)

  expect([before, asleep, seqsOf(back).length]).toEqual([2, 2, 3])
})

test('[LG4] an acknowledgement never moves the cursor back', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await sendMany(relay, alice, 'bob', 3)
  const { seq } = bob.device.cursor!

  await bob.ack(1)
  await bob.close()

  expect(relay.row<{ cursor: number }>('bob', `device:${bob.device.own.id}`).cursor).toBe(seq)
})

test('[LG4] what was acknowledged is not sent again, also when the relay was killed', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  await sendMany(relay, alice, 'bob', 3)

  await relay.kill('bob')
  const back = await relay.connect('bob')

  expect(back.last('welcome').resync).toBeUndefined()
  expect(back.entries('message')).toEqual([])
})

test('[LG4] acknowledging what there is not is refused', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  await alice.ack(99)

  expect(alice.last('error').code).toBe('bad-request')
})

test.each([
  ['new', (): null => null],
  ['epoch', (cursor: object) => ({ ...cursor, epoch: '000000000000001-00000000' })],
  ['ahead', (cursor: object) => ({ ...cursor, seq: 1000 })],
  ['mark', (cursor: { mark: number }) => ({ ...cursor, mark: (cursor.mark + 1) % 2 ** 32 })],
])(
  '[LG5] a cursor that cannot be continued (%s) gets everything again, and the state behind it',
  async (why, change) => {
    const relay = testRelay()
    const [alice, bob] = await relay.pair()
    await alice.send('bob', 'e1')
    await bob.read('alice', relay.now + 1000)
    const { cursor, entries } = bob.device
    await bob.close()

    bob.device.cursor = change(cursor!) as typeof cursor
    const back = await relay.connect('bob')

    const { resync, from, snapshot } = back.last('welcome')
    expect({ resync, from }).toEqual({ resync: why, from: 0 })
    expect(snapshot).toMatchObject({
      roster: [{ peer: 'alice', relation: 'buddies' }],
      reads: [{ peer: 'alice' }],
      devices: { version: 1 },
    })
    expect(back.device.entries).toEqual(entries)
    expect(back.received('live')).toHaveLength(1)
  },
)

test('[LG5] a cursor below what is kept gets what there is', async () => {
  const relay = testRelay()
  const [alice] = await relay.pair()
  await relay.addDevice('bob')
  const laptop = await relay.connect('bob', { device: 1 })
  await laptop.close()
  await sendMany(relay, alice, 'bob', 5)
  await relay.advance(31 * day)
  await relay.connect('alice').then((again) => again.send('bob', 'late'))

  const back = await relay.connect('bob', { device: 1 })

  expect(back.last('welcome').resync).toBe('floor')
  expect(back.inbox).toContain('late')
  expect(back.inbox).not.toContain('m0')
})

test('[LG6] `sync` reads the log again from any position', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await sendMany(relay, alice, 'bob', 4)
  bob.forget()

  await bob.say('sync', { request: 'x', after: 0, limit: 3 })
  await bob.say('sync', { request: 'y', after: 3, limit: 200 })

  const [x, y] = bob.received('deliver')
  const log: Entry[] = bob.device.entries
  expect(x).toEqual({ type: 'deliver', request: 'x', entries: log.slice(0, 3), more: true })
  expect(y).toEqual({ type: 'deliver', request: 'y', entries: log.slice(3), more: false })
})

test('[LG7] an entry stays until every device has it and three days have passed', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await relay.connect('bob', { device: 1 }).then((laptop) => laptop.close())
  await sendMany(relay, alice, 'bob', 5)
  await alice.close()
  await bob.close()

  await relay.advance(4 * day)
  expect(relay.rowsLike('bob', 'log:')).toHaveLength(5)
  await relay.connect('bob', { device: 1 }).then((laptop) => laptop.close())
  await relay.advance(8 * hour)

  expect(relay.rowsLike('bob', 'log:')).toEqual([])
  expect(relay.row<{ bytes: number }>('bob', 'meta').bytes).toBe(0)
})

test('[LG7] and at most 30 days', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.close()
  await sendMany(relay, alice, 'bob', 100)
  await alice.close()

  await relay.advance(31 * day)

  expect(relay.rowsLike('bob', 'log:')).toEqual([])
  expect(relay.rowsLike('alice', 'log:').length).toBeLessThan(110)
})

test('a device that was trimmed away from nothing continues at the floor', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  await relay.advance(4 * day)
  await bob.close()

  const back = await relay.connect('bob')

  expect(relay.rowsLike('bob', 'log:')).toEqual([])
  expect(back.last('welcome').resync).toBeUndefined()
})

test('a device that acknowledges nothing for a minute is closed', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.close()
  const back = await relay.connect('bob', { silent: true })

  await alice.send('bob', 'e1')
  for (let i = 0; i < 5; i++) {
    await relay.advance(15_000)
    await back.text('{"type":"ping"}')
  }

  expect(back.closed).toBe(4408)
})

test('a socket that is silent for 65 s is closed', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  await relay.advance(64_000)
  expect(alice.closed).toBeNull()
  await alice.text('{"type":"ping"}')
  await relay.advance(64_000)
  expect(alice.closed).toBeNull()
  await relay.advance(2000)

  expect(alice.closed).toBe(4408)
})
