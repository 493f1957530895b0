/** The engine over an IndexedDB in memory, against a real relay process. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buddies, headless } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'

let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env: { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' } })
}, 40_000)
afterAll(() => relay.stop())

test('[R-19] a message is pending, stored, delivered, read', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.one', 'bob.one')

  const id = await alice.send('bob.one', 'hello')
  await alice.until(async () => (await alice.stateOf(id)) === 'delivered', 'delivered')
  expect(await bob.textsWith('alice.one')).toEqual(['hello'])
  expect(await bob.unread('alice.one')).toBe(1)

  await bob.read('alice.one')
  await alice.until(async () => (await alice.stateOf(id)) === 'read', 'read')
  expect(await bob.unread('alice.one')).toBe(0)
  await Promise.all([alice.stop(), bob.stop()])
})

test('[R-46] a message to somebody offline waits for them', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.two', 'bob.two')
  bob.kill()
  const id = await alice.send('bob.two', 'for later')
  await alice.until(async () => (await alice.stateOf(id)) === 'stored', 'stored')

  await bob.restart()
  await alice.until(async () => (await alice.stateOf(id)) === 'delivered', 'delivered')
  expect(await bob.textsWith('alice.two')).toEqual(['for later'])
  await Promise.all([alice.stop(), bob.stop()])
})

test('[SN11] a knock at a name that does not exist is told as failed', async () => {
  const alice = await headless(relay.url, 'alice.three')
  await alice.knock('nobody.here', 'hi')
  await alice.until(
    async () => (await alice.history('nobody.here')).some((row) => row.failure === 'item-not-found'),
    'failed',
  )
  expect(await alice.relationTo('nobody.here')).toBe('none')
  await alice.stop()
})
