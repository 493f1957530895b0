// @vitest-environment happy-dom
import { buddy, now, pageEnds, type PageEnds } from '../../support/page-ends.ts'
import { useModel } from '@preact/signals'
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/preact'
import { afterEach, expect, test } from 'vitest'
import type { FileRow } from '../../../extension/db/db.ts'
import { AccountStore } from '../../../extension/stores/account-store.ts'
import { DevicesStore } from '../../../extension/stores/devices-store.ts'
import { SettingsStore } from '../../../extension/stores/settings-store.ts'
import { Options } from '../../../extension/ui/Options.tsx'
import { asMinutes, asTime } from '../../../extension/ui/QuietHours.tsx'

afterEach(() => {
  cleanup()
  location.hash = ''
})

interface Start {
  fill?: (ends: PageEnds) => Promise<unknown>
  canOpenUnfocused?: boolean
  section?: string
}
async function openOptions({ fill = async () => {}, canOpenUnfocused = true, section = '' }: Start = {}) {
  const ends = await pageEnds()
  await fill(ends)
  location.hash = section
  function Page() {
    const account = useModel(() => new AccountStore(ends.db, ends.commands))
    const settings = useModel(() => new SettingsStore(ends.db, ends.commands, ends.clock, canOpenUnfocused))
    const devices = useModel(
      () => new DevicesStore(ends.db, ends.commands, async ({ secret }) => `root of ${secret}`, ends.clock),
    )
    return <Options store={account} settings={settings} devices={devices} version="1.2.3" />
  }
  render(<Page />)
  await screen.findByRole('navigation', { name: 'Settings' })
  return ends
}
const setting = (name: string) => screen.getByRole('region', { name })
const group = (name: string) => screen.getByRole('radiogroup', { name })
const radio = (within_: HTMLElement, name: string) =>
  within(within_).getByRole<HTMLInputElement>('radio', { name })

test('how a message arrives is chosen at once, and says that it is saved', async () => {
  const { asked } = await openOptions()
  const arrivals = group('When a message arrives')
  expect(radio(arrivals, 'Open a window').checked).toBe(true)

  fireEvent.click(radio(arrivals, 'Ask me first'))

  expect(asked('changeSettings')).toEqual([[{ arrival: 'prompt' }]])
  expect(await within(setting('When a message arrives')).findByText('Saved')).toBeTruthy()
  await waitFor(() => expect(radio(arrivals, 'Ask me first').checked).toBe(true))
})

test('[R-44] where a window takes the keyboard, that is said before it is chosen', async () => {
  await openOptions({ canOpenUnfocused: false })

  const choice = radio(group('When a message arrives'), 'Open a window')
  expect(document.getElementById(choice.getAttribute('aria-describedby')!)!.textContent).toContain(
    'takes the keyboard away',
  )
  expect(radio(group('When a message arrives'), 'Ask me first').checked).toBe(true)
})

test.each([
  ['messages', 'Show the text when asking', { promptText: false }],
  ['messages', 'Notifications', { notifications: false }],
  ['messages', 'Sound', { sound: false }],
  ['messages', 'Quiet hours', { quietHours: { from: 22 * 60, to: 7 * 60 } }],
  ['privacy', 'Typing', { typing: false }],
  ['privacy', 'Tell people when I leave', { tellsLeave: false }],
])('%s: %s is a switch', async (section, name, change) => {
  const { asked } = await openOptions({ section })

  fireEvent.click(screen.getByRole('switch', { name }))

  expect(asked('changeSettings')).toEqual([[change]])
})

test.each([
  ['messages', 'What a notification shows', 'Name only', { preview: 'name' }],
  ['messages', 'How long other devices wait', 'Not at all', { otherDevicesWaitS: 0 }],
  ['privacy', 'Idle after', 'Never', { idleMinutes: 0 }],
  ['privacy', 'Idle after', '15 minutes', { idleMinutes: 15 }],
])('%s: %s can be %s', async (section, name, choice, change) => {
  const { asked } = await openOptions({ section })
  const select = screen.getByRole<HTMLSelectElement>('combobox', { name })

  select.selectedIndex = [...select.options].findIndex(({ text }) => text === choice)
  fireEvent.change(select)

  expect(asked('changeSettings')).toEqual([[change]])
})

test('quiet hours are from one time to another', async () => {
  const { asked } = await openOptions({
    fill: ({ set }) => set({ quietHours: { from: 22 * 60 + 30, to: 6 * 60 } }),
  })
  const from = await screen.findByLabelText<HTMLInputElement>('From')
  expect(from.value).toBe('22:30')

  fireEvent.change(from, { target: { value: '23:15' } })

  expect(asked('changeSettings')).toEqual([[{ quietHours: { from: 23 * 60 + 15, to: 6 * 60 } }]])
  expect(asMinutes('')).toBeNull()
  expect(asMinutes(asTime(7))).toBe(7)
})

test('[R-13] who can reach me is the relay’s to keep: not without a connection', async () => {
  const { db, asked } = await openOptions({ section: 'privacy' })
  await waitFor(() => expect(radio(group('Who can reach me'), 'Buddies only').disabled).toBe(false))

  fireEvent.click(radio(group('Who can reach me'), 'Buddies only'))
  expect(asked('setPolicy')).toEqual([[{ reach: 'buddies' }]])

  await db.status.put({ key: 'connection', state: 'waiting', heardAt: 1, skew: 0, live: false })
  await waitFor(() => expect(radio(group('Who can reach me'), 'Everyone, by knocking').disabled).toBe(true))
  expect(within(setting('Who can reach me')).getByText(/while you are connected/)).toBeTruthy()
  expect(screen.getByRole<HTMLInputElement>('switch', { name: 'Read receipts' }).disabled).toBe(true)
})

test('an invite link is made, shown with its code, replaced after a question, and turned off', async () => {
  const { db, set, asked } = await openOptions({ section: 'privacy' })
  const make = await screen.findByRole<HTMLButtonElement>('button', { name: 'Make an invite link' })
  await waitFor(() => expect(make.disabled).toBe(false))
  fireEvent.click(make)
  await waitFor(() => expect(asked('newInvite')).toHaveLength(1))

  await set({ invite: { token: `${'C'.repeat(21)}Q`, at: now } })
  await db.status.put({ key: 'policy', reach: 'everyone', invite: 'hash', reads: true })
  const shown = await screen.findByRole<HTMLInputElement>('textbox', { name: 'Your invite link' })
  expect(shown.value).toBe(`https://relay.example/u/alice#${'A'.repeat(22)}.${'C'.repeat(21)}Q`)
  expect(screen.getByRole('img', { name: /QR code/ }).tagName.toLowerCase()).toBe('svg')

  fireEvent.click(screen.getByRole('button', { name: 'New link' }))
  const dialog = await screen.findByRole('dialog')
  expect(asked('newInvite')).toHaveLength(1)
  fireEvent.click(within(dialog).getByRole('button', { name: 'New link' }))
  await waitFor(() => expect(asked('newInvite')).toHaveLength(2))

  await waitFor(() =>
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Turn off' }).disabled).toBe(false),
  )
  fireEvent.click(screen.getByRole('button', { name: 'Turn off' }))
  await waitFor(() => expect(asked('dropInvite')).toHaveLength(1))
})

test('[R-15] blocked people are a list, each with a way back', async () => {
  const { asked } = await openOptions({
    section: 'privacy',
    fill: ({ db }) => db.roster.bulkPut([buddy('ann', { blocked: true }), buddy('bob')]),
  })

  const list = await screen.findByRole('list', { name: 'Blocked people' })
  const [item, ...others] = within(list).getAllByRole('listitem')
  expect(others).toEqual([])
  expect(item!.textContent).toContain('ann')
  fireEvent.click(within(item!).getByRole('button', { name: 'Unblock' }))

  expect(asked('roster')).toEqual([['ann', 'unblock']])
})

test('what differs for a buddy goes back to general', async () => {
  const { asked } = await openOptions({
    fill: ({ set }) => set({ buddies: { ann: { arrival: 'badge', sound: false } } }),
  })

  const list = await screen.findByRole('list', { name: 'Different for some buddies' })
  expect(within(list).getByRole('listitem').textContent).toContain('Badge only, no sound')
  fireEvent.click(within(list).getByRole('button', { name: 'Back to general' }))

  expect(asked('changeSettings')).toHaveLength(1)
  await waitFor(() => expect(screen.queryByRole('list', { name: 'Different for some buddies' })).toBeNull())
})

test('[R-55] the display name is saved on leaving the field, as it may be', async () => {
  const { asked } = await openOptions({ section: 'profile' })
  const field = screen.getByRole<HTMLInputElement>('textbox', { name: 'Display name' })

  fireEvent.input(field, { target: { value: ' Ali\u202ece ' } })
  await waitFor(() => expect(field.value).toBe(' Ali\u202ece '))
  fireEvent.blur(field)

  await waitFor(() => expect(asked('changeSettings')).toEqual([[{ displayName: 'Alice' }]]))
  await waitFor(() => expect(field.value).toBe('Alice'))
  fireEvent.input(field, { target: { value: 'x'.repeat(60) } })
  expect((await screen.findByRole('alert')).textContent).toContain('10 characters too long')
})

test('the search finds settings of all sections by line, sentence and choice', async () => {
  await openOptions()
  const search = (text: string) =>
    fireEvent.input(screen.getByRole('searchbox', { name: 'Search settings' }), { target: { value: text } })
  const found = () => screen.queryAllByRole('region').map((region) => region.querySelector('h2')!.textContent)

  search('receipts')
  await waitFor(() => expect(found()).toEqual(['Read receipts']))
  search('BADGE ONLY')
  await waitFor(() => expect(found()).toEqual(['When a message arrives']))
  search('shoulder')
  await waitFor(() => expect(found()).toEqual(['What a notification shows']))
  search('sign out')
  expect(await screen.findByRole('heading', { name: 'Account' })).toBeTruthy()
  search('xyzzy')
  expect(await screen.findByText('No setting is called like that.')).toBeTruthy()
  search('')
  await waitFor(() => expect(screen.getByRole('heading', { level: 1 }).textContent).toBe('Messages'))
})

test('signing out asks first', async () => {
  const { asked } = await openOptions({ section: 'account' })

  fireEvent.click(screen.getByRole('button', { name: 'Sign out…' }))
  const dialog = await screen.findByRole('dialog')
  expect(asked('signOut')).toEqual([])
  fireEvent.click(within(dialog).getByRole('button', { name: 'Sign out' }))

  await waitFor(() => expect(asked('signOut')).toHaveLength(1))
})

test('what files take is shown by conversation, and removed only after a question', async () => {
  const file = (key: string, peer: string, sealedBytes: number) =>
    ({ key, parts: key, peer, direction: 'in', state: 'here', file: { sealedBytes }, done: 1 }) as FileRow
  const { asked } = await openOptions({
    section: '#storage',
    fill: ({ db }) =>
      db.files.bulkPut([file('bob 1', 'bob', 1024 * 1024), file('carol 1', 'carol', 3 * 1024 * 1024)]),
  })
  const here = setting('Files on this device')
  expect(await within(here).findByText('All files take 4 MB.')).toBeTruthy()
  const rows = within(here).getAllByRole('listitem')
  expect(rows.map(({ textContent }) => textContent)).toEqual([
    'carol3 MBFree up space',
    'bob1 MBFree up space',
  ])

  fireEvent.click(within(rows[1]!).getByRole('button'))
  fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Cancel' }))
  expect(asked('file')).toEqual([])
  fireEvent.click(within(rows[1]!).getByRole('button'))
  fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Free up space' }))

  await waitFor(() => expect(asked('file')).toEqual([['bob 1', 'free']]))
})

test('whether pictures come by themselves and how much is kept are chosen at once', async () => {
  const { asked } = await openOptions({ section: '#storage' })

  fireEvent.click(within(setting('Pictures come by themselves')).getByRole('switch'))
  const room = within(setting('Room for files')).getByRole<HTMLSelectElement>('combobox')
  expect([...room.options].map(({ textContent }) => textContent)).toEqual([
    '100 MB',
    '500 MB',
    '2 GB',
    '10 GB',
  ])
  room.selectedIndex = 2
  fireEvent.change(room)

  expect(asked('changeSettings')).toEqual([[{ picturesCome: false }], [{ filesKeptMb: 2000 }]])
})
