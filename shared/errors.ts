/**
 * Every refusal on the wire. Codes are the conditions of RFC 6120 §8.3.3 where one fits; `action` is its
 * error type: what the client should do next. People never read codes: their words are in `_locales`.
 *
 * - `modify`: change the request and send it again · `auth`: prove who you are again
 * - `wait`: the same again later, after `retryAfterMs` if given · `cancel`: do not try again; tell the user
 */
export const errors = {
  'bad-request': { action: 'modify', closeCode: 4400 },
  'feature-not-implemented': { action: 'cancel', closeCode: null },
  'too-large': { action: 'modify', closeCode: null },
  'not-authorized': { action: 'auth', closeCode: 4401 },
  'credentials-expired': { action: 'auth', closeCode: 4401 },
  'account-disabled': { action: 'cancel', closeCode: 4403 },
  'unsupported-version': { action: 'cancel', closeCode: 4426 },
  'policy-violation': { action: 'wait', closeCode: null },
  'resource-constraint': { action: 'wait', closeCode: null },
  'unexpected-request': { action: 'wait', closeCode: null },
  forbidden: { action: 'cancel', closeCode: null },
  'not-allowed': { action: 'cancel', closeCode: null },
  'not-acceptable': { action: 'cancel', closeCode: null },
  'item-not-found': { action: 'cancel', closeCode: null },
  gone: { action: 'cancel', closeCode: null },
  expired: { action: 'cancel', closeCode: null },
  'recipient-unavailable': { action: 'cancel', closeCode: null },
  conflict: { action: 'modify', closeCode: null },
  'remote-server-not-found': { action: 'cancel', closeCode: null },
  'internal-server-error': { action: 'wait', closeCode: null },
} as const

export type ErrorCode = keyof typeof errors
export type ErrorAction = (typeof errors)[ErrorCode]['action']

export const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(errors, text)

/** Close codes of our own; 1000, 1001, 1006, 1009, 1011, 1012 and 1013 mean "connect again". */
export const closeCodes = {
  badFrames: 4400,
  notAuthorized: 4401,
  disabled: 4403,
  silent: 4408,
  /** The account was deleted. */
  gone: 4410,
  /** The same device connected again: the older socket goes. */
  replaced: 4409,
  tooLarge: 4413,
  version: 4426,
  flood: 4429,
  drain: 1012,
  overloaded: 1013,
} as const

/** What the other side may be told beside the code. */
export interface ErrorExtra {
  retryAfterMs?: number
  /** For developers, never for people and never for decisions. */
  detail?: string
  /** What was refused, where it could be read. */
  id?: string
  request?: string
  /** With `unexpected-request`: the id after which the room expects the next send; null before its first. */
  last?: string | null
  attempt?: number
  /** With `conflict`: the newest device list. */
  devices?: { version: number; hash: string }
}

/** The peer's mistake, or a limit it ran into. One place turns it into an `error` frame or an HTTP answer. */
export class ProtocolError extends Error {
  readonly code: ErrorCode
  readonly extra: ErrorExtra

  constructor(code: ErrorCode, detail?: string, extra: Omit<ErrorExtra, 'detail'> = {}) {
    super(detail ?? code)
    this.name = 'ProtocolError'
    this.code = code
    this.extra = detail === undefined ? extra : { ...extra, detail }
  }
}
