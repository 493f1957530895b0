// @vitest-environment happy-dom
import { buddy, message, now, user } from '../../support/page-ends.ts'
import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/preact'
import { afterEach, expect, test } from 'vitest'
import type { RosterRow } from '../../../extension/db/db.ts'
import { openPopup } from './open-popup.tsx'

afterEach(cleanup)

const asked = (name: string, knock: Partial<NonNullable<RosterRow['knock']>> = {}) =>
  buddy(name, { relation: 'asked', knock: { text: '', at: now, ...knock } })
const requests = () => within(screen.getByRole('list', { name: 'Requests' })).getAllByRole('listitem')

test('[R-13] a request has the three answers, each said of whom', async () => {
  const { asked: calls } = await openPopup(({ db }) => db.roster.put(asked('mallory')))

  const [item] = requests()
  for (const name of ['Accept', 'Reject', 'Reject and block']) {
    const button = within(item!).getByRole('button', { name })
    expect(document.getElementById(button.getAttribute('aria-describedby')!)!.textContent).toBe('mallory')
    fireEvent.click(button)
  }

  expect(calls('accept')).toEqual([['mallory']])
  expect(calls('roster')).toEqual([
    ['mallory', 'reject'],
    ['mallory', 'block'],
  ])
})

test('[R-50] the chosen name never stands alone, and keeps its direction to itself', async () => {
  await openPopup(({ db }) => db.roster.put(asked('mallory', { name: 'Your bank‮' })))

  const [item] = requests()
  expect(item!.textContent).toContain('mallory')
  expect(item!.textContent).toContain('Calls themselves Your bank')
  expect(within(item!).getByText(/Your bank/).tagName).toBe('BDI')
})

test('[R-13] nothing in a request is a link: not in the text, not the page', async () => {
  await openPopup(({ db }) =>
    db.roster.put(asked('mallory', { text: 'see https://evil.example', page: 'https://page.example/x' })),
  )

  const [item] = requests()
  expect(item!.textContent).toContain('https://evil.example')
  expect(item!.textContent).toContain('https://page.example/x')
  expect(item!.querySelector('a')).toBeNull()
})

test('[R-10] how they found me is told', async () => {
  await openPopup(({ db }) => db.roster.bulkPut([asked('mallory'), asked('nina', { via: 'invite', at: 1 })]))

  const [mallory, nina] = requests()
  expect(mallory!.textContent).toContain('Knows your user name')
  expect(nina!.textContent).toContain('Has your invite link')
})

test('[R-53] who could be taken for a buddy is warned about', async () => {
  await openPopup(({ db }) => db.roster.bulkPut([buddy('bob'), asked('b0b')]))

  expect(requests()[0]!.textContent).toContain('Looks like your buddy bob, but is someone else (b0b).')
})

const failed = (name: string, failure: 'forbidden' | 'item-not-found') =>
  message(name, {
    from: user('alice'),
    direction: 'out',
    kind: 'knock',
    content: { type: 'knock', text: 'hi' },
    state: 'failed',
    failure,
  })
const sent = async () =>
  within(await screen.findByRole('list', { name: 'Waiting for an answer' })).getByRole('listitem')

test('[R-10] of my own knock only that it is out is known, and it can be taken back', async () => {
  const { asked: calls } = await openPopup(({ db }) => db.roster.put(buddy('oskar', { relation: 'asking' })))

  const item = await sent()
  expect(item.textContent).toContain('Knock sent')
  fireEvent.click(within(item).getByRole('button', { name: 'Withdraw' }))

  expect(calls('roster')).toEqual([['oskar', 'withdraw']])
})

test('who takes messages from buddies only can be knocked at without a text', async () => {
  const { asked: calls } = await openPopup(async ({ db }) => {
    await db.roster.put(buddy('oskar', { relation: 'none' }))
    await db.messages.put(failed('oskar', 'forbidden'))
  })

  const item = await sent()
  expect(item.textContent).toContain('oskar takes messages from buddies only.')
  fireEvent.click(within(item).getByRole('button', { name: 'Knock without text' }))

  await waitFor(() => expect(calls('knock')).toEqual([['oskar', { bare: true }]]))
})

test('[R-52] a name that nobody has, or that cannot be reached, is told in the same words', async () => {
  const { asked: calls } = await openPopup(async ({ db }) => {
    await db.roster.put(buddy('oskar', { relation: 'none' }))
    await db.messages.put(failed('oskar', 'item-not-found'))
  })

  const item = await sent()
  expect(item.textContent).toContain('No one can be reached under that name.')
  expect(within(item).queryByRole('button', { name: 'Knock without text' })).toBeNull()
  fireEvent.click(within(item).getByRole('button', { name: 'Dismiss' }))

  expect(calls('discard')).toHaveLength(1)
})
