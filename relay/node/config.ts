/** What an operator may set on Node, all of it in the environment. */
import * as v from 'valibot'
import {
  readVariables,
  sharedVariables,
  text,
  whole,
  yesOrNo,
  type Values,
  type Variable,
} from '../http/settings.ts'

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
  ...sharedVariables,
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

export type Config = Values<typeof variables>

export const readConfig = (env: Readonly<Record<string, string | undefined>>): Config =>
  readVariables(variables, env)

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
