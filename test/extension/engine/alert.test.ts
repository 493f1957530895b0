import { expect, test } from 'vitest'
import type { EnvelopeId, UserId } from '#shared/ids'
import type { ViewState } from '../../../extension/bus/commands.ts'
import { decide, decideLate, type Surroundings } from '../../../extension/engine/alert.ts'
import type { Incoming, Words } from '../../../extension/engine/ports.ts'

const [alice, bob] = ['alice' as UserId, 'bob' as UserId]
const words: Words = {
  title: (peer) => peer,
  many: (count) => `${count} new messages`,
  knock: (peer) => `${peer} knocks`,
  missed: (messages, people) => `${messages} from ${people}`,
}
const news = (change: Partial<Incoming> = {}): Incoming => ({
  peer: bob,
  id: 'e1' as EnvelopeId,
  ts: 1,
  text: 'hello',
  kind: 'message',
  late: false,
  ...change,
})
const around = (change: Partial<Surroundings> = {}): Surroundings => ({
  canOpenUnfocused: true,
  views: [],
  activity: 'active',
  mode: 'auto',
  muted: false,
  count: 1,
  ...change,
})
const chat = (change: Partial<ViewState> = {}): ViewState => ({
  page: 'chat',
  peer: bob,
  focused: false,
  active: false,
  ...change,
})
const notification = { type: 'notification', peer: bob, title: 'bob', text: 'hello' }

test.each<[string, Partial<Surroundings>, unknown[]]>([
  ['active, window focused: nothing, it is read there', { views: [chat({ focused: true })] }, []],
  [
    'idle, window focused: nobody looks, so it is told',
    { views: [chat({ focused: true })], activity: 'idle' },
    [notification],
  ],
  ['active elsewhere, window open: the task bar', { views: [chat()] }, [{ type: 'attention', peer: bob }]],
  [
    'active elsewhere, window minimised: the task bar, and a notification',
    { views: [chat({ minimised: true })] },
    [{ type: 'attention', peer: bob }, notification],
  ],
  ['no window, and one can open unfocused: it opens', {}, [{ type: 'window', peer: bob }]],
  ['no window, and none can open unfocused: a notification', { canOpenUnfocused: false }, [notification]],
  ['do not disturb, no window: nothing', { mode: 'dnd' }, []],
  ['do not disturb, window open: nothing', { mode: 'dnd', views: [chat({ minimised: true })] }, []],
  ['a muted buddy: nothing', { muted: true }, []],
  [
    'another conversation’s window: as if there were none',
    { views: [chat({ peer: alice, focused: true })] },
    [{ type: 'window', peer: bob }],
  ],
  [
    'the buddy list is open: as if there were no window',
    { views: [{ page: 'popup', focused: true, active: true }] },
    [{ type: 'window', peer: bob }],
  ],
  ['away or invisible: as always', { mode: 'invisible' }, [{ type: 'window', peer: bob }]],
  [
    'several at once: one notification with their number',
    { canOpenUnfocused: false, count: 3 },
    [{ ...notification, text: '3 new messages' }],
  ],
])('[R-41] %s', (_, change, alerts) => {
  expect(decide(news(), around(change), words)).toEqual(alerts)
})

test.each([
  ['active, and a window could open', {}],
  ['their window is open and focused', { views: [chat({ focused: true })] }],
])('[R-13] a knock is a notification and opens no window: %s', (_, change) => {
  expect(decide(news({ kind: 'knock' }), around(change), words)).toEqual([
    { ...notification, title: 'bob knocks' },
  ])
})

test('[R-41] a knock is silent when nothing may disturb', () => {
  expect(decide(news({ kind: 'knock' }), around({ mode: 'dnd' }), words)).toEqual([])
})

test('[R-44] no window opens where it would take the keyboard', () => {
  for (const views of [[], [chat()], [chat({ minimised: true })], [chat({ focused: true })]])
    for (const activity of ['active', 'idle'] as const) {
      const alerts = decide(news(), around({ canOpenUnfocused: false, views, activity }), words)
      expect(alerts.map(({ type }) => type)).not.toContain('window')
    }
})

test('[R-41] after an absence one message is told as it is', () => {
  expect(decideLate([news({ late: true })], 'auto', words)).toEqual([notification])
  expect(decideLate([news({ late: true, kind: 'knock' })], 'auto', words)).toEqual([
    { ...notification, title: 'bob knocks' },
  ])
})

test('[R-41] after an absence many messages are one summary, and no window', () => {
  const missed = [news(), news({ peer: alice }), news({ kind: 'knock' })]

  expect(decideLate(missed, 'auto', words)).toEqual([
    { type: 'notification', peer: bob, title: '3 from 2', text: '' },
  ])
})

test('[R-41] after an absence in which nothing came, or in which nothing may disturb, there is no alert', () => {
  expect(decideLate([], 'auto', words)).toEqual([])
  expect(decideLate([news(), news()], 'dnd', words)).toEqual([])
})
