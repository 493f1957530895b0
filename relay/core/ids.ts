/** Names that a room gives: epochs, lanes, marks and the ids of what it sends by itself. */
import { toBase64 } from '#shared/bytes'
import type { EnvelopeId, Epoch, LaneId, Millis } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Random } from './ports.ts'

/** `value` with leading zeros, so that the order of texts is the order of numbers. */
export const padded = (value: number, digits: number): string => String(value).padStart(digits, '0')

/**
 * A time and eight random digits: greater than all of `previous`, also when the clock has gone back. The random
 * part tells two rooms or two histories apart that were born in the same millisecond.
 */
function ordered(now: Millis, random: Random, previous: readonly string[]): string {
  const millis = Math.max(now, ...previous.filter(Boolean).map((id) => Number(id.slice(0, 15)) + 1))
  return `${padded(millis, 15)}-${hex(random.bytes(4))}`
}

export const newEpoch = (now: Millis, random: Random, ...previous: string[]) =>
  ordered(now, random, previous) as Epoch

export const newLane = (now: Millis, random: Random, ...previous: string[]) =>
  ordered(now, random, previous) as LaneId

export const newMark = (random: Random): number => Math.floor(random.next() * 2 ** 32)

export const newNonce = (random: Random): string => toBase64(random.bytes(16))

/** A UUIDv7 (RFC 9562 §5.7) for what no device has sent: a withdrawal, a removal, a hint. */
export function newEnvelopeId(now: Millis, random: Random): EnvelopeId {
  const bytes = random.bytes(10)
  const variant = 0x80 | (bytes[2]! & 0x3f)
  const time = now.toString(16).padStart(12, '0')
  const a = `7${hex(bytes.slice(0, 2)).slice(1)}`
  const b = `${variant.toString(16)}${hex(bytes.slice(3, 4))}`
  return `${time.slice(0, 8)}-${time.slice(8)}-${a}-${b}-${hex(bytes.slice(4, 10))}` as EnvelopeId
}

/** What a ring remembers of an id: 48 random bits. */
export const ringKey = (id: EnvelopeId): string => id.slice(-12)

/** A ring with one more, the oldest forgotten. Frozen: copies of a row share it (copy.ts). */
export function withNext<T>(ring: readonly T[], next: T): readonly T[] {
  const longer = ring.slice(ring.length < limits.dedupeRingMax ? 0 : ring.length + 1 - limits.dedupeRingMax)
  longer.push(next)
  return Object.freeze(longer)
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
