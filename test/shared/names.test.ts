import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalName, isUserName, nameProblem, parseAddress, reservedNames } from '#shared/names'

test.each(['bob', 'alice', 'a1b', 'anna.maria', 'x_y-z', 'a'.repeat(32)])('%s is a user name', (name) => {
  expect(isUserName(name)).toBe(true)
  expect(nameProblem(name)).toBeNull()
})

test.each([
  ['', 'empty'],
  ['ab', 'short'],
  ['a'.repeat(33), 'long'],
  ['admin', 'reserved'],
  ['me', 'reserved'],
  ['1abc', 'grammar'],
  ['a..b', 'grammar'],
  ['.abc', 'grammar'],
  ['abc-', 'grammar'],
  ['a b', 'grammar'],
  ['zoë', 'grammar'],
  ['a:b', 'grammar'],
  ['a/b', 'grammar'],
])('%j is none: %s', (name, problem) => {
  expect(isUserName(name)).toBe(false)
  expect(nameProblem(name)).toBe(problem)
})

test('[HS9] no name holds what means something in a path or a key', () => {
  const text = fc.string({ unit: fc.constantFrom(...'abz09._-:/%@ Aä') })
  const isPlain = fc.property(text, (one) => !isUserName(one) || /^[a-z0-9._-]+$/.test(one))

  expect(fc.check(isPlain)).toMatchObject({ failed: false })
})

test('what people type is brought into the one form that is stored', () => {
  expect(canonicalName('  Bob ')).toBe('bob')
  expect(canonicalName('ＢＯＢ')).toBe('bob')
})

test('the stored form of a name is itself', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z][a-z0-9]{2,31}$/), (name) => {
      fc.pre(!reservedNames.has(name))
      expect(canonicalName(name)).toBe(name)
      expect(isUserName(name)).toBe(true)
    }),
  )
})

test.each([
  ['bob', { user: 'bob', host: null }],
  ['@Bob', { user: 'bob', host: null }],
  ['bob@relay.example', { user: 'bob', host: 'relay.example' }],
  ['@bob@Relay.Example', { user: 'bob', host: 'relay.example' }],
])('%s is an address', (typed, address) => {
  expect(parseAddress(typed)).toEqual(address)
})

test.each(['', '@', 'bob@', 'bob@a@b', 'b@relay.example', 'bob@-x', 'bob@a..b', 'bob@relay.example/path'])(
  '%j is none',
  (typed) => {
    expect(parseAddress(typed)).toBeNull()
  },
)

test('no text makes the address parser throw', () => {
  const parses = fc.property(fc.string({ unit: 'binary' }), (text) => parseAddress(text) !== undefined)

  expect(fc.check(parses)).toMatchObject({ failed: false })
})
