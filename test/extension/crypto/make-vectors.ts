/**
 * Writes vectors.ts anew: `node test/extension/crypto/make-vectors.ts`. Only after a change that old objects and
 * stored sessions do not survive on purpose, a new version of ts-mls above all: keep the old file's objects that must
 * still open, and read the difference before you commit it.
 */
import { writeFileSync } from 'node:fs'
import { accountOf } from '#shared/account'
import { fromBase64, toBase64, utf8 } from '#shared/bytes'
import type { DeviceId, EnvelopeId } from '#shared/ids'
import { makeArchiveKey, makeGrant, makeRecoveryKey } from '../../../extension/crypto/archive/grant.ts'
import { sealSegment } from '../../../extension/crypto/archive/segment.ts'
import { libraryVersion } from '../../../extension/crypto/mls/config.ts'
import { envelopeAad, type EnvelopeFacts } from '../../../extension/crypto/mls/envelope.ts'
import { encodeInner } from '../../../extension/crypto/mls/inner.ts'
import { makeKeyPackage } from '../../../extension/crypto/mls/key-package.ts'
import { makeMailbox, sealMailbox } from '../../../extension/crypto/mls/mailbox.ts'
import { encodePayload } from '../../../extension/crypto/mls/payload.ts'
import { join, open, seal, unseal } from '../../../extension/crypto/mls/session.ts'
import { suite } from '../../../extension/crypto/mls/suite.ts'

// The account keys of the cryptography reference, §4.0.
const alicesKey = fromBase64('iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w')
const bobsKey = fromBase64('_RckOFqgx1tk-3jNYC-h2ZH96_drE8WO1wLqyDXp9hg')
const now = Date.now()

async function makeDevice(identityKey: Uint8Array, device: string) {
  const { signKey, publicKey } = await suite.signature.keygen()
  return {
    seed: signKey,
    member: { acct: accountOf(identityKey), device: device as DeviceId, dsk: toBase64(publicKey) },
  }
}

const alice = await makeDevice(alicesKey, 'AAAAAAAAAAA')
const bob = await makeDevice(bobsKey, 'BBBBBBBBBBB')
const mailbox = await makeMailbox(bob.member.acct, now)
const keyPackage = await makeKeyPackage(bob.member, bob.seed, now)
const members = [alice.member, bob.member, mailbox.member]

const opened = await open({
  self: alice.member,
  seed: alice.seed,
  now,
  others: [
    { member: bob.member, keyPackage: keyPackage.public },
    { member: mailbox.member, keyPackage: mailbox.keyPackage.public },
  ],
})
const common = { ratchet: opened.ratchet, owner: alice.member, members }
const facts = (id: string): EnvelopeFacts => ({
  relayId: toBase64(new Uint8Array(32).fill(7)),
  id: id as EnvelopeId,
  resendOf: undefined,
  kind: 'message',
  ratchet: opened.ratchet,
  from: { acct: alice.member.acct, device: alice.member.device },
  to: bob.member.acct,
  lists: { own: toBase64(new Uint8Array(32).fill(4)), peer: toBase64(new Uint8Array(32).fill(5)) },
})
async function say(state: Uint8Array, { id }: EnvelopeFacts, n: number, text: string) {
  const content = encodeInner({ mid: id, n, content: { type: 'text', text } as { type: string } })
  return seal(state, alice.seed, content, envelopeAad(facts(id)))
}

const first = facts('018bcfe5-6800-7123-89ab-0123456789ab')
const second = facts('018bcfe5-6800-7123-89ab-0123456789ac')
const one = await say(opened.state, first, 0, 'hello')
const two = await say(one.state, second, 1, 'again')
const joined = await join({ ...common, welcome: opened.welcome, keyPackage })
const heard = await unseal({ ...common, state: joined, ct: one.ct, aad: envelopeAad(first) })

const archiveKey = makeArchiveKey()
const { rk, rkpub } = await makeRecoveryKey()
const sign = async (message: Uint8Array) => toBase64(await suite.signature.sign(bob.seed, message))
const rows = [
  { ts: 1000, text: 'hello' },
  { ts: 2000, text: 'again' },
]

const vectors = {
  madeWith: libraryVersion,
  alice: { ...alice, seed: toBase64(alice.seed) },
  bob: { ...bob, seed: toBase64(bob.seed) },
  mailbox: mailbox.member,
  keyPackage: { ...keyPackage, public: toBase64(keyPackage.public), secret: toBase64(keyPackage.secret) },
  ratchet: toBase64(opened.ratchet),
  envelopes: [
    {
      facts: first.id,
      payload: encodePayload({ ratchet: opened.ratchet, welcome: opened.welcome, ct: one.ct }),
    },
    { facts: second.id, payload: encodePayload({ ratchet: opened.ratchet, ct: two.ct }) },
  ].map(({ facts: id, payload }) => ({ id, payload })),
  /** After the second message was sealed. */
  ownState: toBase64(two.state),
  /** After the first message was opened. */
  heardState: toBase64(heard.state),
  archiveKey: toBase64(archiveKey),
  vbox: await sealMailbox(mailbox, 1, archiveKey),
  rows,
  segment: await sealSegment(bob.member.acct, 1, archiveKey, rows).then(({ ct, ...head }) => ({
    ...head,
    ct: toBase64(ct),
  })),
  rk,
  rkpub,
  grant: await makeGrant(bob.member.acct, bob.member.device, rkpub, { e: 1, key: archiveKey }, sign),
}

const text = `/** Objects as ${libraryVersion} and our own formats made them: throw-away keys. Written by make-vectors.ts; do not edit. */
export const vectors = ${JSON.stringify(vectors, null, 2)} as const
`
writeFileSync(new URL('vectors.ts', import.meta.url), text)
console.log(`${utf8(text).length} bytes`)
