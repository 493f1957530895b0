import { expect, test } from 'vitest'
import { memoryStore } from '../../../relay/core/memory-store.ts'
import { createParts } from '../../../relay/core/parts.ts'
import type { Tx } from '../../../relay/core/ports.ts'

const addTo = (list: string, value: number) => async (tx: Tx) => {
  const row = (await tx.get<number[]>(list)) ?? []
  row.push(value)
  tx.put(list, row)
}

test('a part that fails leaves nothing behind, in what it read neither, and the others stay', async () => {
  const rows = new Map([['list', '[1]']])
  const store = memoryStore(rows)

  await store.transact(async (tx) => {
    const parts = createParts(tx)
    await parts.part(addTo('list', 2))
    const failing = parts.part(async (part) => {
      await addTo('list', 3)(part)
      part.put('other', 1)
      part.wakeAt(5)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    await parts.part(addTo('list', 4))
    parts.flush()
  })

  expect(rows).toEqual(new Map([['list', '[1,2,4]']]))
  expect(store.alarm).toBeNull()
})

test('a part sees what the parts before it have left, in lists too', async () => {
  const rows = new Map(['a1', 'a2', 'a3', 'b1'].map((key) => [key, JSON.stringify(key)]))
  const seen: unknown[] = []

  await memoryStore(rows).transact(async (tx) => {
    const parts = createParts(tx)
    await parts.part(async (part) => {
      part.put('a0', 'new')
      part.delete('a2')
    })
    await parts.part(async (part) => {
      part.put('a4', 'own')
      seen.push(
        await part.list({ prefix: 'a', limit: 3 }),
        await part.list({ prefix: 'a', limit: 2, reverse: true }),
      )
      seen.push([...(await part.getMany(['a0', 'a2', 'a4', 'b1'])).keys()])
    })
    parts.flush()
  })

  expect(seen).toEqual([
    [
      ['a0', 'new'],
      ['a1', 'a1'],
      ['a3', 'a3'],
    ],
    [
      ['a4', 'own'],
      ['a3', 'a3'],
    ],
    ['a0', 'a4', 'b1'],
  ])
  expect([...rows.keys()].toSorted()).toEqual(['a0', 'a1', 'a3', 'a4', 'b1'])
})
