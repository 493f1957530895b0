import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { launchChromium } from '../support/chromium.ts'
import { chatTab, say } from '../support/people.ts'
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

test('axe finds nothing serious before there is an account', async () => {
  const { page, close } = await launchChromium()
  for (const path of ['popup.html', 'options.html']) expect(await problems(await page(path))).toEqual([])
  await close()
})
