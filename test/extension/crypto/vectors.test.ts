/** Fixed values: what was signed, sealed or stored by an earlier build must mean the same to this one. */
import { readFileSync } from 'node:fs'
import { sha256 } from '@noble/hashes/sha2.js'
import { expect, test } from 'vitest'
import { accountOf } from '#shared/account'
import { fromBase64, tbs, toBase64, utf8 } from '#shared/bytes'
import type { AccountId, DeviceId, EnvelopeId } from '#shared/ids'
import { grantBytes, openGrant } from '../../../extension/crypto/archive/grant.ts'
import { openSegment } from '../../../extension/crypto/archive/segment.ts'
import { libraryVersion } from '../../../extension/crypto/mls/config.ts'
import { conversationOf, envelopeAad, type EnvelopeFacts } from '../../../extension/crypto/mls/envelope.ts'
import { decodeInner } from '../../../extension/crypto/mls/inner.ts'
import { refsIn } from '../../../extension/crypto/mls/key-package.ts'
import { keyPackageUpBytes } from '../../../extension/crypto/mls/key-package-up.ts'
import { openMailbox } from '../../../extension/crypto/mls/mailbox.ts'
import type { Member } from '../../../extension/crypto/mls/members.ts'
import { pad } from '../../../extension/crypto/mls/padding.ts'
import { decodePayload } from '../../../extension/crypto/mls/payload.ts'
import { join, seal, unseal } from '../../../extension/crypto/mls/session.ts'
import { suite } from '../../../extension/crypto/mls/suite.ts'
import { vectors } from './vectors.ts'

const digest = (bytes: Uint8Array) => toBase64(sha256(bytes))
const bytes = (length: number, value: number) => new Uint8Array(length).fill(value)
const alicesKey = fromBase64('iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w')
const bobsKey = fromBase64('_RckOFqgx1tk-3jNYC-h2ZH96_drE8WO1wLqyDXp9hg')
const [alice, bob] = [accountOf(alicesKey), accountOf(bobsKey)]

// --- What is signed or authenticated ---------------------------------------------------------------------

test('tbs and the names of accounts and conversations are those of the reference', () => {
  expect(Buffer.from(tbs('login', 'a', 10)).toString('hex')).toBe(
    '7061726c6579312f6c6f67696e000000000161000000023130',
  )
  expect([alice, bob]).toEqual(['oHqiP5Q2SArGz-CLj05s8Q', 'DTkTUwnZ85tvJ7A6yl-j6Q'])
  expect(conversationOf(alice, bob)).toBe('MmFGCgNElpJijdHrU63_lQ')
})

const factsOf = (id: string, ratchet: Uint8Array): EnvelopeFacts => ({
  relayId: toBase64(bytes(32, 7)),
  id: id as EnvelopeId,
  resendOf: undefined,
  kind: 'message',
  ratchet,
  from: { acct: alice, device: 'AAAAAAAAAAA' as DeviceId },
  to: bob,
  lists: { own: toBase64(bytes(32, 4)), peer: toBase64(bytes(32, 5)) },
})
const id = '018bcfe5-6800-7123-89ab-0123456789ab' as EnvelopeId

test('the envelope that is bound to a message', () => {
  const facts = factsOf(id, bytes(16, 3))

  expect(toBase64(envelopeAad(facts))).toMatchInlineSnapshot(`"iogy5xaXmy2uBoZE9oohQI595sX6XmoA2MuKjxq-bgE"`)
  expect(toBase64(envelopeAad({ ...facts, resendOf: id }))).toMatchInlineSnapshot(
    `"oqXE2018W2hUWkflaE0wsHVyH9tQ0J50eMlsLNwXwac"`,
  )
})

test('the bytes signed for an upload of key packages', () => {
  const up = { device: '@' as DeviceId, suite: 's', oneTime: ['AAAA', 'AAAB'], lastResort: 'AAAC', exp: 12 }

  expect(digest(keyPackageUpBytes(alice, up))).toMatchInlineSnapshot(
    `"jjZWE5AyPMbMhe_yH7QNkoJ9CPlZdgWEDkbRLM5Iy10"`,
  )
})

test('the bytes signed for a grant', () => {
  expect(digest(grantBytes(alice, 3, utf8('ct')))).toMatchInlineSnapshot(
    `"u5b9xD_A-Vi0rfAxE2tBsoedXUB-nPko0_MwhIQG_a4"`,
  )
})

test('the padded form', () => {
  expect(digest(pad(utf8('hello')))).toMatchInlineSnapshot(`"-TNwm6zHTo2UlztcYYdMHAucHMzEMDULvLuYl28ruNA"`)
})

// --- Objects ---------------------------------------------------------------------------------------------

const member = (fixed: { acct: string; device: string; dsk: string }) => fixed as unknown as Member
const members = [vectors.alice.member, vectors.bob.member, vectors.mailbox].map(member)
const owner = members[0]!
const payloads = vectors.envelopes.map(({ payload }) => decodePayload(payload))
const ratchet = fromBase64(vectors.ratchet)
const common = { ratchet, owner, members }
const aads = vectors.envelopes.map((envelope) => envelopeAad(factsOf(envelope.id, ratchet)))
const keyPackage = {
  ref: vectors.keyPackage.ref,
  public: fromBase64(vectors.keyPackage.public),
  secret: fromBase64(vectors.keyPackage.secret),
}
const textIn = (content: Uint8Array, i: number) =>
  decodeInner(content, vectors.envelopes[i]!.id as EnvelopeId).content

test('the version written into stored sessions is the one that is installed', () => {
  const installed = JSON.parse(
    readFileSync(new URL('../../../node_modules/ts-mls/package.json', import.meta.url), 'utf8'),
  ) as {
    version: string
  }

  expect(libraryVersion).toBe(`ts-mls ${installed.version}`)
  expect(vectors.madeWith, 'fixtures of this version: make-vectors.ts').toBe(libraryVersion)
})

test('an old envelope opens with an old key package', async () => {
  const [{ welcome, ct }] = payloads as [(typeof payloads)[0]]

  const state = await join({ ...common, welcome: welcome!, keyPackage })
  const { content } = await unseal({ ...common, state, ct, aad: aads[0]! })

  expect(refsIn(welcome!)).toEqual([keyPackage.ref, vectors.vbox.ref])
  expect(textIn(content, 0)).toEqual({ type: 'text', text: 'hello' })
})

test('a stored session of this version goes on opening', async () => {
  const state = fromBase64(vectors.heardState)

  const { content } = await unseal({ ...common, state, ct: payloads[1]!.ct, aad: aads[1]! })

  expect(textIn(content, 1)).toEqual({ type: 'text', text: 'again' })
  const repeated = unseal({ ...common, state, ct: payloads[0]!.ct, aad: aads[0]! })
  await expect(repeated).rejects.toMatchObject({ reason: 'replay' })
})

test('a stored session of one’s own goes on sealing', async () => {
  const aad = bytes(32, 9)
  const { ct } = await seal(fromBase64(vectors.ownState), fromBase64(vectors.alice.seed), utf8('third'), aad)

  const { content } = await unseal({ ...common, state: fromBase64(vectors.heardState), ct, aad })

  expect(new TextDecoder().decode(content)).toBe('third')
})

test('an old mailbox opens the same envelope', async () => {
  const mailbox = await openMailbox(bob, vectors.vbox, fromBase64(vectors.archiveKey))
  const [{ welcome, ct }] = payloads as [(typeof payloads)[0]]

  const state = await join({ ...common, welcome: welcome!, keyPackage: mailbox.keyPackage })
  const { content } = await unseal({ ...common, state, ct, aad: aads[0]! })

  expect(mailbox.member).toEqual(vectors.mailbox)
  expect(textIn(content, 0)).toEqual({ type: 'text', text: 'hello' })
})

test('an old segment opens', async () => {
  const segment = { ...vectors.segment, ct: fromBase64(vectors.segment.ct) }

  expect(await openSegment(bob, segment, fromBase64(vectors.archiveKey))).toEqual(vectors.rows)
})

test('an old grant opens', async () => {
  const grant = { ...vectors.grant, by: vectors.grant.by as unknown as DeviceId }
  const { dsk, acct } = vectors.bob.member

  const key = await openGrant(acct as unknown as AccountId, grant, dsk, vectors.rk, suite.signature.verify)

  expect(toBase64(key)).toBe(vectors.archiveKey)
})
