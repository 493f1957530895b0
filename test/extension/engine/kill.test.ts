/** The background dies at every operation of its database, one after the other; nothing may be lost or doubled. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Db } from '../../../extension/db/db.ts'
import { buddies, headless } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'

let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env: { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' } })
}, 40_000)
afterAll(() => relay.stop())

/** Counts the operations of a database, and calls `die` at the one that is armed. */
function fuse() {
  let left = Infinity
  let die = () => {}
  const burn = () => {
    if (--left === 0) die()
  }
  return {
    prepare(db: Db) {
      db.use({
        stack: 'dbcore',
        name: 'fuse',
        create: (core) => ({
          ...core,
          table(name) {
            const table = core.table(name)
            return {
              ...table,
              mutate: (request) => (burn(), table.mutate(request)),
              get: (request) => (burn(), table.get(request)),
              query: (request) => (burn(), table.query(request)),
            }
          },
        }),
      })
    },
    arm(operations: number, how: () => void) {
      left = operations
      die = how
    },
    burnt: () => left <= 0,
    disarm() {
      left = Infinity
    },
  }
}

test('[SN2] [LG4] killed at any operation while sending and receiving, each message is there once', async () => {
  const { prepare, arm, burnt, disarm } = fuse()
  const [bob, alice] = await Promise.all([
    headless(relay.url, 'bob.kill'),
    headless(relay.url, 'alice.kill', { prepare }),
  ])
  await alice.knock('bob.kill')
  await bob.until(async () => (await bob.relationTo('alice.kill')) === 'asked', 'asked')
  await bob.accept('alice.kill')
  await alice.until(async () => (await alice.relationTo('bob.kill')) === 'buddies', 'buddies')

  const said: string[] = []
  let kills = 0
  for (let operation = 1; operation <= 40; operation++) {
    const [mine, theirs] = [`from alice ${operation}`, `from bob ${operation}`]
    said.push(mine, theirs)
    arm(operation, () => alice.kill())
    await Promise.allSettled([alice.send('bob.kill', mine), bob.send('alice.kill', theirs)])
    await bob.until(
      async () =>
        burnt() ||
        ((await bob.textsWith('alice.kill')).includes(mine) &&
          (await alice.textsWith('bob.kill')).includes(theirs)),
      'killed, or done',
    )
    if (burnt()) kills++
    disarm()
    await alice.restart()
    // A page whose background died before the row was written still has the text, and writes it again.
    if (
      !(await alice.db.outbox.toArray()).some(({ content }) => 'text' in content && content.text === mine)
    ) {
      const shown = await alice.textsWith('bob.kill')
      if (!shown.includes(mine)) await alice.send('bob.kill', mine)
    }
  }

  await bob.until(async () => (await bob.textsWith('alice.kill')).length >= said.length, 'all at Bob', 30_000)
  await alice.until(
    async () => (await alice.textsWith('bob.kill')).length >= said.length,
    'all at Alice',
    30_000,
  )
  const [hers, his] = [await alice.textsWith('bob.kill'), await bob.textsWith('alice.kill')]
  expect(his.toSorted()).toEqual(said.toSorted())
  expect(hers).toEqual(his)
  expect(kills).toBeGreaterThan(20)
  await Promise.all([alice.stop(), bob.stop()])
}, 90_000)

test('[SN9] on a relay that keeps nothing for the absent, the sender is told at once, and may try again', async () => {
  const strict = await spawnRelay({
    env: { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000', PARLEY_OFFLINE: 'refuse' },
  })
  const [alice, bob] = await buddies(strict.url, 'alice.strict', 'bob.strict')
  bob.kill()
  await alice.until(async () => {
    const id = await alice.send('bob.strict', 'now or never')
    await alice.until(async () => (await alice.stateOf(id)) !== 'pending', 'answered')
    return (await alice.stateOf(id)) === 'failed' || (await alice.stateOf(id)) === 'stored'
  }, 'sent')
  await alice.until(
    async () => (await alice.history('bob.strict')).some((row) => row.failure === 'recipient-unavailable'),
    'told',
  )

  await bob.restart()
  await bob.connected()
  const failed = (await alice.history('bob.strict')).find((row) => row.state === 'failed')!
  await alice.commands.retry(failed.id)
  await bob.until(async () => (await bob.textsWith('alice.strict')).includes('now or never'), 'arrived')
  expect(await bob.textsWith('alice.strict')).toEqual(['now or never'])
  await Promise.all([alice.stop(), bob.stop()])
  await strict.stop()
}, 40_000)
