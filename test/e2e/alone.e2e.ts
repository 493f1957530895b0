/**
 * Nothing is attached to Chromium here, so its background lives and dies as it does for people. What it does is
 * seen by a buddy: a headless user of the same relay.
 */
import { spawnChromium } from '../support/chromium.ts'
import { headless } from '../support/headless.ts'
import { newPerson } from '../support/people.ts'
import { until } from '../support/until.ts'
import { expect, freshName, test, testRelayEnv } from './fixtures.ts'
import { spawnRelay } from '../support/processes.ts'

test('[R-45] the relay is away for 90 s, and the background, which died meanwhile, comes back by itself', async () => {
  test.setTimeout(300_000)
  const relay = await spawnRelay({ env: testRelayEnv })
  const person = await newPerson(freshName('alice'), relay.url)
  const watcher = await headless(relay.url, freshName('watcher'))
  await watcher.knock(person.name)
  await person.popup.getByRole('list', { name: 'Requests' }).getByRole('button', { name: 'Accept' }).click()
  await until(async () => (await watcher.presenceOf(person.name)) === 'online', 'Alice online')
  await person.close()

  const alone = spawnChromium(person.profile)
  await until(async () => (await watcher.presenceOf(person.name)) === 'online', 'Alice online, alone', 60_000)
  const stopped = performance.now()
  await relay.kill('SIGTERM')
  await until(async () => performance.now() - stopped > 90_000, '90 s', 100_000)
  await relay.restart()
  await until(async () => (await watcher.presenceOf(person.name)) === 'online', 'Alice online again', 90_000)
  const id = await watcher.send(person.name, 'welcome back')
  await until(async () => (await watcher.stateOf(id)) === 'delivered', 'delivered', 30_000)
  expect(await watcher.stateOf(id)).toBe('delivered')
  await alone.close()
  await watcher.stop()
  await relay.stop()
})
