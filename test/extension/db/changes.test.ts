import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Content } from '#shared/content'
import type { EnvelopeId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { targetOf, withChange, type Change } from '../../../extension/db/changes.ts'
import { pendingTs, type MessageRow } from '../../../extension/db/db.ts'

const [alice, bob] = ['alice' as UserId, 'bob' as UserId]
const id = 'm1' as EnvelopeId
const row: MessageRow = {
  from: bob,
  id,
  peer: bob,
  ts: 1000,
  seq: 4,
  direction: 'in',
  kind: 'message',
  content: { type: 'text', text: 'helo', session: 's1' },
  at: 1,
}
const change = (content: Content, rest: Partial<Change> = {}): Change => ({
  from: bob,
  id: 'c1' as EnvelopeId,
  ts: 2000,
  content,
  ...rest,
})
const edit = (text: string, rest?: Partial<Change>) => change({ type: 'edit', id, text }, rest)
const retract = (rest?: Partial<Change>) => change({ type: 'retract', id }, rest)
const react = (emoji: string, rest?: Partial<Change>) =>
  change({ type: 'reaction', target: { from: bob, id }, emoji }, rest)

test('[R-26] an edit replaces the text, keeps all before it, and nothing else changes', () => {
  const once = withChange(row, edit('hello'))
  const twice = withChange(once, edit('hello!', { id: 'c2' as EnvelopeId, ts: 3000 }))

  expect(twice.content).toEqual({ type: 'text', text: 'hello!', session: 's1' })
  expect(twice.edited?.before).toEqual([
    { text: 'helo', ts: 1000 },
    { text: 'hello', ts: 2000 },
  ])
  expect({ ...twice, content: row.content, edited: undefined }).toEqual({ ...row, edited: undefined })
})

test.each<[string, Change]>([
  ['an edit by somebody else', edit('not mine', { from: alice })],
  ['an edit after a day', edit('late', { ts: row.ts + limits.editMs + 1 })],
  ['taking back somebody else’s', retract({ from: alice })],
  ['taking back after two days', retract({ ts: row.ts + limits.retractMs + 1 })],
  ['what changes nothing', change({ type: 'text', text: 'hello' })],
])('[R-26] [R-27] %s has no effect', (_, one) => {
  expect(withChange(row, one)).toBe(row)
})

test('[R-27] what was taken back is gone with its text, edits and reactions, and nothing brings it back', () => {
  const rich = withChange(withChange(row, edit('a secret')), react('👍'))
  const gone = withChange(rich, retract({ id: 'c9' as EnvelopeId, ts: 4000 }))

  expect(gone.removed).toBe('retracted')
  expect(JSON.stringify(gone)).not.toMatch(/secret|helo|👍/)
  expect(withChange(gone, edit('again', { ts: 5000 }))).toBe(gone)
  expect(withChange(gone, react('👍', { ts: 5000 }))).toBe(gone)
})

test('[R-26] a page shows its own change at once, before the relay has given it a time', () => {
  expect(withChange(row, edit('hello', { ts: pendingTs })).content).toMatchObject({ text: 'hello' })
})

test('[R-26] a file or something unreadable is not edited', () => {
  const unread = { ...row, content: null }
  expect(withChange(unread, edit('hello'))).toBe(unread)
})

test('[R-17] changes name the author together with the id', () => {
  expect(targetOf(edit('x', { from: alice }))).toEqual([alice, id])
  expect(targetOf(react('👍', { from: alice }))).toEqual([bob, id])
  expect(targetOf(change({ type: 'accept' }))).toBeNull()
})

test('[R-17] in whatever order and however often changes come, the same text and reactions come out', () => {
  const changes = fc.array(
    fc.record({
      what: fc.constantFrom('edit', 'react'),
      by: fc.constantFrom(alice, bob),
      value: fc.constantFrom('a', 'b', ''),
    }),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(changes, fc.infiniteStream(fc.nat()), (made, picks) => {
      const all = made.map(({ what, by, value }, at) => {
        const rest = { from: by, id: `c${at}` as EnvelopeId, ts: 2000 + (at >> 1) }
        return what === 'edit' ? edit(`${value}${at}`, rest) : react(value, rest)
      })
      const inOrder = all.reduce(withChange, row)
      // Each at least once, some again, in an order drawn by lot.
      const drawn = [...all, ...all].map((one) => ({ one, place: picks.next().value ?? 0 }))
      const shuffled = drawn.toSorted((a, b) => a.place - b.place).map(({ one }) => one)
      const outOfOrder = shuffled.reduce(withChange, row)

      expect(outOfOrder.content).toEqual(inOrder.content)
      expect(outOfOrder.reactions).toEqual(inOrder.reactions)
    }),
  )
})
