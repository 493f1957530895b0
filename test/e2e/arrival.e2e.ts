/** How a message arrives: in a window, by a prompt, or as a number. Bob and Carol need no browser. */
import type { Page } from '@playwright/test'
import type { EnvelopeId, UserId } from '#shared/ids'
import { stopWorkers } from '../support/chromium.ts'
import { headless, type Headless } from '../support/headless.ts'
import { buddy, newPerson, nextWindow, say, type Person } from '../support/people.ts'
import { rowsOf } from '../support/rows.ts'
import { until } from '../support/until.ts'
import { test as base, expect, freshName } from './fixtures.ts'

declare const chrome: typeof import('wxt/browser').browser

const test = base.extend<{ bob: Headless }, { alice: Person }>({
  alice: [
    async ({ relay }, use) => {
      const alice = await newPerson(freshName('alice'), relay.url)
      await use(alice)
      await alice.close()
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  /** A new buddy for each test: no session, no window, no answer of an earlier one. */
  bob: async ({ relay, alice }, use) => {
    const bob = await headless(relay.url, freshName('bob'))
    await bob.knock(alice.name)
    const request = alice.popup.getByRole('list', { name: 'Requests' }).getByRole('listitem')
    await request.filter({ hasText: bob.name }).getByRole('button', { name: 'Accept' }).click()
    await bob.until(async () => (await bob.relationTo(alice.name)) === 'buddies', 'buddies')
    await use(bob)
    await bob.stop()
    for (const page of alice.context.pages()) if (/(chat|prompt)\.html/.test(page.url())) await page.close()
  },
})

const ask = ({ popup }: Person, command: string, ...args: unknown[]) =>
  popup.evaluate((request) => chrome.runtime.sendMessage(request), { command, args })
const arrivesBy = (alice: Person, bob: Headless, arrival: 'window' | 'prompt' | 'badge') =>
  ask(alice, 'changeSettings', { buddies: { [bob.name]: { arrival } } })

const pagesOf = ({ context }: Person, path: string) =>
  context.pages().filter((page) => page.url().includes(path))
/** The window that opens for what comes in. */
async function opened(person: Person, path: string, bring: () => Promise<unknown>): Promise<Page> {
  const [page] = await Promise.all([nextWindow(person, path), bring()])
  return page
}
const badge = ({ worker }: Person) => worker.evaluate(() => chrome.action.getBadgeText({}))
/** What the badge should say: everything that is unread. */
async function unreadOf({ popup }: Person): Promise<string> {
  const rows = await rowsOf<{ unread: number }>(popup, 'conversations')
  return String(rows.reduce((sum, { unread }) => sum + unread, 0) || '')
}
const focusedWindows = ({ worker }: Person) =>
  worker.evaluate(async () =>
    (await chrome.windows.getAll()).filter(({ focused }) => focused).map(({ type }) => type),
  )

test('[R-41] window mode opens the conversation at its place, unfocused, however far that is off the screen', async ({
  alice,
  bob,
}) => {
  await arrivesBy(alice, bob, 'window')
  await alice.popup.evaluate(async (key) => {
    const db = await new Promise<IDBDatabase>((done) => {
      const open = indexedDB.open('parley')
      open.addEventListener('success', () => done(open.result))
    })
    const place = { left: 90_000, top: -90_000, width: 400, height: 500 }
    const value = {
      ...place,
      screen: { left: 0, top: 0, width: screen.availWidth, height: screen.availHeight },
    }
    db.transaction('views', 'readwrite').objectStore('views').put({ key, value })
    db.close()
  }, `window:${bob.name}`)

  const chat = await opened(alice, 'chat.html', () => bob.send(alice.name, 'hello'))
  await expect(chat.getByRole('article')).toHaveCount(1)

  expect(chat.url()).toContain('by=network')
  expect(await focusedWindows(alice)).not.toContain('popup')
  const { left, top, isOnScreen } = await chat.evaluate(() => ({
    left: screenX,
    top: screenY,
    isOnScreen: screenX + outerWidth <= screen.availWidth && screenY + outerHeight <= screen.availHeight,
  }))
  expect([left >= 0, top >= 0, isOnScreen]).toEqual([true, true, true])
})

test('[R-33] prompt mode asks first; "not now" holds, and the badge goes on telling', async ({
  alice,
  bob,
}) => {
  await arrivesBy(alice, bob, 'prompt')

  const prompt = await opened(alice, 'prompt.html', () => bob.send(alice.name, 'do you have a minute?'))
  const dialog = prompt.getByRole('dialog', { name: `Message from ${bob.name}` })
  await expect(dialog.getByText('do you have a minute?')).toBeVisible()
  for (const name of ['Accept', 'Reply', 'Not now', 'Reject'])
    await expect(dialog.getByRole('button', { name, exact: true })).toBeVisible()
  expect(await focusedWindows(alice)).not.toContain('popup')

  await dialog.getByRole('button', { name: 'Not now' }).click()
  await expect.poll(() => pagesOf(alice, 'prompt.html').length).toBe(0)
  await bob.send(alice.name, 'and now?')
  await expect(buddy(alice, bob.name, '2 unread')).toBeVisible()
  await expect.poll(() => badge(alice)).toBe(await unreadOf(alice))
  await new Promise((over) => setTimeout(over, 4000)) // longer than any alert waits for the next one
  expect(pagesOf(alice, 'prompt.html')).toHaveLength(0)
  expect(pagesOf(alice, 'chat.html')).toHaveLength(0)
})

test('closing the prompt is "not now", and not a word is said', async ({ alice, bob }) => {
  await arrivesBy(alice, bob, 'prompt')
  const prompt = await opened(alice, 'prompt.html', () => bob.send(alice.name, 'hello?'))
  await expect(prompt.getByRole('dialog')).toBeVisible()

  await prompt.close()

  const asks = async () => (await rowsOf<{ peer: string }>(alice.popup, 'prompts')).map(({ peer }) => peer)
  await expect.poll(asks).not.toContain(bob.name)
  await bob.send(alice.name, 'are you there?')
  await expect(buddy(alice, bob.name, '2 unread')).toBeVisible()
  expect(await asks()).not.toContain(bob.name)
  expect(
    (await bob.history(alice.name)).filter(({ direction, kind }) => direction === 'in' && kind === 'control'),
  ).toEqual([])
})

test('a rejection is told, with its reason, and the next message comes quietly', async ({ alice, bob }) => {
  await arrivesBy(alice, bob, 'prompt')

  const prompt = await opened(alice, 'prompt.html', () => bob.send(alice.name, 'hello?'))
  await prompt.getByRole('button', { name: 'Give a reason' }).click()
  await prompt.getByRole('button', { name: 'In a meeting' }).click()

  await bob.until(
    async () => (await bob.db.conversations.get(alice.name as UserId))?.session?.end?.how === 'rejected',
    'told',
  )
  expect((await bob.db.conversations.get(alice.name as UserId))!.session!.end!.note).toBe('In a meeting')
  await bob.send(alice.name, 'later then')
  await new Promise((over) => setTimeout(over, 4000))
  expect(pagesOf(alice, 'prompt.html')).toHaveLength(0)
})

test('Accept opens the conversation, and is asked once a session', async ({ alice, bob }) => {
  await arrivesBy(alice, bob, 'prompt')

  const prompt = await opened(alice, 'prompt.html', () => bob.send(alice.name, 'hello?'))
  const accept = prompt.getByRole('button', { name: 'Accept', exact: true })
  const chat = await opened(alice, 'chat.html', () => accept.click())

  await expect(chat.getByText('hello?')).toBeVisible()
  expect(chat.url()).not.toContain('by=network')
  await bob.send(alice.name, 'good')
  await expect(chat.getByText('good')).toBeVisible()
  expect(pagesOf(alice, 'prompt.html')).toHaveLength(0)
})

test('several who write are asked about in one window, and an answer goes out of it', async ({
  alice,
  bob,
  relay,
}) => {
  const carol = await headless(relay.url, freshName('carol'))
  await carol.knock(alice.name)
  const request = alice.popup.getByRole('list', { name: 'Requests' }).getByRole('listitem')
  await request.filter({ hasText: carol.name }).getByRole('button', { name: 'Accept' }).click()
  await carol.until(async () => (await carol.relationTo(alice.name)) === 'buddies', 'buddies')
  await arrivesBy(alice, bob, 'prompt')
  await arrivesBy(alice, carol, 'prompt')

  const prompt = await opened(alice, 'prompt.html', () =>
    Promise.all([bob.send(alice.name, 'from Bob'), carol.send(alice.name, 'from Carol')]),
  )
  await expect(prompt.getByText('and 1 more')).toBeVisible()
  expect(pagesOf(alice, 'prompt.html')).toHaveLength(1)
  const toBob = prompt.getByRole('dialog', { name: `Message from ${bob.name}` })
  if (!(await toBob.isVisible())) await prompt.getByRole('button', { name: bob.name }).click()
  await toBob.getByRole('button', { name: 'Reply' }).click()
  await toBob.getByRole('textbox', { name: 'Message' }).fill('one moment')
  await toBob.getByRole('textbox', { name: 'Message' }).press('Enter')

  await expect(prompt.getByRole('dialog', { name: `Message from ${carol.name}` })).toBeVisible()
  await bob.until(async () => (await bob.textsWith(alice.name)).includes('one moment'), 'the answer')
  const session = (await bob.db.conversations.get(alice.name as UserId))!.session!
  expect(session.by).toBe(bob.name) // it went on with his, and began none of its own
  await carol.stop()
})

test('[R-41] badge only: nothing opens', async ({ alice, bob }) => {
  await arrivesBy(alice, bob, 'badge')

  await bob.send(alice.name, 'psst')

  await expect(buddy(alice, bob.name, '1 unread')).toBeVisible()
  await expect.poll(() => badge(alice)).toBe(await unreadOf(alice))
  await new Promise((over) => setTimeout(over, 1500))
  expect([...pagesOf(alice, 'chat.html'), ...pagesOf(alice, 'prompt.html')]).toHaveLength(0)
})

test('the open popup shows what comes in', async ({ alice, bob }) => {
  await arrivesBy(alice, bob, 'badge')

  await bob.send(alice.name, 'one')
  await expect(buddy(alice, bob.name, '1 unread')).toContainText('one')
  await bob.send(alice.name, 'two')
  await expect(buddy(alice, bob.name, '2 unread')).toContainText('two')
})

test('a click on a notification opens one line to answer with, and Enter sends it', async ({
  alice,
  bob,
}) => {
  await arrivesBy(alice, bob, 'badge')
  await bob.send(alice.name, 'lunch?')
  await expect(buddy(alice, bob.name, '1 unread')).toBeVisible()

  const prompt = await opened(alice, 'prompt.html', () => click(alice, `message:${bob.name}`))
  const field = prompt.getByRole('textbox', { name: 'Message' })
  await expect(prompt.getByRole('dialog', { name: `Reply to ${bob.name}` })).toContainText('lunch?')
  await expect(field).toBeFocused()
  await field.fill('yes')
  await field.press('Enter')

  await bob.until(async () => (await bob.textsWith(alice.name)).includes('yes'), 'the answer')
  await expect.poll(() => pagesOf(alice, 'prompt.html').length).toBe(0)
  await expect(buddy(alice, bob.name, '1 unread')).toBeHidden() // what was answered was read
})

test('a second click goes on in the open window, with what was typed still there', async ({ alice, bob }) => {
  await arrivesBy(alice, bob, 'badge')
  await bob.send(alice.name, 'lunch?')
  await expect(buddy(alice, bob.name, '1 unread')).toBeVisible()
  const prompt = await opened(alice, 'prompt.html', () => click(alice, `message:${bob.name}`))
  await prompt.getByRole('textbox', { name: 'Message' }).fill('half a sent')

  await click(alice, `message:${bob.name}`)
  await expect.poll(() => prompt.url()).toContain('#with=')

  expect(pagesOf(alice, 'prompt.html')).toHaveLength(1)
  await expect(prompt.getByRole('textbox', { name: 'Message' })).toHaveValue('half a sent')
  // Pressing the key closes the window, often before the driver has let go of it: that fails then.
  await prompt.keyboard.press('Escape').catch(() => {})
  await expect.poll(() => pagesOf(alice, 'prompt.html').length).toBe(0)
})

/** As the browser tells it: nothing is drawn in a headless one. */
const click = ({ worker }: Person, id: string) =>
  worker.evaluate((clicked) => {
    const event = chrome.notifications.onClicked as unknown as { dispatch(id: string): void }
    event.dispatch(clicked)
  }, id)

test('[R-34] closing the window is leaving, loading it anew is not', async ({ alice, bob }) => {
  const sessionOf = async () => (await bob.db.conversations.get(alice.name as UserId))?.session
  const chat = await opened(alice, 'chat.html', () => ask(alice, 'openChat', bob.name))
  await say(chat, 'hello')
  await bob.until(async () => (await bob.textsWith(alice.name)).includes('hello'), 'her message')

  await chat.reload()
  await expect(chat.getByText('hello')).toBeVisible()
  await new Promise((over) => setTimeout(over, 2000))
  expect((await sessionOf())?.end).toBeUndefined()
  await chat.close()

  await bob.until(async () => (await sessionOf())?.end?.how === 'left', 'told that she has left')
})

test('[R-34] a background that has slept knows whose window is closed', async ({ alice, bob }) => {
  const sessionOf = async () => (await bob.db.conversations.get(alice.name as UserId))?.session
  const chat = await opened(alice, 'chat.html', () => ask(alice, 'openChat', bob.name))
  await say(chat, 'hello')
  await bob.until(async () => (await bob.textsWith(alice.name)).includes('hello'), 'her message')

  await stopWorkers(alice.context)
  await new Promise((over) => setTimeout(over, 2000)) // the page has found it gone, and woken it
  await chat.close()

  await bob.until(async () => (await sessionOf())?.end?.how === 'left', 'told that she has left')
})

test('[R-34] a browser that is closed with its windows leaves nobody', async ({ relay, bob }) => {
  const carol = await newPerson(freshName('carol'), relay.url)
  await bob.knock(carol.name)
  await ask(carol, 'accept', bob.name)
  await bob.until(async () => (await bob.relationTo(carol.name)) === 'buddies', 'buddies')
  const chat = await opened(carol, 'chat.html', () => ask(carol, 'openChat', bob.name))
  await say(chat, 'hello')
  await bob.until(async () => (await bob.textsWith(carol.name)).includes('hello'), 'her message')

  await carol.close()

  await new Promise((over) => setTimeout(over, 2500))
  expect((await bob.db.conversations.get(carol.name as UserId))!.session!.end).toBeUndefined()
})

/** So many the relay takes of one buddy at once. */
const burst = 40
/** What comes after the first of a burst is told this much later, if at all. */
const burstMs = 3000

test('[R-43] a burst makes one prompt and one sound', async ({ alice, bob }) => {
  await arrivesBy(alice, bob, 'prompt')
  await new Promise((over) => setTimeout(over, burstMs)) // what was heard before is long over
  await countCalls(alice)

  await sendBurst(alice, bob)
  await expect.poll(() => calls(alice)).toEqual({ sounds: 1, notifications: 0, windows: 1 })
  await new Promise((over) => setTimeout(over, burstMs + 1000))

  expect(await players(alice)).toBe(0) // what has played has gone
  expect((await calls(alice)).windows).toBe(1)
  expect((await calls(alice)).sounds).toBeLessThanOrEqual(2)
  expect(pagesOf(alice, 'prompt.html')).toHaveLength(1)
  await expect(pagesOf(alice, 'prompt.html')[0]!.getByText(`${burst} messages`)).toBeVisible()
})

test('[R-43] a burst while nobody is there makes one notification and one sound', async ({ alice, bob }) => {
  await arrivesBy(alice, bob, 'window')
  // A window that opened by itself reads nothing, whatever the driver says of its focus.
  const chat = await opened(alice, 'chat.html', () => bob.send(alice.name, 'hello'))
  await expect(chat.getByText('hello')).toBeVisible()
  await new Promise((over) => setTimeout(over, burstMs + 500))
  await become(alice, 'idle')
  await countCalls(alice)

  await sendBurst(alice, bob, 1)
  await expect.poll(() => calls(alice)).toEqual({ sounds: 1, notifications: 1, windows: 0 })
  const shown = await alice.worker.evaluate(async () => Object.keys(await chrome.notifications.getAll()))
  expect(shown).toEqual([`message:${bob.name}`])
  await become(alice, 'active')
})

/** Pages without a window that make a sound. */
const players = ({ worker }: Person) =>
  worker.evaluate(
    async () => (await chrome.runtime.getContexts({ contextTypes: ['OFFSCREEN_DOCUMENT'] })).length,
  )

/** As fast as the relay takes them, which is within two seconds. */
async function sendBurst(alice: Person, bob: Headless, unreadBefore = 0) {
  const rows = Array.from({ length: burst }, (_, at) => ({
    id: `01957e00-0000-7000-8000-${String(at).padStart(12, '0')}` as EnvelopeId,
    peer: alice.name as UserId,
    kind: 'message' as const,
    content: { type: 'text' as const, text: `message ${at + 1}` },
    at: Date.now(),
  }))
  await bob.db.outbox.bulkAdd(rows)
  const startedAt = Date.now()
  await bob.commands.nudge()
  const unread = async () =>
    (await rowsOf<{ peer: string; unread: number }>(alice.popup, 'conversations')).find(
      ({ peer }) => peer === bob.name,
    )?.unread
  await until(async () => (await unread()) === unreadBefore + burst, 'all of them')
  expect(Date.now() - startedAt).toBeLessThan(burstMs)
}

/** As the system tells it: nobody waits five minutes here. */
const become = ({ worker }: Person, state: 'active' | 'idle') =>
  worker.evaluate((told) => {
    const event = chrome.idle.onStateChanged as unknown as { dispatch(state: string): void }
    event.dispatch(told)
  }, state)

interface Calls {
  sounds: number
  notifications: number
  windows: number
}
type Api = Record<string, Record<string, (...args: unknown[]) => unknown>>

/** Counts in the real background what it asks of the browser. */
const countCalls = ({ worker }: Person) =>
  worker.evaluate(() => {
    const count = { sounds: 0, notifications: 0, windows: 0 }
    // Newer ones have the same under both names.
    const scope = globalThis as unknown as { count: Calls; chrome?: Api; browser?: Api }
    scope.count = count
    for (const api of [scope.chrome, scope.browser]) {
      if (!api) continue
      for (const [space, name, counted] of [
        ['offscreen', 'createDocument', 'sounds'],
        ['notifications', 'create', 'notifications'],
        ['windows', 'create', 'windows'],
      ] as const) {
        const original = api[space]![name]!
        async function counting(...args: unknown[]) {
          const made = await original.apply(api![space], args)
          scope.count[counted]++ // only what the browser has really made
          return made
        }
        if (!('isCounted' in original)) api[space]![name] = Object.assign(counting, { isCounted: true })
      }
    }
  })
const calls = ({ worker }: Person) =>
  worker.evaluate(() => ({ ...(globalThis as unknown as { count: Calls }).count }))
