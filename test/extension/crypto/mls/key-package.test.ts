import * as v from 'valibot'
import { expect, test } from 'vitest'
import { fromBase64, toBase64 } from '#shared/bytes'
import { makePool, readKeyPackage, refsIn } from '../../../../extension/crypto/mls/key-package.ts'
import { KeyPackageUp, keyPackageUpBytes } from '../../../../extension/crypto/mls/key-package-up.ts'
import { suite, suiteName } from '../../../../extension/crypto/mls/suite.ts'
import { device, session } from './devices.ts'

test('a pool holds as many packages as asked and a last resort, all different, all of one length', async () => {
  const { member, seed } = await device('bob/1')

  const { oneTime, lastResort } = await makePool(member, seed, Date.now(), 5)
  const all = [...oneTime, lastResort]

  expect(oneTime).toHaveLength(5)
  expect(new Set(all.map(({ ref }) => ref)).size).toBe(6)
  expect(new Set(all.map((keyPackage) => keyPackage.public.length)).size).toBe(1)
  for (const keyPackage of all) {
    expect(() => readKeyPackage(keyPackage.public, member, Date.now())).not.toThrow()
  }
})

test('a Welcome names the package of each member but its owner', async () => {
  const talk = await session(await device('alice/1'), await device('alice/2'), await device('bob/1'))

  expect(refsIn(talk.welcome)).toEqual(talk.packages.map(({ ref }) => ref))
})

async function upload() {
  const bob = await device('bob/1')
  const { oneTime, lastResort } = await makePool(bob.member, bob.seed, Date.now(), 3)
  const { signKey, publicKey } = await suite.signature.keygen()
  const up = {
    device: bob.member.device,
    suite: suiteName,
    oneTime: oneTime.map((keyPackage) => toBase64(keyPackage.public)),
    lastResort: toBase64(lastResort.public),
    exp: Date.now() + 30 * 24 * 60 * 60 * 1000,
  }
  const sig = toBase64(await suite.signature.sign(signKey, keyPackageUpBytes(bob.member.acct, up)))
  return { acct: bob.member.acct, up: { ...up, sig }, publicKey }
}

test('an upload is what the relay’s schema expects, and every field of it is signed', async () => {
  const { acct, up, publicKey } = await upload()
  const holds = ({ sig, ...rest }: KeyPackageUp) =>
    suite.signature.verify(publicKey, keyPackageUpBytes(acct, rest), fromBase64(sig))
  const [first, second, third] = up.oneTime as [string, string, string]
  const changes: Partial<KeyPackageUp>[] = [
    { device: (await device('bob/2')).member.device },
    { suite: `${up.suite}x` },
    { exp: up.exp + 1 },
    { oneTime: [second, first, third] },
    { oneTime: [first, second] },
    { oneTime: [first, second, third, up.lastResort] },
    { lastResort: first },
    { lastResort: first, oneTime: [up.lastResort, second, third] },
    { sig: toBase64(fromBase64(up.sig).with(0, fromBase64(up.sig)[0]! ^ 1)) },
  ]

  expect(v.parse(KeyPackageUp, up)).toEqual(up)
  expect(await holds(up)).toBe(true)
  const held = await Promise.all(changes.map((change) => holds({ ...up, ...change })))
  expect(changes.filter((_, i) => held[i])).toEqual([])
})

test('an upload of more than fifty packages does not fit the schema', async () => {
  const { up } = await upload()

  expect(v.is(KeyPackageUp, { ...up, oneTime: Array.from({ length: 51 }, () => up.lastResort) })).toBe(false)
})
