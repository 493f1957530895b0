import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AccountId, UserId } from '#shared/ids'
import { inviteLink, isLink, readInvite } from '../../../extension/stores/invite.ts'

const relay = 'https://relay.example'
const acct = 'A'.repeat(22) as AccountId
const token = 'b-_9'.repeat(5) + 'xw'
const link = `${relay}/u/alice#${acct}.${token}`

test('a link says whose it is, and what lets in', () => {
  expect(readInvite(`  ${link}\n`, relay)).toEqual({ user: 'alice', acct, token })
})

test('what is made is read again', () => {
  const secrets = fc.stringMatching(/^[\w-]{21}[AQgw]$/)
  fc.assert(
    fc.property(secrets, secrets, (whose, what) => {
      const invite = { user: 'alice' as UserId, acct: whose as AccountId, token: what }
      expect(readInvite(inviteLink(`${relay}/`, invite), relay)).toEqual(invite)
    }),
  )
})

test.each([
  ['no secret', `${relay}/u/alice`],
  ['half a secret', `${relay}/u/alice#${acct}`],
  ['a short token', `${relay}/u/alice#${acct}.short`],
  ['a letter too much in the last one', `${relay}/u/alice#${acct}.${token.slice(0, -1)}x`],
  ['no user', `${relay}/#${acct}.${token}`],
  ['a name that is none', `${relay}/u/a%20b#${acct}.${token}`],
  ['a reserved name', `${relay}/u/admin#${acct}.${token}`],
  ['no TLS', `http://relay.example/u/alice#${acct}.${token}`],
  ['another scheme', `javascript://relay.example/u/alice#${acct}.${token}`],
  ['nothing that can be read', 'https://'],
])('%s is no invite', (_, typed) => {
  expect(readInvite(typed, relay)).toBe('wrong')
})

test('a link of another relay is told apart, the port included', () => {
  expect(readInvite(link, 'https://other.example')).toBe('other-relay')
  expect(readInvite(link, 'https://relay.example:8443')).toBe('other-relay')
})

test.each(['http://127.0.0.1:1999', 'http://localhost:1999', 'http://[::1]:1999'])(
  'a relay on this machine needs no TLS: %s',
  (own) => {
    expect(readInvite(`${own}/u/alice#${acct}.${token}`, own)).toMatchObject({ user: 'alice' })
  },
)

test('a link is told from a name while it is typed', () => {
  expect(isLink(' https://rel')).toBe(true)
  expect(isLink('alice@relay.example')).toBe(false)
  expect(isLink('alice')).toBe(false)
})
