import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase64, tbs, toBase64, utf8 } from '#shared/bytes'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('bytes survive base64url, in the one spelling that Node uses too', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64url'))
      expect(fromBase64(toBase64(bytes))).toEqual(bytes)
    }),
  )
})

test.each(['a', 'a=', 'ab+', 'AB', '🦊'])('%j is no base64url', (text) => {
  expect(() => fromBase64(text)).toThrow(Error)
})

test('what is signed has the form of the reference', () => {
  expect(hex(tbs('login', 'a', 10))).toBe('7061726c6579312f6c6f67696e000000000161000000023130')
})

test('an absent part is empty, and still a part', () => {
  expect(hex(tbs('x', ''))).toBe(hex(tbs('x')) + '00000000')
})

test('no two lists of parts give the same bytes', () => {
  const parts = fc.array(fc.string({ maxLength: 4 }), { maxLength: 4 })
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      expect(hex(tbs('x', ...a)) === hex(tbs('x', ...b))).toBe(
        JSON.stringify(a.map(bytesOf)) === JSON.stringify(b.map(bytesOf)),
      )
    }),
  )
})

/** A lone surrogate has no UTF-8: it becomes the replacement character. */
const bytesOf = (text: string) => hex(utf8(text))
