/** The main path once more, with the relay on real workerd: `partykit dev`. */
import { becomeBuddies, buddy, chatTab, message, newPerson, say } from '../support/people.ts'
import { spawnPartyKit } from '../support/processes.ts'
import { expect, test, testRelayEnv } from './fixtures.ts'

test('two people meet and chat through PartyKit, which may be restarted', async () => {
  test.setTimeout(180_000)
  const relay = await spawnPartyKit({
    env: { ...testRelayEnv, PARLEY_SECRET: 'only-for-tests-only-for-tests-only' },
  })
  const [alice, bob] = await Promise.all([newPerson('alice', relay.url), newPerson('bob', relay.url)])
  await becomeBuddies(alice, bob)
  await expect(buddy(alice, 'bob', 'online')).toBeVisible()

  const hers = await chatTab(alice, 'bob')
  const his = await chatTab(bob, 'alice')
  await say(hers, 'hello from workerd')
  await expect(message(his, 'hello from workerd')).toBeVisible()
  await his.getByRole('textbox', { name: 'Message' }).click()
  await expect(message(hers, 'hello from workerd')).toContainText('Read')

  await relay.restart()
  await say(his, 'and back')
  await expect(message(hers, 'and back')).toBeVisible({ timeout: 60_000 })
  await Promise.all([alice.close(), bob.close()])
  await relay.stop()
})
