/** The options page: what is chosen holds, is found, and is the same on all devices of a person. */
import { AxeBuilder } from '@axe-core/playwright'
import { anotherDevice, becomeBuddies, buddy, newPerson } from '../support/people.ts'
import { expect, freshName, test } from './fixtures.ts'

test('what is chosen holds after a reload, and the search finds it', async ({ pair: { alice } }) => {
  const options = await alice.page('options.html')
  const arrival = options.getByRole('radiogroup', { name: 'When a message arrives' })
  await expect(arrival.getByRole('radio', { name: 'Open a window' })).toBeChecked()
  await arrival.getByRole('radio', { name: 'Badge only' }).click()
  await expect(options.getByText('Saved')).toBeVisible()
  await options.getByRole('switch', { name: 'Quiet hours' }).click()
  await options.getByLabel('From').fill('23:15')
  await expect(options.getByLabel('From')).toHaveValue('23:15')

  await options.reload()
  await expect(arrival.getByRole('radio', { name: 'Badge only' })).toBeChecked()
  await expect(options.getByLabel('From')).toHaveValue('23:15')

  await options.getByRole('searchbox', { name: 'Search settings' }).fill('receipts')
  await expect(options.getByRole('region')).toHaveCount(1)
  await expect(options.getByRole('switch', { name: 'Read receipts' })).toBeChecked()
  await options.getByRole('searchbox', { name: 'Search settings' }).fill('')

  await arrival.getByRole('radio', { name: 'Open a window' }).click()
  await options.getByRole('switch', { name: 'Quiet hours' }).click()
  await expect(options.getByLabel('From')).toHaveCount(0)
  await options.close()
})

test('another device of the same person has the same settings, groups and policy', async ({ relay }) => {
  test.setTimeout(120_000) // three passwords are hashed
  const [laptop, gina] = await Promise.all([
    newPerson(freshName('hugo'), relay.url),
    newPerson(freshName('gina'), relay.url),
  ])
  await becomeBuddies(laptop, gina)
  await buddy(laptop, gina.name).click({ button: 'right' })
  await laptop.popup.getByRole('menuitem', { name: 'Move to group…' }).click()
  await laptop.popup.getByRole('radio', { name: 'New group' }).click()
  await laptop.popup.getByRole('textbox', { name: 'Name of the group' }).fill('Book club')
  await laptop.popup.getByRole('button', { name: 'Save' }).click()
  await expect(laptop.popup.getByRole('button', { name: /^Book club/ })).toBeVisible()

  const desktop = await anotherDevice(laptop, relay.url)
  await expect(desktop.popup.getByRole('button', { name: /^Book club/ })).toBeVisible()

  const [here, there] = await Promise.all([
    laptop.page('options.html#privacy'),
    desktop.page('options.html#privacy'),
  ])
  await here.getByRole('switch', { name: 'Typing' }).click()
  await expect(there.getByRole('switch', { name: 'Typing' })).not.toBeChecked()
  await there.getByRole('radio', { name: 'Buddies only' }).click()
  await expect(here.getByRole('radio', { name: 'Buddies only' })).toBeChecked()
  await there.getByRole('button', { name: 'Make an invite link' }).click()
  const link = there.getByRole('textbox', { name: 'Your invite link' })
  await expect(link).toBeVisible()
  await expect(here.getByRole('textbox', { name: 'Your invite link' })).toHaveValue(await link.inputValue())
  await here.getByRole('button', { name: 'Turn off' }).click()
  await expect(link).toHaveCount(0)
  await Promise.all([laptop.close(), desktop.close(), gina.close()])
})

test('axe finds nothing serious in any section of the options', async ({ pair: { alice } }) => {
  for (const section of ['messages', 'privacy', 'profile', 'account', 'about']) {
    const options = await alice.page(`options.html#${section}`)
    await expect(options.getByRole('heading', { level: 1 })).toBeVisible()
    const { violations } = await new AxeBuilder({ page: options }).analyze()
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    expect(serious.flatMap(({ id, nodes }) => nodes.map((node) => `${section} ${id}: ${node.html}`))).toEqual(
      [],
    )
    await options.close()
  }
})
