import { assert, constantFrom, oneof, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { formatted, plainOf, type Span } from '../../../extension/ui/formatting.ts'

/** As one would see it: `<b>` and `<i>` for emphasis, `[…]` for code, `<a>` for links. */
const seen = (spans: readonly Span[]): string =>
  spans
    .map((span) => {
      if ('spans' in span) {
        const tag = span.type === 'bold' ? 'b' : 'i'
        return `<${tag}>${seen(span.spans)}</${tag}>`
      }
      if (span.type === 'code') return span.isBlock ? `[[${span.text}]]` : `[${span.text}]`
      return span.type === 'link' ? `<a>${span.text}</a>` : span.text
    })
    .join('')

test.each([
  ['*bold* and _italic_', '<b>bold</b> and <i>italic</i>'],
  ['*both _at once_*', '<b>both <i>at once</i></b>'],
  ['(*bold*), _so_.', '(<b>bold</b>), <i>so</i>.'],
  ['`code` and ```more\nlines```', '[code] and [[more\nlines]]'],
  ['*see https://example.org/a_b_c now*', '<b>see <a>https://example.org/a_b_c</a> now</b>'],
  ['_https://example.org/_', '<i><a>https://example.org/</a></i>'],
  ['*öffnen* *二*', '<b>öffnen</b> <b>二</b>'],
  ['*a _b* c_', '<b>a _b</b> c_'],
])('%j is shown as %j', (text, shown) => {
  expect(seen(formatted(text))).toBe(shown)
})

test.each([
  'snake_case_name and _private_var_name',
  '2*3*4',
  '* a list\n* of things',
  'a * b * c',
  '*not\nacross lines*',
  '** and __ and ****',
  '`open',
  '```open',
  '``',
  ':_*',
])('%j stays as it is', (text) => {
  expect(seen(formatted(text))).toBe(text)
})

test('nothing is formatted in code, and nothing there is a link', () => {
  expect(seen(formatted('`*a* _b_ https://example.org`'))).toBe('[*a* _b_ https://example.org]')
})

const hostile = string({
  unit: constantFrom(
    '*',
    '_',
    '`',
    '```',
    '\n',
    ' ',
    'a',
    '1',
    'é',
    '👋',
    ':',
    'https://x.org/',
    '(',
    '.',
    '\ud800',
  ),
  maxLength: 200,
})

test('the parts of a text are exactly the text, whatever it is', () => {
  assert(
    property(oneof(hostile, string({ unit: 'binary' })), (text) => {
      expect(plainOf(formatted(text))).toBe(text)
    }),
    { numRuns: 300 },
  )
})

/** How many parts a text is cut into, and how deep they lie: what the time and the stack depend on. */
function shape(spans: readonly Span[], depth = 1): { count: number; depth: number } {
  const inside = spans.map((span) => ('spans' in span ? shape(span.spans, depth + 1) : { count: 0, depth }))
  return {
    count: spans.length + inside.reduce((sum, { count }) => sum + count, 0),
    depth: Math.max(depth, ...inside.map((one) => one.depth)),
  }
}

test.each(['*', '_', '`', '*_', '_*a ', '`` ', '```', '*a', ' *a* _b_', '*a\n', '` `\n', '_a*'])(
  '4,000 characters of %j are cut into no more parts than there are, two levels deep at most',
  (piece) => {
    const text = piece.repeat(Math.ceil(4000 / piece.length)).slice(0, 4000)

    const { count, depth } = shape(formatted(text))

    expect(count).toBeLessThanOrEqual(4000)
    expect(depth).toBeLessThanOrEqual(3)
  },
)
