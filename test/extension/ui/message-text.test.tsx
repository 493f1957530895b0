// @vitest-environment happy-dom
import { cleanup, render, screen } from '@testing-library/preact'
import { afterEach, expect, test } from 'vitest'
import { partsOf } from '../../../extension/ui/links.ts'
import { isAction, MessageText } from '../../../extension/ui/MessageText.tsx'

afterEach(cleanup)

test('a link leads where it says, and gives the page nothing of this one', () => {
  render(<MessageText text="see https://example.org/a?b=1 now" />)
  const link = screen.getByRole('link')

  expect(link.getAttribute('href')).toBe('https://example.org/a?b=1')
  expect(link.getAttribute('rel')).toBe('noopener noreferrer')
  expect(link.getAttribute('target')).toBe('_blank')
})

test.each([
  'javascript:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  'vbscript:msgbox(1)',
  'file:///etc/passwd',
  'chrome://settings',
  'https://example.org/\u202egpj.exe',
  'https://exam\u200bple.org/',
])('%j is no link', (text) => {
  expect(partsOf(text)).toEqual([{ type: 'text', text }])
})

test('a script that poses as an address leads to the address, if anywhere', () => {
  const links = partsOf('JaVaScRiPt://example.org/%0aalert(1)').filter((part) => part.type === 'link')

  expect(links.map(({ href }) => href)).toEqual(['https://example.org/%0aalert(1)'])
})

test('a host in another script, or behind a name that poses as one, is told in plain letters', () => {
  const hosts = ['https://аpple.com/', 'https://apple.com@evil.example/'].map((text) =>
    partsOf(text).flatMap((part) => (part.type === 'link' ? [part.host] : [])),
  )

  expect(hosts).toEqual([['xn--pple-43d.com'], ['evil.example']])
})

test.each([
  ['markup', '<img src=x onerror=alert(1)><b>bold</b>'],
  ['bidi controls', 'abc \u202e cba \u2066 x'],
  ['a lone surrogate', 'a\ud800b'],
  ['100 kB in one line', 'x'.repeat(100_000)],
])('hostile text is shown as text: %s', (_, text) => {
  const { container } = render(<MessageText text={text} />)

  expect(container.querySelector('p')!.textContent).toBe(text)
  expect(container.querySelectorAll('img, b, script')).toHaveLength(0)
})

test('the parts of a text are exactly the text', () => {
  const text = 'mail ann@example.org, see www.example.org/x (or not) and index.ts.'

  expect(
    partsOf(text)
      .map((part) => part.text)
      .join(''),
  ).toBe(text)
})

test('formatting is elements, and never markup of the writer’s', () => {
  const { container } = render(<MessageText text={'*bold* _italic_ `<b>` ```\ntwo\nlines\n```'} />)

  expect(container.querySelector('strong')!.textContent).toBe('bold')
  expect(container.querySelector('em')!.textContent).toBe('italic')
  expect([...container.querySelectorAll('code')].map((code) => code.textContent)).toEqual([
    '<b>',
    'two\nlines',
  ])
})

test('/me tells what its writer does', () => {
  const { container } = render(<MessageText text="/me waves *madly*" by="alice" />)

  expect(container.querySelector('em')!.textContent).toBe('alice waves madly')
  expect(isAction('/method')).toBe(false)
  expect(isAction('/me')).toBe(false)
})
