/**
 * The focus law: focus follows the person's action, never the network. Somebody types a long password into a
 * web page while messages pour in, and not one key reaches Parley.
 */
import type { Page } from '@playwright/test'
import { advice, find } from '../support/browsers.ts'
import { hasDisplay, startDisplay, type Display } from '../support/display.ts'
import { launchFirefox, type Context, type FirefoxPerson } from '../support/firefox.ts'
import { headless, type Headless } from '../support/headless.ts'
import { serveLoginPage } from '../support/login-page.ts'
import { newPerson, type Person } from '../support/people.ts'
import { readTable, rowsOf } from '../support/rows.ts'
import { signUpInFirefox } from '../support/firefox-people.ts'
import { until } from '../support/until.ts'
import { expect, freshName, test, testRelayEnv } from './fixtures.ts'
import { spawnRelay } from '../support/processes.ts'

/** Long, with the spaces that press buttons, and slow enough for many messages to come in meanwhile. */
const secret = 'correct horse battery staple and 7 more words that nobody guesses, each of them typed by hand'
const messagesEach = 20

type Row = { peer: string }
declare const chrome: typeof import('wxt/browser').browser

/** Everybody writes, one message after the other, for about as long as the typing takes. */
async function pour(buddies: readonly Headless[], to: string) {
  await Promise.all(
    buddies.map(async (buddy) => {
      for (let at = 1; at <= messagesEach; at++) {
        await buddy.send(to, `message ${at}`)
        await new Promise((over) => setTimeout(over, 150))
      }
    }),
  )
}

/** Buddies who need no browser. */
async function buddiesOf(name: string, relay: string, letIn: (buddy: string) => Promise<unknown>) {
  const buddies = await Promise.all(['bob', 'carol', 'dan'].map((one) => headless(relay, freshName(one))))
  for (const buddy of buddies) {
    await buddy.knock(name)
    await letIn(buddy.name)
    await buddy.until(async () => (await buddy.relationTo(name)) === 'buddies', 'buddies')
  }
  return buddies
}

/** Nobody has got a word from her, and nothing of hers was written, sent or answered. */
async function expectUntouched(
  buddies: readonly Headless[],
  me: string,
  rows: (table: string) => Promise<unknown[]>,
) {
  expect(await rows('drafts')).toEqual([])
  expect(await rows('outbox')).toEqual([])
  for (const buddy of buddies) {
    const theirs = (await buddy.history(me)).filter(({ direction }) => direction === 'in')
    expect(theirs.filter(({ kind }) => kind === 'message' || kind === 'control')).toEqual([])
  }
}

test.describe('in Chromium', () => {
  test.skip(!hasDisplay(), 'real keys need Xvfb and xdotool')

  test('[R-44] not one key of a password reaches Parley while messages pour in', async ({ relay }) => {
    test.setTimeout(120_000)
    const display = await startDisplay()
    const site = await serveLoginPage()
    const alice = await newPerson(freshName('alice'), relay.url, { headless: false, env: display.env })
    const buddies = await buddiesOf(alice.name, relay.url, (buddy) => accept(alice, buddy))
    const [bob, carol, dan] = buddies as [Headless, Headless, Headless]
    await settings(alice.popup, {
      arrival: 'window',
      buddies: { [carol.name]: { arrival: 'prompt' }, [dan.name]: { arrival: 'prompt' } },
    })

    const page = await alice.context.newPage()
    await page.goto(site.url)
    for (const other of alice.context.pages()) if (other !== page) await other.close()
    await clickField(page, display)
    await Promise.all([display.type(secret, 60), pour(buddies, alice.name)])

    expect(await page.locator('#password').inputValue()).toBe(secret)
    // Bob came in a window of his own, and Carol and Dan ask in one.
    await expect
      .poll(() => addresses(alice))
      .toEqual([`chat.html?with=${bob.name}&by=network`, 'prompt.html?by=network'])
    const chat = alice.context.pages().find((one) => one.url().includes('chat.html'))!
    expect((await rowsOf<Row>(chat, 'prompts')).map(({ peer }) => peer).toSorted()).toEqual([
      carol.name,
      dan.name,
    ])
    await expectUntouched(buddies, alice.name, (table) => rowsOf(chat, table))

    // A system that brings these windows forward all the same: what is typed then goes nowhere.
    for (const path of ['chat.html', 'prompt.html']) {
      await alice.worker.evaluate(async (shown) => {
        const contexts = await chrome.runtime.getContexts({ contextTypes: ['TAB'] })
        const { windowId } = contexts.find(({ documentUrl }) => documentUrl?.includes(shown))!
        await chrome.windows.update(windowId, { focused: true })
      }, path)
      await new Promise((over) => setTimeout(over, 500))
      await display.type('typed too late ', 20)
      display.xdotool('key', 'Return', 'space', 'Escape', 'Return')
    }
    // The keys did go elsewhere than into the field: so it would have been seen above.
    expect(await page.locator('#password').inputValue()).toBe(secret)
    expect(await rowsOf(chat, 'prompts')).toHaveLength(2)
    await expectUntouched(buddies, alice.name, (table) => rowsOf(chat, table))

    // Until the person acts: Tab, and the next Tab leads to the composer or a button.
    await expect(chat.getByRole('textbox', { name: 'Message' })).toHaveJSProperty('readOnly', true)
    await chat.getByRole('textbox', { name: 'Message' }).click()
    await chat.getByRole('textbox', { name: 'Message' }).fill('now it is me')
    await chat.keyboard.press('Enter')
    await bob.until(async () => (await bob.textsWith(alice.name)).includes('now it is me'), 'her answer')

    await alice.close()
    await Promise.all(buddies.map((buddy) => buddy.stop()))
    site.stop()
    await display.stop()
  })
})

const settings = (page: Page, change: object) =>
  page.evaluate((args) => chrome.runtime.sendMessage({ command: 'changeSettings', args }), [change])

async function accept({ popup }: Person, buddy: string) {
  const request = popup
    .getByRole('list', { name: 'Requests' })
    .getByRole('listitem')
    .filter({ hasText: buddy })
  await request.getByRole('button', { name: 'Accept' }).click()
}

/** What of ours is open, without the tabs of the person's own. */
const addresses = ({ context }: Person) =>
  context
    .pages()
    .map((page) => page.url())
    .filter((url) => url.startsWith('chrome-extension:'))
    .map((url) => url.replace(/^chrome-extension:\/\/[^/]*\//, ''))
    .toSorted()

/** By the mouse, as people do: the driver's own clicks do not give a window the keyboard. */
async function clickField(page: Page, display: Display) {
  await page.bringToFront()
  const at = await page.evaluate(() => {
    const { x, y, width, height } = document.getElementById('password')!.getBoundingClientRect()
    const side = (outerWidth - innerWidth) / 2
    return [screenX + side + x + width / 2, screenY + outerHeight - innerHeight - side + y + height / 2]
  })
  display.xdotool('mousemove', ...at.map((value) => String(Math.round(value))), 'click', '1')
  await expect(page.locator('#password')).toBeFocused()
}

test.describe('in Firefox', () => {
  test.skip(!find('firefox'), advice.firefox)

  test('[R-44] no window comes by itself, and where one was asked for, it takes no key', async () => {
    test.setTimeout(240_000)
    const relay = await spawnRelay({ env: testRelayEnv })
    const site = await serveLoginPage()
    const firefox = await launchFirefox()
    const popup = await firefox.open('popup.html')
    const me = freshName('alice')
    await signUpInFirefox(firefox, popup, me, relay.url)
    const rows = (table: string) =>
      firefox.evaluate<unknown[]>(popup, `(${readTable})(${JSON.stringify(table)})`)
    const ask = (command: string, ...args: unknown[]) =>
      firefox.evaluate(popup, `browser.runtime.sendMessage(${JSON.stringify({ command, args })})`)
    const buddies = await buddiesOf(me, relay.url, async (buddy) => {
      await until(async () => (await rows('roster')).some((row) => (row as Row).peer === buddy), buddy)
      await ask('accept', buddy)
    })

    const { context: page } = await firefox.send<{ context: Context }>('browsingContext.create', {
      type: 'window',
    })
    await firefox.send('browsingContext.navigate', { context: page, url: site.url, wait: 'complete' })
    const value = () => firefox.evaluate<string>(page, "document.getElementById('password').value")
    await firefox.click(page, '#password')

    // As it is by default: a notification and the badge.
    await Promise.all([typeWhereTheFocusIs(firefox, secret), pour(buddies, me)])
    expect(await value()).toBe(secret)
    expect((await firefox.contexts()).filter(({ url }) => /chat\.html|prompt\.html/.test(url))).toEqual([])
    await until(async () => (await rows('prompts')).length === 3, 'three prompts')
    await expectUntouched(buddies, me, rows)

    // Windows, by choice: they take the keyboard here, and discard what comes with it.
    await ask('changeSettings', { arrival: 'window' })
    await firefox.fill(page, '#password', '')
    await Promise.all([typeWhereTheFocusIs(firefox, secret), pour(buddies, me)])
    const opened = (await firefox.contexts()).filter(({ url }) => url.includes('chat.html'))
    expect(opened).toHaveLength(3)
    expect(secret.startsWith(await value())).toBe(true)
    expect(await value()).not.toBe(secret) // the windows did take the keyboard
    await expectUntouched(buddies, me, rows)

    await firefox.close()
    await Promise.all(buddies.map((buddy) => buddy.stop()))
    site.stop()
    await relay.stop()
  })
})

/** Each key goes to the page that has the focus then. */
async function typeWhereTheFocusIs(firefox: FirefoxPerson, text: string) {
  for (const letter of text) {
    const focused = await focusedContext(firefox)
    if (focused) await firefox.type(focused, letter)
    await new Promise((over) => setTimeout(over, 20))
  }
}

async function focusedContext(firefox: FirefoxPerson): Promise<Context | undefined> {
  for (const { context } of await firefox.contexts()) {
    // A page that is just being loaded cannot be asked: it has no keys to lose yet.
    if (await firefox.evaluate<boolean>(context, 'document.hasFocus()').catch(() => false)) return context
  }
  return undefined
}
