import { expect, test } from 'vitest'
import type { Content } from '#shared/content'
import type { EnvelopeId, UserId } from '#shared/ids'
import { pendingTs, type ConversationRow, type MessageRow, type OutboxRow } from '../../../extension/db/db.ts'
import { timeline, type MessageItem } from '../../../extension/stores/timeline.ts'

const [me, bob] = ['alice' as UserId, 'bob' as UserId]
const row = (id: string, rest: Partial<MessageRow> = {}): MessageRow => ({
  from: rest.direction === 'in' ? bob : me,
  id: id as EnvelopeId,
  peer: bob,
  ts: 1000,
  direction: 'out',
  kind: 'message',
  content: { type: 'text', text: id },
  at: 1000,
  state: 'stored',
  ...rest,
})
const conversation = (rest: Partial<ConversationRow> = {}): ConversationRow => ({
  peer: bob,
  readTs: 0,
  readSentTs: 0,
  delivered: 0,
  read: 0,
  except: [],
  unread: 0,
  ...rest,
})
const shown = (
  messages: MessageRow[],
  known = conversation(),
  outbox: Parameters<typeof timeline>[0]['outbox'] = [],
) =>
  timeline({
    me,
    messages,
    outbox,
    conversation: known,
    skew: 0,
    newAfter: null,
    dayOf: () => 'today',
  }).filter((item): item is MessageItem => item.type === 'message')

test('[R-19] what a message has come to follows from the watermarks', () => {
  const messages = [10, 20, 30].map((ts) => row(`m${ts}`, { ts }))

  expect(shown(messages, conversation({ delivered: 20, read: 10 })).map(({ tick }) => tick)).toEqual([
    'read',
    'delivered',
    'stored',
  ])
})

test('[RC5] what was dropped under a block never shows as delivered, and ends win over watermarks', () => {
  const messages = [
    row('dropped', { ts: 15 }),
    row('failed', { ts: 16, state: 'failed', failure: 'gone' }),
    row('expired', { ts: 17, state: 'expired' }),
  ]
  const ticks = shown(messages, conversation({ delivered: 99, read: 99, except: [[15, 15]] })).map(
    ({ tick }) => tick,
  )

  expect(ticks).toEqual(['stored', 'failed', 'expired'])
})

test('[R-16] what a page has just written stands at the end at once, and once only', () => {
  const written = { peer: bob, kind: 'message' as const, at: 5 }
  const outbox = ['taken', 'fresh'].map((id) => ({
    ...written,
    id: id as EnvelopeId,
    content: { type: 'text' as const, text: id },
  }))
  const items = shown([row('old'), row('taken', { ts: pendingTs, state: 'pending' })], conversation(), outbox)

  expect(items.map(({ text, tick }) => [text, tick])).toEqual([
    ['old', 'stored'],
    ['taken', 'pending'],
    ['fresh', 'pending'],
  ])
})

test('[R-58] what cannot be opened keeps its place', () => {
  expect(shown([row('a', { direction: 'in', content: null })])).toMatchObject([{ id: 'a', text: null }])
})

const hour = 60 * 60_000
/** Everything in the log, in few words. */
function lines(messages: MessageRow[], rest: Partial<Parameters<typeof timeline>[0]> = {}) {
  const items = timeline({
    me,
    messages,
    outbox: [],
    conversation: conversation(),
    skew: 0,
    newAfter: null,
    dayOf: (at) => `day ${Math.floor(at / (24 * hour))}`,
    ...rest,
  })
  return items.map((item) => {
    if (item.type === 'message') return item.isRetracted ? '(deleted)' : (item.text ?? '(closed)')
    if (item.type === 'session') return `== ${item.id} ${item.lengthMs ?? 'open'}`
    return item.type === 'event' ? `-- ${item.event}${item.note ? ` ${item.note}` : ''}` : `-- ${item.type}`
  })
}
const said = (session: string, ts: number, rest: Partial<MessageRow> = {}) =>
  row(`${session} at ${ts}`, { ts, content: { type: 'text', text: `${session} at ${ts}`, session }, ...rest })
const leave = (session: string, ts: number, how: 'left' | 'rejected', rest: Partial<MessageRow> = {}) =>
  row(`leave ${ts}`, { ts, kind: 'control', content: { type: 'leave', session, how }, ...rest })
const waits = (content: Content, id = 'z'): OutboxRow => ({
  id: id as EnvelopeId,
  peer: bob,
  kind: 'control',
  content,
  at: 5000,
})

test('[R-36] sessions are dated groups, with their length once they are over', () => {
  expect(lines([said('a', 1000), said('a', 61_000), said('b', 3 * hour)])).toEqual([
    '== a 60000',
    'a at 1000',
    'a at 61000',
    '== b open',
    `b at ${3 * hour}`,
  ])
})

test('[R-32] when both begin one at once, the lower id is its name', () => {
  expect(lines([said('b', 1000), said('a', 2000, { direction: 'in' }), said('b', 3000)])[0]).toBe('== a open')
})

test('[R-35] who leaves ends the session, once; what is said next begins another one', () => {
  const messages = [
    said('a', 1000),
    leave('a', 2000, 'left', { direction: 'in' }),
    leave('a', 2500, 'left'),
    said('b', 3000),
  ]

  expect(lines(messages)).toEqual(['== a 1000', 'a at 1000', '-- was-left', '== b open', 'b at 3000'])
})

test('[R-35] an hour of quiet ends it, and that is said', () => {
  expect(lines([said('a', 1000)], { isQuiet: true })).toEqual(['== a 0', 'a at 1000', '-- ended'])
})

test('[R-33] a rejection shows with its note, and the session goes on for who was rejected', () => {
  const no = leave('a', 2000, 'rejected', {
    direction: 'in',
    content: { type: 'leave', session: 'a', how: 'rejected', note: 'In a meeting' },
  })

  expect(lines([said('a', 1000), no, said('a', 3000)])).toEqual([
    '== a open',
    'a at 1000',
    '-- was-rejected In a meeting',
    'a at 3000',
  ])
})

test('[R-36] a session that began before the oldest message here has no heading, and its day instead', () => {
  expect(lines([said('a', 2000)], { before: said('a', 1000) })).toEqual(['-- day', 'a at 2000'])
  expect(lines([said('b', 2 * hour)], { before: said('a', 1000) })[0]).toBe('== b open')
})

test('[R-36] a collapsed session is its heading alone, unless something in it is unread', () => {
  const messages = [said('a', 1000, { direction: 'in' }), said('a', 2000), said('b', 3 * hour)]
  const collapsed = new Set(['session 1000'])

  expect(lines(messages, { collapsed, conversation: conversation({ readTs: 2000 }) })).toEqual([
    '== a 1000',
    '== b open',
    `b at ${3 * hour}`,
  ])
  expect(lines(messages, { collapsed })).toContain('a at 1000')
})

test('[R-26] an edit of mine shows before it is sent, and what was said before stays to be seen', () => {
  const outbox = [waits({ type: 'edit', id: 'a' as EnvelopeId, text: 'better' })]

  expect(shown([row('a')], conversation(), outbox)).toMatchObject([
    { text: 'better', earlier: [{ text: 'a', at: 1000 }] },
  ])
})

test('[R-26] nobody edits the messages of the other one', () => {
  const outbox = [waits({ type: 'edit', id: 'a' as EnvelopeId, text: 'forged' })]

  expect(shown([row('a', { direction: 'in' })], conversation(), outbox)).toMatchObject([
    { text: 'a', earlier: null },
  ])
})

test('[R-27] what was taken back leaves a tombstone, what I hid leaves nothing', () => {
  const messages = [row('a'), row('b', { removed: 'hidden', content: null }), row('c')]
  const outbox = [waits({ type: 'retract', id: 'c' as EnvelopeId })]

  expect(
    shown(messages, conversation(), outbox).map(({ id, text, isRetracted, tick }) => [
      id,
      text,
      isRetracted,
      tick,
    ]),
  ).toEqual([
    ['a', 'a', false, 'stored'],
    ['c', null, true, null],
  ])
})

test('reactions show once for each picture, mine at once, and no words in the place of a picture', () => {
  const reactions = {
    [bob]: { id: 'r' as EnvelopeId, ts: 1, emoji: '👍' },
    ['carol' as UserId]: { id: 's' as EnvelopeId, ts: 2, emoji: 'buy now' },
  }
  const target = { from: me, id: 'a' as EnvelopeId }
  const react = (emoji: string) =>
    shown([row('a', { reactions })], conversation(), [waits({ type: 'reaction', target, emoji })])[0]!
      .reactions

  expect(react('👍')).toEqual([{ emoji: '👍', isMine: true, isTheirs: true }])
  expect(react('🎉')).toEqual([
    { emoji: '👍', isMine: false, isTheirs: true },
    { emoji: '🎉', isMine: true, isTheirs: false },
  ])
  expect(react('')).toEqual([{ emoji: '👍', isMine: false, isTheirs: true }])
})

test('a quote says what the message says itself, where it is here', () => {
  const reply = (id: string, from = me) =>
    row(`to ${id}`, {
      direction: 'in',
      content: { type: 'text', text: 'yes', reply: { from, id: id as EnvelopeId, text: 'as they say' } },
    })
  const messages = [
    row('a'),
    row('b', { removed: 'retracted', content: null }),
    reply('a'),
    reply('b'),
    reply('elsewhere'),
    reply('a', 'mallory' as UserId),
  ]

  expect(shown(messages).map(({ quote }) => quote && quote.text)).toEqual([
    null,
    null,
    'a',
    null,
    'as they say',
    null,
  ])
  expect(shown(messages).at(-1)!.quote).toBeNull()
})

test('[R-57] what happened to keys stands where it happened, and before what waits', () => {
  const items = timeline({
    me,
    messages: [row('m10', { ts: 10 }), row('m20', { ts: 20 }), row('mine', { ts: pendingTs, at: 15 })],
    outbox: [],
    conversation: conversation(),
    skew: 0,
    newAfter: null,
    dayOf: () => 'today',
    before: row('m1', { ts: 1 }),
    notices: [
      { peer: bob, ts: 0, what: 'device-added', isLoud: false }, // with what is not loaded
      { peer: bob, ts: 12, what: 'device-added', isLoud: true },
      { peer: bob, ts: 30, what: 'account-changed', isLoud: false },
    ],
  })

  const told = items.flatMap((item): string[] => {
    if (item.type === 'message') return [item.id]
    return item.type === 'event' ? [item.event] : []
  })
  expect(told).toEqual(['m10', 'device-added', 'm20', 'account-changed', 'mine'])
  expect(items.find((item) => item.type === 'event')).toMatchObject({ isLoud: true })
})
