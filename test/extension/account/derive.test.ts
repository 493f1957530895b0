import { argon2Sync } from 'node:crypto'
import { argon2idAsync } from '@noble/hashes/argon2.js'
import { expect, test } from 'vitest'
import { passwordSalt } from '#shared/account'
import { toBase64 } from '#shared/bytes'
import type { UserId } from '#shared/ids'
import { deriveRoot } from '../../../extension/account/derive.ts'
import { passwordRoot } from '../../support/headless.ts'

const relayId = toBase64(new Uint8Array(32).fill(7))
const alice = 'alice' as UserId

test('the root of a password is that of the reference, at the full cost, and moves a progress bar', async () => {
  const shares: number[] = []
  const root = await deriveRoot({
    secret: 'correct horse battery staple',
    slot: 'pw',
    relayId,
    user: alice,
    onProgress: (share) => shares.push(share),
  })

  expect(root).toBe('BccCn3qeGp6oPup6on2PnpWJl9cNtxxsJtuMgWNmWcE')
  expect(passwordRoot('correct horse battery staple', relayId, 'alice')).toBe(root)
  expect(shares.length).toBeGreaterThan(5)
  expect(shares.at(-1)).toBe(1)
}, 60_000)

test.each([
  [64, 1, 1],
  [128, 3, 1],
  [1024, 2, 1],
])('Argon2id of the page and of Node agree (m %i KiB, t %i, p %i)', async (m, t, p) => {
  const salt = passwordSalt(relayId, 'alice')
  for (const password of ['', 'a', 'pässwörd', '密码'.repeat(200)]) {
    const theirs = argon2Sync('argon2id', {
      message: Buffer.from(password),
      nonce: Buffer.from(salt),
      parallelism: p,
      tagLength: 32,
      memory: m,
      passes: t,
    })
    const ours = await argon2idAsync(password, salt, { m, t, p, dkLen: 32 })
    expect(toBase64(ours)).toBe(toBase64(new Uint8Array(theirs)))
  }
})

test('a password means the same however its letters were composed', () => {
  expect(passwordRoot('n\u0303', relayId, 'alice')).toBe(passwordRoot('ñ', relayId, 'alice'))
})

test('a recovery code needs no stretching', async () => {
  const input = { slot: 'code' as const, relayId, user: alice, onProgress: () => {} }
  const root = await deriveRoot({ ...input, secret: '0000-1111-2222-3333-4444-5555-66' })

  expect(root).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect(await deriveRoot({ ...input, secret: 'oooo iiii 2222 3333 4444 5555 66' })).toBe(root)
})
