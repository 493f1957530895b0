import { assert, base64String, oneof, property, string, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase64, toBase64 } from '#shared/bytes'
import type { EnvelopeId } from '#shared/ids'
import { decodePayload, encodePayload, type Payload } from '../../../../extension/crypto/mls/payload.ts'

const resendOf = '018bcfe5-6800-7123-89ab-0123456789ab' as EnvelopeId
const bytes = (length: number, value = 7) => new Uint8Array(length).fill(value)
const full: Payload = { ratchet: bytes(16), resendOf, welcome: bytes(300, 8), ct: bytes(434, 9) }

test.each<Payload>([
  full,
  { ratchet: bytes(16), ct: bytes(434) },
  { ratchet: bytes(16), welcome: bytes(1), ct: bytes(0) },
  { ratchet: bytes(16), resendOf, ct: bytes(1) },
])('a payload reads as it was written: %#', (payload) => {
  expect(decodePayload(encodePayload(payload))).toEqual(payload)
})

test('a payload cut off anywhere, or with a byte more, is refused', () => {
  const whole = fromBase64(encodePayload(full))

  for (let length = 0; length < whole.length; length++) {
    expect(() => decodePayload(toBase64(whole.slice(0, length)))).toThrow('malformed')
  }
  expect(() => decodePayload(toBase64(new Uint8Array([...whole, 0])))).toThrow('malformed')
})

test('another version, unknown flags and other ids than UUIDv7 are refused', () => {
  const whole = fromBase64(encodePayload(full))

  for (const changed of [whole.with(0, 2), whole.with(1, 4), whole.with(18 + 6, 0x41)]) {
    expect(() => decodePayload(toBase64(changed))).toThrow('malformed')
  }
})

test('an oversized Welcome or payload is refused, out and in', () => {
  const welcome = bytes(48 * 1024 + 1)

  expect(() => decodePayload(encodePayload({ ...full, welcome }))).toThrow('too-large')
  expect(() => encodePayload({ ...full, ct: bytes(80 * 1024) })).toThrow('too-large')
  expect(() => decodePayload('A'.repeat(96 * 1024 + 1))).toThrow('too-large')
})

/** The text that comes out of reading and writing again, or how it was refused. */
function throughAndBack(text: string): string {
  try {
    return encodePayload(decodePayload(text))
  } catch (error) {
    return (error as Error).name
  }
}

test('whatever text comes in, it is a payload in its one form or refused', () => {
  const texts = oneof(string(), base64String(), uint8Array().map(toBase64))

  assert(property(texts, (text) => [text, 'Refusal'].includes(throughAndBack(text))))
})
