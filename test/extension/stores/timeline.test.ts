import { expect, test } from 'vitest'
import type { EnvelopeId, UserId } from '#shared/ids'
import { pendingTs, type ConversationRow, type MessageRow } from '../../../extension/db/db.ts'
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
