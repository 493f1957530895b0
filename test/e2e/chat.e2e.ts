/** The main path: two people, the built extension, a real relay on Node. */
import { launchChromium } from '../support/chromium.ts'
import { buddy, chatTab, message, newPerson, nextWindow, openChat, say, texts } from '../support/people.ts'
import { expect, freshName, testWithOwnPair as test } from './fixtures.ts'

test('[R-19] a message is there at once and its tick goes up to Read', async ({ pair: { alice, bob } }) => {
  const hers = await openChat(alice, bob.name)
  const opened = nextWindow(bob, 'chat.html')
  await say(hers, 'hello bob')
  const bubble = message(hers, 'hello bob')
  await expect(bubble).toContainText(/Sending|Stored|Delivered/)
  await expect(bubble).toContainText(/Delivered/)

  const his = await opened
  await expect(message(his, 'hello bob')).toBeVisible()
  await his.getByRole('textbox', { name: 'Message' }).click()

  await expect(bubble).toContainText('Read')
  await Promise.all([hers.close(), his.close()])
})

test('[R-44] an incoming message opens one chat window, which does not take the focus', async ({
  pair: { alice, bob },
}) => {
  const hers = await chatTab(alice, bob.name)
  const [his] = await Promise.all([nextWindow(bob, 'chat.html'), say(hers, 'are you there?')])
  expect(his.url()).toContain('by=network')
  await expect(message(his, 'are you there?')).toBeVisible()

  const box = his.getByRole('textbox', { name: 'Message' })
  await expect(box).not.toBeFocused()
  await say(hers, 'still there?')
  await expect(message(his, 'still there?')).toBeVisible()
  expect(bob.context.pages().filter((page) => page.url().includes('chat.html'))).toHaveLength(1)

  await box.click()
  await expect(box).toBeFocused()
  await Promise.all([hers.close(), his.close()])
})

test('[R-28] [R-29] typing shows while somebody types, and goes with the message', async ({
  pair: { alice, bob },
}) => {
  const hers = await chatTab(alice, bob.name)
  const his = await chatTab(bob, alice.name)
  await his.getByRole('textbox', { name: 'Message' }).pressSequentially('well')
  await expect(hers.getByText('typing')).toBeVisible()
  await his.keyboard.press('Enter')
  await expect(message(hers, 'well')).toBeVisible()
  await expect(hers.getByText('typing')).toBeHidden()
  await Promise.all([hers.close(), his.close()])
})

test('Shift+Enter breaks the line, and a link is a safe link', async ({ pair: { alice, bob } }) => {
  const hers = await chatTab(alice, bob.name)
  const his = await chatTab(bob, alice.name)
  const box = hers.getByRole('textbox', { name: 'Message' })
  await box.fill('see')
  await box.press('Shift+Enter')
  await box.pressSequentially('https://example.org/a?b=1 and javascript:alert(1)')
  await box.press('Enter')

  const link = his.getByRole('article').getByRole('link').last()
  await expect(link).toHaveAttribute('href', 'https://example.org/a?b=1')
  await expect(link).toHaveAttribute('rel', /noopener/)
  await expect(his.getByRole('article').last()).toContainText('javascript:alert(1)')
  await Promise.all([hers.close(), his.close()])
})

test('[E10] a draft survives closing the window', async ({ pair: { alice, bob } }) => {
  const first = await chatTab(alice, bob.name)
  await first.getByRole('textbox', { name: 'Message' }).fill('half a thou')
  await expect(async () => {
    const again = await alice.page(`popup.html`)
    const drafts = await again.evaluate(
      () =>
        new Promise<string[]>((done, fail) => {
          const open = indexedDB.open('parley')
          open.addEventListener('error', () => fail(open.error))
          open.addEventListener('success', () => {
            const all = open.result.transaction('drafts').objectStore('drafts').getAll()
            all.addEventListener('success', () => done(all.result.map((row: { text: string }) => row.text)))
          })
        }),
    )
    await again.close()
    expect(drafts).toContain('half a thou')
  }).toPass()
  await first.close()

  const second = await chatTab(alice, bob.name)
  await expect(second.getByRole('textbox', { name: 'Message' })).toHaveValue('half a thou')
  await second.getByRole('textbox', { name: 'Message' }).fill('')
  await second.close()
})

test('[R-2] [PR1] presence and status text are seen live, and invisible looks like offline', async ({
  pair: { alice, bob },
}) => {
  await expect(buddy(alice, bob.name, 'online')).toBeVisible()

  const choose = async (what: string) => {
    await bob.popup.getByRole('button', { name: 'My status' }).click()
    await bob.popup
      .getByRole('menuitem', { name: what })
      .or(bob.popup.getByRole('menuitemradio', { name: what }))
      .click()
  }
  await choose('Do not disturb')
  await expect(buddy(alice, bob.name, 'do not disturb')).toBeVisible({ timeout: 20_000 })
  await choose('Invisible')
  await expect(buddy(alice, bob.name, 'offline')).toBeVisible({ timeout: 20_000 })
  await choose('Online')
  await expect(buddy(alice, bob.name, 'online')).toBeVisible({ timeout: 20_000 })
})

test('[R-46] a message to somebody offline waits, is told so, and arrives on return', async ({
  relay,
  pair,
}) => {
  test.setTimeout(120_000) // signing up, and then 45 s of grace before she is offline
  const carol = await newPerson(freshName('carol'), relay.url)
  const { alice } = pair
  await alice.popup.getByRole('textbox', { name: 'Find or add a buddy' }).fill(carol.name)
  await alice.popup.getByRole('button', { name: 'Add buddy' }).click()
  await carol.popup.getByRole('list', { name: 'Requests' }).getByRole('button', { name: 'Accept' }).click()
  await expect(buddy(alice, carol.name, 'online')).toBeVisible()
  await carol.popup.getByRole('button', { name: 'My status' }).click()
  await carol.close()
  await expect(buddy(alice, carol.name, 'offline')).toBeVisible({ timeout: 90_000 })

  const hers = await chatTab(alice, carol.name)
  await expect(hers.getByText(/30 days/)).toBeVisible()
  await say(hers, 'for when you are back')
  await expect(message(hers, 'for when you are back')).toContainText('Stored')

  const back = await launchChromium({ profile: carol.profile })
  const chat = await back.page(`chat.html?with=${alice.name}`)
  await expect(message(chat, 'for when you are back')).toBeVisible()
  await expect(message(hers, 'for when you are back')).toContainText(/Delivered|Read/)
  expect(await texts(chat)).toEqual(['for when you are back'])
  await Promise.all([hers.close(), back.close()])
})
