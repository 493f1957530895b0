/** Saying it better: answers, edits, reactions and deletion reach the other one; sessions end where people leave. */
import type { Locator, Page } from '@playwright/test'
import { chatTab, message, nextWindow, say, texts, type Person } from '../support/people.ts'
import { expect, test } from './fixtures.ts'

/** Both sides of the conversation. A window that the last test's last word has opened meanwhile is in the way. */
async function openBoth({ alice, bob }: { alice: Person; bob: Person }): Promise<[Page, Page]> {
  const open = async (person: Person, name: string) => {
    let page: Page | undefined
    await expect(async () => {
      for (const other of person.context.pages()) if (other.url().includes('chat.html')) await other.close()
      page = await chatTab(person, name)
    }).toPass()
    return page!
  }
  return [await open(alice, bob.name), await open(bob, alice.name)]
}

/** Opens a message's menu by keyboard alone, as it would be by the menu key. */
async function openMenu(of: Locator) {
  await of.focus()
  await of.press('ContextMenu')
}
const choose = (page: Page, what: string) => page.getByRole('menuitem', { name: what, exact: true }).click()
const box = (page: Page) => page.getByRole('textbox', { name: 'Message' })

test('an answer carries its question, and the quote leads back to it', async ({ pair: { alice, bob } }) => {
  const [hers, his] = await openBoth({ alice, bob })
  await say(hers, 'shall we meet at six?')

  await openMenu(message(his, 'shall we meet at six?'))
  await choose(his, 'Reply')
  await expect(box(his)).toBeFocused()
  await expect(his.getByText(`Reply to ${alice.name}`)).toBeVisible()
  await say(his, 'make it seven')

  const answer = message(hers, 'make it seven')
  await expect(answer.getByRole('blockquote')).toContainText('shall we meet at six?')
  await answer.getByRole('button', { name: /In reply to/ }).click()
  await expect(hers.getByRole('article').filter({ hasText: 'shall we meet at six?' }).first()).toBeFocused()
  await Promise.all([hers.close(), his.close()])
})

test('[R-26] Up edits the last message; both see the new text and the one before', async ({
  pair: { alice, bob },
}) => {
  const [hers, his] = await openBoth({ alice, bob })
  await say(hers, 'see you at sicks')
  await expect(message(his, 'see you at sicks')).toBeVisible()

  await box(hers).press('ArrowUp')
  await expect(hers.getByText('Editing')).toBeVisible()
  await expect(box(hers)).toHaveValue('see you at sicks')
  await say(hers, 'see you at six')

  await expect(message(his, 'see you at six')).toContainText('edited')
  await expect(message(hers, 'see you at six')).toContainText('edited')
  await message(his, 'see you at six').getByRole('button', { name: 'edited' }).click()
  await expect(his.getByRole('dialog', { name: 'Earlier versions' })).toContainText('see you at sicks')
  expect((await texts(his)).filter((text) => text === 'see you at six')).toHaveLength(1)
  await Promise.all([hers.close(), his.close()])
})

test('a reaction reaches the other one, and goes again', async ({ pair: { alice, bob } }) => {
  const [hers, his] = await openBoth({ alice, bob })
  await say(hers, 'I have made soup')
  const seen = message(his, 'I have made soup')

  await openMenu(seen)
  await his.getByRole('menuitemradio', { name: 'React with 🎉' }).click()
  await expect(seen.getByRole('button', { name: '🎉 1, You' })).toHaveAttribute('aria-pressed', 'true')
  const hersToo = message(hers, 'I have made soup').getByRole('button', { name: `🎉 1, ${bob.name}` })
  await expect(hersToo).toHaveAttribute('aria-pressed', 'false')

  await hersToo.click()
  await expect(seen.getByRole('button', { name: `🎉 2, You and ${alice.name}` })).toBeVisible()
  await seen.getByRole('button', { name: /🎉/ }).click()
  await expect(message(hers, 'I have made soup').getByRole('button', { name: '🎉 1, You' })).toBeVisible()
  await Promise.all([hers.close(), his.close()])
})

test('[R-27] what is deleted for everyone is a tombstone for both, what is deleted for me is there for them', async ({
  pair: { alice, bob },
}) => {
  const [hers, his] = await openBoth({ alice, bob })
  await say(hers, 'wrong window, sorry')
  await say(hers, 'never mind')
  await expect(message(his, 'never mind')).toBeVisible()

  await openMenu(message(hers, 'wrong window, sorry'))
  await choose(hers, 'Delete for everyone')
  await hers.getByRole('dialog').getByRole('button', { name: 'Delete for everyone' }).click()
  await expect(message(hers, 'message deleted')).toBeVisible()
  await expect(message(his, 'message deleted')).toBeVisible()
  await expect(his.getByText('wrong window, sorry')).toHaveCount(0)

  await openMenu(message(his, 'never mind'))
  await choose(his, 'Delete for me')
  await expect(message(his, 'never mind')).toHaveCount(0)
  await expect(message(hers, 'never mind')).toBeVisible()
  await his.reload()
  await expect(message(his, 'message deleted')).toBeVisible()
  await expect(message(his, 'never mind')).toHaveCount(0)
  await Promise.all([hers.close(), his.close()])
})

test('formatting and emoji by name arrive as they were meant', async ({ pair: { alice, bob } }) => {
  const [hers, his] = await openBoth({ alice, bob })
  await say(hers, '*so* good :tada:')
  await expect(his.getByRole('article').last()).toContainText('so good 🎉')
  await expect(his.getByRole('article').last().locator('strong')).toHaveText('so')

  await say(hers, '/me waves')
  await expect(his.getByRole('article').last()).toContainText(`${alice.name} waves`)
  await Promise.all([hers.close(), his.close()])
})

test('[R-34] [R-35] who ends the conversation is seen to leave, and what is said next is another session', async ({
  pair: { alice, bob },
}) => {
  const [hers, his] = await openBoth({ alice, bob })
  await say(hers, 'I have to go')
  await expect(message(his, 'I have to go')).toBeVisible()
  const leavings = his.getByText(`${alice.name} left`)
  const before = await leavings.count()
  const sessions = await his.getByRole('heading', { level: 2 }).count()

  await hers.getByRole('button', { name: 'More', exact: true }).click()
  await Promise.all([hers.waitForEvent('close'), choose(hers, 'End conversation')])
  await expect(leavings).toHaveCount(before + 1)

  const [again] = await Promise.all([nextWindow(alice, 'chat.html'), say(his, 'until tomorrow')])
  await expect(message(his, 'until tomorrow')).toBeVisible()
  await expect(his.getByRole('heading', { level: 2 })).toHaveCount(sessions + 1)
  await expect(again.getByText('You left').last()).toBeVisible()
  await Promise.all([again.close(), his.close()])
})

test('[R-15] blocking asks first and closes the window; the composer is back after one button', async ({
  pair: { alice, bob },
}) => {
  const hers = await chatTab(alice, bob.name)
  await say(hers, 'before')
  await hers.getByRole('button', { name: 'More', exact: true }).click()
  await choose(hers, 'Block')
  const question = hers.getByRole('dialog')
  await Promise.all([
    hers.waitForEvent('close'),
    question.getByRole('button', { name: 'Block', exact: true }).click(),
  ])

  const again = await chatTab(alice, bob.name)
  await expect(again.getByText('You have blocked')).toBeVisible()
  await expect(box(again)).toHaveCount(0)
  await expect(message(again, 'before')).toBeVisible()
  await again.getByRole('button', { name: 'Unblock' }).click()
  await expect(box(again)).toBeVisible()
  await again.close()
})

test('[R-39] older messages load when one scrolls up, and what one reads stays in its place', async ({
  pair: { alice, bob },
}) => {
  const [hers, his] = await openBoth({ alice, bob })
  await putOld(hers, bob.name, 200)
  await hers.reload()
  const log = hers.getByRole('log')
  const articles = hers.getByRole('article')
  await expect(articles.first()).toBeVisible()
  const text = await articles.first().locator('p').innerText()

  for (let pages = 2; pages <= 3; pages++) {
    const before = await articles.count()
    await log.evaluate((element) => element.scrollTo(0, 0))
    await expect.poll(() => articles.count()).toBeGreaterThan(before)
    if (pages === 2) await expect(message(hers, text)).toBeInViewport()
  }

  await putOld(hers, bob.name, 0)
  await Promise.all([hers.close(), his.close()])
})

/** Puts messages of long ago into the conversation, past the background; none takes them away again. */
const putOld = (page: Page, peer: string, count: number) =>
  page.evaluate(
    async ([from, many]) => {
      const db = await new Promise<IDBDatabase>((done, fail) => {
        const open = indexedDB.open('parley')
        open.addEventListener('success', () => done(open.result))
        open.addEventListener('error', () => fail(open.error))
      })
      const transaction = db.transaction('messages', 'readwrite')
      const messages = transaction.objectStore('messages')
      for (let at = 0; at < 200; at++) {
        const id = `old${at}`
        const row = {
          from,
          id,
          peer: from,
          ts: 1e12 + at * 60_000,
          at: 1e12,
          direction: 'in',
          kind: 'message',
        }
        if (at < many) messages.put({ ...row, content: { type: 'text', text: id } })
        else messages.delete([from, id])
      }
      await new Promise((done) => transaction.addEventListener('complete', done))
      db.close()
    },
    [peer, count] as const,
  )
