import { assert, property, string, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase64, toBase64, utf8 } from '#shared/bytes'
import type { Content } from '#shared/content'
import { limits } from '#shared/limits'
import { sealPlainly, unsealPlainly } from '../../../extension/crypto/placeholder-sealer.ts'

const text = (value: string): Content => ({ type: 'text', text: value })

/** As the sealer makes it, of anything. */
function payloadOf(
  json: string,
  { version = 0, length }: { version?: number; length?: number } = {},
): string {
  const body = utf8(json)
  const bytes = new Uint8Array(5 + body.length)
  bytes[0] = version
  new DataView(bytes.buffer).setUint32(1, length ?? body.length)
  bytes.set(body, 5)
  return toBase64(bytes)
}

test('what goes in comes out', () => {
  assert(
    property(string({ minLength: 1, maxLength: 1000, unit: 'grapheme' }), (value) => {
      expect(unsealPlainly(sealPlainly(text(value)))).toEqual(text(value))
    }),
  )
})

test('the size tells only the power of two', () => {
  const sizes = [1, 2, 100, 200].map((length) => fromBase64(sealPlainly(text('x'.repeat(length)))).length)

  expect(sizes).toEqual([256, 256, 256, 256])
  expect(fromBase64(sealPlainly(text('x'.repeat(300)))).length).toBe(512)
})

test('[SN6] the longest message fits into an envelope, in any script', () => {
  const longest = sealPlainly(text('😀'.repeat(limits.messageCharsMax)))

  expect(longest.length).toBeLessThanOrEqual(limits.payloadBytesMax)
  expect(() => sealPlainly(text('x'.repeat(200_000)))).toThrow('too large')
})

test.each([
  ['nothing', ''],
  ['less than a header', toBase64(new Uint8Array(3))],
  ['no base64', '!!!!'],
  ['another version', payloadOf('{"type":"text","text":"hi"}', { version: 1 })],
  ['a length beyond the end', payloadOf('{"type":"text","text":"hi"}', { length: 4_000_000_000 })],
  ['a length before the end', payloadOf('{"type":"text","text":"hi"}', { length: 4 })],
  ['no JSON', payloadOf('{')],
  ['no UTF-8', toBase64(Uint8Array.of(0, 0, 0, 0, 2, 0xc3, 0x28))],
  ['no object', payloadOf('"text"')],
  ['null', payloadOf('null')],
  ['a type that does not exist', payloadOf('{"type":"bomb"}')],
  ['an empty text', payloadOf('{"type":"text","text":""}')],
  ['a text of another type', payloadOf('{"type":"text","text":["hi"]}')],
  ['a text that is too long', payloadOf(JSON.stringify(text('x'.repeat(4001))))],
  ['a knock that is too long', payloadOf(JSON.stringify({ type: 'knock', text: 'x'.repeat(501) }))],
  ['brackets without end', payloadOf('['.repeat(60_000))],
  ['a deep nest', payloadOf(`${'['.repeat(30_000)}${']'.repeat(30_000)}`)],
])('a payload with %s is not opened, and breaks nothing', (_, payload) => {
  expect(unsealPlainly(payload)).toBeNull()
})

test('random payloads break nothing', () => {
  assert(
    property(uint8Array({ maxLength: 400 }), (bytes) => {
      bytes[0] = 0
      expect(() => unsealPlainly(toBase64(bytes))).not.toThrow(Error)
    }),
  )
})

test('only what is known is taken over: a prototype does not come in by the mail', () => {
  const opened = unsealPlainly(
    payloadOf('{"type":"text","text":"hi","__proto__":{"admin":true},"admin":true}'),
  )

  expect(opened).toEqual(text('hi'))
  expect((opened as unknown as { admin?: boolean }).admin).toBeUndefined()
})
