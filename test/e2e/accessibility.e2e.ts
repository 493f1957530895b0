import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { launchChromium } from '../support/chromium.ts'
import { chatTab, say } from '../support/people.ts'
import { png } from '../support/pictures.ts'
import { expect, test } from './fixtures.ts'

/**
 * The names of buttons are short and fixed ("Bob, online"); what else stands in them is their description. The rule
 * asks for all visible text in the name.
 */
const named = ['label-content-name-mismatch']

/** What axe finds serious or worse, in words. */
async function problems(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).disableRules(named).analyze()
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`))
}

for (const scheme of ['light', 'dark'] as const) {
  test(`axe finds nothing serious on any page (${scheme})`, async ({ pair: { alice, bob } }) => {
    const chat = await chatTab(alice, bob.name)
    await say(chat, 'read me aloud https://example.org')
    const options = await alice.page('options.html')
    const prompt = await alice.page(`prompt.html?with=${bob.name}&by=user`)
    await expect(prompt.getByRole('dialog')).toBeVisible()
    for (const page of [alice.popup, chat, options, prompt]) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' }) // no colour half-way
      expect(await problems(page)).toEqual([])
    }
    await Promise.all([chat.close(), options.close(), prompt.close()])
  })
}

test('axe finds nothing serious where files are chosen, sent, looked at and kept', async ({
  pair: { alice, bob },
}) => {
  const chat = await chatTab(alice, bob.name)
  const check = async (page: Page) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      expect(await problems(page)).toEqual([])
    }
  }
  await chat.locator('input[type=file]').setInputFiles([
    { name: 'sea.png', mimeType: 'image/png', buffer: Buffer.from(png(40, 30)) },
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') },
  ])
  await expect(chat.getByRole('checkbox', { name: 'Send original' })).toBeVisible()
  await expect(chat.getByRole('button', { name: /Remove .*notes/ })).toBeVisible()
  await check(chat)

  await chat.getByRole('button', { name: 'Send', exact: true }).click()
  const picture = chat.getByRole('img', { name: 'sea.png' })
  await expect(picture).toHaveAttribute('src', /^blob:/)
  await expect(chat.getByRole('article').filter({ hasText: 'notes.txt' })).toContainText(/Delivered|Stored/)
  await check(chat)
  await picture.click()
  await check(chat)
  await chat.keyboard.press('Escape')
  await chat.getByRole('button', { name: 'More' }).click()
  await chat.getByRole('menuitem', { name: 'Shared here' }).click()
  await expect(chat.getByRole('dialog').getByRole('listitem')).toHaveCount(2)
  await check(chat)

  const storage = await alice.page('options.html#storage')
  await expect(storage.getByRole('button', { name: 'Free up all space' })).toBeVisible()
  await check(storage)
  await Promise.all([chat.close(), storage.close()])
})

test('axe finds nothing serious before there is an account', async () => {
  const { page, close } = await launchChromium()
  for (const path of ['popup.html', 'options.html']) expect(await problems(await page(path))).toEqual([])
  await close()
})
