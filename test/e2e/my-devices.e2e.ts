/** My devices and my account, by what is on the screen: throwing a browser out, and another password. */
import type { Page } from '@playwright/test'
import { fillAccount, newPerson, password, signIn } from '../support/people.ts'
import { launchChromium } from '../support/chromium.ts'
import { expect, freshName, test } from './fixtures.ts'

/** Hashing a password takes seconds on a busy machine. */
const hashed = { timeout: 60_000 }

const prove = async (page: Page, button: string, secret = password) => {
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(/^(Current password|Password)$/).fill(secret)
  await dialog.getByRole('button', { name: button, exact: true }).click()
}

test('a sign-in is shown to the other browser, which throws it out and changes the password', async ({
  relay,
}) => {
  test.setTimeout(240_000)
  const alice = await newPerson(freshName('alice'), relay.url)
  const second = await launchChromium()
  const hers = await second.page('popup.html')
  await signIn(hers, alice.name, relay.url) // by the form, which finds the name of the device
  const devices = await alice.page('options.html#devices')
  await expect(devices.getByRole('alert')).toContainText('New sign-in: Chrome on Linux')
  await expect(devices.getByText('connected now')).toHaveCount(2)

  await devices.getByRole('button', { name: 'Remove Chrome on Linux…' }).click()
  await prove(devices, 'Remove', 'not the password at all')
  await expect(devices.getByRole('dialog').getByRole('alert')).toContainText('password is wrong', hashed)
  await prove(devices, 'Remove')
  await expect(devices.getByRole('dialog')).toHaveCount(0, hashed)
  await expect(devices.getByRole('listitem').filter({ hasText: 'Added' })).toHaveCount(1)
  await expect(hers.getByText('This device was removed from your account.')).toBeVisible()

  const account = await alice.page('options.html#account')
  await account.getByRole('button', { name: 'Change password…' }).click()
  const fresh = 'a battery of another kind'
  // Text goes to where the focus is, and the dialog gives it to its first field when it opens.
  await expect(account.getByLabel('Current password')).toBeFocused()
  await account.getByLabel('New password').fill(fresh)
  await prove(account, 'Change password')
  await expect(account.getByText('Your password is changed.')).toBeVisible(hashed)

  const third = await launchChromium()
  const popup = await third.page('popup.html')
  await fillAccount(popup, 'Sign in', alice.name, relay.url)
  await popup.getByRole('button', { name: 'Sign in', exact: true }).click()
  await expect(popup.getByRole('alert')).toContainText(/password/i, hashed)
  await popup.getByRole('textbox', { name: 'Password' }).fill(fresh)
  await popup.getByRole('button', { name: 'Sign in', exact: true }).click()
  await expect(popup.getByRole('button', { name: 'My status' })).toBeVisible(hashed)
  await Promise.all([alice.close(), second.close(), third.close()])
})
