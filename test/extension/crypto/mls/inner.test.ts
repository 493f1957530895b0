import { expect, test } from 'vitest'
import { utf8 } from '#shared/bytes'
import type { EnvelopeId } from '#shared/ids'
import { decodeInner, encodeInner } from '../../../../extension/crypto/mls/inner.ts'

const mid = '018bcfe5-6800-7123-89ab-0123456789ab' as EnvelopeId
const other = '018bcfe5-6800-7123-89ab-0123456789ac' as EnvelopeId
const content = { type: 'text', text: 'hello' }

test('a content comes out with its number and nothing added', () => {
  expect(decodeInner(encodeInner({ mid, n: 3, content }), mid)).toEqual({ mid, n: 3, content })
})

test('a content cannot pass for another message', () => {
  expect(() => decodeInner(encodeInner({ mid, n: 3, content }), other)).toThrow('envelope')
})

test('a content cannot overwrite its own number', () => {
  const hostile = { ...content, v: 2, mid: other, n: -1 }

  expect(decodeInner(encodeInner({ mid, n: 3, content: hostile }), mid)).toEqual({ mid, n: 3, content })
})

test.each([
  ['no JSON', 'x'],
  ['no object', '1'],
  ['null', 'null'],
  ['no type', JSON.stringify({ v: 1, mid, n: 0 })],
  ['another version', JSON.stringify({ v: 2, mid, n: 0, type: 'text' })],
  ['a number that counts nothing', JSON.stringify({ v: 1, mid, n: -1, type: 'text' })],
])('%s is refused', (_, text) => {
  expect(() => decodeInner(utf8(text), mid)).toThrow('malformed')
})

test('bytes that are not UTF-8 are refused', () => {
  expect(() => decodeInner(Uint8Array.of(0xff), mid)).toThrow('malformed')
})
