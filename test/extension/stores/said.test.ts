import { expect, test } from 'vitest'
import { saidOf } from '../../../extension/stores/said.ts'
import { saidWords } from '../../../extension/ui/said-words.ts'

test('a file stands in a list by its caption, as a photo, or by a name that is safe', () => {
  const file = { name: 'a\u202Egpj.exe', mime: 'application/octet-stream' }

  expect(saidWords(saidOf({ text: 'look', file }))).toBe('look')
  expect(saidWords(saidOf({ text: '', file: { name: 'x.png', mime: 'image/png' } }))).toBe('Photo')
  expect(saidWords(saidOf({ text: '', file }))).toBe('File: \u2068a_gpj.exe\u2069')
  expect(saidWords(saidOf({ text: '' }))).toBe('')
})
