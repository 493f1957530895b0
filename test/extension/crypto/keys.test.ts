import { expect, test } from 'vitest'
import { fromBase64, toBase64, utf8 } from '#shared/bytes'
import {
  decrypt,
  encrypt,
  makeLocalKey,
  makeStoredKey,
  signingKey,
  slotKeys,
  storedKey,
  verify,
} from '../../../extension/crypto/keys.ts'

test('the login key of a root is that of the reference', async () => {
  const { login } = await slotKeys('BccCn3qeGp6oPup6on2PnpWJl9cNtxxsJtuMgWNmWcE')

  expect(login.publicKey).toBe('xuaCPveTIarpsr_LJmgiB296yzCjBrZkDwwxoGwW9CE')
})

test('the key of a seed is that of the reference, and signs', async () => {
  const key = await signingKey(new Uint8Array(32).fill(1))
  const signature = await key.sign(utf8('hello'))

  expect(key.publicKey).toBe('iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w')
  expect(await verify(fromBase64(key.publicKey), utf8('hello'), fromBase64(signature))).toBe(true)
  expect(await verify(fromBase64(key.publicKey), utf8('hallo'), fromBase64(signature))).toBe(false)
})

test('a stored key signs and cannot be taken away', async () => {
  const pair = await makeStoredKey()
  const key = await storedKey(pair)
  const signature = fromBase64(await key.sign(utf8('hello')))

  expect(await verify(fromBase64(key.publicKey), utf8('hello'), signature)).toBe(true)
  await expect(crypto.subtle.exportKey('pkcs8', pair.privateKey)).rejects.toThrow(Error)
  await expect(crypto.subtle.exportKey('raw', await makeLocalKey())).rejects.toThrow(Error)
})

test.each([
  ['no key', new Uint8Array(3), new Uint8Array(64)],
  ['no signature', new Uint8Array(32), new Uint8Array(3)],
])('what is %s verifies nothing, and throws nothing', async (_, key, signature) => {
  expect(await verify(key, utf8('hello'), signature)).toBe(false)
})

test('what is encrypted opens only as what it is', async () => {
  const key = await makeLocalKey()
  const sealed = await encrypt(key, utf8('secret'), utf8('alice'))

  expect(new TextDecoder().decode(await decrypt(key, sealed, utf8('alice')))).toBe('secret')
  await expect(decrypt(key, sealed, utf8('bob'))).rejects.toThrow(Error)
  await expect(decrypt(await makeLocalKey(), sealed, utf8('alice'))).rejects.toThrow(Error)
  const flipped = fromBase64(sealed.ct)
  flipped[0]! ^= 1
  await expect(decrypt(key, { ...sealed, ct: toBase64(flipped) }, utf8('alice'))).rejects.toThrow(Error)
})
