/** What an operator may set on every host, and how any setting is read. One table is the check, the default and the help. */
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import * as v from 'valibot'
import { utf8 } from '#shared/bytes'
import { limits } from '#shared/limits'
import { announcedLimits } from './announced.ts'
import type { HttpSettings } from './app.ts'

export interface Variable {
  schema: v.GenericSchema
  /** As text, like every variable; absent: the relay decides. */
  fallback?: string
  /** What a value must be, to follow "must be". */
  must: string
  about: string
}

const MiB = 1024 * 1024

type Table = Record<string, Variable>
export type Values<T extends Table> = { [Name in keyof T]: v.InferOutput<T[Name]['schema']> }

export const whole = (min: number, max: number) =>
  v.pipe(v.string(), v.regex(/^\d{1,9}$/), v.transform(Number), v.minValue(min), v.maxValue(max))
export const yesOrNo = v.pipe(
  v.picklist(['yes', 'no']),
  v.transform((text) => text === 'yes'),
)
export const text = (charsMax: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(charsMax))

export const sharedVariables = {
  PARLEY_NAME: {
    schema: text(60),
    fallback: 'Parley',
    must: 'a name of at most 60 characters',
    about: 'what the relay calls itself towards people',
  },
  PARLEY_PUBLIC_URL: {
    schema: v.optional(v.pipe(v.string(), v.regex(/^https?:\/\/[a-z0-9.:[\]-]+$/i))),
    must: 'an address such as https://relay.example, without a path',
    about: 'the address people enter, when a proxy stands in front',
  },
  PARLEY_OFFLINE: {
    schema: v.picklist(['store', 'refuse']),
    fallback: 'store',
    must: 'store or refuse',
    about: 'whether messages wait for people who are offline',
  },
  PARLEY_KEEP_DAYS: {
    schema: whole(1, 90),
    fallback: String(limits.keepMs / 86_400_000),
    must: 'a number of days from 1 to 90',
    about: 'how long they wait',
  },
  PARLEY_FILE_MB: {
    schema: whole(0, 2000),
    fallback: String(limits.fileBytesMax / MiB),
    must: 'a number of MiB from 0 to 2000',
    about: 'how large a file may be, in MiB; 0: people send no files',
  },
  PARLEY_FILES_MB: {
    schema: whole(1, 1_000_000),
    fallback: String(limits.filesBytesMax / MiB),
    must: 'a number of MiB from 1 to 1000000',
    about: 'what the files of one account may take, in MiB',
  },
  PARLEY_POW_BITS: {
    schema: whole(0, 26),
    fallback: String(limits.powBits),
    must: 'a number from 0 to 26',
    about: 'how much work a new account costs; each more doubles it',
  },
  PARLEY_REGISTRATIONS_PER_DAY: {
    schema: whole(1, 1_000_000),
    fallback: String(limits.registrationsPerAddressPerDayMax),
    must: 'a number from 1 to 1000000',
    about: 'how many accounts one address may make in a day',
  },
  PARLEY_REQUESTS_PER_MINUTE: {
    schema: whole(10, 1_000_000),
    fallback: '600',
    must: 'a number from 10 to 1000000',
    about: 'how many requests one address may make in a minute, new connections on Node among them',
  },
  PARLEY_SENDS_PER_HOUR: {
    schema: whole(1, 1_000_000),
    fallback: String(limits.accountSendsPerHourMax),
    must: 'a number from 1 to 1000000',
    about: 'how many messages one account may send in an hour',
  },
  PARLEY_KNOCKS_PER_DAY: {
    schema: whole(1, 1000),
    fallback: String(limits.knocksPerDayMax),
    must: 'a number from 1 to 1000',
    about: 'how many strangers one account may knock at in a day (a new one: a quarter of that)',
  },
  PARLEY_LOG_MB: {
    schema: whole(1, 2000),
    fallback: String(limits.logBytesMax / MiB),
    must: 'a number of MiB from 1 to 2000',
    about: 'what may wait in the log of one account, in MiB',
  },
} satisfies Table

/** Somebody has to change something before the relay can start; the text says what, in one sentence. */
export class ConfigError extends Error {}

/** @throws ConfigError naming the first variable that is wrong. An empty variable counts as not set. */
export function readVariables<T extends Table>(table: T, env: Readonly<Record<string, unknown>>): Values<T> {
  const values: Record<string, unknown> = {}
  for (const [name, { schema, fallback, must }] of Object.entries(table)) {
    const given = env[name]
    const value = (typeof given === 'string' && given.trim()) || fallback
    const result = v.safeParse(schema, value)
    // The value is not repeated: it may be a secret.
    if (!result.success) throw new ConfigError(`${name} must be ${must}.`)
    values[name] = result.output
  }
  return values as Values<T>
}

/** What rooms and routes go by. The key for uploads comes from the secret, so that a new secret ends them all. */
export function httpSettings(
  values: Values<typeof sharedVariables>,
  relayId: string,
  secret: Uint8Array,
): HttpSettings {
  const { PARLEY_PUBLIC_URL: publicUrl, PARLEY_OFFLINE: offline, PARLEY_KEEP_DAYS: keepDays } = values
  return {
    relayId,
    blobKey: hkdf(sha256, secret, undefined, utf8('parley1 uploads'), 32),
    announced: announcedLimits({
      offline,
      keepMs: keepDays * 86_400_000,
      fileBytesMax: values.PARLEY_FILE_MB * MiB,
      filesBytesMax: values.PARLEY_FILES_MB * MiB,
    }),
    name: values.PARLEY_NAME,
    powBits: values.PARLEY_POW_BITS,
    registrationsPerDay: values.PARLEY_REGISTRATIONS_PER_DAY,
    requestsPerMinute: values.PARLEY_REQUESTS_PER_MINUTE,
    quotas: {
      sendsPerHourMax: values.PARLEY_SENDS_PER_HOUR,
      knocksPerDayMax: values.PARLEY_KNOCKS_PER_DAY,
      logBytesMax: values.PARLEY_LOG_MB * MiB,
    },
    ...(publicUrl === undefined ? {} : { publicUrl }),
  }
}
