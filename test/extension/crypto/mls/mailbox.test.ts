import * as v from 'valibot'
import { expect, test } from 'vitest'
import { accountOf } from '#shared/account'
import { makeArchiveKey } from '../../../../extension/crypto/archive/grant.ts'
import { makeMailbox, openMailbox, sealMailbox, VBox } from '../../../../extension/crypto/mls/mailbox.ts'
import { join, open, seal, unseal } from '../../../../extension/crypto/mls/session.ts'
import { aad, device, flipped, textOf } from './devices.ts'

const key = makeArchiveKey()
const bobsAccount = (await device('bob/1')).member.acct

async function box() {
  const mailbox = await makeMailbox(bobsAccount, Date.now())
  return { mailbox, box: await sealMailbox(mailbox, 3, key) }
}

test('who has the archive key opens what no device could, and keeps no session', async () => {
  const [alice, bob] = [await device('alice/1'), await device('bob/1')]
  const { mailbox, box: kept } = await box()
  const members = [alice.member, mailbox.member]
  const opened = await open({
    self: alice.member,
    seed: alice.seed,
    others: [{ member: mailbox.member, keyPackage: mailbox.keyPackage.public }],
    now: Date.now(),
  })
  const { ct } = await seal(opened.state, alice.seed, new TextEncoder().encode('hello'), aad('hello'))

  const restored = await openMailbox(bob.member.acct, v.parse(VBox, kept), key)
  const common = { ratchet: opened.ratchet, owner: alice.member, members }
  const state = await join({ ...common, welcome: opened.welcome, keyPackage: restored.keyPackage })

  expect(textOf(await unseal({ ...common, state, ct, aad: aad('hello') }))).toBe('hello')
})

test('the next key package of a mailbox has the same signing key', async () => {
  const { mailbox, box: kept } = await box()
  const restored = await openMailbox(bobsAccount, kept, key)

  const next = await makeMailbox(bobsAccount, Date.now(), restored)

  expect(restored).toEqual(mailbox)
  expect(next.member).toEqual(mailbox.member)
  expect(next.keyPackage.ref).not.toBe(mailbox.keyPackage.ref)
})

test('a mailbox with any field exchanged, or under another key or account, does not open', async () => {
  const { box: kept } = await box()
  const changes: Partial<VBox>[] = [
    { e: 4 },
    { ref: flipped(kept.ref) },
    { ref: (await box()).box.ref },
    { iv: flipped(kept.iv) },
    { ct: flipped(kept.ct) },
    { ct: kept.ct.slice(0, -4) },
  ]

  for (const change of changes) {
    await expect(openMailbox(bobsAccount, { ...kept, ...change }, key)).rejects.toMatchObject({
      reason: 'undecryptable',
    })
  }
  await expect(openMailbox(bobsAccount, kept, makeArchiveKey())).rejects.toThrow('undecryptable')
  await expect(openMailbox(accountOf(new Uint8Array(32)), kept, key)).rejects.toThrow('undecryptable')
})
