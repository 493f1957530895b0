import { expect, type Page } from '@playwright/test'
import { launchChromium, type ChromiumPerson } from './chromium.ts'
import { passwordRoot } from './headless.ts'

declare const chrome: typeof import('wxt/browser').browser

/** One who uses Parley in Chromium: once they are in, by what is on the screen and in no other way. */
export type Person = ChromiumPerson & {
  name: string
  /** The buddy list, open in a tab. */
  popup: Page
}

export const password = 'correct horse battery staple'

type Start = Parameters<typeof launchChromium>[0]

/** Starts a browser and makes an account in it. */
export async function newPerson(name: string, relay: string, start: Start = {}): Promise<Person> {
  const browser = await launchChromium(start)
  const popup = await browser.page('popup.html')
  await enter(popup, 'signUp', name, relay)
  return { ...browser, name, popup }
}

/**
 * Asks the background for what the form asks it for, with the password hashed here: in a page that takes seconds of
 * a whole core, for each of dozens of people. The form has tests of its own (accounts, devices), by `signUp` and `signIn`.
 */
async function enter(page: Page, command: 'signUp' | 'signIn', name: string, relay: string) {
  const { relayId } = (await ask(page, 'relayInfo', relay)) as { relayId: string }
  const root = passwordRoot(password, relayId, name)
  const input = { relay, relayId, user: name, root, deviceName: 'Chrome on Linux' }
  await ask(page, command, command === 'signIn' ? { ...input, slot: 'pw' } : input)
  await expect(page.getByRole('button', { name: 'My status' })).toBeVisible()
}

/** A command, as a page of the extension sends it. @throws what the background answers instead */
async function ask(page: Page, command: string, argument: unknown): Promise<unknown> {
  type Response = { ok: boolean; value?: unknown } | undefined
  const send = (request: unknown) => chrome.runtime.sendMessage(request) as Promise<Response>
  const response = await page.evaluate(send, { command, args: [argument] })
  if (!response?.ok) throw new Error(`${command}: ${JSON.stringify(response)}`)
  return response.value
}

/** Fills in the form that `submit` belongs to. */
export async function fillAccount(
  page: Page,
  submit: 'Create account' | 'Sign in',
  name: string,
  relay: string,
) {
  const userName = page.getByRole('textbox', { name: 'User name' })
  const button = page.getByRole('button', { name: submit, exact: true })
  if (!(await userName.isVisible()) || !(await button.isVisible())) await button.first().click()
  await userName.fill(name)
  await page.getByRole('textbox', { name: 'Password' }).fill(password)
  const address = page.getByRole('textbox', { name: 'Relay address' })
  if (!(await address.isVisible())) await page.getByText('Relay', { exact: true }).click()
  await address.fill(relay)
}

/** By the form. Takes some seconds: the password is hashed in the page. */
export async function signUp(page: Page, name: string, relay: string) {
  await fillAccount(page, 'Create account', name, relay)
  await page.getByRole('button', { name: 'Create account', exact: true }).click()
  await expect(page.getByRole('heading', { name: 'Your recovery code' })).toBeVisible({ timeout: 45_000 })
  await page.getByRole('button', { name: 'I have saved it' }).click()
  await expect(page.getByRole('button', { name: 'My status' })).toBeVisible()
}

/** By the form, as `signUp`. */
export async function signIn(page: Page, name: string, relay: string) {
  await fillAccount(page, 'Sign in', name, relay)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await expect(page.getByRole('button', { name: 'My status' })).toBeVisible({ timeout: 45_000 })
}

/** The same person in one more browser: another device of theirs. */
export async function anotherDevice({ name }: Person, relay: string): Promise<Person> {
  const browser = await launchChromium()
  const popup = await browser.page('popup.html')
  await enter(popup, 'signIn', name, relay)
  return { ...browser, name, popup }
}

/** Who asks whom, and the other one accepts. */
export async function becomeBuddies(asking: Person, asked: Person) {
  await asking.popup.getByRole('textbox', { name: 'Find or add a buddy' }).fill(asked.name)
  await asking.popup.getByRole('button', { name: 'Add buddy' }).click()
  const request = asked.popup.getByRole('list', { name: 'Requests' }).getByRole('listitem')
  await request.filter({ hasText: asking.name }).getByRole('button', { name: 'Accept' }).click()
  await expect(buddy(asking, asked.name)).toBeVisible()
  await expect(buddy(asked, asking.name)).toBeVisible()
}

/** The buddy's button in the list: "<name>, <presence>[, N unread]". */
export const buddy = ({ popup }: Person, name: string, rest = '') =>
  popup.getByRole('button', { name: new RegExp(`^${name}, .*${rest}`) })

/** The window that opens next, which may have no address yet when it is seen. */
export async function nextWindow({ context }: Person, path: string): Promise<Page> {
  const page = await context.waitForEvent(
    'page',
    (one) => one.url().includes(path) || one.url() === 'about:blank',
  )
  await page.waitForURL((url) => url.href.includes(path))
  return page
}

/** Clicks the buddy and waits for the window that opens. */
export async function openChat(person: Person, name: string): Promise<Page> {
  const [chat] = await Promise.all([nextWindow(person, 'chat.html'), buddy(person, name).click()])
  await expect(chat.getByRole('log', { name: `Conversation with ${name}` })).toBeVisible()
  return chat
}

/** The conversation in a tab of its own, for tests that need no window. */
export async function chatTab(person: Person, name: string): Promise<Page> {
  // A window that a message has opened holds the conversation, and this one would go by itself.
  for (let tries = 0; ; tries++) {
    const open = person.context.pages().filter((page) => page.url().includes(`chat.html?with=${name}&`))
    await Promise.all(open.map((page) => page.close()))
    const chat = await person.page(`chat.html?with=${name}`)
    try {
      await expect(chat.getByRole('log', { name: `Conversation with ${name}` })).toBeVisible()
      return chat
    } catch (error) {
      if (!chat.isClosed() || tries === 2) throw error
    }
  }
}

export async function say(chat: Page, text: string) {
  const box = chat.getByRole('textbox', { name: 'Message' })
  await box.fill(text)
  await box.press('Enter')
}

/** The message with exactly this text, whatever its state. */
export const message = (chat: Page, text: string) =>
  chat.getByRole('article').filter({ has: chat.getByText(text, { exact: true }) })

/** All texts of the conversation, top to bottom. */
export const texts = (chat: Page) => chat.getByRole('article').locator('p').allInnerTexts()
