import { expect, test } from 'vitest'
import { accountOf } from '#shared/account'
import { toBase64 } from '#shared/bytes'
import type { DeviceId, EnvelopeId } from '#shared/ids'
import { conversationOf, envelopeAad, type EnvelopeFacts } from '../../../../extension/crypto/mls/envelope.ts'

const bytes = (length: number, value: number) => new Uint8Array(length).fill(value)
const [alice, bob] = [accountOf(bytes(32, 1)), accountOf(bytes(32, 2))]
const facts: EnvelopeFacts = {
  relayId: toBase64(bytes(32, 7)),
  id: '018bcfe5-6800-7123-89ab-0123456789ab' as EnvelopeId,
  resendOf: undefined,
  kind: 'message',
  ratchet: bytes(16, 3),
  from: { acct: alice, device: 'AAAAAAAAAAA' as DeviceId },
  to: bob,
  lists: { own: toBase64(bytes(32, 4)), peer: toBase64(bytes(32, 5)) },
}

test('a conversation has one name, whoever makes it', () => {
  expect(conversationOf(alice, bob)).toBe(conversationOf(bob, alice))
})

test('every field of the envelope is bound', () => {
  const other = '018bcfe5-6800-7123-89ab-0123456789ac' as EnvelopeId
  const changed: Partial<EnvelopeFacts>[] = [
    { relayId: toBase64(bytes(32, 8)) },
    { id: other },
    { resendOf: other },
    { kind: 'control' },
    { ratchet: bytes(16, 4) },
    { from: { acct: accountOf(bytes(32, 3)), device: facts.from.device } },
    { from: { acct: alice, device: 'AAAAAAAAAAB' as DeviceId } },
    { to: accountOf(bytes(32, 3)) },
    { lists: { ...facts.lists, own: facts.lists.peer } },
    { lists: { ...facts.lists, peer: facts.lists.own } },
    { from: { acct: bob, device: facts.from.device }, to: alice },
  ]

  const made = changed.map((change) => toBase64(envelopeAad({ ...facts, ...change })))

  expect(new Set([toBase64(envelopeAad(facts)), ...made]).size).toBe(changed.length + 1)
})
