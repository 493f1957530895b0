import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EnvelopeId, UserId } from '#shared/ids'
import { withChange } from '../../../extension/db/changes.ts'
import type { MessageRow } from '../../../extension/db/db.ts'
import { mergedRows } from '../../../extension/db/merge.ts'

const [me, bob] = ['alice', 'bob'] as UserId[]
const idOf = (n: number) => `id-${n}` as EnvelopeId
const message: MessageRow = {
  from: bob!,
  id: idOf(0),
  peer: bob!,
  ts: 1000,
  seq: 5,
  direction: 'in',
  kind: 'message',
  content: { type: 'text', text: 'first' },
  at: 1,
}
const change = fc.record({
  ts: fc.integer({ min: 1001, max: 1009 }),
  what: fc.constantFrom('edit', 'retract', 'mine', 'theirs'),
})
/** What is to be seen of it: the texts before an edit may be fewer where one of them was never here. */
const seen = ({ edited, ...row }: MessageRow) => ({ ...row, edited: edited && [edited.ts, edited.id] })

/** A device that has heard of some of the changes. */
function heard(changes: readonly { n: number; ts: number; what: string }[]): MessageRow {
  return changes.reduce((row, { n, ts, what }) => {
    const base = { id: idOf(n), ts }
    if (what === 'edit') {
      return withChange(row, {
        ...base,
        from: bob!,
        content: { type: 'edit', id: row.id, text: `edit ${n}` },
      })
    }
    if (what === 'retract')
      return withChange(row, { ...base, from: bob!, content: { type: 'retract', id: row.id } })
    const from = what === 'mine' ? me! : bob!
    const target = { from: bob!, id: idOf(0) }
    return withChange(row, { ...base, from, content: { type: 'reaction', target, emoji: String(n) } })
  }, message)
}

test('two devices that have heard of different changes come to the same, as if one had heard of all', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(change, fc.boolean(), fc.boolean()), { maxLength: 8 }), (given) => {
      const all = given.map(([one, here, there], n) => ({ ...one, n: n + 1, here, there: there || !here }))
      const [a, b] = [heard(all.filter((one) => one.here)), heard(all.filter((one) => one.there))]

      expect(seen(mergedRows(a, b))).toEqual(seen(mergedRows(b, a)))
      expect(seen(mergedRows(a, b))).toEqual(seen(heard(all)))
      expect(mergedRows(a, a)).toEqual(a)
      expect(seen(mergedRows(mergedRows(a, b), b))).toEqual(seen(mergedRows(a, b)))
    }),
  )
})

test('what is hidden stays hidden, and what waits to be opened is filled', () => {
  const hidden: MessageRow = { ...message, content: null, removed: 'hidden' }
  const waiting: MessageRow = { ...message, content: null, payload: 'AA', envelope: idOf(9), waits: 1 }

  expect(mergedRows(message, hidden)).toEqual(hidden)
  expect(mergedRows(waiting, message)).toEqual(message)
  expect(mergedRows(message, waiting)).toEqual(message)
})
