/** The small schemas that frames, lane messages and HTTP bodies are built from. */
import * as v from 'valibot'
import { isErrorCode, type ErrorCode } from './errors.ts'
import type { AccountId, BlobId, DeviceId, EnvelopeId, Epoch, LaneId, Millis, Seq, UserId } from './ids.ts'
import { limits } from './limits.ts'
import { isUserName } from './names.ts'

const base64 = /^[A-Za-z0-9_-]*$/
/** The last character of bytes that do not end with it has spare bits; only zeros are the one right spelling. */
const lastChars = [/^/, /[AQgw]$/, /[AEIMQUYcgkosw048]$/] as const

/** Bytes as base64url without padding: exactly `length` of them. */
export const bytes = (length: number) =>
  v.pipe(
    v.string(),
    v.length(Math.ceil((length * 4) / 3)),
    v.regex(base64),
    v.regex(lastChars[(length % 3) as 0 | 1 | 2]),
  )

/** At most `charsMax` characters of base64url. */
export const blob = (charsMax: number) => v.pipe(v.string(), v.maxLength(charsMax), v.regex(base64))

const branded = <T extends string>(pattern: RegExp) =>
  v.custom<T>((input) => typeof input === 'string' && pattern.test(input))

export const userId = v.custom<UserId>((input) => typeof input === 'string' && isUserName(input))
/** `bob`, or `bob@relay.example`, which a relay without federation refuses by its code and not as malformed. */
export const addressText = v.pipe(v.string(), v.maxLength(300))
export const deviceId = branded<DeviceId>(/^([A-Za-z0-9_-]{11}|@)$/)
export const accountId = branded<AccountId>(/^[A-Za-z0-9_-]{22}$/)
export const blobId = branded<BlobId>(/^[A-Za-z0-9_-]{21}[AQgw]$/)
export const envelopeId = branded<EnvelopeId>(
  /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
)
export const epoch = branded<Epoch>(/^\d{15}-[0-9a-f]{8}$/)
export const laneId = branded<LaneId>(/^\d{15}-[0-9a-f]{8}$/)
export const errorCode = v.custom<ErrorCode>((input) => typeof input === 'string' && isErrorCode(input))

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
export const count = whole
export const seq: v.GenericSchema<Seq> = whole
export const millis: v.GenericSchema<Millis> = whole
/** A random number on every entry, by which a rollback is noticed. */
export const mark = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(0xffff_ffff))
export const hash = bytes(32)
/** What an invite link carries behind its `#`; the relay of its owner knows only the hash. */
export const inviteToken = bytes(16)
/** The client's own number for a request; the answer carries it back. */
export const request = v.pipe(v.string(), v.minLength(1), v.maxLength(40))

/** Text that is shown: no control characters, nothing that turns the direction of what stands around it. */
export const statusText = v.pipe(
  v.string(),
  v.check((text) => Array.from(text).length <= limits.statusCharsMax),
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused here
  v.check((text) => !/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(text)),
  v.check((text) => text.isWellFormed()),
)
