/** `relay admin …`: what an operator wants to know, and what an operator may do. Works on a running relay and without one. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { isUserName } from '#shared/names'
import type { Invite } from '../http/invites.ts'
import { ConfigError } from '../http/settings.ts'
import type { Config } from './config.ts'
import { isInUse } from './data-folder.ts'
import { withoutRelay } from './offline.ts'
import { askThroughDoor, type AdminRequest, type LiveStats } from './operator.ts'
import { openReports } from './reports.ts'

const usage = `relay admin, for who runs a relay:

  admin list [TEXT]             accounts, or those with TEXT in their names
  admin stats                   how many there are, and how the relay is
  admin block NAME              keeps an account out, and tells it so; nothing is deleted
  admin unblock NAME            lets it in again
  admin export NAME             everything that the relay holds of somebody, one JSON object a line
  admin delete NAME --yes       deletes an account for good, as its owner could
  admin invite [--days 14] [--note TEXT]    makes an invitation, good for one account
  admin invite list             all of them
  admin invite revoke CODE      ends one that was not used
  (add --json to list and stats for programs)
`

/** Writes to standard output. @throws ConfigError with a sentence when it cannot be done. */
export async function admin(args: readonly string[], config: Config, write = print): Promise<void> {
  const { positionals, values } = readArgs(args)
  const folder = resolve(config.PARLEY_DATA)
  const [command, ...rest] = positionals
  const name = () => nameIn(rest)
  const ask = (request: AdminRequest) => askRelay(folder, config, request)

  switch (command) {
    case 'list': {
      const reports = openReports(folder)
      for (const line of reports.accounts(rest[0])) {
        const { created, seen, devices, buddies } = line
        const facts = `since ${dateOf(created)}  seen ${dateOf(seen)}  ${devices} devices  ${buddies} buddies`
        write(
          values.json ? JSON.stringify(line) : `${line.name.padEnd(32)}  ${line.state.padEnd(7)}  ${facts}`,
        )
      }
      return reports.close()
    }
    case 'stats': {
      const reports = openReports(folder)
      const live = isInUse(folder) ? ((await askThroughDoor(folder, { type: 'stats' })) as LiveStats) : null
      const stats = { running: live !== null, ...reports.totals(), ...live }
      reports.close()
      if (values.json) return write(JSON.stringify(stats))
      for (const [what, value] of Object.entries(stats)) write(`${what.padEnd(20)} ${value}`)
      return undefined
    }
    case 'export': {
      const reports = openReports(folder)
      let lines = 0
      for (const line of reports.everythingOf(name())) {
        write(line)
        lines++
      }
      reports.close()
      if (lines === 0) throw new ConfigError(`There is no account ${name()}.`)
      return undefined
    }
    case 'block':
    case 'unblock': {
      await ask({ type: command, user: name() })
      return write(command === 'block' ? `${name()} is kept out.` : `${name()} may sign in again.`)
    }
    case 'delete':
      if (!values.yes)
        throw new ConfigError(
          `This deletes ${name()} for good, buddies are told. If that is meant, add --yes.`,
        )
      await ask({ type: 'delete', user: name() })
      return write(`${name()} is deleted. Nobody gets that name for 90 days.`)
    case 'invite':
      return invite(rest, values, ask, write)
    case undefined:
      return write(usage)
    default:
      throw new ConfigError(`There is no command ${command}.\n\n${usage}`)
  }
}

async function invite(
  [command, code]: readonly string[],
  { days, note }: { days: string; note?: string | undefined },
  ask: (request: AdminRequest) => Promise<unknown>,
  write: (line: string) => void,
) {
  if (command === 'list') {
    const all = (await ask({ type: 'invites' })) as Invite[]
    for (const one of all) {
      const state = one.usedBy
        ? `used ${dateOf(one.usedAt!)} by ${one.usedBy}`
        : `${one.expiresAt < Date.now() ? 'expired' : 'open until'} ${dateOf(one.expiresAt)}`
      write([one.code, state, ...(one.note ? [one.note] : [])].join('  '))
    }
    return
  }
  if (command === 'revoke') {
    if (code === undefined) throw new ConfigError('Say which: relay admin invite revoke CODE.')
    await ask({ type: 'revoke', code })
    return write(`${code} is not valid any more.`)
  }
  if (command !== undefined && command !== 'create')
    throw new ConfigError(`There is no command invite ${command}.\n\n${usage}`)
  if (!/^\d{1,4}$/.test(days) || Number(days) < 1 || Number(days) > 3650)
    throw new ConfigError('--days must be a number from 1 to 3650.')
  if (note !== undefined && note.length > 200)
    throw new ConfigError('--note must have at most 200 characters.')
  const made = (await ask({ type: 'invite', days: Number(days), ...(note && { note }) })) as Invite
  return write(made.code)
}

/** The relay itself where it runs; else its rooms, with nobody in them. */
async function askRelay(folder: string, config: Config, request: AdminRequest): Promise<unknown> {
  openReports(folder).close() // or a mistyped folder would become a new relay
  try {
    if (isInUse(folder)) return await askThroughDoor(folder, request)
    return await withoutRelay(config, (operate) => operate(request))
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error))
  }
}

function readArgs(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        yes: { type: 'boolean' },
        days: { type: 'string', default: '14' },
        note: { type: 'string' },
      },
    })
  } catch (error) {
    throw new ConfigError(`${(error as Error).message}\n\n${usage}`)
  }
}

function nameIn([name]: readonly string[]) {
  if (name === undefined || !isUserName(name)) throw new ConfigError('Say whose account: a user name.')
  return name
}

const dateOf = (at: number) => (at > 0 ? new Date(at).toISOString().slice(0, 10) : 'never')

function print(line: string) {
  process.stdout.write(`${line}\n`)
}
