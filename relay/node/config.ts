/** What an operator may set, all of it in the environment. One table is the check, the default and the help. */
import * as v from 'valibot'
import { limits } from '#shared/limits'

interface Variable {
  schema: v.GenericSchema
  /** As text, like every variable; absent: the relay decides. */
  fallback?: string
  /** What a value must be, to follow "must be". */
  must: string
  about: string
}

const whole = (min: number, max: number) =>
  v.pipe(v.string(), v.regex(/^\d{1,9}$/), v.transform(Number), v.minValue(min), v.maxValue(max))
const yesOrNo = v.pipe(
  v.picklist(['yes', 'no']),
  v.transform((text) => text === 'yes'),
)
const text = (charsMax: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(charsMax))

const variables = {
  PARLEY_HOST: {
    schema: v.pipe(v.string(), v.regex(/^[A-Za-z0-9.:_-]{1,255}$/)),
    fallback: '127.0.0.1',
    must: 'an address of this machine, such as 127.0.0.1 or 0.0.0.0',
    about: 'the address to listen on',
  },
  PARLEY_PORT: {
    schema: whole(1, 65_535),
    fallback: '1999',
    must: 'a port number from 1 to 65535',
    about: 'the port to listen on',
  },
  PARLEY_DATA: {
    schema: text(4096),
    fallback: '.data',
    must: 'a folder',
    about: 'the folder that holds everything: back this up, and only this',
  },
  PARLEY_SECRET: {
    schema: v.optional(v.pipe(v.string(), v.minLength(32), v.maxLength(1000))),
    must: 'at least 32 characters that nobody can guess',
    about: 'signs what the relay hands out; without it, one is made once and kept in the data folder',
  },
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
  PARLEY_WAITING_SOCKETS: {
    schema: whole(1, 100_000),
    fallback: '5',
    must: 'a number from 1 to 100000',
    about: 'how many connections of one address may be open that have not signed in yet',
  },
  PARLEY_TRUST_PROXY: {
    schema: yesOrNo,
    fallback: 'no',
    must: 'yes or no',
    about: 'whether X-Forwarded-For may be believed: only behind a proxy that sets it',
  },
  PARLEY_BUILDS: {
    schema: text(4096),
    fallback: '.output',
    must: 'a folder',
    about: 'where the packed extensions lie that the page offers (npm run zip)',
  },
  PARLEY_DRAIN_MS: {
    schema: whole(0, 20_000),
    fallback: '10000',
    must: 'a number of milliseconds from 0 to 20000',
    about: 'over how long connections are sent away when the relay is stopped',
  },
  PARLEY_LOG: {
    schema: v.picklist(['error', 'warn', 'info', 'none']),
    fallback: 'info',
    must: 'error, warn, info or none',
    about: 'what is written to the log (standard error, one JSON object a line)',
  },
} satisfies Record<string, Variable>

type Variables = typeof variables
export type Config = { [Name in keyof Variables]: v.InferOutput<Variables[Name]['schema']> }

/** Somebody has to change something before the relay can start; the text says what, in one sentence. */
export class ConfigError extends Error {}

/** @throws ConfigError naming the first variable that is wrong. An empty variable counts as not set. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const config: Record<string, unknown> = {}
  for (const [name, { schema, fallback, must }] of Object.entries(variables) as [string, Variable][]) {
    const value = env[name]?.trim() || fallback
    const result = v.safeParse(schema, value)
    // The value is not repeated: it may be a secret.
    if (!result.success) throw new ConfigError(`${name} must be ${must}.`)
    config[name] = result.output
  }
  return config as Config
}

/** Variables that look like ours and are not: a misspelt setting would be ignored without a word. */
export const unknownVariables = (env: Readonly<Record<string, string | undefined>>): string[] =>
  Object.keys(env).filter(
    (name) => name.startsWith('PARLEY_') && !(name in variables) && name !== 'PARLEY_RELAY',
  )

export const isLoopback = (host: string): boolean => /^(127(\.\d+){3}|localhost|::1)$/.test(host)

export function help(): string {
  const rows = (Object.entries(variables) as [string, Variable][]).map(([name, { fallback, about }]) => {
    return `  ${name.padEnd(29)} ${about}${fallback === undefined ? '' : ` [${fallback}]`}`
  })
  return `A relay for Parley: one room for each user, in this process, kept in one folder.

  npm run relay           starts it
  npm run relay -- --help shows this

Settings are environment variables:
${rows.join('\n')}
`
}
