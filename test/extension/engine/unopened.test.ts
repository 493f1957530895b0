// First: Dexie looks for an IndexedDB while it is loaded.
import 'fake-indexeddb/auto'
import { v7 } from 'uuid'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DeviceList } from '#shared/account'
import type { DeviceId, EnvelopeId, UserId } from '#shared/ids'
import { fileKey, openDb, type AccountRow, type Db, type MessageRow } from '../../../extension/db/db.ts'
import type { Identities } from '../../../extension/engine/identities.ts'
import type { Opener } from '../../../extension/engine/opener.ts'
import type { Signed } from '../../../extension/engine/state.ts'
import { askAgain, openWaiting, resend, unanswered } from '../../../extension/engine/unopened.ts'
import { offeredFile } from '../../support/offered-file.ts'

const [me, bob] = ['alice', 'bob'] as UserId[] as [UserId, UserId]
const [here, phone, his] = ['here', 'phone', 'his'] as DeviceId[] as [DeviceId, DeviceId, DeviceId]
const hour = 60 * 60_000
let now = 1_800_000_000_000
let count = 0
let db: Db
let signed: Signed
beforeEach(async () => {
  db = openDb(`parley unopened ${++count}`)
  const account = { key: 'me', user: me, device: here } as AccountRow
  const timers = { now: () => now, after: () => () => {} }
  signed = { account, db, timers, send: () => true, isWelcome: () => true }
  await db.roster.put({ peer: bob, relation: 'buddies', muted: false, blocked: false, version: 1 })
})
afterEach(() => db.close())

const listOf = (...ids: DeviceId[]) => ({ devices: ids.map((id) => ({ id })) }) as unknown as DeviceList
/** Only what `resend` asks for. */
const knowing = (mine: DeviceList, theirs: DeviceList) =>
  ({ known: async (user: UserId) => (user === me ? mine : theirs) }) as Identities
const both = knowing(listOf(here), listOf(his))

const mine = (rest: Partial<MessageRow> = {}): MessageRow => ({
  from: me,
  id: v7() as EnvelopeId,
  peer: bob,
  ts: now,
  direction: 'out',
  kind: 'message',
  content: { type: 'text', text: 'mine' },
  state: 'stored',
  at: now,
  ...rest,
})
const closed = (rest: Partial<MessageRow> = {}) =>
  mine({ from: bob, direction: 'in', content: null, payload: 'sealed', waits: 1, ...rest })

test('[R-58] a message is asked for at most three times, and a person at most 30 times an hour', async () => {
  const row = closed()
  await db.messages.put(row)
  for (let i = 0; i < 10; i++) await askAgain(signed, [{ peer: bob, mid: row.id }])
  expect(await db.outbox.count()).toBe(3)

  const many = Array.from({ length: 50 }, () => closed())
  await db.messages.bulkPut(many)
  for (const { id } of many) await askAgain(signed, [{ peer: bob, mid: id }])
  expect(await db.outbox.count()).toBe(30)
  now += hour + 1
  await askAgain(signed, await unanswered(signed))
  // All the others in one.
  expect(await db.outbox.count()).toBe(31)
  expect(await db.messages.filter(({ asked }) => asked === undefined).count()).toBe(0)
})

test('what is asked for without end is sealed again three times, and for one device 30 times an hour', async () => {
  const rows = Array.from({ length: 100 }, () => mine())
  await db.messages.bulkPut(rows)
  const ask = (row: MessageRow) => resend(signed, both, [{ peer: bob, mids: [row.id, row.id], device: his }])
  for (let i = 0; i < 200; i++) await ask(rows[0]!)
  expect(await db.outbox.count()).toBe(3)
  for (let i = 0; i < 500; i++) await ask(rows[i % 100]!)

  expect(await db.outbox.count()).toBe(30)
})

test.each<[string, Partial<MessageRow>, (DeviceId | undefined)?]>([
  ['a device that is not in the list', {}, phone],
  ['nobody says which device', {}, undefined],
  ['what was said to somebody else', { peer: 'carol' as UserId }, his],
  ['what is older than a month', { at: 0 }, his],
  ['what was never stored', { state: 'failed' }, his],
  ['what was taken back', { content: null, removed: 'retracted' }, his],
])('nothing is sealed again for %s', async (_, rest, device) => {
  const row = mine(rest)
  await db.messages.put(row)
  await resend(signed, both, [{ peer: bob, mids: [row.id, v7() as EnvelopeId], device }])

  expect(await db.outbox.count()).toBe(0)
})

test('for a device of mine that is gone another one answers; for one that is there it does so itself', async () => {
  const row = mine({ device: phone })
  await db.messages.put(row)
  const wanted = [{ peer: bob, mids: [row.id], device: his }]
  await resend(signed, knowing(listOf(here, phone), listOf(his)), wanted)
  expect(await db.outbox.count()).toBe(0)

  await resend(signed, knowing(listOf(here), listOf(his)), wanted)
  expect(await db.outbox.toArray()).toMatchObject([{ resendOf: row.id, content: row.content }])
})

test('what was opened and is not known is kept for the version that knows it, and is asked for by nobody', async () => {
  const unread: Opener = { open: () => Promise.reject(new Error('not again')), store: async () => {} }
  const [known, unknown] = [
    closed({ unknown: { type: 'text', text: 'from the future' } }),
    closed({ unknown: { type: 'poll' } }),
  ]
  for (const row of [known, unknown]) delete row.payload
  await db.messages.bulkPut([known, unknown])
  await openWaiting(signed, unread)
  await askAgain(signed, [{ peer: bob, mid: unknown.id }])

  expect(await db.messages.get([bob, known.id])).toMatchObject({ content: { text: 'from the future' } })
  expect(await db.messages.get([bob, known.id])).not.toHaveProperty('unknown')
  expect(await db.messages.get([bob, unknown.id])).toMatchObject({ content: null, unknown: { type: 'poll' } })
  expect(await db.outbox.count()).toBe(0)
})

test('a knock that opens late says what it said', async () => {
  const row = closed({ kind: 'knock' })
  await db.messages.put(row)
  await db.roster.put({ peer: bob, relation: 'asked', muted: false, blocked: false, version: 2 })
  const content = { type: 'knock' as const, text: 'It is me' }
  await openWaiting(signed, { open: async () => ({ content, mid: row.id }), store: async () => {} })

  expect((await db.roster.get(bob))?.knock).toMatchObject({ text: 'It is me' })
  expect(await db.messages.get([bob, row.id])).toMatchObject({ content })
})

test('[R-58] a message with a file is sealed again like any other', async () => {
  const content = { type: 'file' as const, file: offeredFile(), text: 'look' }
  const row = mine({ content })
  await db.messages.put(row)
  await resend(signed, both, [{ peer: bob, mids: [row.id], device: his }])

  expect(await db.outbox.toArray()).toMatchObject([{ resendOf: row.id, kind: 'message', content }])
})

test('[R-38] a picture that opens late comes by itself like any other', async () => {
  const row = closed()
  await db.messages.put(row)
  const content = { type: 'file' as const, file: offeredFile({ mime: 'image/png' }), text: '' }
  await openWaiting(signed, { open: async () => ({ content, mid: row.id }), store: async () => {} })

  expect(await db.files.toArray()).toMatchObject([
    { key: fileKey(bob, row.id), state: 'queued', direction: 'in' },
  ])
})
