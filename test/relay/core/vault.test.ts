import { expect, test } from 'vitest'
import { limits } from '#shared/limits'
import { testRelay, type TestClient } from '../../support/test-relay.ts'

const read = async (client: TestClient) => {
  const answer = await client.ask({ type: 'vault' })
  return answer.type === 'vault' ? [answer.version, answer.payload] : answer
}
const write = async (client: TestClient, version: number | undefined, payload: string) => {
  const answer = await client.ask({ type: 'vault', payload, ...(version !== undefined && { version }) })
  return answer.type === 'error' ? answer.code : answer.type
}

test('[KY11] the vault is empty at first, and all devices read what one of them has written', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const phone = await relay.connect('alice', { device: 1 })

  const empty = await read(alice)
  const written = [await write(alice, 0, 'one'), await write(phone, 1, 'two')]
  await relay.kill('alice')

  expect(empty).toEqual([0, ''])
  expect(written).toEqual(['ok', 'ok'])
  expect(await read(await relay.connect('alice'))).toEqual([2, 'two'])
})

test('[KY11] whoever was slower gets `conflict`, and what the faster one wrote stays', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const phone = await relay.connect('alice', { device: 1 })
  await write(alice, 0, 'one')

  const answers = [
    await write(phone, 0, 'other'),
    await write(phone, 2, 'other'),
    await write(phone, undefined, 'x'),
  ]

  expect(answers).toEqual(['conflict', 'conflict', 'bad-request'])
  expect(await read(phone)).toEqual([1, 'one'])
})

test('[KY11] a write whose answer was lost may be repeated', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  await write(alice, 0, 'one')

  expect(await write(alice, 0, 'one')).toBe('ok')
  expect(await read(alice)).toEqual([1, 'one'])
})

test('[KY11] it holds 96 KiB and not more', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const full = 'A'.repeat(limits.vaultCharsMax)

  expect([await write(alice, 0, full), await write(alice, 1, `${full}A`)]).toEqual(['ok', 'too-large'])
  expect(await read(alice)).toEqual([1, full])
})
