/**
 * The payload of an envelope: opaque to the relay, base64url in the frame.
 *
 *     version 1 · flags · ratchet 16 B · [resendOf 16 B] · [length, Welcome] · length, MLS PrivateMessage
 */
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import * as v from 'valibot'
import { concat, fromBase64, toBase64 } from '#shared/bytes'
import type { EnvelopeId } from '#shared/ids'
import { limits } from '#shared/limits'
import { envelopeId } from '#shared/schema'
import { reader, sized } from '../binary.ts'
import { Refusal } from '../refusal.ts'
import { sizes } from './config.ts'

const version = 1
const hasResendOf = 1
const hasWelcome = 2

export interface Payload {
  ratchet: Uint8Array
  resendOf?: EnvelopeId
  /** With every envelope of a session until one of them is `stored`. */
  welcome?: Uint8Array
  ct: Uint8Array
}

/** @throws Refusal `too-large`: then open the session with an empty content of its own and send this one next */
export function encodePayload({ ratchet, resendOf, welcome, ct }: Payload): string {
  const flags = (resendOf === undefined ? 0 : hasResendOf) | (welcome === undefined ? 0 : hasWelcome)
  const text = toBase64(
    concat(
      Uint8Array.of(version, flags),
      ratchet,
      ...(resendOf === undefined ? [] : [uuidBytes(resendOf)]),
      ...(welcome === undefined ? [] : [sized(welcome)]),
      sized(ct),
    ),
  )
  if (text.length > limits.payloadBytesMax)
    throw new Refusal('too-large', `payload of ${text.length} characters`)
  return text
}

/** @throws Refusal `malformed`, `too-large` */
export function decodePayload(text: string): Payload {
  if (text.length > limits.payloadBytesMax)
    throw new Refusal('too-large', `payload of ${text.length} characters`)
  const input = reader(bytesOf(text))
  if (input.u8() !== version) throw new Refusal('malformed', 'a payload of another version')
  const flags = input.u8()
  if (flags > (hasResendOf | hasWelcome)) throw new Refusal('malformed', `flags ${flags}`)
  const ratchet = input.take(16)
  const resendOf = flags & hasResendOf ? uuidText(input.take(16)) : undefined
  const welcome = flags & hasWelcome ? input.sized() : undefined
  const ct = input.sized()
  input.end()
  if (welcome && welcome.length > sizes.welcomeBytesMax) {
    throw new Refusal('too-large', `Welcome of ${welcome.length} bytes`)
  }
  return { ratchet, ...(resendOf && { resendOf }), ...(welcome && { welcome }), ct }
}

function bytesOf(text: string): Uint8Array {
  try {
    return fromBase64(text)
  } catch (cause) {
    throw new Refusal('malformed', 'not base64url', { cause })
  }
}

const uuidBytes = (id: EnvelopeId) => hexToBytes(id.replaceAll('-', ''))

function uuidText(bytes: Uint8Array): EnvelopeId {
  const id = bytesToHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  if (!v.is(envelopeId, id)) throw new Refusal('malformed', 'not an envelope id')
  return id
}
