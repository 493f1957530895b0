import { expect, test } from 'vitest'
import type { SealedSegment, SegmentItem } from '#shared/archive'
import { limits } from '#shared/limits'
import { testRelay, type TestClient } from '../../support/test-relay.ts'

const day = 24 * 60 * 60_000

const idOf = (n: number) => Buffer.alloc(16, n).toString('base64url')
const segmentOf = (n: number, fields: Partial<SealedSegment> = {}): SealedSegment => ({
  e: 1,
  segId: idOf(n),
  fromTs: n,
  toTs: n + 1,
  count: 3,
  iv: 'A'.repeat(16),
  kind: 'rows',
  ct: 'B'.repeat(100),
  ...fields,
})
const outcome = async (asked: Promise<{ type: string }>) => {
  const answer = (await asked) as { type: string; code?: string }
  return answer.code ?? answer.type
}
const put = (client: TestClient, segment: SealedSegment, ...replaced: number[]) =>
  outcome(client.ask({ type: 'archive', segment, replaces: replaced.map(idOf) }))
const get = async (client: TestClient, n: number) => {
  const answer = await client.ask({ type: 'segment', segId: idOf(n) })
  return answer.type === 'segment' ? answer.segment : answer.type === 'error' && answer.code
}
async function indexOf(client: TestClient): Promise<SegmentItem[]> {
  const found: SegmentItem[] = []
  for (let after: number | undefined = 0; after !== undefined;) {
    const answer = await client.ask({ type: 'segments', after })
    if (answer.type !== 'segments') throw new Error(answer.type)
    found.push(...answer.segments)
    after = answer.more
  }
  return found
}
/** Somebody with a mailbox device and another one that is theirs. */
async function withMailbox() {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await relay.addMailbox('bob')
  return { relay, alice, bob }
}

test('[AR1] a segment stays, for all devices of the account, and may be put again', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const phone = await relay.connect('alice', { device: 1 })

  const answers = [await put(alice, segmentOf(1)), await put(phone, segmentOf(1))]
  const other = await put(alice, segmentOf(1, { ct: 'C' }))
  await relay.kill('alice')
  await relay.advance(100 * day)
  const back = await relay.connect('alice')
  const stranger = await relay.connect('bob')

  expect(answers).toEqual(['ok', 'ok'])
  expect(other).toBe('conflict')
  expect(await get(back, 1)).toEqual(segmentOf(1))
  expect(await indexOf(back)).toHaveLength(1)
  expect([await get(stranger, 1), await indexOf(stranger)]).toEqual(['item-not-found', []])
})

test('[AR2] the index comes in pages, in the order in which segments came', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const ids = Array.from({ length: limits.segmentsPerPage + 3 }, (_, n) => ({
    segId: Buffer.from(String(n).padStart(16, '0')).toString('base64url'),
  }))
  for (const [n, id] of ids.entries()) await put(alice, segmentOf(1, { ...id, ct: 'A'.repeat(n) }))

  const first = await alice.ask({ type: 'segments', after: 0 })
  const index = await indexOf(alice)

  expect(first).toMatchObject({ more: limits.segmentsPerPage })
  expect(index.map(({ segId, chars }) => [segId, chars])).toEqual(ids.map(({ segId }, n) => [segId, n]))
  expect(JSON.stringify(first).length).toBeLessThan(limits.frameOutBytesMax)
})

test('[AR3] a segment and the whole archive have an end, and what is deleted makes room', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const full = 'A'.repeat(limits.segmentCharsMax)
  const fits = Math.floor(limits.archiveCharsMax / limits.segmentCharsMax)
  expect(await put(alice, segmentOf(1, { ct: full }))).toBe('ok')
  const row = relay.row<{ last: number; chars: number }>('alice', 'archive')
  const filled = { ...row, last: fits, segments: fits, chars: limits.archiveCharsMax - 10 }
  await relay.restore('alice', relay.backup('alice').set('archive', JSON.stringify(filled)), {
    silently: true,
  })
  const back = await relay.connect('alice')

  const answers = [
    await put(back, segmentOf(2, { ct: `${full}A` })),
    await put(back, segmentOf(3, { ct: 'A'.repeat(11) })),
    await put(back, segmentOf(4, { ct: 'A'.repeat(10) })),
    await put(back, segmentOf(1, { ct: full })),
    await outcome(back.ask({ type: 'unarchive', segIds: [idOf(1)] })),
    await put(back, segmentOf(3, { ct: 'A'.repeat(11) })),
  ]

  expect(answers).toEqual(['too-large', 'resource-constraint', 'ok', 'ok', 'ok', 'ok'])
})

test('[AR4] what was deleted is gone, and may be deleted again', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  for (const n of [1, 2, 3]) await put(alice, segmentOf(n))

  const segIds = [idOf(1), idOf(1), idOf(3)]
  const answers = [
    await outcome(alice.ask({ type: 'unarchive', segIds })),
    await outcome(alice.ask({ type: 'unarchive', segIds })),
  ]

  expect(answers).toEqual(['ok', 'ok'])
  expect([await get(alice, 1), await get(alice, 2)]).toEqual(['item-not-found', segmentOf(2)])
  expect((await indexOf(alice)).map(({ segId }) => segId)).toEqual([idOf(2)])
  expect(relay.row('alice', 'archive')).toEqual({ last: 3, segments: 1, chars: 100 })
})

test('[AR5] [LG7] the log keeps what is not archived yet, and no longer than anything', async () => {
  const { relay, alice, bob } = await withMailbox()
  for (let n = 1; n <= 5; n++) await alice.send('bob', `e${n}`)
  const head = bob.device.cursor!.seq
  const held = () => relay.rowsLike('bob', 'log:').length

  await relay.advance(5 * day)
  const before = held()
  const back = await relay.connect('bob')
  await outcome(back.ask({ type: 'archived', seq: head - 2 }))
  await relay.advance(7 * 60 * 60_000)
  const after = held()
  await relay.advance(31 * day)

  expect([before, after, held()]).toEqual([head, 2, 0])
})

test('[AR5] `archived` goes forward only, and not beyond what the device has acknowledged', async () => {
  const { relay, alice, bob } = await withMailbox()
  const phone = await relay.connect('bob', { device: 2 })
  const silent = await relay.connect('bob', { device: 3, silent: true })
  for (let n = 1; n <= 5; n++) await alice.send('bob', `e${n}`)
  const head = bob.device.cursor!.seq

  const answers = [
    await outcome(bob.ask({ type: 'archived', seq: head })),
    await outcome(bob.ask({ type: 'archived', seq: 1 })),
    await outcome(bob.ask({ type: 'archived', seq: head + 1 })),
    await outcome(silent.ask({ type: 'archived', seq: head })),
    await outcome(alice.ask({ type: 'archived', seq: 1 })),
  ]

  expect(answers).toEqual(['ok', 'ok', 'bad-request', 'bad-request', 'item-not-found'])
  expect(phone.received('archived')).toEqual([{ type: 'archived', seq: head }])
  expect(bob.received('archived')).toEqual([])
  expect((await relay.connect('bob')).last('welcome').archived).toBe(head)
})

test('[AR6] a new device begins where the archive ends, and goes on from there', async () => {
  const { relay, alice, bob } = await withMailbox()
  for (let n = 1; n <= 5; n++) await alice.send('bob', `e${n}`)
  await outcome(bob.ask({ type: 'archived', seq: bob.device.cursor!.seq }))
  const seq = bob.device.cursor!.seq
  await alice.send('bob', 'e6')

  const phone = await relay.connect('bob', { device: 2 })
  const { from, resync, mark } = phone.last('welcome')

  expect({ from, resync, mark }).toEqual({ from: seq, resync: 'new', mark: expect.any(Number) })
  expect(phone.inbox).toEqual(['e6'])

  phone.device.cursor = { ...phone.device.cursor!, seq: from, mark: mark! }
  await phone.close()
  const back = await relay.connect('bob', { device: 2 })
  expect(back.last('welcome').resync).toBeUndefined()
})

test('[AR7] what replaces others takes their place in one commit, in a full archive too', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  for (const n of [1, 2, 3]) await put(alice, segmentOf(n))
  const row = relay.row<{ chars: number }>('alice', 'archive')
  const full = { ...row, chars: limits.archiveCharsMax }
  await relay.restore('alice', relay.backup('alice').set('archive', JSON.stringify(full)), { silently: true })
  const back = await relay.connect('alice')

  const answers = [
    await put(back, segmentOf(4)),
    await put(back, segmentOf(5, { ct: 'C'.repeat(201) }), 1, 2),
    await put(back, segmentOf(4, { ct: 'C'.repeat(150) }), 1, 2),
    await put(back, segmentOf(4, { ct: 'C'.repeat(150) }), 1, 2),
    await put(back, segmentOf(6, { ct: 'C'.repeat(50) }), 1, 2),
  ]

  expect(answers).toEqual(['resource-constraint', 'resource-constraint', 'ok', 'ok', 'ok'])
  expect((await indexOf(back)).map(({ segId }) => segId)).toEqual([3, 4, 6].map(idOf))
  expect(relay.row('alice', 'archive')).toMatchObject({ segments: 3, chars: limits.archiveCharsMax })
})
