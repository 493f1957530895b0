/** Making an account, coming back to it, and every sentence that can stand in the way. */
import type { Page } from '@playwright/test'
import { launchChromium } from '../support/chromium.ts'
import { freePort } from '../support/ports.ts'
import {
  fillAccount,
  message,
  newPerson,
  nextWindow,
  openChat,
  password,
  say,
  signIn,
  signUp,
} from '../support/people.ts'
import { expect, freshName, test } from './fixtures.ts'

const refusal = (page: Page) => page.getByRole('alert')

test('what stands in the way of an account is said in plain words', async ({ relay, pair }) => {
  const { page, close } = await launchChromium()
  const popup = await page('popup.html')
  const submit = popup.getByRole('button', { name: 'Create account', exact: true })

  await fillAccount(popup, 'Create account', 'a b', relay.url)
  await submit.click()
  await expect(popup.getByText(/letters|digits|characters/i).first()).toBeVisible()

  await fillAccount(popup, 'Create account', freshName('dora'), `http://127.0.0.1:${await freePort()}`)
  await submit.click()
  await expect(refusal(popup)).toContainText(/could not be reached|cannot be reached|not reach/i)

  await fillAccount(popup, 'Create account', freshName('dora'), 'http://relay.example')
  await submit.click()
  await expect(refusal(popup)).toContainText(/https/i)

  await fillAccount(popup, 'Create account', pair.alice.name, relay.url)
  await submit.click()
  await expect(popup.getByText(/taken/i).first()).toBeVisible({ timeout: 45_000 })
  await close()
})

test('a wrong password is refused, the right one opens the account, signing out forgets it', async ({
  relay,
}) => {
  const name = freshName('eve')
  const { page, close, context } = await launchChromium()
  const popup = await page('popup.html')
  await signUp(popup, name, relay.url)

  const second = await launchChromium()
  const other = await second.page('popup.html')
  await fillAccount(other, 'Sign in', name, relay.url)
  await other.getByRole('textbox', { name: 'Password' }).fill(`${password}r`)
  await other.getByRole('button', { name: 'Sign in', exact: true }).click()
  await expect(refusal(other)).toContainText(/password/i, { timeout: 45_000 })
  await signIn(other, name, relay.url)
  await second.close()

  const options = await page('options.html#account')
  await options.getByRole('button', { name: 'Sign out' }).click()
  const dialog = options.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Sign out' }).click()
  await expect(options.getByRole('button', { name: 'Sign in' }).first()).toBeVisible()
  await signIn(popup, name, relay.url)
  await context.close()
  await close().catch(() => {})
})

test('[R-9] [R-10] a knock shows who asks; rejected it is gone, accepted both are buddies, removed both are not', async ({
  relay,
  pair: { alice },
}) => {
  const zoe = await newPerson(freshName('zoe'), relay.url)
  const ask = async () => {
    await zoe.popup.getByRole('textbox', { name: 'Find or add a buddy' }).fill(alice.name)
    await zoe.popup.getByRole('button', { name: 'Add buddy' }).click()
  }
  const requests = alice.popup.getByRole('list', { name: 'Requests' })
  await ask()
  await expect(requests.getByRole('listitem').filter({ hasText: zoe.name })).toBeVisible()
  await expect(zoe.popup.getByText('Knock sent')).toBeVisible()
  await requests.getByRole('button', { name: 'Accept' }).click()

  const opened = nextWindow(alice, 'chat.html')
  const chat = await openChat(zoe, alice.name)
  await say(chat, 'hi')
  await expect(message(chat, 'hi')).toContainText(/Delivered/)
  const hers = await opened
  await chat.getByRole('button', { name: 'More' }).click()
  await chat.getByRole('menuitem', { name: 'Remove buddy' }).click()
  await chat.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  // Removed on both sides: whoever wants to write has to knock again.
  for (const page of [chat, hers]) {
    await expect(page.getByRole('button', { name: /knock/i })).toBeVisible()
    await expect(page.getByRole('textbox', { name: 'Message' })).toHaveCount(0)
  }
  await zoe.close()
})

test('installing opens the welcome in a tab of its own, and takes no tab that is there', async () => {
  const { context, id, close } = await launchChromium()
  const welcome = `chrome-extension://${id}/options.html`
  await expect.poll(() => context.pages().map((page) => page.url())).toContain(welcome)
  expect(context.pages()[0]!.url()).toBe('about:blank')
  const page = context.pages().find((one) => one.url() === welcome)!
  await expect(page.getByRole('button', { name: 'Create account' }).first()).toBeVisible()
  await close()
})
