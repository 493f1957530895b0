// @vitest-environment happy-dom
import { account, buddy, now, present, relay } from '../../support/page-ends.ts'
import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/preact'
import { afterEach, expect, test } from 'vitest'
import { openPopup } from './open-popup.tsx'

afterEach(cleanup)

const field = () => screen.getByRole<HTMLInputElement>('textbox', { name: 'Find or add a buddy' })
const type = (text: string) => fireEvent.input(field(), { target: { value: text } })

test('the field has the focus on opening, and filters while one types', async () => {
  await openPopup(({ db }) => db.roster.bulkPut([buddy('ann'), buddy('bob')]))
  expect(document.activeElement).toBe(field())

  type('an')

  await waitFor(() => expect(screen.queryByRole('button', { name: /^bob,/ })).toBeNull())
  expect(screen.getByRole('button', { name: /^ann,/ })).toBeTruthy()
})

test('Enter opens the first that matches, and the toolbar’s popup has done its work', async () => {
  const { asked, onOpened } = await openPopup(({ db }) => db.roster.bulkPut([buddy('ann'), buddy('bob')]))
  type('bo')
  await waitFor(() => expect(screen.queryByRole('button', { name: /^ann,/ })).toBeNull())

  fireEvent.keyDown(field(), { key: 'Enter' })

  await waitFor(() => expect(onOpened).toHaveBeenCalled())
  expect(asked('openChat')).toEqual([['bob']])
})

test('Escape clears the field first, and only then closes what it closes', async () => {
  await openPopup()
  type('xyz')
  expect(await screen.findByRole('button', { name: 'Clear' })).toBeTruthy()

  expect(fireEvent.keyDown(field(), { key: 'Escape' })).toBe(false)
  await waitFor(() => expect(field().value).toBe(''))
  expect(fireEvent.keyDown(field(), { key: 'Escape' })).toBe(true)
})

test('arrows go from the field through the groups and people, in one stop of Tab', async () => {
  await openPopup(async ({ db }) => {
    await db.roster.bulkPut([buddy('ann'), buddy('bob')])
    await db.presence.put(present('bob'))
  })
  const stops = () =>
    [...document.querySelectorAll<HTMLElement>('[data-roving]')].filter(({ tabIndex }) => tabIndex === 0)
  const press = (key: string) => fireEvent.keyDown(document.activeElement!, { key })
  const label = () =>
    document.activeElement!.getAttribute('aria-label') ?? document.activeElement!.textContent

  press('ArrowDown')
  expect(label()).toContain('Online')
  press('ArrowDown')
  expect(label()).toBe('bob, online')
  press('End')
  expect(label()).toBe('ann, offline')
  await waitFor(() => expect(stops()).toEqual([document.activeElement]))
  press('Home')
  press('ArrowUp')
  expect(document.activeElement).toBe(field())
})

test('a name that is not on the list can be knocked at, with words and a quick reason', async () => {
  const { asked } = await openPopup()
  type('oskar')
  fireEvent.input(await screen.findByRole('textbox', { name: /A few words/ }), { target: { value: 'hi' } })
  fireEvent.click(screen.getByText('Reason or page'))
  fireEvent.click(screen.getByRole('button', { name: 'No hurry' }))
  await waitFor(() =>
    expect(screen.getByRole('button', { name: 'No hurry' }).getAttribute('aria-pressed')).toBe('true'),
  )
  expect(screen.getByText('2 of 500 characters')).toBeTruthy()

  fireEvent.submit(screen.getByRole('button', { name: 'Add buddy' }).closest('form')!)

  await waitFor(() => expect(asked('knock')).toEqual([['oskar', { text: 'hi', reason: 'No hurry' }]]))
})

test('an invite link says who invites, and Enter is enough', async () => {
  const { asked } = await openPopup()
  type(`${relay}/u/oskar#${'B'.repeat(21)}A.${'C'.repeat(21)}Q`)

  expect((await screen.findByText(/invites you/)).textContent).toBe(
    'oskar invites you. You become buddies at once.',
  )
  fireEvent.keyDown(field(), { key: 'Enter' })

  await waitFor(() => expect(asked('knock')).toHaveLength(1))
  expect(asked('knock')[0]).toMatchObject(['oskar', { invite: { acct: `${'B'.repeat(21)}A` } }])
})

test.each([
  ['https://other.example/u/oskar#AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA', /other relays/],
  ['https://relay.example/u/oskar', /not an invite link/],
  ['alice', /your own/],
])('%s: what is wrong is said', async (typed, words) => {
  await openPopup()

  type(typed)

  expect(await screen.findByText(words)).toBeTruthy()
})

test('a link made for another account of that name is told as such', async () => {
  const { refuse } = await openPopup()
  refuse('knock', 'conflict')
  type(`${relay}/u/oskar#${'B'.repeat(21)}A.${'C'.repeat(21)}Q`)
  fireEvent.click(await screen.findByRole('button', { name: 'Add buddy' }))

  expect((await screen.findByRole('alert')).textContent).toContain('another account of that name')
})

test('nobody yet: the popup says what to do, and gives my user name', async () => {
  await openPopup()

  expect(screen.getByRole('heading', { name: 'No buddies yet' })).toBeTruthy()
  expect(screen.getByText(account.user, { selector: '.empty-name bdi' })).toBeTruthy()
})

test('[R-2] my status is a button with what others see, and changes it', async () => {
  const { asked } = await openPopup(({ db }) =>
    db.status.put({ key: 'self', mode: 'auto', status: 'Reading', show: 'online' }),
  )
  await screen.findByText('Reading')

  fireEvent.click(screen.getByRole('button', { name: 'My status' }))
  const sheet = await screen.findByRole('dialog', { name: 'My status' })
  fireEvent.click(within(sheet).getByRole('menuitemradio', { name: 'Invisible' }))

  expect(asked('setPresence')).toEqual([[{ mode: 'invisible' }]])
})

test('[R-45] what is wrong with the connection is said in one line', async () => {
  const { asked } = await openPopup(({ db }) =>
    db.status.put({
      key: 'connection',
      state: 'waiting',
      nextTryAt: now + 9000,
      heardAt: 1,
      skew: 0,
      live: false,
    }),
  )

  expect(await screen.findByText(/^Reconnecting/)).toBeTruthy()
  fireEvent.click(screen.getByRole('button', { name: 'Try now' }))
  expect(asked('connectNow')).toHaveLength(1)
})
