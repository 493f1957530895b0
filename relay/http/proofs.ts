/**
 * What the relay hands out and recognises again without remembering it: each carries a MAC over everything it is
 * good for. So no route writes anything for somebody who has not proved anything yet, and every host can check
 * what any other handed out.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { powHolds } from '#shared/account'
import type { LoginNonce, Pow, Register } from '#shared/api'
import { concat, fromBase64, sameBytes, tbs, toBase64 } from '#shared/bytes'
import { ProtocolError } from '#shared/errors'
import type { AccountId, Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Random } from '../core/ports.ts'

export interface Proofs {
  /** A task to be worked out before an account with this name is made. */
  work(user: UserId, bits: number): Pow
  /** @throws ProtocolError unless the task is ours, for this name, in time, and worked out. */
  checkWork(user: UserId, pow: Register['pow']): void
  loginNonce(user: UserId): LoginNonce
  isLoginNonce(user: UserId, nonce: LoginNonce): boolean
  /**
   * Allows one change of the account as it is: with device list `version`, its ways in changed `change` times. It says
   * the latter itself, for the room to compare.
   */
  ticket(user: UserId, acct: AccountId, version: number, change: number): string
  /** Null for what is no ticket for this, or too old. */
  readTicket(ticket: string, user: UserId, acct: AccountId, version: number): { change: number } | null
}

export function createProofs(secret: Uint8Array, clock: () => Millis, random: Random): Proofs {
  const mac = (label: string, ...parts: readonly (string | number)[]) =>
    hmac(sha256, secret, tbs(`mac/${label}`, ...parts))

  const workMac = (user: UserId, { salt, bits, exp }: Pick<Pow, 'salt' | 'bits' | 'exp'>) =>
    toBase64(mac('work', user, salt, bits, exp))
  const nonceMac = (user: UserId, nonce: string, ts: Millis) => toBase64(mac('login', user, nonce, ts))
  const ticketMac = (user: UserId, acct: AccountId, version: number, change: number, exp: Millis) =>
    mac('ticket/account', user, acct, version, change, exp)

  return {
    work(user, bits) {
      const task = { salt: toBase64(random.bytes(16)), bits, exp: clock() + limits.powMs }
      return { ...task, mac: workMac(user, task) }
    },
    checkWork(user, pow) {
      if (!sameText(pow.mac, workMac(user, pow)))
        throw new ProtocolError('bad-request', 'not a task of this relay')
      if (pow.exp < clock())
        throw new ProtocolError('credentials-expired', 'the task is too old: start again')
      if (!powHolds(pow.salt, pow.answer, pow.bits))
        throw new ProtocolError('bad-request', 'the work is not done')
    },

    loginNonce(user) {
      const [nonce, ts] = [toBase64(random.bytes(16)), clock()]
      return { nonce, ts, mac: nonceMac(user, nonce, ts) }
    },
    isLoginNonce: (user, { nonce, ts, mac: given }) =>
      sameText(given, nonceMac(user, nonce, ts)) && ts <= clock() && clock() - ts <= limits.loginNonceMs,

    ticket(user, acct, version, change) {
      const exp = clock() + limits.loginTicketMs
      const head = new DataView(new ArrayBuffer(12))
      head.setFloat64(0, exp)
      head.setUint32(8, change)
      return toBase64(concat(new Uint8Array(head.buffer), ticketMac(user, acct, version, change, exp)))
    },
    readTicket(ticket, user, acct, version) {
      const bytes = decoded(ticket)
      if (bytes?.length !== 44) return null
      const head = new DataView(bytes.buffer, bytes.byteOffset)
      const [exp, change] = [head.getFloat64(0), head.getUint32(8)]
      const isOurs = sameBytes(bytes.subarray(12), ticketMac(user, acct, version, change, exp))
      return isOurs && clock() <= exp ? { change } : null
    },
  }
}

function decoded(text: string): Uint8Array | null {
  try {
    return fromBase64(text)
  } catch {
    return null
  }
}

export const sameText = (a: string, b: string): boolean => {
  const encoder = new TextEncoder()
  return sameBytes(encoder.encode(a), encoder.encode(b))
}
