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

/** As an update of the library leaves it, or a disk. */
const unreadable = (row: { state: Uint8Array }) => void (row.state = new Uint8Array([1, 2, 3]))

test('a session that cannot be read any more is left for a new one: nothing fails, nothing is lost', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.state', 'bob.state')
  await alice.send('bob.state', 'one')
  await bob.send('alice.state', 'two')
  await alice.until(async () => (await alice.textsWith('bob.state')).length === 2, 'read')
  await bob.until(async () => (await bob.textsWith('alice.state')).length === 2, 'read')
  const before = await alice.db.ratchetsOut.get(bob.name)
  await alice.db.ratchetsOut.toCollection().modify(unreadable)

  const id = await alice.send('bob.state', 'three')
  await alice.until(async () => (await alice.stateOf(id)) !== 'pending', 'gone out')

  expect((await alice.db.messages.get([alice.name, id]))?.failure).toBeUndefined()
  await bob.until(async () => (await bob.textsWith('alice.state')).length === 3, 'read')
  expect((await alice.db.ratchetsOut.get(bob.name))?.ratchet).not.toBe(before?.ratchet)

  await bob.db.ratchetsIn.toCollection().modify(unreadable)
  await alice.send('bob.state', 'four')
  await bob.until(async () => (await bob.textsWith('alice.state')).length === 4, 'read by the mailbox')
  await Promise.all([alice.stop(), bob.stop()])
})
