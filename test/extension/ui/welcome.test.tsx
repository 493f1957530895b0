// @vitest-environment happy-dom
import { pageEnds } from '../../support/page-ends.ts'
import { useModel } from '@preact/signals'
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/preact'
import { afterEach, expect, test, vi } from 'vitest'
import { WelcomeStore, type DeriveRoot } from '../../../extension/stores/welcome-store.ts'
import { Welcome, WelcomeInPopup } from '../../../extension/ui/Welcome.tsx'

afterEach(cleanup)

const derive: DeriveRoot = async ({ onProgress }) => {
  onProgress(0.5)
  return 'root'
}

async function openWelcome() {
  const ends = await pageEnds({ signedIn: false })
  ends.answer('relayInfo', () => ({ relayId: 'R' }))
  ends.answer('signUp', () => ({ recoveryCode: 'AAAA-BBBB' }))
  function Page() {
    const store = useModel(
      () => new WelcomeStore(ends.db, ends.commands, derive, 'Firefox on Linux', 'http://127.0.0.1:1999'),
    )
    return <Welcome store={store} />
  }
  render(<Page />)
  return ends
}
const submit = (name: string) => fireEvent.submit(screen.getByRole('button', { name }).closest('form')!)
const fill = (name: string, value: string) =>
  fireEvent.input(screen.getByLabelText(name), { target: { value } })

async function openForm(name: 'Create account' | 'Sign in') {
  const ends = await openWelcome()
  fireEvent.click(screen.getByRole('button', { name }))
  await screen.findByRole('textbox', { name: 'User name' })
  return ends
}

test('a new account: the password is hashed here, and the code is shown once', async () => {
  const { asked } = await openForm('Create account')
  fill('User name', ' Alice ')
  fill('Password', 'correct horse battery staple')
  submit('Create account')

  expect(await screen.findByRole('heading', { name: 'Your recovery code' })).toBeTruthy()
  expect(document.body.textContent).toContain('AAAA')
  expect(asked('signUp')).toEqual([
    [
      {
        relay: 'http://127.0.0.1:1999',
        relayId: 'R',
        user: 'alice',
        root: 'root',
        deviceName: 'Firefox on Linux',
      },
    ],
  ])
  expect(JSON.stringify(asked('signUp'))).not.toContain('horse')

  fireEvent.click(screen.getByRole('button', { name: 'I have saved it' }))
  await waitFor(() => expect(document.body.textContent).not.toContain('AAAA'))
})

test('what is wrong is told where it was typed, and has the focus', async () => {
  const { calls } = await openForm('Create account')
  fill('User name', 'a b')
  fill('Password', 'short')
  submit('Create account')

  const name = screen.getByRole('textbox', { name: 'User name' })
  await waitFor(() => expect(name.getAttribute('aria-invalid')).toBe('true'))
  expect(calls).toEqual([])
})

test('a taken name is told at the name; a wrong password names neither', async () => {
  const { refuse } = await openForm('Create account')
  refuse('signUp', 'conflict')
  fill('User name', 'alice')
  fill('Password', 'correct horse battery staple')
  submit('Create account')
  expect((await screen.findByText(/This user name is taken/)).closest('.field')!.textContent).toContain(
    'User name',
  )

  cleanup()
  const again = await openForm('Sign in')
  again.refuse('signIn', 'not-authorized')
  fill('User name', 'alice')
  fill('Password', 'not this one')
  submit('Sign in')
  expect((await screen.findByRole('alert')).textContent).toContain('User name or password is wrong')
})

test('a relay that cannot be reached is told at its address, which opens', async () => {
  const { refuse } = await openForm('Create account')
  refuse('relayInfo', 'unreachable')
  fill('User name', 'alice')
  fill('Password', 'correct horse battery staple')
  submit('Create account')

  const address = await screen.findByRole('textbox', { name: 'Relay address' })
  await waitFor(() => expect(address.getAttribute('aria-invalid')).toBe('true'))
  expect(screen.getByText(/The relay cannot be reached/)).toBeTruthy()
})

test('a relay that is by invitation asks for the code before anything is hashed; what is wrong with it is told there', async () => {
  const { answer, refuse, asked } = await openForm('Create account')
  answer('relayInfo', () => ({ relayId: 'R', invite: 'required' }))
  fill('User name', 'alice')
  fill('Password', 'correct horse battery staple')
  expect(screen.queryByRole('textbox', { name: 'Invitation code' })).toBeNull()
  submit('Create account')

  const code = await screen.findByRole('textbox', { name: 'Invitation code' })
  expect(code.getAttribute('aria-invalid')).toBe('true')
  await waitFor(() => expect(document.activeElement).toBe(code))
  expect(screen.getByText(/This relay makes new accounts by invitation only/)).toBeTruthy()
  expect(asked('signUp')).toEqual([])

  for (const [refusal, words] of [
    ['item-not-found', /This invitation code is wrong/],
    ['gone', /This invitation code was used already/],
  ] as const) {
    refuse('signUp', refusal)
    fill('Invitation code', ' abcd-efgh ')
    submit('Create account')
    expect((await screen.findByText(words)).closest('.field')!.textContent).toContain('Invitation code')
  }
  expect(asked('signUp')[0]).toMatchObject([{ user: 'alice', invite: 'abcd-efgh' }])

  // Who has an account needs no code.
  fireEvent.click(screen.getByRole('button', { name: 'Sign in' }))
  expect(screen.queryByRole('textbox', { name: 'Invitation code' })).toBeNull()
})

test('an account that the relay keeps out is told so, and whom to ask', async () => {
  const { refuse } = await openForm('Sign in')
  refuse('signIn', 'forbidden')
  fill('User name', 'alice')
  fill('Password', 'correct horse battery staple')
  submit('Sign in')

  expect((await screen.findByRole('alert')).textContent).toContain('has blocked your account')
})

test('what was typed survives the closing of the page, the password does not', async () => {
  const { db } = await openForm('Create account')
  fill('User name', 'alice')
  fill('Password', 'correct horse battery staple')

  await waitFor(async () => expect((await db.views.get('welcome'))?.value).toMatchObject({ user: 'alice' }))
  expect(JSON.stringify(await db.views.toArray())).not.toContain('horse')
})

test('signing in may take the recovery code instead', async () => {
  const { asked } = await openForm('Sign in')
  fireEvent.click(screen.getByRole('button', { name: 'Use your recovery code instead' }))
  await screen.findByRole('textbox', { name: 'Recovery code' })
  fill('User name', 'alice')
  fill('Recovery code', 'AAAA-BBBB')
  submit('Sign in')

  await waitFor(() => expect(asked('signIn')[0]).toMatchObject([{ user: 'alice', slot: 'code' }]))
})

test('the toolbar’s popup, which closes with a click elsewhere, only shows the way into a tab', () => {
  const onOpen = vi.fn<(mode: 'create' | 'sign-in') => void>()
  render(<WelcomeInPopup onOpen={onOpen} />)

  expect(screen.queryByRole('textbox')).toBeNull()
  fireEvent.click(screen.getByRole('button', { name: 'Sign in' }))
  expect(onOpen).toHaveBeenCalledWith('sign-in')
})
