/** A browser that comes later: what was said long before it, by what is on the screen. */
import type { Page } from '@playwright/test'
import { haveSaid, isArchived } from '../extension/engine/archived.ts'
import { launchChromium } from '../support/chromium.ts'
import { buddies } from '../support/headless.ts'
import { buddy, chatTab, fillAccount, message } from '../support/people.ts'
import { startProxy } from '../support/proxy.ts'
import { expect, freshName, test } from './fixtures.ts'

const countMessages = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<number>((done, fail) => {
        const open = indexedDB.open('parley')
        open.addEventListener('error', () => fail(open.error))
        open.addEventListener('success', () => {
          const count = open.result.transaction('messages').objectStore('messages').count()
          count.addEventListener('success', () => done(count.result))
        })
      }),
  )

test('a browser that signs in later shows the newest messages while older ones come, and then all', async ({
  relay,
}) => {
  test.setTimeout(120_000)
  const names = [freshName('alice'), freshName('bob')] as const
  // Many small segments, so that there is time to look.
  const [alice, bob] = await buddies(relay.url, ...names, { archiveWhen: { rows: 4, quietMs: 50 } })
  const before = await alice.db.messages.count()
  const rows = await haveSaid(alice, bob.name, 600)
  await alice.ring()
  await alice.until(() => isArchived(alice), 'put away', 30_000)
  await alice.commands.signOut()
  const textOf = (n: number) => (rows[n]!.content as { text: string }).text

  const proxy = await startProxy(relay.url)
  const browser = await launchChromium()
  const popup = await browser.page('popup.html')
  const person = { ...browser, name: alice.name, popup }
  await fillAccount(popup, 'Sign in', alice.name, proxy.url)
  await popup.getByRole('button', { name: 'Sign in', exact: true }).click()
  const line = popup.getByRole('progressbar', { name: 'Your messages are coming, newest first' })
  await expect(line).toHaveAttribute('value', /^0\./, { timeout: 45_000 })
  proxy.holdAnswers()

  const chat = await chatTab(person, bob.name)
  await expect(message(chat, textOf(599))).toBeVisible()
  await expect(chat.getByRole('progressbar')).toBeVisible()
  const some = await countMessages(popup)
  proxy.release()
  await expect(line).toHaveCount(0, { timeout: 45_000 })

  expect(some).toBeLessThan(600)
  expect(await countMessages(popup)).toBe(600 + before)
  await expect(chat.getByRole('progressbar')).toHaveCount(0)
  await expect(buddy(person, bob.name)).toBeVisible()
  await Promise.all([alice.stop(), bob.stop(), browser.close(), proxy.close()])
})
