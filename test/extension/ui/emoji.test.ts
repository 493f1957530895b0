import { expect, test } from 'vitest'
import { isEmoji } from '../../../extension/stores/reactions.ts'
import { completions, loadEmoji, nameBefore, searched, withEmoji } from '../../../extension/ui/emoji.ts'
import { quickReactions } from '../../../extension/ui/MessageMenu.tsx'

const list = await loadEmoji()

test('every emoji of the list, and every quick reaction, is one that others show as a reaction', () => {
  expect(list.all.length).toBeGreaterThan(1500)
  expect(list.all.map(({ emoji }) => emoji).filter((emoji) => !isEmoji(emoji))).toEqual([])
  expect(quickReactions.filter((emoji) => !isEmoji(emoji))).toEqual([])
})

test.each(['', 'a', 'lol', '👍👍', '👍 ', '<img>', '\u202e', '1'])('%j is no reaction', (text) => {
  expect(isEmoji(text)).toBe(false)
})

test.each([
  ['well :smile: and :+1:!', 'well 😄 and 👍!'],
  [':cat:', '🐱'],
  [':no_such_name: 12:30:45', ':no_such_name: 12:30:45'],
  ['`:smile:` is how', '`:smile:` is how'],
  ['a:smile:', 'a:smile:'],
  ['https://example.org:8080:', 'https://example.org:8080:'],
])('%j is sent as %j', async (typed, sent) => {
  expect(await withEmoji(typed)).toBe(sent)
})

test.each([
  ['well :sm', 'sm'],
  [':+1', '+1'],
  [':s', null],
  ['at 12:30', null],
  ['http://', null],
  [':smile:', null],
  ['::sm', null],
])('before the cursor in %j somebody types the name %j', (text, name) => {
  expect(nameBefore(text, text.length)).toBe(name)
})

test('the shortest name that begins so comes first, each emoji once', () => {
  const found = completions(list, 'smi', 6)

  expect(found.map(({ name }) => name)).toContain('smile')
  expect(found[0]!.name).toBe('smile')
  expect(new Set(found.map(({ emoji }) => emoji)).size).toBe(found.length)
})

test('emoji are found by any of their words, those that are called so first', () => {
  expect(searched(list, 'cat', 10)[0]!.label).toContain('cat')
  expect(searched(list, 'happy birthday', 10).map(({ emoji }) => emoji)).toContain('🎂')
  expect(searched(list, '   ', 10)).toEqual([])
})
