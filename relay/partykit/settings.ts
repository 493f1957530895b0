/** What an operator may set on PartyKit: the variables of `partykit dev --var` and `partykit env`. */
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import * as v from 'valibot'
import { toBase64, utf8 } from '#shared/bytes'
import type { HttpSettings } from '../http/app.ts'
import { ConfigError, httpSettings, readVariables, sharedVariables } from '../http/settings.ts'

const variables = {
  PARLEY_SECRET: {
    schema: v.pipe(v.string(), v.minLength(32), v.maxLength(1000)),
    must: 'set to at least 32 characters that nobody can guess, and never changed afterwards',
    about: 'signs what the relay hands out and what its rooms tell each other; its id comes from it too',
  },
  ...sharedVariables,
  // Ignored, it would leave a door open that somebody believes to be shut.
  PARLEY_INVITE_ONLY: {
    schema: v.literal('no'),
    fallback: 'no',
    must: 'no: on PartyKit there is no place for invitations',
    about: 'not on this host',
  },
}

export interface Settings {
  secret: Uint8Array
  http: HttpSettings
}

/** The sentence instead of settings: without a secret nothing may be served, and nobody can be told at a start. */
export type SettingsOrProblem = Settings | { problem: string }

let read: { from: string; result: SettingsOrProblem } | undefined

/**
 * There is no place for a value that all rooms share, so the relay's id is worked out from the secret: whoever
 * changes the secret has another relay, at which nobody has an account.
 */
export function settingsFrom(env: Readonly<Record<string, unknown>>): SettingsOrProblem {
  const from = JSON.stringify(env)
  if (read?.from !== from) read = { from, result: parse(env) }
  return read.result
}

function parse(env: Readonly<Record<string, unknown>>): SettingsOrProblem {
  try {
    const values = readVariables(variables, env)
    const secret = utf8(values.PARLEY_SECRET)
    const relayId = toBase64(hkdf(sha256, secret, undefined, utf8('parley1 relay id'), 32))
    return { secret, http: httpSettings(values, relayId, secret) }
  } catch (error) {
    if (error instanceof ConfigError) return { problem: error.message }
    throw error
  }
}
