import { expect, test } from 'vitest'
import { device, session, textOf } from './devices.ts'

test('what the owner says is opened by every member, each for itself', async () => {
  const talk = await session(await device('alice/1'), await device('bob/1'), await device('bob/2'))
  const one = await talk.joinAs(0)
  const two = await talk.joinAs(1)

  const ct = await talk.say('hello')

  expect(textOf(await talk.hear(one, ct, 'hello'))).toBe('hello')
  expect(textOf(await talk.hear(two, ct, 'hello'))).toBe('hello')
})
