/** Strangers: what they can do, what they see of it, and how one gets rid of them. */
import type { Page } from '@playwright/test'
import { becomeBuddies, buddy, chatTab, message, newPerson, say, type Person } from '../support/people.ts'
import { expect, freshName, test } from './fixtures.ts'

async function knock({ popup }: Person, name: string, words: { text?: string; reason?: string } = {}) {
  await popup.getByRole('textbox', { name: 'Find or add a buddy' }).fill(name)
  if (words.text) await popup.getByRole('textbox', { name: /A few words/ }).fill(words.text)
  if (words.reason) {
    await popup.getByText('Reason or page').click()
    await popup.getByRole('textbox', { name: /What it is about/ }).fill(words.reason)
  }
  await popup.getByRole('button', { name: 'Add buddy' }).click()
}
const request = ({ popup }: Person, from: string) =>
  popup.getByRole('list', { name: 'Requests' }).getByRole('listitem').filter({ hasText: from })
/** My own knock, in the words it is shown in. */
const sent = ({ popup }: Person, to: string) =>
  popup.getByRole('list', { name: 'Waiting for an answer' }).getByRole('listitem').filter({ hasText: to })

async function knockAgain(person: Person, name: string, text: string) {
  await sent(person, name).getByRole('button', { name: 'Withdraw' }).click()
  await expect(sent(person, name)).toHaveCount(0)
  await knock(person, name, { text })
  await expect(sent(person, name)).toContainText('Knock sent')
}

const privacy = (person: Person): Promise<Page> => person.page('options.html#privacy')

test('[R-14] who was rejected sees the same as before, and knocks again at nobody', async ({
  relay,
  pair: { alice, bob },
}) => {
  const zoe = await newPerson(freshName('zoe'), relay.url)
  const profile = await zoe.page('options.html#profile')
  await profile.getByRole('textbox', { name: 'Display name' }).fill('Zoë from the choir')
  await profile.keyboard.press('Enter')
  await expect(profile.getByText('Saved')).toBeVisible()
  await profile.close()

  await knock(zoe, alice.name, { text: 'see https://example.org', reason: '2 minutes?' })
  const asks = request(alice, zoe.name)
  await expect(asks).toContainText('Calls themselves Zoë from the choir')
  await expect(asks).toContainText('Knows your user name')
  await expect(asks).toContainText('2 minutes?')
  await expect(asks).toContainText('see https://example.org')
  await expect(asks.getByRole('link')).toHaveCount(0)
  await expect(sent(zoe, alice.name)).toContainText('Knock sent')

  await asks.getByRole('button', { name: 'Reject', exact: true }).click()
  await expect(asks).toHaveCount(0)
  await expect(sent(zoe, alice.name)).toContainText('Knock sent')
  await knockAgain(zoe, alice.name, 'please')

  // What was sent after it is there, so the knock would be too.
  const chat = await chatTab(bob, alice.name)
  await say(chat, 'after the knock')
  await expect(message(chat, 'after the knock')).toContainText(/Delivered|Read/)
  await expect(alice.popup.getByRole('list', { name: 'Requests' })).toHaveCount(0)
  await expect(sent(zoe, alice.name)).toContainText('Knock sent')
  await Promise.all([chat.close(), zoe.close()])
})

test('[R-15] who was rejected and blocked is listed; unblocked they can knock, and be let in', async ({
  relay,
  pair: { alice },
}) => {
  const yan = await newPerson(freshName('yan'), relay.url)
  await knock(yan, alice.name, { text: 'buy this' })
  await request(alice, yan.name).getByRole('button', { name: 'Reject and block' }).click()
  await expect(request(alice, yan.name)).toHaveCount(0)
  await expect(sent(yan, alice.name)).toContainText('Knock sent')

  const options = await privacy(alice)
  const blocked = options.getByRole('list', { name: 'Blocked people' }).getByRole('listitem')
  await expect(blocked.filter({ hasText: yan.name })).toBeVisible()
  await blocked.filter({ hasText: yan.name }).getByRole('button', { name: 'Unblock' }).click()
  await expect(options.getByText('Nobody is blocked.')).toBeVisible()
  await options.close()
  // Nothing is delivered retroactively.
  await expect(request(alice, yan.name)).toHaveCount(0)

  await knockAgain(yan, alice.name, 'sorry')
  await expect(request(alice, yan.name)).toContainText('sorry')
  await request(alice, yan.name).getByRole('button', { name: 'Accept' }).click()
  await expect(buddy(alice, yan.name)).toBeVisible()
  await expect(buddy(yan, alice.name)).toBeVisible()
  await yan.close()
})

test('[R-13] buddies only: a stranger is told so, and knocks without a text', async ({
  relay,
  pair: { bob },
}) => {
  const carol = await newPerson(freshName('carol'), relay.url)
  const options = await privacy(carol)
  await options.getByRole('radio', { name: 'Buddies only' }).click()
  await expect(options.getByText('Saved')).toBeVisible()

  await knock(bob, carol.name, { text: 'hello' })
  await expect(sent(bob, carol.name)).toContainText(`${carol.name} takes messages from buddies only.`)
  await expect(carol.popup.getByRole('list', { name: 'Requests' })).toHaveCount(0)
  await sent(bob, carol.name).getByRole('button', { name: 'Knock without text' }).click()
  await expect(sent(bob, carol.name)).toContainText('Knock sent')

  await expect(request(carol, bob.name)).toContainText('Would like to be your buddy.')
  await expect(request(carol, bob.name)).not.toContainText('hello')
  await request(carol, bob.name).getByRole('button', { name: 'Accept' }).click()
  await expect(buddy(bob, carol.name)).toBeVisible()
  await carol.close()
})

test('[R-52] [R-54] with the invite link only: nobody has that name, and the link makes buddies in one step', async ({
  relay,
  pair: { bob },
}) => {
  const dora = await newPerson(freshName('dora'), relay.url)
  const options = await privacy(dora)
  await options.getByRole('radio', { name: 'Only with my invite link' }).click()
  await expect(options.getByText('Saved')).toBeVisible()
  await options.getByRole('button', { name: 'Make an invite link' }).click()
  const link = await options.getByRole('textbox', { name: 'Your invite link' }).inputValue()
  expect(link).toContain(`${relay.url}/u/${dora.name}#`)
  await expect(options.getByRole('img', { name: /QR code/ })).toBeVisible()

  await knock(bob, dora.name)
  await expect(sent(bob, dora.name)).toContainText('No one can be reached under that name.')
  await sent(bob, dora.name).getByRole('button', { name: 'Dismiss' }).click()
  await expect(sent(bob, dora.name)).toHaveCount(0)

  const field = bob.popup.getByRole('textbox', { name: 'Find or add a buddy' })
  await field.fill(link)
  await expect(bob.popup.getByText(`${dora.name} invites you.`)).toBeVisible()
  await bob.popup.getByRole('button', { name: 'Add buddy' }).click()
  await expect(buddy(bob, dora.name, 'online')).toBeVisible()
  await expect(buddy(dora, bob.name, 'online')).toBeVisible()
  await expect(dora.popup.getByRole('list', { name: 'Requests' })).toHaveCount(0)

  // A new link ends the old one; buddies stay buddies.
  await options.getByRole('button', { name: 'New link' }).click()
  await options.getByRole('dialog').getByRole('button', { name: 'New link' }).click()
  await expect(options.getByRole('textbox', { name: 'Your invite link' })).not.toHaveValue(link)
  await expect(buddy(bob, dora.name)).toBeVisible()
  await dora.close()
})

test('[R-53] a stranger who looks like a buddy is told apart from them', async ({
  relay,
  pair: { alice, bob },
}) => {
  const twin = await newPerson(bob.name.replace('bob', 'b0b'), relay.url)
  await knock(twin, alice.name, { text: 'it is me' })

  await expect(request(alice, twin.name)).toContainText(
    `Looks like your buddy ${bob.name}, but is someone else (${twin.name}).`,
  )
  await request(alice, twin.name).getByRole('button', { name: 'Reject', exact: true }).click()
  await twin.close()
})

test('[R-15] a buddy who is blocked from the list is gone from it, and sees me offline', async ({
  relay,
  pair: { alice },
}) => {
  const finn = await newPerson(freshName('finn'), relay.url)
  await becomeBuddies(finn, alice)
  await buddy(alice, finn.name).click({ button: 'right' })
  await alice.popup.getByRole('menuitem', { name: 'Block…' }).click()
  await alice.popup.getByRole('dialog').getByRole('button', { name: 'Block' }).click()

  await expect(buddy(alice, finn.name)).toHaveCount(0)
  await expect(buddy(finn, alice.name, 'offline')).toBeVisible({ timeout: 20_000 })
  const chat = await chatTab(finn, alice.name)
  await say(chat, 'are you there?')
  await expect(message(chat, 'are you there?')).toContainText('Stored')
  await Promise.all([chat.close(), finn.close()])
})
