// @vitest-environment happy-dom
// First: Dexie looks for an IndexedDB while it is loaded.
import 'fake-indexeddb/auto'
import { signal } from '@preact/signals'
import { cleanup, fireEvent, render, screen, within } from '@testing-library/preact'
import { afterEach, expect, test } from 'vitest'
import type { EnvelopeId, UserId } from '#shared/ids'
import type { Commands } from '../../../extension/bus/commands.ts'
import { openDb, type AccountRow, type Db, type RosterRow } from '../../../extension/db/db.ts'
import { PromptStore } from '../../../extension/stores/prompt-store.ts'
import { Prompt } from '../../../extension/ui/Prompt.tsx'
import { until } from '../../support/until.ts'

const now = 1_800_000_000_000
const clock = { now: () => now, seconds: signal(now), after: () => () => {} }
const user = (name: string) => name as UserId
const buddy = (name: string, rest: Partial<RosterRow> = {}): RosterRow => ({
  peer: user(name),
  relation: 'buddies',
  muted: false,
  blocked: false,
  version: 1,
  ...rest,
})

let count = 0
let close = () => {}
afterEach(() => {
  cleanup()
  close()
})

interface Opened {
  db: Db
  asks: unknown[][]
  isClosed: () => boolean
}

/** The page of the prompt, with everybody of `waiting` waiting in it. */
async function open(
  { by, peer = null }: { by: 'user' | 'network'; peer?: string | null },
  { waiting = ['bob'], roster = [buddy('bob'), buddy('carol')] } = {},
): Promise<Opened> {
  const db = openDb(`parley ${++count}`)
  await db.account.put({ key: 'me', user: 'alice' } as AccountRow)
  await db.roster.bulkPut(roster)
  for (const name of waiting) {
    await db.prompts.put({ peer: user(name), session: name, count: 1, text: '', at: now, isFolded: false })
    await db.messages.put({
      from: user(name),
      id: name as EnvelopeId,
      peer: user(name),
      ts: now,
      direction: 'in',
      kind: 'message',
      content: { type: 'text', text: `it is ${name}` },
      at: now,
    })
  }
  const asks: unknown[][] = []
  const commands = new Proxy({} as Commands, {
    get:
      (_, name) =>
      async (...args: unknown[]) =>
        void asks.push([name, ...args]),
  })
  const store = new PromptStore(db, commands, clock, { by, peer: peer as UserId | null })
  let isClosed = false
  close = () => {
    store[Symbol.dispose]()
    db.close()
  }
  await until(async () => store.isReady.value)
  render(<Prompt store={store} now={now} by={by} onOver={() => (isClosed = true)} />)
  return { db, asks, isClosed: () => isClosed }
}

const button = (name: string) => screen.getByRole<HTMLButtonElement>('button', { name })
const enabled = (name: string) => until(async () => !button(name).disabled, name)

test('the prompt says who wrote and what, and the answer that does nothing comes first', async () => {
  await open({ by: 'network' })

  const dialog = screen.getByRole('dialog', { name: 'Message from bob' })
  await within(dialog).findByText('it is bob')
  const names = within(dialog)
    .getAllByRole('button')
    .map((one) => one.textContent || one.getAttribute('aria-label'))
  expect(names).toEqual(['Not now', 'Reject', 'Give a reason', 'Reply', 'Accept'])
})

test('[R-44] nothing in it has the focus, and no key answers it until the person acts', async () => {
  const { asks } = await open({ by: 'network' })
  await enabled('Not now')

  for (const key of ['Enter', ' ', 'Escape', 'a']) {
    for (const name of ['Accept', 'Not now']) {
      for (const type of ['keyDown', 'keyUp'] as const) {
        // Prevented: the button is not pressed.
        expect([key, type, fireEvent[type](button(name), { key })]).toEqual([key, type, false])
      }
    }
  }
  await new Promise((over) => setTimeout(over, 20))

  expect(asks).toEqual([])
  expect(document.activeElement).toBe(document.body)
})

test('[R-44] Tab by the person ends the guard, and leads to no button yet', async () => {
  const { asks } = await open({ by: 'network' })

  expect(fireEvent.keyDown(document.body, { key: 'Tab', repeat: true })).toBe(false)
  expect(fireEvent.keyDown(document.body, { key: 'x' })).toBe(false)
  expect(fireEvent.keyDown(document.body, { key: 'Tab' })).toBe(false)
  await until(async () => fireEvent.keyDown(document.body, { key: 'x' }))
  fireEvent.keyDown(screen.getByRole('dialog'), { key: 'Escape' })

  await until(async () => asks.length === 1)
  expect(asks).toEqual([['answer', 'bob', 'later']])
})

test('[R-44] a question that has just come cannot be answered by a click meant for something else', async () => {
  const { asks } = await open({ by: 'network' })

  expect(button('Accept').disabled).toBe(true)
  await enabled('Accept')
  fireEvent.pointerDown(button('Accept'))
  fireEvent.click(button('Accept'))

  await until(async () => asks.length === 1)
  expect(asks).toEqual([['answer', 'bob', 'accepted']])
})

test('several who wait are asked about in one window', async () => {
  const { asks, isClosed } = await open({ by: 'network' }, { waiting: ['bob', 'carol'] })
  await enabled('Not now')
  expect(screen.getByText('and 1 more')).toBeTruthy()

  fireEvent.pointerDown(button('carol'))
  fireEvent.click(button('carol'))
  await screen.findByRole('dialog', { name: 'Message from carol' })
  await enabled('Reject')
  fireEvent.click(button('Reject'))
  await screen.findByRole('dialog', { name: 'Message from bob' })
  expect(isClosed()).toBe(false)
  await enabled('Not now')
  fireEvent.click(button('Not now'))

  await until(async () => isClosed())
  expect(asks).toEqual([
    ['answer', 'carol', 'rejected'],
    ['answer', 'bob', 'later'],
  ])
})

test('Reply shows a line in the prompt; Enter sends it, and the window goes', async () => {
  const { db, isClosed } = await open({ by: 'network' })
  await enabled('Reply')
  fireEvent.pointerDown(button('Reply'))
  fireEvent.click(button('Reply'))

  const field = await screen.findByRole<HTMLInputElement>('textbox', { name: 'Message' })
  await until(async () => document.activeElement === field)
  fireEvent.input(field, { target: { value: 'one moment' } })
  fireEvent.submit(field.form!)

  await until(async () => isClosed())
  expect(await db.outbox.toArray()).toMatchObject([{ peer: 'bob', content: { text: 'one moment' } }])
})

test('Escape leaves the line and does not answer', async () => {
  const { asks } = await open({ by: 'user', peer: 'bob' })
  fireEvent.click(button('Reply'))

  fireEvent.keyDown(await screen.findByRole('textbox', { name: 'Message' }), { key: 'Escape' })

  await screen.findByRole('button', { name: 'Not now' })
  expect(asks).toEqual([])
})

test('a rejection may give a reason, chosen or in one’s own words', async () => {
  const { asks } = await open({ by: 'user', peer: 'bob' }, { waiting: ['bob', 'carol'] })
  fireEvent.click(button('Give a reason'))
  fireEvent.click(await screen.findByRole('button', { name: 'Can’t chat now' }))

  await screen.findByRole('dialog', { name: 'Message from carol' })
  await enabled('Give a reason')
  fireEvent.click(button('Give a reason'))
  const field = await screen.findByRole<HTMLInputElement>('textbox', { name: 'In your own words' })
  fireEvent.input(field, { target: { value: 'at the dentist' } })
  await until(async () => field.value === 'at the dentist')
  fireEvent.submit(field.form!)

  await until(async () => asks.length === 2)
  expect(asks).toEqual([
    ['answer', 'bob', 'rejected', 'Can’t chat now'],
    ['answer', 'carol', 'rejected', 'at the dentist'],
  ])
})

test('[R-13] a knock has its three answers, and nothing in it is a link', async () => {
  const knock = { text: 'see https://example.org', at: 1, page: 'https://example.org/page', name: 'Bobby' }
  await open(
    { by: 'user', peer: 'b0b' },
    { waiting: [], roster: [buddy('bob'), buddy('b0b', { relation: 'asked', knock })] },
  )

  const dialog = screen.getByRole('dialog', { name: 'b0b would like to be your buddy' })
  const names = within(dialog).getAllByRole('button')
  expect(names.map(({ textContent }) => textContent)).toEqual(['Reject', 'Reject and block', 'Accept'])
  expect(within(dialog).queryAllByRole('link')).toEqual([])
  expect(dialog.textContent).toContain('Looks like your buddy bob, but is someone else.')
  expect(dialog.textContent).toContain('Calls themselves Bobby')
  expect(dialog.textContent).toContain('https://example.org/page')
})

test('[R-44] a line that the person asked for has the focus at once', async () => {
  await open({ by: 'user', peer: 'bob' }, { waiting: [] })

  const field = screen.getByRole('textbox', { name: 'Message' })
  expect(screen.getByRole('dialog', { name: 'Reply to bob' })).toBeTruthy()
  await until(async () => document.activeElement === field)
  fireEvent.keyDown(field, { key: 'Escape' })
})

test('[R-44] nothing is pasted, composed or typed into a window that opened by itself', async () => {
  await open({ by: 'network', peer: 'bob' }, { waiting: [] })

  const field = screen.getByRole<HTMLInputElement>('textbox', { name: 'Message' })
  const cancelable = { bubbles: true, cancelable: true }
  for (const type of ['beforeinput', 'paste', 'compositionstart', 'keypress', 'keyup']) {
    expect([type, field.dispatchEvent(new Event(type, cancelable))]).toEqual([type, false])
  }
  expect(fireEvent.keyDown(field, { key: 'Enter', ctrlKey: true })).toBe(false)
  expect(fireEvent.keyDown(field, { key: 'w', ctrlKey: true })).toBe(true) // the browser's own
  expect(field.readOnly).toBe(true)
})
