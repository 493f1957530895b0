/**
 * The cryptography in Node, Chromium and Firefox: the same work in each (crypto-work.ts), in a page of the built
 * extension where it is a browser; and how long a background needs that has to load all of it.
 */
import { globSync, readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { ConnectionRow, Db } from '../../extension/db/db.ts'
import { bundle } from '../support/bundle.ts'
import { launchFirefox, type Context, type FirefoxPerson } from '../support/firefox.ts'
import { signUpInFirefox } from '../support/firefox-people.ts'
import { headless } from '../support/headless.ts'
import { newPerson } from '../support/people.ts'
import { spawnRelay } from '../support/processes.ts'
import { cryptoWork, rounds, type Times } from './crypto-work.ts'
import { asleep, build, connectedAfter, progress, timed } from './extension.ts'
import type { Table } from './main.ts'

const starts = 15
const coldStart = 'background from its sleep to connected'
const root = resolve(import.meta.dirname, '../..')

interface Measured {
  name: string
  times: Times
}

export async function benchCrypto(): Promise<Table[]> {
  build()
  const relay = await spawnRelay({ env: { PARLEY_POW_BITS: '0', PARLEY_LOG: 'error' } })
  try {
    const script = await bundle(`import { cryptoWork } from '/test/bench/crypto-work.ts'
      globalThis.cryptoWork = cryptoWork`)
    const measured = [
      await inNode(relay.url),
      await inChromium(relay.url, script),
      await inFirefox(relay.url, script),
    ]
    return [timesTable(measured), await sizesTable()]
  } finally {
    await relay.stop()
    rmSync(relay.data, { recursive: true, force: true })
  }
}

// --- Where it runs ----------------------------------------------------------------------------------------------

async function inNode(relay: string): Promise<Measured> {
  const times = await cryptoWork((what) => progress(`Node: ${what}`))
  progress('Node: starts')
  const alice = await headless(relay, 'node')
  const cold: number[] = []
  for (let round = 0; round < starts; round++) {
    alice.kill()
    const since = Date.now()
    const start = performance.now()
    await alice.restart()
    await isConnected(alice.db, since)
    cold.push(performance.now() - start)
  }
  await alice.stop()
  return { name: `Node ${process.versions.node.split('.')[0]}`, times: { ...times, [coldStart]: cold } }
}

async function isConnected(db: Db, since: number): Promise<void> {
  const giveUpAt = Date.now() + 20_000
  while (Date.now() < giveUpAt) {
    const row = (await db.status.get('connection')) as ConnectionRow | undefined
    if (row?.state === 'connected' && row.heardAt >= since) return
    await new Promise((resume) => setTimeout(resume, 1))
  }
  throw new Error('not connected within 20 s')
}

/** An expression for a page. */
const workIn = (script: string) =>
  `(async () => { ${script}; return [await globalThis.cryptoWork(), navigator.userAgent] })()`

async function inChromium(relay: string, script: string): Promise<Measured> {
  progress('Chromium: an account')
  const alice = await newPerson('chromium', relay)
  try {
    const quiet = await alice.page('icon/16.png') // nothing of the extension runs in it
    const pages = alice.context.pages().filter((page) => page !== quiet)
    await Promise.all(pages.map((page) => page.close()))
    progress('Chromium: the work')
    const [times, agent] = await quiet.evaluate<[Times, string]>(workIn(script))
    progress('Chromium: starts')
    const cdp = await alice.context.newCDPSession(quiet)
    await cdp.send('ServiceWorker.enable')
    const cold: number[] = []
    for (let round = 0; round < starts; round++) {
      await asleep(cdp)
      const { connected } = await timed(alice, quiet, async () => {
        const at = Date.now()
        await cdp.send('ServiceWorker.startWorker', { scopeURL: `chrome-extension://${alice.id}/` })
        return at
      })
      cold.push(connected)
    }
    const version = /Chrome\/(\d+)/.exec(agent)?.[1]
    return { name: `Chromium ${version}`, times: { ...times, [coldStart]: cold } }
  } finally {
    await alice.close()
    rmSync(alice.profile, { recursive: true, force: true })
  }
}

async function inFirefox(relay: string, script: string): Promise<Measured> {
  progress('Firefox: an account')
  const firefox = await launchFirefox()
  try {
    const popup = await firefox.open('popup.html')
    await signUpInFirefox(firefox, popup, 'firefox', relay)
    const quiet = await firefox.open('icon/16.png')
    await firefox.send('browsingContext.close', { context: popup })
    progress('Firefox: the work')
    const [times, agent] = await firefox.evaluate<[Times, string]>(quiet, workIn(script))
    progress('Firefox: starts')
    const cold: number[] = []
    for (let round = 0; round < starts; round++) cold.push(await coldStartOf(firefox, quiet))
    const version = /Firefox\/(\d+)/.exec(agent)?.[1]
    return { name: `Firefox ${version}`, times: { ...times, [coldStart]: cold } }
  } finally {
    await firefox.close()
    rmSync(firefox.profile, { recursive: true, force: true })
  }
}

async function coldStartOf({ background, evaluate }: FirefoxPerson, quiet: Context): Promise<number> {
  await background.stop()
  const wokenAt = Date.now()
  const connected = evaluate<number>(quiet, `(${connectedAfter.toString()})(${wokenAt})`)
  await background.wake()
  return (await connected) - wokenAt
}

// --- Figures ----------------------------------------------------------------------------------------------------

const ms = (value: number) => (value < 20 ? Math.round(value * 10) / 10 : Math.round(value))

function timesTable(measured: readonly Measured[]): Table {
  return {
    title: 'Cryptography, milliseconds: median / worst',
    notes: [
      `Rounds: ${rounds.message} of sealing and opening, ${rounds.session} of sessions and of starts, ` +
        `${rounds.password} of passwords, ${rounds.restore} of archives.`,
      'In the browsers it runs in a page of the extension, beside nothing else of it; a message is 42 characters.',
      'The archive comes in segments of 200 that lie ready in memory: the way over the network is not in it, and Node',
      'has no database to put it into. A start has 1 account and no buddies; what wakes it is the load’s own.',
      'Firefox’s clock ticks once a millisecond.',
    ],
    rows: Object.keys(measured.at(-1)!.times).map((what) => ({
      what,
      ...Object.fromEntries(
        measured.map(({ name, times }) => {
          const all = times[what]
          return [name, all ? `${ms(middle(all))} / ${ms(Math.max(...all))}` : '–']
        }),
      ),
    })),
  }
}

const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!

async function sizesTable(): Promise<Table> {
  const modules = globSync('extension/crypto/**/*.ts', { cwd: root })
  const code = modules.map((path, i) => `import * as m${i} from '/${path}'; globalThis.m${i} = m${i}`)
  const row = (what: string, script: string) => ({
    what,
    kB: Math.round(script.length / 100) / 10,
    'packed kB': Math.round(gzipSync(script, { level: 9 }).length / 100) / 10,
  })
  const background = readFileSync(resolve(root, '.output/chrome-mv3/background.js'), 'utf8')
  return {
    title: 'What it adds to the background, kB of 1000 bytes',
    notes: [
      'The cryptography alone is built as the background is, with all that it exports and valibot; packed by gzip -9.',
    ],
    rows: [row('the background', background), row('the cryptography alone', await bundle(code.join('\n')))],
  }
}
