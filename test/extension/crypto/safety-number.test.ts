import { wordlist } from '@scure/bip39/wordlists/english.js'
import { expect, test } from 'vitest'
import { fromBase64 } from '#shared/bytes'
import { compareQr, safetyNumber, type SafetyNumber } from '../../../extension/crypto/safety-number.ts'

// The cryptography reference, §4.0.
const alice = fromBase64('iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w')
const bob = fromBase64('_RckOFqgx1tk-3jNYC-h2ZH96_drE8WO1wLqyDXp9hg')
const number = safetyNumber(alice, bob)

test('two account keys have the safety number of the reference', () => {
  expect(number.digits.join(' ')).toBe(
    '01863 61814 41125 77766 04962 21347 68944 90934 24967 40574 45136 27639',
  )
})

test('both people see the same, whoever looks', () => {
  expect(safetyNumber(bob, alice)).toEqual(number)
})

test('it has ten words out of the list, and they never change', () => {
  expect(wordlist).toHaveLength(2048)
  expect(number.words).toHaveLength(10)
  expect(number.words.every((word) => wordlist.includes(word))).toBe(true)
  expect(number.words.join(' ')).toMatchInlineSnapshot(
    `"grape sausage sound avocado undo faculty immense lyrics party noodle"`,
  )
})

const halves = ({ digits, words }: SafetyNumber) => [
  [...digits.slice(0, 6), ...words.slice(0, 5)].join(' '),
  [...digits.slice(6), ...words.slice(5)].join(' '),
]

test('one half of digits and words belongs to each key', () => {
  const other = halves(safetyNumber(alice, alice.with(0, 1)))

  expect(other.filter((half) => halves(number).includes(half))).toHaveLength(1)
})

test('a scanned code says whether the numbers are the same', () => {
  const other = safetyNumber(alice, alice.with(0, 1))

  expect(number.qr).toMatch(/^PARLEY1:\d{60}$/)
  expect(compareQr(safetyNumber(bob, alice).qr, number)).toBe('same')
  expect(compareQr(other.qr, number)).toBe('different')
  for (const text of [
    '',
    'https://example.org',
    number.qr.slice(0, -1),
    `${number.qr}0`,
    number.digits.join(' '),
  ]) {
    expect(compareQr(text, number)).toBe('other')
  }
})
