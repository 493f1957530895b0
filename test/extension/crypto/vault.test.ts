/** What is in the vault, and who gets it out: the account's recovery key, and the devices of its list. */
import { expect, test } from 'vitest'
import type { DeviceList } from '#shared/account'
import { fromBase64, toBase64, utf8 } from '#shared/bytes'
import type { DeviceId, Millis } from '#shared/ids'
import { grantToDevices } from '../../../extension/crypto/archive/device-grant.ts'
import { makeArchiveKey, makeRecoveryKey } from '../../../extension/crypto/archive/grant.ts'
import { listWith, listWithout, makeDevice, randomSeed } from '../../../extension/crypto/identity.ts'
import { signingKey } from '../../../extension/crypto/keys.ts'
import { makeKeyPackage } from '../../../extension/crypto/mls/key-package.ts'
import { makeMailbox } from '../../../extension/crypto/mls/mailbox.ts'
import { membersOf } from '../../../extension/crypto/mls/members.ts'
import { makeVault, openVault, openVaultAsDevice, openVaultWith } from '../../../extension/crypto/vault.ts'
import { memberOf } from '../../../extension/engine/key-pool.ts'

const now = Date.now() as Millis
const mailboxId = '@' as DeviceId

/** An account of three devices, of which the first removes the last. */
async function removal({ signer }: { signer?: 'removed' } = {}) {
  const aik = randomSeed()
  const { rk, rkpub } = await makeRecoveryKey()
  const aks = { 1: toBase64(makeArchiveKey()) }
  const [laptop, tablet, phone] = [
    await makeDevice(aik, aks),
    await makeDevice(aik, aks),
    await makeDevice(aik, aks),
  ]
  const first = fromBase64(randomSeed())
  let list = await listWith(laptop, 'laptop', null, now, { rkpub, mailboxSeed: first })
  for (const one of [tablet, phone]) list = await listWith(one, 'other', list, now)
  const old = await makeMailbox(list.acct, now, { member: memberOf(list, mailboxId), seed: first })

  const seed = fromBase64(randomSeed())
  const next = await listWithout(phone.id, list, aik, now, seed)
  const mailbox = await makeMailbox(list.acct, now, { member: memberOf(next, mailboxId), seed })
  const packages = await Promise.all(
    [laptop, tablet].map(async (one) => ({
      device: one.id,
      member: memberOf(next, one.id),
      own: await makeKeyPackage(memberOf(next, one.id), fromBase64(one.secrets.dsk), now),
    })),
  )
  const by = signer === 'removed' ? phone : laptop
  const { sign } = await signingKey(fromBase64(by.secrets.dsk))
  const key = makeArchiveKey()
  const devices = await grantToDevices({
    list: next,
    mailbox,
    by: by.id,
    sign,
    e: 2,
    key,
    packages: packages.map(({ member, own }) => ({ member, keyPackage: own.public })),
    now,
  })
  const keys = { ...aks, 2: toBase64(key) }
  const mailboxes = [mailbox, old]
  const payload = await makeVault({ list: next, by: by.id, sign, keys, mailboxes, devices })
  const ownOf = (id: DeviceId) => async (ref: string) =>
    packages.find(({ device, own }) => device === id && own.ref === ref)?.own
  return { payload, list, next, rk, keys, aks, laptop, tablet, phone, ownOf, mailboxes }
}

const refsOf = ({ mailboxes }: { mailboxes: { keyPackage: { ref: string } }[] }) =>
  mailboxes.map(({ keyPackage }) => keyPackage.ref)

test('the recovery key and each device of the list get all archive keys and the mailboxes out of it', async () => {
  const { payload, next, rk, keys, laptop, tablet, ownOf, mailboxes } = await removal()

  const opened = [
    await openVault(payload, rk, next),
    await openVaultAsDevice(payload, [next], ownOf(laptop.id)),
    await openVaultAsDevice(payload, [next], ownOf(tablet.id)),
    await openVaultWith(payload, next, keys),
  ]

  for (const one of opened) {
    expect(one.keys).toEqual(keys)
    expect(refsOf(one)).toEqual(refsOf({ mailboxes }))
  }
})

test('the removed device gets nothing, by its keys or by a package; nor does another recovery key', async () => {
  const { payload, next, aks, phone, ownOf } = await removal()

  await expect(openVaultWith(payload, next, aks)).rejects.toThrow(Error)
  await expect(openVaultAsDevice(payload, [next], ownOf(phone.id))).rejects.toMatchObject({
    reason: 'not-for-us',
  })
  await expect(openVault(payload, (await makeRecoveryKey()).rk, next)).rejects.toThrow('no archive key')
})

test('a key that the removed device has made is believed by nobody', async () => {
  const { payload, next, rk, laptop, ownOf } = await removal({ signer: 'removed' })

  await expect(openVault(payload, rk, next)).rejects.toThrow('no archive key')
  await expect(openVaultAsDevice(payload, [next], ownOf(laptop.id))).rejects.toMatchObject({
    reason: 'signature',
  })
})

test('a vault does not go with another list than the one that it was made for', async () => {
  const { payload, list, next, rk, laptop, ownOf } = await removal()
  const before = await removal()

  const wrong: [string, DeviceList][] = [
    [payload, list],
    [before.payload, next],
  ]
  for (const [vault, of] of wrong) {
    await expect(openVault(vault, rk, of)).rejects.toThrow(Error)
    await expect(openVaultAsDevice(vault, [of], ownOf(laptop.id))).rejects.toThrow(Error)
  }
})

test('with eight devices and many removals it stays within what the relay takes, and leaves old mailboxes out', async () => {
  const { next, keys, laptop, mailboxes, rk } = await removal()
  const { sign } = await signingKey(fromBase64(laptop.secrets.dsk))
  const many = Array.from({ length: 30 }, () => mailboxes[1]!)
  const all = { ...keys, ...Object.fromEntries(Array.from({ length: 98 }, (_, i) => [i + 3, randomSeed()])) }

  const payload = await makeVault({
    list: next,
    by: laptop.id,
    sign,
    keys: all,
    mailboxes: [mailboxes[0]!, ...many],
  })
  const opened = await openVault(payload, rk, next)

  expect(payload.length).toBeLessThanOrEqual(96 * 1024)
  expect(opened.keys).toEqual(all)
  expect(refsOf(opened)[0]).toBe(mailboxes[0]!.keyPackage.ref)
  expect(membersOf(next)).toHaveLength(3)
})

test('rubbish in its place is refused', async () => {
  const { next, rk } = await removal()

  for (const payload of [
    '',
    'AAAA',
    toBase64(utf8('{"v":2}')),
    toBase64(utf8('{"v":1,"grants":[],"boxes":[]}')),
  ])
    await expect(openVault(payload, rk, next)).rejects.toThrow(Error)
})
