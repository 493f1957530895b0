/** The outbox against answers that are given by hand. */
import { expect, test } from 'vitest'
import { errors, type ErrorCode } from '#shared/errors'
import type { ClientFrameOf } from '#shared/frames'
import type { EnvelopeId } from '#shared/ids'
import { createOutbox } from '../../../extension/engine/outbox.ts'
import { until } from '../../support/until.ts'
import { bob, carol, memoryEngine } from './memory.ts'
import { plainSealer } from './plain.ts'

const hour = 3_600_000

function outboxInMemory() {
  const me = memoryEngine()
  const outbox = createOutbox(me.signed, plainSealer(me.db), async () => {})
  let ts = 0
  const sends = () => me.sent.filter((frame): frame is ClientFrameOf<'send'> => frame.type === 'send')
  return {
    ...me,
    outbox,
    sends,
    /** What was sent since the last look. */
    sentNow() {
      const frames = sends()
      me.sent.length = 0
      return frames
    },
    ok: (id: EnvelopeId) => outbox.onOk({ type: 'ok', id, ts: ++ts, seq: ts }),
    refuse: (
      id: EnvelopeId,
      code: ErrorCode,
      more: { attempt?: number; last?: EnvelopeId | null; retryAfterMs?: number } = {},
    ) => outbox.onError({ type: 'error', id, code, action: errors[code].action, ...more }),
  }
}

test('[SN3] messages go in the order in which they were written, each names the one before it, 32 at a time', async () => {
  const { outbox, write, sentNow, ok } = outboxInMemory()
  const ids: EnvelopeId[] = []
  for (let i = 0; i < 40; i++) ids.push(await write(i % 2 ? bob : carol, `${i}`))
  await outbox.welcomed(null)

  const first = sentNow()
  expect(first.map(({ id }) => id)).toEqual(ids.slice(0, 32))
  expect(first.map(({ previous }) => previous)).toEqual([null, ...ids.slice(0, 31)])
  await ok(ids[0]!)
  expect(sentNow()).toMatchObject([{ id: ids[32], previous: ids[31] }])
})

test('[SN2] what was not confirmed goes again after a reconnect: the same id, the same bytes', async () => {
  const { outbox, write, sentNow, ok, row, db } = outboxInMemory()
  const [one, two] = [await write(bob, 'one'), await write(bob, 'two')]
  await outbox.welcomed(null)
  const before = sentNow()

  await outbox.welcomed(one) // the first arrived, and its confirmation was lost
  const after = sentNow()
  expect(after.map(({ id, payload }) => [id, payload])).toEqual(
    before.map(({ id, payload }) => [id, payload]),
  )
  expect(after[0]!.previous).toBe(one)
  await ok(one)
  await ok(two)

  expect([(await row(one))!.state, (await row(two))!.state]).toEqual(['stored', 'stored'])
  expect(await db.outbox.count()).toBe(0)
})

test('[SN3] whatever order was refused is sent again after what the room names, in one new pass', async () => {
  const { outbox, write, sentNow, refuse } = outboxInMemory()
  const ids = [await write(bob, 'one'), await write(bob, 'two'), await write(bob, 'three')]
  await outbox.welcomed(null)
  const { attempt } = sentNow()[0]!
  const last = '018bcfe5-6800-7123-89ab-0123456789ab' as EnvelopeId

  for (const id of ids) await refuse(id, 'unexpected-request', { attempt, last })

  const again = sentNow()
  expect(again.map(({ id }) => id)).toEqual(ids)
  expect(again[0]!.previous).toBe(last)
})

test('[SN3] answers to an earlier pass are void, whatever they say', async () => {
  const { outbox, write, sentNow, refuse, row } = outboxInMemory()
  const id = await write(bob, 'one')
  await outbox.welcomed(null)
  const { attempt } = sentNow()[0]!
  await outbox.welcomed(null)
  sentNow()

  for (const code of ['forbidden', 'policy-violation', 'unexpected-request'] as const)
    await refuse(id, code, { attempt, last: null, retryAfterMs: 10 })

  expect(sentNow()).toEqual([])
  expect((await row(id))!.state).toBe('pending')
})

test('[R-18] one conversation that has to wait holds up no other, and keeps its own order', async () => {
  const { outbox, write, sentNow, refuse, ok, pass } = outboxInMemory()
  const toBob = [await write(bob, 'one'), await write(bob, 'two')]
  const toCarol = [await write(carol, 'one'), await write(carol, 'two')]
  await outbox.welcomed(null)
  const { attempt } = sentNow()[0]!
  await refuse(toBob[0]!, 'policy-violation', { attempt, retryAfterMs: 200 })

  const others = sentNow()
  expect(others.map(({ id }) => id)).toEqual(toCarol)
  expect(others[0]!.previous).toBeNull()
  for (const id of toCarol) await ok(id)
  expect(sentNow()).toEqual([])

  pass(200)
  await until(async () => (await outbox.flush(), true))
  expect(sentNow()).toMatchObject([
    { id: toBob[0], previous: toCarol[1] },
    { id: toBob[1], previous: toBob[0] },
  ])
})

test('[R-18] without a time the waits grow, and an acceptance ends them', async () => {
  const { outbox, write, sentNow, refuse, ok, pass, timers } = outboxInMemory()
  const id = await write(bob, 'one')
  await outbox.welcomed(null)
  for (const waitMs of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    const { attempt } = sentNow()[0]!
    await refuse(id, 'internal-server-error', { attempt })
    pass(waitMs - 1)
    expect(timers()).toBe(1)
    pass(1)
    await outbox.flush()
  }
  await ok(id)
  const next = await write(bob, 'two')
  await outbox.flush()
  await refuse(next, 'internal-server-error', { attempt: sentNow().at(-1)!.attempt })
  pass(1000)

  expect(timers()).toBe(0)
})

test.each<[string, ErrorCode, number | undefined]>([
  ['they are no buddy', 'forbidden', undefined],
  ['it is too large', 'too-large', undefined],
  ['I blocked them', 'not-acceptable', undefined],
  ['they live at another relay', 'remote-server-not-found', undefined],
  ['there is no room left (R-47)', 'resource-constraint', undefined],
  ['that was all for today (RO9)', 'policy-violation', 8 * hour],
])('[R-18] [R-19] a message fails at once when %s, and the next one goes', async (_, code, retryAfterMs) => {
  const { outbox, write, sentNow, refuse, row, db } = outboxInMemory()
  const [one, two] = [await write(bob, 'one'), await write(carol, 'two')]
  await outbox.welcomed(null)
  const { attempt } = sentNow()[0]!

  await refuse(one, code, { attempt, ...(retryAfterMs !== undefined && { retryAfterMs }) })

  expect(await row(one)).toMatchObject({ state: 'failed', failure: code })
  expect(sentNow()).toMatchObject([{ id: two, previous: null }])
  expect(await db.outbox.toCollection().primaryKeys()).toEqual([two])
})

test('[R-18] what is refused in the middle leaves the chain whole', async () => {
  const { outbox, write, sentNow, refuse, ok } = outboxInMemory()
  const [one, two, three] = [await write(bob, 'one'), await write(carol, 'two'), await write(bob, 'three')]
  await outbox.welcomed(null)
  const { attempt } = sentNow()[0]!
  await ok(one)
  await refuse(two, 'forbidden', { attempt })
  await refuse(three, 'unexpected-request', { attempt, last: one })

  expect(sentNow()).toMatchObject([{ id: three, previous: one }])
})

test('[R-18] a message that is a day old waits for a person; an answer to a knock does not', async () => {
  const { outbox, write, sentNow, db, now } = outboxInMemory()
  const at = now() - 24 * hour - 1
  const old: EnvelopeId[] = []
  for (let i = 0; i < 150; i++) old.push(await write(bob, `${i}`, { at }))
  const accept = await write(carol, '', { at, kind: 'accept', content: { type: 'accept' } })
  const lost = await write(carol, 'the room has lost it', { at, lost: true })
  const fresh = await write(bob, 'fresh')
  await outbox.welcomed(null)

  expect(sentNow().map(({ id }) => id)).toEqual([accept, lost, fresh])
  expect(await db.outbox.filter(({ held }) => held === true).count()).toBe(150)
})

test.each([
  ['empty', ''],
  ['longer than the other side reads', 'x'.repeat(4001)],
])('[R-49] a message that is %s fails here, and is not sent', async (_, text) => {
  const { outbox, write, sentNow, row } = outboxInMemory()
  const [one, two] = [await write(bob, text), await write(bob, 'fine')]
  await outbox.welcomed(null)

  expect(await row(one)).toMatchObject({ state: 'failed', failure: 'too-large' })
  expect(sentNow().map(({ id }) => id)).toEqual([two])
})

test('[R-18] nothing goes before the relay is there, and everything stays', async () => {
  const { outbox, write, sentNow, setWelcome, db } = outboxInMemory()
  setWelcome(false)
  const id = await write(bob, 'one')
  await outbox.flush()
  expect(sentNow()).toEqual([])
  setWelcome(true)
  await outbox.welcomed(null)

  expect(sentNow().map((frame) => frame.id)).toEqual([id])
  expect(await db.outbox.count()).toBe(1)
})

test('a row that a person discards between two looks is not sent', async () => {
  const { outbox, write, sentNow, db, setWelcome } = outboxInMemory()
  setWelcome(false)
  const [one, two] = [await write(bob, 'one'), await write(bob, 'two')]
  await db.outbox.delete(one)
  setWelcome(true)
  await outbox.welcomed(null)

  expect(sentNow().map(({ id }) => id)).toEqual([two])
})
