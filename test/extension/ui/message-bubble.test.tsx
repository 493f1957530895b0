// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen, within } from '@testing-library/preact'
import { afterEach, expect, test } from 'vitest'
import type { EnvelopeId, UserId } from '#shared/ids'
import type { Allowed } from '../../../extension/stores/allowed.ts'
import type { Item, MessageItem } from '../../../extension/stores/timeline.ts'
import { Log } from '../../../extension/ui/Log.tsx'
import type { MessageActions } from '../../../extension/ui/message-actions.ts'

afterEach(cleanup)

const at = new Date(2026, 2, 17, 14, 2).getTime()
const message = (rest: Partial<MessageItem> = {}): MessageItem => ({
  type: 'message',
  key: `alice ${rest.id ?? '1'}`,
  from: 'alice' as UserId,
  id: '1' as EnvelopeId,
  direction: 'out',
  ts: at,
  at,
  written: null,
  text: 'hello',
  file: null,
  isUnsent: false,
  isText: true,
  isRetracted: false,
  isUnknown: false,
  mayAsk: false,
  quote: null,
  earlier: null,
  reactions: [],
  tick: 'delivered',
  failure: null,
  isFirst: true,
  isLast: true,
  showsTick: true,
  ...rest,
})
const everything: Allowed = { reply: true, react: true, copy: true, edit: true, retract: true }

/** The log with these items, and what was asked of it. */
function log(items: Item[], may: Partial<Allowed> = {}) {
  const asked: unknown[][] = []
  const note =
    (name: string) =>
    (...args: unknown[]) =>
      void asked.push([name, ...args.map((arg) => (arg as MessageItem).id ?? arg)])
  const actions = new Proxy({} as MessageActions, {
    get: (_, name: string) => (name === 'allowed' ? () => ({ ...everything, ...may }) : note(name)),
  })
  render(
    <Log
      peer={'bob' as UserId}
      name="Bobby"
      me="alice"
      items={items}
      unread={0}
      hasOlder={false}
      isTyping={false}
      now={at}
      actions={actions}
      recentEmoji={[]}
      target={null}
      late={null}
      onLateSeen={() => {}}
      onOlder={() => {}}
      onEnd={() => {}}
      onSight={() => {}}
    />,
  )
  return { asked, all: () => screen.getAllByRole('article') }
}
const names = () => screen.getAllByRole('menuitem').map((item) => item.textContent)

test('the log is called by the user name, and each message holds its text and how far it has come', () => {
  const { all } = log([message()])

  expect(screen.getByRole('log', { name: 'Conversation with bob' })).toBeTruthy()
  expect(all()[0]!.textContent).toContain('hello')
  expect(all()[0]!.textContent).toContain('Delivered')
})

test.each([
  ['Enter', { key: 'Enter' }],
  ['the menu key', { key: 'ContextMenu' }],
  ['Shift+F10', { key: 'F10', shiftKey: true }],
])('a message opens its menu by %s', (_, key) => {
  const { asked, all } = log([message()])

  fireEvent.keyDown(all()[0]!, key)
  expect(names().filter((name) => name !== '')).toEqual([
    'Reply',
    'Edit',
    'Copy text',
    'Delete for me',
    'Delete for everyone',
  ])
  fireEvent.click(screen.getByRole('menuitem', { name: 'Edit' }))

  expect(asked).toEqual([['edit', '1']])
})

test('[R-27] what may not be done any more is not offered', () => {
  const { all } = log([message()], { edit: false, retract: false, react: false, reply: false })

  fireEvent.keyDown(all()[0]!, { key: 'Enter' })

  expect(names()).toEqual(['Copy text', 'Delete for me'])
  expect(screen.queryByRole('group', { name: 'React' })).toBeNull()
})

test('Up and Down go from message to message, Esc goes back to writing', () => {
  const { asked, all } = log([message(), message({ id: '2' as EnvelopeId })])
  const box = screen.getByRole('log')
  box.focus()

  fireEvent.keyDown(box, { key: 'ArrowUp' })
  expect(document.activeElement).toBe(all()[1])
  fireEvent.keyDown(all()[1]!, { key: 'ArrowUp' })
  expect(document.activeElement).toBe(all()[0])
  fireEvent.keyDown(all()[0]!, { key: 'Escape' })

  expect(asked).toEqual([['write']])
})

test('a reaction says what, how many and by whom; mine is pressed', () => {
  const { asked } = log([
    message({
      reactions: [
        { emoji: '👍', isMine: true, isTheirs: true },
        { emoji: '🎉', isMine: false, isTheirs: true },
      ],
    }),
  ])
  const both = screen.getByRole('button', { name: '👍 2, You and Bobby' })
  const theirs = screen.getByRole('button', { name: '🎉 1, Bobby' })

  expect([both, theirs].map((button) => button.getAttribute('aria-pressed'))).toEqual(['true', 'false'])
  fireEvent.click(theirs)
  expect(asked).toEqual([['react', '1', '🎉']])
})

test('[R-18] one that failed can be sent again, edited, copied and deleted', () => {
  const { asked, all } = log([message({ tick: 'failed', failure: 'too-large' })])
  const buttons = within(all()[0]!).getAllByRole('button')

  expect(buttons.map((button) => button.textContent)).toEqual(['Retry', 'Edit', 'Copy', 'Delete'])
  for (const button of buttons) fireEvent.click(button)

  expect(asked.map(([name]) => name)).toEqual(['retry', 'takeBack', 'copy', 'discard'])
})

test('[R-26] an edited message says so and shows what it said before', async () => {
  log([message({ earlier: [{ text: 'helo', at: at - 1000 }] })])

  fireEvent.click(screen.getByRole('button', { name: 'edited' }))

  expect((await screen.findByRole('dialog', { name: 'Earlier versions' })).textContent).toContain('helo')
})

test('[R-27] what was taken back says only that', () => {
  const { all } = log([message({ text: null, isRetracted: true, tick: null })])

  expect(all()[0]!.textContent).toContain('message deleted')
})

test('a quote leads to what it quotes', () => {
  const quote = {
    key: 'bob 7',
    from: 'bob' as UserId,
    id: '7' as EnvelopeId,
    direction: 'in' as const,
    text: 'the question',
  }
  const { asked } = log([message({ quote })])

  fireEvent.click(screen.getByRole('button', { name: /^In reply to Bobby\s*the question/ }))

  expect(asked).toEqual([['reveal', 'bob 7']])
})

test('[R-36] a session is a heading with its time and length, and has a menu', () => {
  const session = {
    type: 'session' as const,
    key: 'session 1',
    id: 's',
    at,
    lengthMs: 32 * 60_000,
    count: 3,
    isCollapsed: true,
  }
  const { asked } = log([session])

  expect(screen.getByRole('heading').textContent).toMatch(/^Today 2:02.PM · 32 min · 3 messages$/)
  fireEvent.click(screen.getByRole('button', { name: /^Session/ }))
  expect(names()).toEqual(['Show messages', 'Copy as text', 'Delete for me'])
  fireEvent.click(screen.getByRole('menuitem', { name: 'Show messages' }))

  expect(asked.map(([name]) => name)).toEqual(['collapse'])
})

test.each([
  ['was-left' as const, /^Bobby left 2:02.PM$/],
  ['left' as const, /^You left 2:02.PM$/],
  ['ended' as const, /^Conversation ended$/],
  ['was-rejected' as const, /^Bobby can’t chat now In a meeting$/],
])('[R-35] %s is told in a quiet line', (event, words) => {
  log([{ type: 'event', key: 'e', event, at, ...(event === 'was-rejected' && { note: 'In a meeting' }) }])

  expect(screen.getByRole('log').querySelector('.log-event')!.textContent).toMatch(words)
})

test('[R-58] what waits says whose browser it waits for, and after a minute offers to ask once more', () => {
  const waiting = { direction: 'in', text: null, mayAsk: true, tick: null } as const
  const { asked, all } = log([
    message({ ...waiting, id: 'old' as EnvelopeId, at: at - 61_000 }),
    message({ ...waiting, id: 'new' as EnvelopeId }),
    message({ ...waiting, id: 'unknown' as EnvelopeId, mayAsk: false, isUnknown: true }),
  ])

  expect(all()[0]!.textContent).toContain('Waiting for this message from Bobby’s browser')
  expect(within(all()[1]!).queryByRole('button', { name: /Ask/ })).toBeNull()
  expect(all()[2]!.textContent).toContain('Update Parley to read this')
  fireEvent.click(within(all()[0]!).getByRole('button', { name: 'Ask Bobby to send it again' }))
  expect(asked).toEqual([['askAgain', 'old']])
})
