import { expect, test } from 'vitest'
import type { EnvelopeId, UserId } from '#shared/ids'
import type { MessageRow } from '../../../extension/db/db.ts'
import { archivedMessage, readRows } from '../../../extension/engine/archive-rows.ts'
import { offeredFile } from '../../support/offered-file.ts'

const alice = 'alice' as UserId
const id = '01980000-0000-7000-8000-000000000001' as EnvelopeId
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
