import { assert, property, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { contentBytesMax, pad, unpad } from '../../../../extension/crypto/mls/padding.ts'

test.each([
  [0, 256],
  [252, 256],
  [253, 512],
  [4092, 4096],
  [contentBytesMax, 32_768],
])('%i bytes of content are sealed as %i', (length, bucket) => {
  expect(pad(new Uint8Array(length))).toHaveLength(bucket)
})

test('content beyond the largest bucket is refused', () => {
  expect(() => pad(new Uint8Array(contentBytesMax + 1))).toThrow('too-large')
})

test('each content has one padded form', () => {
  assert(
    property(uint8Array({ maxLength: 600 }), (content) => {
      expect(unpad(pad(content))).toEqual(content)
    }),
  )
})

test('no other bytes are any content’s', () => {
  const padded = pad(new Uint8Array(100))
  const wrong = [
    padded.with(255, 1),
    padded.with(104, 1),
    padded.with(0, 1),
    padded.slice(0, -1),
    padded.slice(0, 104),
    new Uint8Array([...padded, 0]),
    new Uint8Array([...padded, ...new Uint8Array(256)]),
    new Uint8Array(),
  ]

  for (const bytes of wrong) expect(() => unpad(bytes)).toThrow('malformed')
})
