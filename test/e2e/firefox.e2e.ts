/** The main path in Firefox, by WebDriver BiDi. The other person is a headless user of the same relay. */
import { advice, find } from '../support/browsers.ts'
import { keys, launchFirefox } from '../support/firefox.ts'
import { signUpInFirefox } from '../support/firefox-people.ts'
import { headless } from '../support/headless.ts'
import { spawnRelay } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { expect, test, testRelayEnv } from './fixtures.ts'

test.skip(!find('firefox'), advice.firefox)

test('two people chat, one of them in Firefox; its background may be ended at any time', async () => {
  test.setTimeout(240_000)
  const relay = await spawnRelay({ env: testRelayEnv })
  const [firefox, bob] = await Promise.all([launchFirefox(), headless(relay.url, 'bob')])
  const { open, click, type, text, evaluate, background } = firefox

  const popup = await open('popup.html')
  await signUpInFirefox(firefox, popup, 'alice', relay.url)
  await bob.knock('alice')
  await click(popup, { role: 'button', name: 'Accept' })
  await until(async () => (await bob.relationTo('alice')) === 'buddies', 'buddies')
  await until(async () => (await text(popup)).includes('bob'), 'Bob in the list')

  // What Alice writes arrives, and its tick goes up.
  const chat = await open('chat.html?with=bob')
  await click(chat, { role: 'textbox', name: 'Message' })
  await type(chat, `hello from Firefox${keys.Enter}`)
  await until(async () => (await bob.textsWith('alice')).includes('hello from Firefox'), 'arrived')
  await until(
    async () => (await evaluate<string>(chat, 'document.body.textContent')).includes('Delivered'),
    'Delivered',
  )

  // No window takes the keyboard here: a notification and the badge instead.
  await firefox.send('browsingContext.close', { context: chat })
  // Without a desktop to show it on, a notification ends at once: that it ended is what can be seen of it.
  await evaluate(popup, 'window.told = []; browser.notifications.onClosed.addListener((id) => told.push(id))')
  await bob.send('alice', 'are you there?')
  const badge = () => evaluate<string>(popup, 'browser.action.getBadgeText({})')
  await until(async () => (await badge()) === '1', 'the badge')
  await until(async () => (await evaluate<string[]>(popup, 'told')).includes('prompt:bob'), 'a notification')
  expect((await firefox.contexts()).some(({ url }) => url.includes('chat.html'))).toBe(false)

  // The background ends as it does for everybody, and the next message wakes nothing by force: the alarm does.
  await background.stop()
  const id = await bob.send('alice', 'while you slept')
  await background.wake()
  await until(
    async () => (await bob.stateOf(id)) === 'delivered',
    'delivered after the background came back',
    60_000,
  )
  const again = await open('chat.html?with=bob')
  await until(async () => (await text(again)).includes('while you slept'), 'shown')
  const shown = await evaluate<string[]>(
    again,
    "[...document.querySelectorAll('article p')].map((p) => p.textContent)",
  )
  expect(shown).toEqual(['hello from Firefox', 'are you there?', 'while you slept'])

  await firefox.close()
  await bob.stop()
  await relay.stop()
})
