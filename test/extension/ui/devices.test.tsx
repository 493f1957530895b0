// @vitest-environment happy-dom
import { account, connected, now, pageEnds, type PageEnds } from '../../support/page-ends.ts'
import { useModel } from '@preact/signals'
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/preact'
import { afterEach, expect, test } from 'vitest'
import type { DeviceId } from '#shared/ids'
import type { ConnectionRow } from '../../../extension/db/db.ts'
import { DevicesStore } from '../../../extension/stores/devices-store.ts'
import { DeleteAccount } from '../../../extension/ui/DeleteAccount.tsx'
import { OptionsDevices } from '../../../extension/ui/OptionsDevices.tsx'
import { OptionsPassword } from '../../../extension/ui/OptionsPassword.tsx'
import { SignInAgain } from '../../../extension/ui/SignInAgain.tsx'

afterEach(cleanup)

const phone = 'BBBBBBBBBBB' as DeviceId
const devices = [
  { id: 'AAAAAAAAAAA', name: 'Firefox on Linux', created: now - 90_000_000 },
  { id: '@', created: now - 90_000_000 },
  { id: phone, name: 'Chrome on Windows', created: now - 100_000 },
]

interface Rest {
  isNew?: boolean
  line?: ConnectionRow
}
async function open(
  what: typeof OptionsDevices | typeof OptionsPassword | typeof SignInAgain | typeof DeleteAccount,
  rest: Rest = {},
) {
  const { isNew = false, line = connected } = rest
  const ends = await pageEnds()
  await ends.db.account.put({ ...account, list: { devices } } as never)
  await ends.db.status.bulkPut([
    line,
    { key: 'devices', known: ['AAAAAAAAAAA' as DeviceId, phone], isNew: isNew ? [phone] : [] },
  ])
  ends.answer('devices', () => [
    { id: 'AAAAAAAAAAA', seen: now, connected: true },
    { id: phone, seen: now - 60_000, connected: false },
  ])
  function Page() {
    const store = useModel(
      () =>
        new DevicesStore(
          ends.db,
          ends.commands,
          async ({ secret, slot }) => `root of ${slot} ${secret}`,
          ends.clock,
        ),
    )
    if (what === OptionsDevices) return <OptionsDevices devices={store} />
    if (what === DeleteAccount) return <DeleteAccount store={store} />
    return what === SignInAgain ? <SignInAgain store={store} /> : <OptionsPassword store={store} />
  }
  render(<Page />)
  await screen.findAllByRole('button')
  return ends
}

const type = (label: string, value: string) =>
  fireEvent.input(screen.getByLabelText(label), { target: { value } })
const press = (name: string) => fireEvent.click(screen.getByRole('button', { name }))
const saved = async ({ db }: PageEnds) => (await db.settings.get('current'))?.value

test('each device stands there with when it came and was last here; the mailbox is none', async () => {
  await open(OptionsDevices)

  const [first, second, ...rest] = screen.getAllByRole('listitem')
  expect(rest).toEqual([])
  expect(first!.textContent).toContain('Firefox on LinuxThis one')
  await waitFor(() => expect(first!.textContent).toContain('connected now'))
  expect(first!.textContent).toContain('Added: Yesterday')
  expect(second!.textContent).toContain('Chrome on Windows')
  expect(second!.textContent).toMatch(/Added: Today.*last seen/)
  expect(within(first!).queryByRole('button', { name: /^Remove/ })).toBe(null)
})

test('a new sign-in stands on top until the person says that it was them', async () => {
  const { asked } = await open(OptionsDevices, { isNew: true })

  expect((await screen.findByRole('alert')).textContent).toContain('New sign-in: Chrome on Windows')
  press('It was me')

  expect(asked('devicesSeen')).toEqual([[]])
})

test('a device is named for all of mine, and without a name has its own again', async () => {
  const ends = await open(OptionsDevices)
  press('Rename Chrome on Windows')
  type('Name of this device', 'Work computer')
  press('Save')
  expect(await screen.findByText('Work computer')).toBeTruthy()
  expect(await saved(ends)).toMatchObject({ deviceNames: { [phone]: 'Work computer' } })

  press('Rename Work computer')
  type('Name of this device', ' ')
  press('Save')

  expect(await screen.findByText('Chrome on Windows')).toBeTruthy()
})

test('removing asks for the password, says that it is wrong, and lets one try again', async () => {
  const { asked, refuse, answer } = await open(OptionsDevices)
  refuse('removeDevice', 'not-authorized')
  press('Remove Chrome on Windows…')
  press('Remove')
  expect(asked('removeDevice')).toEqual([])

  type('Password', 'wrong')
  press('Remove')
  expect((await screen.findByRole('alert')).textContent).toContain('password')
  answer('removeDevice', () => undefined)
  type('Password', 'right')
  press('Remove')

  await waitFor(() => expect(screen.queryByRole('dialog')).toBe(null))
  expect(asked('removeDevice').at(-1)).toEqual([phone, { slot: 'pw', root: 'root of pw right' }])
})

test('the recovery code stands in for a forgotten password; a new one has the floor of sign-up', async () => {
  const { asked } = await open(OptionsPassword)
  press('Change password…')
  press('Use your recovery code instead')
  type('Recovery code', ' abcd-efgh ')
  type('New password', 'short')
  press('Change password')
  expect(screen.getByLabelText('New password').getAttribute('aria-invalid')).toBe('true')

  type('New password', 'a battery of another kind')
  press('Change password')

  expect(await screen.findByText('Your password is changed.')).toBeTruthy()
  expect(asked('changePassword')).toEqual([
    [{ slot: 'code', root: 'root of code abcd-efgh' }, 'root of pw a battery of another kind'],
  ])
})

test('a new recovery code is shown once', async () => {
  const { answer } = await open(OptionsPassword)
  answer('newRecoveryCode', () => ({ recoveryCode: 'NEWC-ODE1' }))
  press('New recovery code…')
  type('Password', 'right')
  press('Make a new code')

  expect(await screen.findByText('NEWC-ODE1')).toBeTruthy()
  press('I have saved it')
  expect(screen.queryByText('NEWC-ODE1')).toBe(null)
})

test('a copied profile says what happened, and signs in again as a new device', async () => {
  const { asked } = await open(SignInAgain, {
    line: { ...connected, state: 'refused', reason: 'credentials-expired' },
  })

  expect(screen.getByRole('alert').textContent).toContain('a copy of another one')
  press('Sign in again')
  type('Password', 'right')
  press('Sign in')

  await waitFor(() => expect(asked('signInAgain')).toEqual([[{ slot: 'pw', root: 'root of pw right' }]]))
})

test('deleting the account asks twice, the second time for the password', async () => {
  const { asked } = await open(DeleteAccount)
  press('Delete account…')
  expect(screen.getByRole('dialog').textContent).toContain('Your buddies lose you')
  press('Go on')
  expect(screen.getByRole('dialog').textContent).toContain('cannot be undone')
  press('Delete for good')
  expect(asked('deleteAccount')).toEqual([])

  type('Password', 'right')
  press('Delete for good')

  await waitFor(() => expect(asked('deleteAccount')).toEqual([[{ slot: 'pw', root: 'root of pw right' }]]))
})
