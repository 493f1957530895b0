import { test as base } from '@playwright/test'
import { becomeBuddies, newPerson, type Person } from '../support/people.ts'
import { spawnRelay, type RelayProcess } from '../support/processes.ts'

/** A relay made for tests: little work to sign up, and as many accounts as we like. */
export const testRelayEnv = { PARLEY_POW_BITS: '4', PARLEY_REGISTRATIONS_PER_DAY: '1000' }

let count = 0
/** A name nobody has on a relay that several tests share. */
export const freshName = (name: string) => `${name}${process.pid}.${++count}`

type Shared = {
  relay: RelayProcess
  /** Alice and Bob, buddies, each in a Chromium of their own; shared by the tests of a worker. */
  pair: { alice: Person; bob: Person }
}

async function withPair({ url }: RelayProcess, use: (pair: Shared['pair']) => Promise<void>) {
  const [alice, bob] = await Promise.all([
    newPerson(freshName('alice'), url),
    newPerson(freshName('bob'), url),
  ])
  await becomeBuddies(alice, bob)
  await use({ alice, bob })
  await Promise.all([alice.close(), bob.close()])
}

export const test = base.extend<object, Shared>({
  relay: [
    async ({}, use) => {
      const relay = await spawnRelay({ env: testRelayEnv })
      await use(relay)
      await relay.stop()
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  pair: [async ({ relay }, use) => withPair(relay, use), { scope: 'worker', timeout: 120_000 }],
})

/**
 * With a pair that no other file has used: no window is open, nothing is unread. Which files share a worker depends on
 * how many there are and how long each takes.
 */
export const testWithOwnPair = test.extend<object, Pick<Shared, 'pair'>>({
  pair: [async ({ relay }, use) => withPair(relay, use), { scope: 'worker', timeout: 120_000 }],
})

export { expect } from '@playwright/test'
