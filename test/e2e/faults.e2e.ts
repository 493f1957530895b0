/** What a person must never notice: the background dies, the network goes, the relay is killed. */
import { stopWorkers } from '../support/chromium.ts'
import { becomeBuddies, chatTab, message, newPerson, say, texts, type Person } from '../support/people.ts'
import { spawnRelay, type RelayProcess } from '../support/processes.ts'
import { startProxy, type Proxy } from '../support/proxy.ts'
import { expect, test as base, testRelayEnv } from './fixtures.ts'

/** Alice reaches the relay over a wire that can be held and cut; Bob reaches it directly. */
type Wired = { relay: RelayProcess; wire: Proxy; alice: Person; bob: Person }

const test = base.extend<object, { wired: Wired }>({
  wired: [
    async ({}, use) => {
      const relay = await spawnRelay({ env: testRelayEnv })
      const wire = await startProxy(relay.url)
      const [alice, bob] = await Promise.all([newPerson('alice', wire.url), newPerson('bob', relay.url)])
      await becomeBuddies(alice, bob)
      await use({ relay, wire, alice, bob })
      await Promise.all([alice.close(), bob.close()])
      await wire.close()
      await relay.stop()
    },
    { scope: 'worker', timeout: 120_000 },
  ],
})

const bothShow = async (pages: Parameters<typeof texts>[0][], said: string[]) => {
  for (const page of pages)
    await expect(async () => expect((await texts(page)).slice(-said.length)).toEqual(said)).toPass({
      timeout: 30_000,
    })
}

test('[SN2] the background dies between send and ok: the message is there once', async ({
  wired: { wire, alice, bob },
}) => {
  const hers = await chatTab(alice, bob.name)
  const his = await chatTab(bob, alice.name)
  await say(hers, 'before')
  await expect(message(hers, 'before')).toContainText(/Delivered|Read/)

  wire.holdAnswers()
  await say(hers, 'sent, never confirmed')
  await expect(message(his, 'sent, never confirmed')).toBeVisible()
  await expect(message(hers, 'sent, never confirmed')).toContainText('Sending')
  await stopWorkers(alice.context)
  wire.cut()
  wire.release()
  await say(hers, 'after')

  await expect(message(hers, 'sent, never confirmed')).toContainText(/Delivered|Read/, { timeout: 30_000 })
  await bothShow([hers, his], ['before', 'sent, never confirmed', 'after'])
  await Promise.all([hers.close(), his.close()])
})

test('[LG4] the background dies between receive and ack: the message is there once', async ({
  wired: { wire, alice, bob },
}) => {
  const hers = await chatTab(alice, bob.name)
  const his = await chatTab(bob, alice.name)
  wire.holdRequests()
  await say(his, 'received, never acknowledged')
  await expect(message(hers, 'received, never acknowledged')).toBeVisible()
  await stopWorkers(alice.context)
  wire.cut()
  wire.release()
  await say(hers, 'still here')

  await expect(message(hers, 'still here')).toContainText(/Delivered|Read/, { timeout: 30_000 })
  await bothShow([hers, his], ['received, never acknowledged', 'still here'])
  await Promise.all([hers.close(), his.close()])
})

test('[R-45] the network goes and comes back: one honest line, and what was written meanwhile is sent', async ({
  wired: { wire, alice, bob },
}) => {
  const hers = await chatTab(alice, bob.name)
  const his = await chatTab(bob, alice.name)
  wire.down(true)
  await expect(alice.popup.getByRole('status')).toContainText(/Reconnecting|Connecting|Offline/, {
    timeout: 20_000,
  })
  await say(hers, 'one')
  await say(hers, 'two')
  await say(his, 'three')
  await expect(message(hers, 'two')).toContainText('Sending')
  wire.down(false)
  await alice.popup
    .getByRole('button', { name: 'Try now' })
    .click({ timeout: 5000 })
    .catch(() => {}) // it may be back already

  await expect(message(hers, 'two')).toContainText(/Delivered|Read/, { timeout: 30_000 })
  await expect(message(hers, 'three')).toBeVisible()
  await expect(alice.popup.getByRole('status')).toBeHidden()
  const order = (await texts(hers)).slice(-3)
  expect(order.toSorted()).toEqual(['one', 'three', 'two'])
  await bothShow([his], order)
  await Promise.all([hers.close(), his.close()])
})

test('[SN1] [LN2] the relay is killed under load: nothing confirmed is lost, nothing comes twice', async ({
  wired: { relay, alice, bob },
}) => {
  test.setTimeout(120_000)
  const hers = await chatTab(alice, bob.name)
  const his = await chatTab(bob, alice.name)
  const said: string[] = []
  for (let round = 1; round <= 3; round++) {
    for (let i = 1; i <= 10; i++) {
      said.push(`round ${round}, line ${i}`)
      await say(hers, said.at(-1)!)
      if (i === 5) await relay.restart('SIGKILL')
    }
  }
  await expect(message(hers, said.at(-1)!)).toContainText(/Delivered|Read/, { timeout: 60_000 })
  await bothShow([hers, his], said)
  await Promise.all([hers.close(), his.close()])
})
