import { expect, test } from 'vitest'
import { limits } from '#shared/limits'
import { testRelay } from '../../support/test-relay.ts'

const quotas = { sendsPerHourMax: 3, knocksPerDayMax: 8, logBytesMax: 2000 }

test('[FR6] [RO9] an operator decides how much an account may send, knock and keep waiting', async () => {
  const relay = testRelay({}, { ...quotas, logBytesMax: limits.logBytesMax })
  const [alice] = await relay.pair()
  for (const name of ['one', 'two', 'three']) await alice.send('bob', name)

  // The knock that made them buddies was the first of the three.
  expect(alice.received('ok')).toHaveLength(2)
  expect(alice.last('error')).toMatchObject({ code: 'policy-violation', action: 'wait' })
  expect(alice.last('error').retryAfterMs).toBeGreaterThan(0)
  await relay.advance(3_600_000)
  const again = await relay.connect('alice')
  for (const i of [1, 2, 3]) {
    await relay.person(`stranger${i}`)
    await again.send(`stranger${i}`, `knock ${i}`, { kind: 'knock' })
  }

  // A quarter of the knocks on the first day: two, and the one to Bob was one of them.
  expect(again.entries('message').filter(({ peer }) => peer.startsWith('stranger'))).toHaveLength(1)
  expect(again.last('error')).toMatchObject({ code: 'policy-violation' })
})

test('a log that is full takes no more of others, and they are told to wait', async () => {
  const relay = testRelay({}, { ...quotas, sendsPerHourMax: 1000 })
  const [alice, bob] = await relay.pair()
  await bob.close()
  for (let i = 0; i < 12; i++) await alice.send('bob', `message ${i}`, { text: 'x'.repeat(300) })

  const refused = alice.received('error')
  expect(refused.length).toBeGreaterThan(0)
  expect(refused[0]).toMatchObject({ code: 'resource-constraint', action: 'wait' })
})
