/** What an operator may set on Node, all of it in the environment. */
import type { BlockList } from 'node:net'
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
import { proxiesOf } from './addresses.ts'
import { levels } from './log.ts'

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
  PARLEY_WAITING_IN_ALL: {
    schema: whole(1, 100_000),
    fallback: '1000',
    must: 'a number from 1 to 100000',
    about: 'how many of all; beyond that the one that has waited longest goes',
  },
  PARLEY_SOCKETS_PER_ADDRESS: {
    schema: whole(1, 1_000_000),
    fallback: '500',
    must: 'a number from 1 to 1000000',
    about: 'how many connections one address may have',
  },
  PARLEY_SOCKETS: {
    schema: whole(1, 1_000_000),
    fallback: '20000',
    must: 'a number from 1 to 1000000',
    about: 'how many connections the relay takes; each costs some 15 kB of memory and a file descriptor',
  },
  PARLEY_FRAMES_PER_SECOND: {
    schema: whole(1, 100_000),
    fallback: '50',
    must: 'a number from 1 to 100000',
    about: 'how fast one connection is read; ten seconds of it may come at once',
  },
  PARLEY_TRUST_PROXY: {
    schema: v.pipe(
      v.string(),
      v.transform(proxiesOf),
      v.custom<BlockList>((list) => list !== null),
    ),
    fallback: 'no',
    must: 'yes, no, or addresses and networks of proxies such as 127.0.0.1 or 172.16.0.0/12, with commas between',
    about:
      'whose X-Forwarded-For is believed: nobody’s, the named proxies’, or (yes) that of whoever connects',
  },
  PARLEY_INVITE_ONLY: {
    schema: yesOrNo,
    fallback: 'no',
    must: 'yes or no',
    about: 'whether a new account needs a code of yours (relay admin invite)',
  },
  PARLEY_METRICS: {
    schema: v.union([v.picklist(['no', 'loopback']), v.pipe(v.string(), v.regex(/^[\x21-\x7e]{16,200}$/))]),
    fallback: 'no',
    must: 'no, loopback, or a token of at least 16 characters',
    about: 'who may read /metrics: nobody, programs on this machine, or whoever has the token (Bearer)',
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
    schema: v.picklist([...levels, 'none']),
    fallback: 'info',
    must: 'error, warn, info, debug or none',
    about:
      'what is written to the log (standard error, one JSON object a line); never contents, addresses or names',
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

  npm run relay                       starts it
  npm run relay -- --help             shows this
  npm run relay -- backup FOLDER      copies everything into a new folder; the relay may be running
  npm run relay -- restore FOLDER     puts a backup back; the relay must be stopped
  npm run relay -- admin …            accounts, invitations, figures; without more it tells what there is

Settings are environment variables:
${rows.join('\n')}
`
}
