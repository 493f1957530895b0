/**
 * The recovery code: 128 random bits, written as seven groups that are hard to misread. Unlike a password it cannot be
 * guessed, so what the account's keys are made of follows from it by one hash.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { fromBase64, tbs, toBase64 } from '#shared/bytes'

/** Crockford's alphabet: no I, L, O, U. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const characters = 26
const group = 4

export function makeRecoveryCode(): string {
  let bits = 0n
  for (const byte of crypto.getRandomValues(new Uint8Array(17))) bits = (bits << 8n) | BigInt(byte)
  let text = ''
  for (let i = 0; i < characters; i++, bits >>= 5n) text += alphabet[Number(bits & 31n)]
  return text.match(new RegExp(`.{1,${group}}`, 'g'))!.join('-')
}

/** As it was made, however it was typed: any case, with or without dashes, O for 0 and I or L for 1. */
export const canonicalCode = (typed: string): string =>
  typed
    .normalize('NFKC')
    .toUpperCase()
    .replaceAll('O', '0')
    .replaceAll(/[IL]/g, '1')
    .replaceAll(/[^0-9A-Z]/g, '')

/** 32 bytes as base64url, bound to relay and user like the root of a password. */
export const codeRoot = (code: string, relayId: string, user: string): string =>
  toBase64(sha256(tbs('code', fromBase64(relayId), user, canonicalCode(code))))
