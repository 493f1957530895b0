import { expect, test } from 'vitest'
import type { SealedSegment } from '#shared/archive'
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

test('[KY12] a new list brings its vault with it, on top of the one that is there, or neither is stored', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const phone = await relay.addDevice('alice')
  await write(alice, 0, 'for-two')

  const late = await relay.putDevices('alice', [alice.device], [], { version: 0, payload: 'other' })
  const between = [
    relay.row<{ devices: { version: number } }>('alice', 'meta').devices.version,
    await read(alice),
  ]
  const reply = await relay.putDevices('alice', [alice.device], [], { version: 1, payload: 'for-one' })
  await relay.kill('alice')

  expect(phone.own.id).not.toBe(alice.device.own.id)
  expect(late).toMatchObject({ type: 'error', code: 'conflict' })
  expect(between).toEqual([2, [1, 'for-two']])
  expect(reply).toMatchObject({ type: 'ok', version: 3 })
  expect(await read(await relay.connect('alice'))).toEqual([2, 'for-one'])
})

test('[KY13] settings and segments that are sealed for a list from before are refused with the newest', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const old = relay.row<{ devices: { hash: string } }>('alice', 'meta').devices.hash
  await relay.addDevice('alice')
  const { devices } = relay.row<{ devices: { version: number; hash: string } }>('alice', 'meta')
  const segment: SealedSegment = {
    e: 1,
    segId: 'A'.repeat(22),
    fromTs: 1,
    toTs: 2,
    count: 1,
    iv: 'A'.repeat(16),
    kind: 'rows',
    ct: 'B',
  }
  const put = (list: string) => [
    alice.ask({ type: 'preferences', version: 0, payload: 'A', list }),
    alice.ask({ type: 'archive', segment, replaces: [], list }),
  ]

  const refused = await Promise.all(put(old))
  const rows = [relay.rowsLike('alice', 'preferences'), relay.rowsLike('alice', 'segment:')]
  const taken = await Promise.all(put(devices.hash))

  for (const answer of refused) expect(answer).toMatchObject({ type: 'error', code: 'conflict', devices })
  expect(rows).toEqual([[], []])
  expect(taken.map(({ type }) => type)).toEqual(['ok', 'ok'])
})
