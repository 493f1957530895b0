import { Encrypter } from 'age-encryption'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { concat, fromBase64, toBase64 } from '#shared/bytes'
import type { DeviceId } from '#shared/ids'
import { u32 } from '../../../../extension/crypto/binary.ts'
import {
  AkGrant,
  grantBytes,
  makeArchiveKey,
  makeGrant,
  makeRecoveryKey,
  openGrant,
} from '../../../../extension/crypto/archive/grant.ts'
import { suite } from '../../../../extension/crypto/mls/suite.ts'
import { device, flipped } from '../mls/devices.ts'

const { verify } = suite.signature
const bob = await device('bob/1')
const { acct, device: by, dsk } = bob.member
const sign = async (message: Uint8Array) => toBase64(await suite.signature.sign(bob.seed, message))
const { rk, rkpub } = await makeRecoveryKey()

async function granted() {
  const key = makeArchiveKey()
  return { key, grant: await makeGrant(acct, by, rkpub, { e: 2, key }, sign) }
}

test('the recovery key opens what a device granted', async () => {
  const { key, grant } = await granted()

  expect(await openGrant(acct, v.parse(AkGrant, grant), dsk, rk, verify)).toEqual(key)
})

test('the recovery key fits into a device list and into a bundle', () => {
  expect(rkpub.length).toBeLessThan(3000)
  expect(rkpub).toMatch(/^age1pq1/)
  expect(rk).toMatch(/^AGE-SECRET-KEY-PQ-1/)
})

test('a grant with any field exchanged, or of another account or device, is refused', async () => {
  const { grant } = await granted()
  const changes: Partial<AkGrant>[] = [
    { e: 3 },
    { ct: flipped(grant.ct) },
    { ct: flipped(grant.ct, fromBase64(grant.ct).length - 1) },
    { ct: grant.ct.slice(0, -4) },
    { sig: flipped(grant.sig) },
  ]
  const other = await device('bob/2')

  for (const change of changes) {
    await expect(openGrant(acct, { ...grant, ...change }, dsk, rk, verify)).rejects.toMatchObject({
      reason: 'signature',
    })
  }
  await expect(openGrant(acct, grant, other.member.dsk, rk, verify)).rejects.toThrow('signature')
  const carol = (await device('carol/1')).member.acct
  await expect(openGrant(carol, grant, dsk, rk, verify)).rejects.toThrow('signature')
})

test('a grant for another recovery key does not open', async () => {
  const { grant } = await granted()

  await expect(openGrant(acct, grant, dsk, (await makeRecoveryKey()).rk, verify)).rejects.toMatchObject({
    reason: 'undecryptable',
  })
})

test.each([
  ['the number of another key', concat(u32(9), new Uint8Array(32))],
  ['too few bytes', concat(u32(2), new Uint8Array(31))],
  ['too many bytes', concat(u32(2), new Uint8Array(33))],
])('a signed grant with %s inside is refused', async (_, inside) => {
  const encrypter = new Encrypter()
  encrypter.addRecipient(rkpub)
  const ct = await encrypter.encrypt(inside)
  const grant = {
    e: 2,
    by: by as DeviceId,
    ct: toBase64(ct),
    sig: await sign(grantBytes(acct, 2, ct)),
  }

  await expect(openGrant(acct, grant, dsk, rk, verify)).rejects.toMatchObject({ reason: 'malformed' })
})
