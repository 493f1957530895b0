import { expect, test } from 'vitest'
import { idOf, testRelay } from '../../support/test-relay.ts'

test('[SN1] smoke', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()

  await alice.send('bob', 'e1')

  expect(alice.last('ok')).toMatchObject({ id: idOf('e1') })
  expect(bob.inbox).toEqual(['e1'])
  console.log(alice.frames, bob.frames)
})
