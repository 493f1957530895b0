import { expect, test } from 'vitest'
import { relayOrigin } from '../../../extension/engine/accounts.ts'

test.each([
  ['https://relay.example', 'https://relay.example'],
  ['https://relay.example/', 'https://relay.example'],
  ['https://Relay.Example:8443/some/path', 'https://relay.example:8443'],
  ['https://relay.example:443', 'https://relay.example'],
  ['https://relay.example:80', 'https://relay.example:80'],
  ['https://münchen.example', 'https://xn--mnchen-3ya.example'],
  ['http://localhost:1999', 'http://localhost:1999'],
  ['http://127.0.0.1:1999', 'http://127.0.0.1:1999'],
  ['http://127.1.2.3', 'http://127.1.2.3'],
  ['http://2130706433:1999', 'http://127.0.0.1:1999'],
  ['http://[::1]:1999', 'http://[::1]:1999'],
])('%s is the relay %s', (typed, origin) => {
  expect(relayOrigin(typed)).toBe(origin)
})

test.each([
  'http://relay.example',
  'http://192.168.0.7:1999',
  'http://localhost.example',
  'http://127.0.0.1.example',
  'http://[::2]',
  'http://0.0.0.0',
])('%s has no encryption on its way', (typed) => {
  expect(() => relayOrigin(typed)).toThrow(expect.objectContaining({ code: 'address-insecure' }))
})

test.each([
  '',
  'relay.example',
  'ftp://relay.example',
  'wss://relay.example',
  'javascript:alert(1)',
  'https://',
  'https://alice@relay.example',
  'https://:secret@relay.example',
  'https://relay.example?token=1',
  'https://relay.example#top',
  'https://relay example',
])('“%s” is no address of a relay', (typed) => {
  expect(() => relayOrigin(typed)).toThrow(expect.objectContaining({ code: 'address-invalid' }))
})
