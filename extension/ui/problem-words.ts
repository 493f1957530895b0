/** Words for everything that can be refused: what happened, and what can be done. */
import type { CommandCode, Problem } from '../stores/problem.ts'
import { duration } from './format.ts'
import { say, type TextKey } from './text.ts'

const general: Record<CommandCode, TextKey> = {
  'bad-request': 'problemInternal',
  'feature-not-implemented': 'problemNotSupported',
  'too-large': 'problemTooLarge',
  'not-authorized': 'problemNotAuthorized',
  'credentials-expired': 'problemCredentialsExpired',
  'account-disabled': 'problemAccountDisabled',
  'unsupported-version': 'problemVersion',
  'policy-violation': 'problemTooOften',
  'resource-constraint': 'problemBusy',
  'unexpected-request': 'problemBusy',
  forbidden: 'problemForbidden',
  'not-allowed': 'problemNotAllowed',
  'not-acceptable': 'problemBlocked',
  'item-not-found': 'problemNoSuchName',
  gone: 'problemGone',
  expired: 'problemExpired',
  'recipient-unavailable': 'problemRecipientUnavailable',
  conflict: 'problemConflict',
  'remote-server-not-found': 'problemOtherRelay',
  'internal-server-error': 'problemInternal',
  'address-invalid': 'problemAddressInvalid',
  'address-insecure': 'problemAddressInsecure',
  unreachable: 'problemUnreachable',
  'not-a-relay': 'problemNotARelay',
  'wrong-relay': 'problemWrongRelay',
  'inconsistent-keys': 'problemInconsistentKeys',
  'signed-out': 'problemSignedOut',
  database: 'problemDatabase',
}

/** The same code may mean something more precise where one knows what was asked for. */
const special = {
  'sign-up': {
    conflict: 'problemNameTaken',
    'not-allowed': 'problemInviteOnly',
    forbidden: 'problemInviteOnly',
    'item-not-found': 'problemInviteWrong',
    gone: 'problemInviteSpent',
  },
  'sign-in': { 'not-authorized': 'problemWrongPassword', forbidden: 'problemKeptOut' },
  proof: { 'not-authorized': 'problemPassword', forbidden: 'problemKeptOut' },
  code: { 'not-authorized': 'problemWrongCode', forbidden: 'problemKeptOut' },
  connection: { forbidden: 'problemKeptOut' },
  knock: { 'not-allowed': 'problemKnockOpen', forbidden: 'problemBuddiesOnly' },
} satisfies Record<string, Partial<Record<CommandCode, TextKey>>>

export type ProblemContext = keyof typeof special

export function problemWords({ code, retryAfterMs }: Problem, context?: ProblemContext): string {
  const specials: Partial<Record<CommandCode, TextKey>> = context ? special[context] : {}
  const sentence = say(specials[code] ?? general[code] ?? 'problemInternal')
  return retryAfterMs ? `${sentence} ${say('problemRetryAfter', duration(retryAfterMs))}` : sentence
}

/** Why the connection is refused or fails; a reason this version does not know is an internal one. */
export function reasonWords(reason: string): string {
  const code = Object.hasOwn(general, reason) ? (reason as CommandCode) : 'internal-server-error'
  return problemWords({ code }, 'connection')
}
