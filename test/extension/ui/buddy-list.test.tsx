// @vitest-environment happy-dom
import { buddy, conversation, now, present, user, type PageEnds } from '../../support/page-ends.ts'
import { cleanup, fireEvent, screen, within } from '@testing-library/preact'
import { afterEach, expect, test } from 'vitest'
import { openPopup } from './open-popup.tsx'

afterEach(cleanup)

const list = (fill: (ends: PageEnds) => Promise<unknown>) => openPopup(fill)
const row = (name: RegExp) => screen.getByRole('button', { name })

test('a row is named by user name, presence and what is unread, whatever I call them', async () => {
  await list(async ({ db, set }) => {
    await db.roster.put(buddy('ann.lee', { name: 'Ann Lee' }))
    await db.presence.put(present('ann.lee'))
    await db.conversations.put(conversation('ann.lee', { unread: 2 }))
    await set({ buddies: { 'ann.lee': { nickname: 'Annie', tellOnline: true } } })
  })

  const button = screen.getByRole('button', { name: 'ann.lee, online, 2 unread' })
  expect(button.textContent).toContain('Annie')
  expect(button.textContent).toContain('ann.lee')
  expect(button.title).toContain('Ann Lee')
  const described = button
    .getAttribute('aria-describedby')!
    .split(' ')
    .map((id) => document.getElementById(id)!.textContent)
  expect(described.join(' ')).toContain('Annie')
  expect(described.join(' ')).toContain('You are told when they come online')
})

test('names that people chose stand in an element that keeps their direction to itself', async () => {
  await list(async ({ db, set }) => {
    await db.roster.put(buddy('ann'))
    await set({ groups: ['‮txet'], buddies: { ann: { nickname: 'ياسمين' } } })
  })

  expect(screen.getByText('ياسمين', { ignore: '[hidden]' }).tagName).toBe('BDI')
  expect(screen.getByText('‮txet').tagName).toBe('BDI')
})

test('[R-25] a conversation that I marked has a dot, and says so to who does not see it', async () => {
  await list(async ({ db }) => {
    await db.roster.put(buddy('ann'))
    await db.conversations.put(conversation('ann', { isMarked: true }))
  })

  const button = row(/^ann, offline$/)
  expect(button.querySelector('.marked-dot')).not.toBeNull()
  const [about] = button.getAttribute('aria-describedby')!.split(' ')
  expect(document.getElementById(about!)!.textContent).toBe('Marked unread')
})

async function openMenu(name: string) {
  fireEvent.click(screen.getByRole('button', { name: `More for ${name}` }))
  return screen.findByRole('menu', { name: `More for ${name}` })
}
const choose = async (name: string, entry: string) =>
  fireEvent.click(within(await openMenu(name)).getByRole('menuitem', { name: entry }))

test.each([
  ['Add to favourites', 'changeSettings', [{ buddies: { ann: { isFavourite: true } } }]],
  ['Tell me when online', 'changeSettings', [{ buddies: { ann: { tellOnline: true } } }]],
  ['Mark unread', 'markUnread', ['ann', true]],
  ['Mute', 'roster', ['ann', 'mute']],
  ['Open', 'openChat', ['ann']],
] as const)('the menu of a row: %s', async (entry, command, args) => {
  const { asked } = await list(({ db }) => db.roster.put(buddy('ann')))

  await choose('ann', entry)

  expect(asked(command)).toEqual([args])
})

test('[R-15] blocking asks first, and the safe answer has the focus', async () => {
  const { asked } = await list(({ db }) => db.roster.put(buddy('ann')))

  await choose('ann', 'Block…')
  const dialog = await screen.findByRole('dialog', { name: /Block ann/ })
  expect(asked('roster')).toEqual([])
  fireEvent.click(within(dialog).getByRole('button', { name: 'Block' }))

  expect(asked('roster')).toEqual([['ann', 'block']])
})

test('how messages of one buddy arrive is chosen in a dialog', async () => {
  const { asked } = await list(({ db }) => db.roster.put(buddy('ann')))

  await choose('ann', 'How messages arrive…')
  const dialog = await screen.findByRole('dialog', { name: 'Messages from ann' })
  const arrival = within(dialog).getByRole('radiogroup', { name: 'When a message arrives' })
  expect(within(arrival).getByRole<HTMLInputElement>('radio', { name: 'As in general' }).checked).toBe(true)
  fireEvent.click(within(arrival).getByRole('radio', { name: 'Badge only' }))
  const sound = within(dialog).getByRole('radiogroup', { name: 'Sound' })
  fireEvent.click(within(sound).getByRole('radio', { name: 'Off' }))
  fireEvent.click(within(dialog).getByRole('button', { name: 'Save' }))

  expect(asked('changeSettings')).toEqual([[{ buddies: { ann: { arrival: 'badge', sound: false } } }]])
})

test('a nickname is typed and saved by Enter; Escape saves nothing', async () => {
  const { asked } = await list(({ db }) => db.roster.put(buddy('ann')))

  await choose('ann', 'Nickname…')
  fireEvent.keyDown(await screen.findByRole('textbox', { name: 'Nickname' }), { key: 'Escape' })
  await choose('ann', 'Nickname…')
  const field = await screen.findByRole('textbox', { name: 'Nickname' })
  fireEvent.input(field, { target: { value: 'Annie' } })
  fireEvent.submit(field.closest('form')!)

  expect(asked('changeSettings')).toEqual([[{ buddies: { ann: { nickname: 'Annie' } } }]])
})

test('a buddy goes into a new group; the group has a menu of its own', async () => {
  const { asked } = await list(({ db }) => db.roster.put(buddy('ann')))

  await choose('ann', 'Move to group…')
  fireEvent.click(await screen.findByRole('radio', { name: 'New group' }))
  const name = await screen.findByRole('textbox', { name: 'Name of the group' })
  expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Save' }).disabled).toBe(true)
  fireEvent.input(name, { target: { value: 'Work' } })
  fireEvent.submit(name.closest('form')!)

  expect(asked('changeSettings')).toEqual([[{ groups: ['Work'], buddies: { ann: { group: 'Work' } } }]])
  fireEvent.click(await screen.findByRole('button', { name: 'More for the group Work' }))
  fireEvent.click(await screen.findByRole('menuitem', { name: 'Delete group' }))
  fireEvent.click(await screen.findByRole('button', { name: 'Delete group' }))
  expect(asked('changeSettings').at(-1)).toEqual([{ groups: [], buddies: { ann: { group: null } } }])
})

test('[R-23] who asks to write has the four answers; without a group of unread ones all can be read there', async () => {
  const { asked } = await list(async ({ db }) => {
    await db.roster.put(buddy('ann'))
    await db.conversations.put(conversation('ann', { unread: 2 }))
    await db.prompts.put({
      peer: user('ann'),
      session: 's',
      count: 2,
      text: 'psst',
      at: now,
      isFolded: false,
    })
  })

  const item = within(screen.getByRole('list', { name: 'Asking' })).getByRole('listitem')
  expect(item.textContent).toContain('psst')
  for (const name of ['Accept', 'Reply', 'Not now', 'Reject']) {
    fireEvent.click(within(item).getByRole('button', { name }))
  }

  expect(asked('answer')).toEqual([
    ['ann', 'accepted'],
    ['ann', 'accepted'],
    ['ann', 'later'],
    ['ann', 'rejected'],
  ])
  expect(screen.getByRole('button', { name: 'Mark all read' })).toBeTruthy()
})
