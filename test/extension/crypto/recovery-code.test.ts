import { expect, test } from 'vitest'
import { toBase64 } from '#shared/bytes'
import { canonicalCode, codeRoot, makeRecoveryCode } from '../../../extension/crypto/recovery-code.ts'

const relayId = toBase64(new Uint8Array(32).fill(7))

test('a code is 26 characters that are hard to misread, in groups of four', () => {
  const codes = Array.from({ length: 200 }, makeRecoveryCode)

  for (const code of codes) expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{2}$/)
  expect(new Set(codes).size).toBe(200)
  expect(new Set(codes.join('').replaceAll('-', '')).size).toBe(32)
})

test.each([
  ['lower case', (code: string) => code.toLowerCase()],
  ['spaces for dashes', (code: string) => ` ${code.replaceAll('-', '  ')}\n`],
  ['no dashes', (code: string) => code.replaceAll('-', '')],
  [
    'O for 0, I and l for 1',
    (code: string) => code.replaceAll('0', 'o').replace('1', 'I').replaceAll('1', 'l'),
  ],
  ['typographic dashes', (code: string) => code.replaceAll('-', '–')],
  ['full-width characters', (code: string) => code.replaceAll('2', '２')],
])('a code typed with %s opens the same', (_, typed) => {
  const code = '0123-4567-89AB-CDEF-GHJK-MNPQ-1O'.replace('O', '0')

  expect(canonicalCode(typed(code))).toBe(canonicalCode(code))
  expect(codeRoot(typed(code), relayId, 'alice')).toBe(codeRoot(code, relayId, 'alice'))
})

test('the root is bound to code, relay and name', () => {
  const root = codeRoot('0123-4567', relayId, 'alice')

  expect(codeRoot('0123-4568', relayId, 'alice')).not.toBe(root)
  expect(codeRoot('0123-4567', toBase64(new Uint8Array(32).fill(8)), 'alice')).not.toBe(root)
  expect(codeRoot('0123-4567', relayId, 'bob')).not.toBe(root)
})
