import { expect, test } from 'vitest'
import type { EnvelopeId, UserId } from '#shared/ids'
import type { MessageRow } from '../../../extension/db/db.ts'
import { archivedMessage, keyOf, readRows, withoutGone } from '../../../extension/engine/archive-rows.ts'
import { offeredFile } from '../../support/offered-file.ts'

const alice = 'alice' as UserId
const id = '01980000-0000-7000-8000-000000000001' as EnvelopeId
const [other, third] = [2, 3].map((n) => id.replace(/1$/, String(n)) as EnvelopeId) as [
  EnvelopeId,
  EnvelopeId,
]
const row = {
  from: 'bob' as UserId,
  id,
  peer: 'bob' as UserId,
  ts: 5,
  seq: 3,
  direction: 'in',
  kind: 'message',
  content: { type: 'text', text: 'hello' },
  at: 1,
} satisfies MessageRow
const inside = archivedMessage('messages', row)!

test('a row comes back as it was, and what waits to be opened or sent is left out', () => {
  expect(readRows([inside], alice).messages).toEqual([row])
  expect(archivedMessage('messages', { ...row, content: null, payload: 'AA' })).toBeNull()
  expect(archivedMessage('messages', { ...row, state: 'pending' })).toBeNull()
})

test('what only a newer version knows waits for it, and is not lost meanwhile', () => {
  const unknown = { type: 'poll', question: 'lunch?' }
  const kept = archivedMessage('messages', { ...row, content: null, unknown, waits: 1 })!

  expect(readRows([kept], alice).messages).toEqual([{ ...row, content: null, unknown, waits: 1 }])
})

test('what was taken back leaves its place and nothing of what it said, before and after edits', () => {
  const edit = {
    ...row,
    id: other,
    kind: 'control' as const,
    content: { type: 'edit' as const, id, text: 'changed' },
  }
  const said = { ...row, id: third }
  const gone: MessageRow = { ...row, content: null, removed: 'retracted' }
  const rows = [inside, archivedMessage('changes', edit)!, archivedMessage('messages', said)!]

  const left = withoutGone(rows, new Map([[keyOf(row), gone]]))

  expect(readRows(left, alice)).toEqual({ messages: [gone, said], changes: [], welcomes: [] })
})

test('a message with a file comes back with it', () => {
  const content = { type: 'file' as const, file: offeredFile(), text: 'look' }
  const withFile = { ...row, content }

  expect(readRows([archivedMessage('messages', withFile)!], alice).messages).toEqual([withFile])
})

test.each([
  ['of somebody else', { from: 'carol' }],
  ['in the wrong direction', { direction: 'out' }],
  ['of another kind than its content', { kind: 'knock' }],
  ['of the wrong table', { type: 'changes' }],
  ['with no content at all', { content: null }],
  ['without a place', { seq: undefined }],
  ['with an id that is none', { id: 'x' }],
])('a row %s is dropped, and the others stay', (_, change) => {
  const read = readRows([{ ...inside, ...change }, inside], alice)

  expect([read.messages, read.changes]).toEqual([[row], []])
})
