import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { endGroup, hasEnded, spawnGroup, type Group } from './group.ts'
import { freePort } from './ports.ts'

const root = resolve(import.meta.dirname, '../..')
const answersWithinMs = 30_000

export type RelayProcess = {
  /** `http://127.0.0.1:<port>`: the same after a restart. */
  url: string
  /** Where it keeps its data. */
  data: string
  /** Process id; after a restart another one. */
  readonly pid: number
  /** What it wrote to its output so far, over all restarts. */
  log(): string
  /** Sends the signal (SIGKILL is a crash) to the relay and all its children; resolves when it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again on the same port and data, after ending it if it still runs. */
  restart(signal?: NodeJS.Signals): Promise<void>
  /** Ends it in good order. Fine to call twice. */
  stop(): Promise<void>
}

export type RelayOptions = {
  /** Folder for its data; a fresh one under the system's temporary folder when left out. */
  data?: string
  port?: number
  /** Another configuration than relay/partykit.json, for parties that only tests have. */
  config?: string
  /** Further flags of Node. */
  flags?: readonly string[]
  /** To be put before the command: what the process is to run on, or under. */
  under?: readonly string[]
  /** Further environment variables. */
  env?: Record<string, string>
}

/** Tests come from one address, and all at once. */
const wide = {
  PARLEY_REQUESTS_PER_MINUTE: '1000000',
  PARLEY_SOCKETS_PER_ADDRESS: '100000',
  PARLEY_FRAMES_PER_SECOND: '100000',
  PARLEY_SOCKETS: '100000',
  PARLEY_WAITING_IN_ALL: '100000',
}

/** The relay on Node, as `npm run relay` starts it, on a free port of the loopback interface. */
export async function spawnRelay(options: RelayOptions = {}): Promise<RelayProcess> {
  const { port, data } = await placeFor(options)
  const place = { PARLEY_HOST: '127.0.0.1', PARLEY_PORT: String(port), PARLEY_DATA: data }
  const env = { ...place, ...wide, PARLEY_DRAIN_MS: '50', ...options.env } // it stops at once, or `stop` would lose patience
  const command = [
    ...(options.under ?? []),
    process.execPath,
    ...(options.flags ?? []),
    'relay/node/server.ts',
  ]
  return launch(command, { port, data, env })
}

/**
 * The relay in `partykit dev`. PartyKit 0.0.115 has no way to listen on loopback only: while a test runs, its
 * port is open on all interfaces.
 */
export async function spawnPartyKit(options: RelayOptions = {}): Promise<RelayProcess> {
  const { port, data } = await placeFor(options)
  const flags =
    `-c ${options.config ?? 'relay/partykit.json'} --no-hotkeys --disable-request-cf-fetch --port ${port}`.split(
      ' ',
    )
  const variables = Object.entries(options.env ?? {}).flatMap(([name, value]) => [
    '--var',
    `${name}=${value}`,
  ])
  const partykit = [process.execPath, 'node_modules/partykit/dist/bin.mjs']
  const command = [...partykit, 'dev', ...flags, '--persist', data, ...variables]
  return launch(command, { port, data, env: {} })
}

async function placeFor({ port, data }: RelayOptions) {
  return { port: port ?? (await freePort()), data: data ?? mkdtempSync(join(tmpdir(), 'parley-relay-')) }
}

type Place = { port: number; data: string; env: Record<string, string> }

async function launch(command: string[], { port, data, env }: Place): Promise<RelayProcess> {
  const url = `http://127.0.0.1:${port}`
  let log = ''

  async function start() {
    const group = spawnGroup(command, { cwd: root, env: { ...process.env, ...env } })
    for (const stream of [group.stdout, group.stderr]) stream.on('data', (text: Buffer) => (log += text))
    try {
      await answers(group)
    } catch (error) {
      await endGroup(group, 'SIGKILL')
      throw error
    }
    return group
  }

  async function answers(group: Group) {
    const giveUpAt = performance.now() + answersWithinMs
    while (performance.now() < giveUpAt) {
      if (hasEnded(group)) throw new Error(`The relay ended at its start:\n${log}`)
      const signal = AbortSignal.timeout(2000)
      const response = await fetch(`${url}/healthz`, { signal }).catch(() => undefined)
      if (response?.ok) return
      await new Promise((resume) => setTimeout(resume, 25))
    }
    throw new Error(`The relay did not answer within ${answersWithinMs} ms:\n${log}`)
  }

  let group = await start()
  return {
    url,
    data,
    get pid() {
      return group.pid!
    },
    log: () => log,
    kill: (signal = 'SIGKILL') => endGroup(group, signal),
    async restart(signal = 'SIGTERM') {
      await endGroup(group, signal)
      group = await start()
    },
    stop: () => endGroup(group),
  }
}
