/**
 * Calls between rooms, and from the HTTP routes to a room. They go over HTTP even inside PartyKit, and a room cannot
 * tell by where a request comes from; so each carries a MAC of the relay's secret over all it says (LN5).
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { fromBase64, sameBytes, tbs, toBase64, utf8 } from '#shared/bytes'
import type { Millis } from '#shared/ids'

/** What a room is asked, as the last parts of its path. */
export const internalPaths = { peer: '/internal/peer', account: '/internal/account' } as const

const clockWindowMs = 120_000
const version = '1'
/** Taken off every request from outside before a room sees it. */
export const linkHeaders = [
  'x-parley-version',
  'x-parley-from',
  'x-parley-time',
  'x-parley-signature',
] as const

export interface Call {
  /** The room that calls, or nothing: the relay's own HTTP routes. */
  from: string
  to: string
  path: string
  body: string
}

const macOf = (secret: Uint8Array, { from, to, path, body }: Call, time: string) =>
  hmac(sha256, secret, tbs('mac/link', version, 'POST', from, to, path, time, sha256(utf8(body))))

export function signedCall(secret: Uint8Array, call: Call, now: Millis) {
  const time = String(now)
  const headers = {
    'content-type': 'application/json',
    'x-parley-version': version,
    'x-parley-from': call.from,
    'x-parley-time': time,
    'x-parley-signature': toBase64(macOf(secret, call, time)),
  }
  return { method: 'POST', body: call.body, headers }
}

/** Who calls, or null when it is nobody of this relay. A repeated call does no harm: lanes and ids see to that. */
export function callerOf(
  secret: Uint8Array,
  headers: Pick<Headers, 'get'>,
  call: Omit<Call, 'from'>,
  now: Millis,
): string | null {
  const [from, time] = [headers.get('x-parley-from') ?? '', headers.get('x-parley-time') ?? '']
  if (headers.get('x-parley-version') !== version || !/^\d{1,15}$/.test(time)) return null
  if (Math.abs(now - Number(time)) > clockWindowMs) return null
  try {
    const given = fromBase64(headers.get('x-parley-signature') ?? '')
    return sameBytes(given, macOf(secret, { ...call, from }, time)) ? from : null
  } catch {
    return null // not base64
  }
}
