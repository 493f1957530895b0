/** One person on two devices: Alice at her laptop and her desktop, and Bob, who should not notice. */
import {
  anotherDevice,
  becomeBuddies,
  buddy,
  chatTab,
  message,
  newPerson,
  say,
  texts,
  type Person,
} from '../support/people.ts'
import { headless } from '../support/headless.ts'
import { expect, freshName, test as base } from './fixtures.ts'

declare const chrome: typeof import('wxt/browser').browser

type Devices = { laptop: Person; desktop: Person; bob: Person }

const test = base.extend<object, { devices: Devices }>({
  devices: [
    async ({ relay }, use) => {
      const [laptop, bob] = await Promise.all([
        newPerson(freshName('alice'), relay.url),
        newPerson(freshName('bob'), relay.url),
      ])
      await becomeBuddies(laptop, bob)
      const desktop = await anotherDevice(laptop, relay.url)
      await expect(buddy(desktop, bob.name)).toBeVisible()
      await use({ laptop, desktop, bob })
      await Promise.all([laptop.close(), desktop.close(), bob.close()])
    },
    { scope: 'worker', timeout: 120_000 },
  ],
})

const presenceMs = 20_000 // a room tells a change at most once in 10 s (PR7)

/** Whether somebody is at this computer, as the system would say it: no input of a test reaches that. */
const be = ({ worker }: Person, state: 'active' | 'idle') =>
  worker.evaluate((now) => {
    const event = chrome.idle.onStateChanged as unknown as { dispatch(state: string): void }
    event.dispatch(now)
  }, state)

/** Every name that the buddy's row has from now on: what is gone again before somebody looks is seen too. */
async function namesOfRow({ popup }: Person, name: string): Promise<() => Promise<string[]>> {
  const names = await popup.evaluateHandle((start) => {
    const seen: string[] = []
    const look = () => {
      const label = document.querySelector(`button[aria-label^="${start}, "]`)?.getAttribute('aria-label')
      if (label && label !== seen.at(-1)) seen.push(label)
    }
    look()
    const what = { subtree: true, childList: true, attributeFilter: ['aria-label'] }
    new MutationObserver(look).observe(document.body, what)
    return seen
  }, name)
  return () => names.jsonValue()
}

const promptPages = ({ context }: Person) =>
  context.pages().filter((page) => /(prompt|chat)\.html/.test(page.url()))
const closeAll = (...pages: { close(): Promise<void> }[]) => Promise.all(pages.map((page) => page.close()))

test('[LG2] a message shows on both devices of whom it is for', async ({
  devices: { laptop, desktop, bob },
}) => {
  const his = await chatTab(bob, laptop.name)
  const hers = await Promise.all([laptop, desktop].map((device) => chatTab(device, bob.name)))

  await say(his, 'wherever you are')

  for (const chat of hers) await expect(message(chat, 'wherever you are')).toBeVisible()
  await expect(message(his, 'wherever you are')).toContainText('Read') // so nothing opens when these close
  await closeAll(his, ...hers)
})

test('[SN4] [R-16] what somebody writes on one device shows on the other, and everywhere in one order', async ({
  devices: { laptop, desktop, bob },
}) => {
  const his = await chatTab(bob, laptop.name)
  const [onLaptop, onDesktop] = await Promise.all([chatTab(laptop, bob.name), chatTab(desktop, bob.name)])
  const written = [onLaptop, onDesktop, his].map((_, who) => [1, 2, 3].map((i) => `${who}, line ${i}`))

  await Promise.all(
    [onLaptop, onDesktop, his].map(async (chat, who) => {
      for (const text of written[who]!) await say(chat, text)
    }),
  )

  const count = written.flat().length
  const last = async (chat: typeof his) => (await texts(chat)).slice(-count)
  await expect(async () => {
    const order = await last(his)
    expect(order.toSorted()).toEqual(written.flat().toSorted())
    for (const chat of [onLaptop, onDesktop]) expect(await last(chat)).toEqual(order)
  }).toPass({ timeout: 20_000 })
  const order = await last(his)
  for (const lines of written) expect(order.filter((text) => lines.includes(text))).toEqual(lines)
  // The tick goes up on the device that did not write it, too.
  await say(onLaptop, 'from the laptop')
  await expect(message(onDesktop, 'from the laptop')).toContainText('Read')
  await closeAll(his, onLaptop, onDesktop)
})

test('[RC3] [R-22] what is read on one device is no longer unread on the other', async ({
  devices: { laptop, desktop, bob },
}) => {
  const his = await chatTab(bob, laptop.name)
  const windows = ({ context }: Person) => context.pages().filter((page) => page.url().includes('chat.html'))
  await say(his, 'have you seen this?')
  for (const device of [laptop, desktop]) await expect(buddy(device, bob.name, 'unread')).toBeVisible()

  // A window may have opened by itself, on whichever device: then the click brings it to the front.
  await buddy(laptop, bob.name).click()
  await expect(async () => {
    const [hers] = windows(laptop)
    await expect(message(hers!, 'have you seen this?')).toBeVisible({ timeout: 1000 })
    await hers!.getByRole('textbox', { name: 'Message' }).click({ timeout: 1000 })
  }).toPass({ timeout: 10_000 })

  for (const device of [laptop, desktop]) {
    await expect(buddy(device, bob.name)).toBeVisible()
    await expect(buddy(device, bob.name, 'unread')).toHaveCount(0)
  }
  await expect(message(his, 'have you seen this?')).toContainText('Read')
  await closeAll(his, ...windows(laptop), ...windows(desktop))
})

test('[R-33] a question that is answered on one device is asked on none', async ({
  devices: { laptop, desktop, bob },
}) => {
  const ask = (command: string, ...args: unknown[]) =>
    laptop.popup.evaluate((request) => chrome.runtime.sendMessage(request), { command, args })
  const asking = ({ popup }: Person) => popup.getByRole('button', { name: 'Not now' })
  await ask('changeSettings', { buddies: { [bob.name]: { arrival: 'prompt' } } })
  await ask('endConversation', bob.name) // what was said before was agreed to
  const his = await chatTab(bob, laptop.name)
  // The setting reaches the other device by the room, and so in front of what is said now.
  await say(his, 'have you got a minute?')

  for (const device of [laptop, desktop]) await expect(asking(device)).toBeVisible()
  await asking(desktop).click()
  for (const device of [laptop, desktop]) await expect(asking(device)).toHaveCount(0)
  await expect(buddy(laptop, bob.name, '1 unread')).toBeVisible()

  await laptop.popup.getByRole('button', { name: 'Mark all read' }).click()
  await expect(buddy(desktop, bob.name, 'unread')).toHaveCount(0)
  await ask('changeSettings', { buddies: { [bob.name]: { arrival: null } } })
  await closeAll(his, ...[laptop, desktop].flatMap(promptPages))
})

const badge = ({ worker }: Person) => worker.evaluate(() => chrome.action.getBadgeText({}))

test('three devices each: one conversation in one order on all six, and what is done on one is done on all', async ({
  relay,
  devices: { laptop, desktop, bob },
}) => {
  test.setTimeout(120_000)
  // Bob's other two have no screen: they are the engine that is in the browsers, over the same relay.
  const another = () => headless(relay.url, bob.name, { existing: true })
  const [tablet, his] = await Promise.all([
    anotherDevice(laptop, relay.url),
    another().then(async (second) => [second, await another()]),
  ])
  const hers = [laptop, desktop, tablet]
  const atBob = await chatTab(bob, laptop.name)
  const chats = [...(await Promise.all(hers.map((device) => chatTab(device, bob.name)))), atBob]
  const before = (await texts(atBob)).length

  const lines = (who: string) => [1, 2, 3].map((line) => `${who}, ${line} of three`)
  const written = ['laptop', 'desktop', 'tablet', 'his browser', 'his second', 'his third'].map(lines)
  await Promise.all([
    ...chats.map(async (chat, who) => {
      for (const text of written[who]!) await say(chat, text)
    }),
    ...his.map(async (device, who) => {
      for (const text of written[4 + who]!) await device.send(laptop.name, text)
    }),
  ])

  // The tablet has what was said before it came, too.
  await expect(async () => {
    const order = await texts(atBob)
    expect(order.slice(before).toSorted()).toEqual(written.flat().toSorted())
    for (const chat of chats) expect(await texts(chat)).toEqual(order)
    for (const device of his) expect(await device.textsWith(laptop.name)).toEqual(order)
  }).toPass({ timeout: 20_000 })
  await expect(message(chats[0]!, 'tablet, 3 of three')).toContainText('Read')
  // What is seen is read a little later; a page that is closed before reads no more.
  for (const device of hers) await expect.poll(() => badge(device)).toBe('')
  await closeAll(...chats)

  // Asked about on all three, answered on one; read on another.
  const ask = (command: string, ...args: unknown[]) =>
    laptop.popup.evaluate((request) => chrome.runtime.sendMessage(request), { command, args })
  await ask('changeSettings', { buddies: { [bob.name]: { arrival: 'prompt' } } })
  await ask('endConversation', bob.name)
  await his[0]!.send(laptop.name, 'is anybody there?')
  const asking = ({ popup }: Person) => popup.getByRole('button', { name: 'Not now' })
  for (const device of hers) {
    await expect(asking(device)).toBeVisible()
    await expect.poll(() => badge(device)).toBe('1')
  }
  await asking(tablet).click()
  for (const device of hers) await expect(asking(device)).toHaveCount(0)
  await desktop.popup.getByRole('button', { name: 'Mark all read' }).click()
  for (const device of hers) {
    await expect(buddy(device, bob.name, 'unread')).toHaveCount(0)
    await expect.poll(() => badge(device)).toBe('')
  }
  await ask('changeSettings', { buddies: { [bob.name]: { arrival: null } } })
  await Promise.all([tablet.close(), ...his.map((device) => device.stop())])
  await closeAll(...[laptop, desktop].flatMap(promptPages))
})

test('[PR1] whoever is at one device is online, whether the others are idle or gone', async ({
  relay,
  devices: { laptop, desktop, bob },
}) => {
  test.setTimeout(120_000)
  const alice = (show: string) => buddy(bob, laptop.name, show)
  await expect(alice('online')).toBeVisible({ timeout: presenceMs })
  await Promise.all([be(laptop, 'idle'), be(desktop, 'idle')])
  await expect(alice('idle')).toBeVisible({ timeout: presenceMs })
  await be(desktop, 'active')
  await expect(alice('online')).toBeVisible({ timeout: presenceMs })

  const tablet = await anotherDevice(laptop, relay.url)
  const seen = await namesOfRow(bob, laptop.name)
  await tablet.close()
  // What a room tells is in order: once the next change is seen, the closing has been dealt with.
  await be(desktop, 'idle')
  await expect(alice('idle')).toBeVisible({ timeout: presenceMs })
  await be(laptop, 'active')
  await expect(alice('online')).toBeVisible({ timeout: presenceMs })
  expect((await seen()).join('; ')).not.toContain('offline')
  await be(desktop, 'active')
})

test('[PR4] signing out on one device leaves the others as they were', async ({
  relay,
  devices: { laptop, desktop, bob },
}) => {
  const tablet = await anotherDevice(laptop, relay.url)
  const his = await chatTab(bob, laptop.name)
  const [onLaptop, onDesktop] = await Promise.all([chatTab(laptop, bob.name), chatTab(desktop, bob.name)])
  const seen = await namesOfRow(bob, laptop.name)

  const options = await tablet.page('options.html#account')
  await options.getByRole('button', { name: 'Sign out' }).click()
  await options.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()
  await expect(options.getByRole('button', { name: 'Sign in' }).first()).toBeVisible()

  await say(his, 'still with me?')
  for (const chat of [onLaptop, onDesktop]) await expect(message(chat, 'still with me?')).toBeVisible()
  await say(onLaptop, 'I am')
  await say(onDesktop, 'and here')
  for (const text of ['I am', 'and here']) {
    for (const chat of [his, onLaptop, onDesktop]) await expect(message(chat, text)).toBeVisible()
  }
  await expect(message(onLaptop, 'and here')).toContainText(/Delivered|Read/)
  for (const device of [laptop, desktop]) await expect(device.popup.getByRole('status')).toBeHidden()
  expect((await seen()).join('; ')).not.toContain('offline')
  await closeAll(his, onLaptop, onDesktop, tablet)
})
