import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { isWithin } from '../../../relay/node/addresses.ts'
import { help, isLoopback, readConfig } from '../../../relay/node/config.ts'
import { freePort } from '../../support/ports.ts'
import { spawnRelay, type RelayOptions } from '../../support/processes.ts'
import { rawRequest } from '../../support/raw-http.ts'
import { befriend, signUp, WireClient } from '../../support/wire-client.ts'
import { testSettings } from '../host.contract.ts'
import { start, temporaryFolder } from './start.ts'

async function relayWith(env: Record<string, string> = {}, options: RelayOptions = {}) {
  const relay = await spawnRelay({
    data: temporaryFolder(),
    ...options,
    env: { ...testSettings, PARLEY_DRAIN_MS: '50', ...env },
  })
  onTestFinished(() => relay.stop())
  return relay
}

/** Its settings, as far as they must be valid for the start to come to anything. */
const settings = async () => ({ PARLEY_PORT: String(await freePort()), PARLEY_DATA: temporaryFolder() })

// --- Starting ---------------------------------------------------------------------------------------------------

const wrong: [string, string][] = [
  ['PARLEY_PORT', '0'],
  ['PARLEY_PORT', '70000'],
  ['PARLEY_PORT', 'http'],
  ['PARLEY_HOST', 'a host'],
  ['PARLEY_SECRET', 'only-thirty-one-characters-long'],
  ['PARLEY_OFFLINE', 'sometimes'],
  ['PARLEY_KEEP_DAYS', '91'],
  ['PARLEY_KEEP_DAYS', '0'],
  ['PARLEY_KEEP_DAYS', '1.5'],
  ['PARLEY_FILE_MB', '2001'],
  ['PARLEY_FILE_MB', '-1'],
  ['PARLEY_FILES_MB', '0'],
  ['PARLEY_FILES_MB', '1 GB'],
  ['PARLEY_POW_BITS', '40'],
  ['PARLEY_NAME', 'x'.repeat(61)],
  ['PARLEY_PUBLIC_URL', 'relay.example'],
  ['PARLEY_TRUST_PROXY', 'true'],
  ['PARLEY_TRUST_PROXY', '10.0.0.0/33'],
  ['PARLEY_TRUST_PROXY', 'proxy.example'],
  ['PARLEY_LOG', 'verbose'],
  ['PARLEY_METRICS', 'yes'],
  ['PARLEY_METRICS', 'fifteen-letters'],
  ['PARLEY_INVITE_ONLY', '1'],
  ['PARLEY_FRAMES_PER_SECOND', '0'],
  ['PARLEY_REQUESTS_PER_MINUTE', '9'],
  ['PARLEY_LOG_MB', '0'],
  ['PARLEY_DRAIN_MS', '-1'],
]
test.each(wrong)('%s=%s is refused in one sentence that names it and says what it must be', (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(new RegExp(`^${name} must be [^\\n]+\\.$`))
})

test('an empty variable counts as not set, and every default is valid', () => {
  expect(readConfig({ PARLEY_PORT: '', PARLEY_SECRET: ' ' })).toEqual(readConfig({}))
  expect(readConfig({})).toMatchObject({
    PARLEY_HOST: '127.0.0.1',
    PARLEY_PORT: 1999,
    PARLEY_SECRET: undefined,
  })
  expect(help()).toMatch(/PARLEY_PORT +the port to listen on \[1999\]/)
  expect(['127.0.0.1', '::1', '0.0.0.0', '192.0.2.1'].map(isLoopback)).toEqual([true, true, false, false])
})

test('proxies are named by addresses and networks, of both families', () => {
  const isTrusted = (trusted: string, address: string) =>
    isWithin(readConfig({ PARLEY_TRUST_PROXY: trusted }).PARLEY_TRUST_PROXY, address)

  for (const address of ['127.0.0.1', '::1', '203.0.113.7', '::ffff:203.0.113.7']) {
    expect([isTrusted('no', address), isTrusted('yes', address)]).toEqual([false, true])
  }
  expect(isTrusted('172.16.0.0/12, ::1', '172.31.255.255')).toBe(true)
  expect(isTrusted('172.16.0.0/12, ::1', '::ffff:172.16.0.1')).toBe(true)
  expect(isTrusted('172.16.0.0/12, ::1', '172.32.0.1')).toBe(false)
  expect(isTrusted('172.16.0.0/12, ::1', '::1')).toBe(true)
  expect(isTrusted('2001:db8::/32', '2001:db9::1')).toBe(false)
  expect(isTrusted('yes', 'unknown')).toBe(false)
})

test('the README tells of every setting, with its default', () => {
  const table = readFileSync('relay/deploy/README.md', 'utf8')
  const rows = [...table.matchAll(/^\| `(PARLEY_\w+)` +\| (?:`(.*?)`)? +\|/gm)]
  const told = rows.map(([, name, fallback = '']) => `${name} ${fallback}`)
  const settingsOf = help().matchAll(/^ {2}(PARLEY_\w+) .*?(?: \[(.*)\])?$/gm)

  expect(told.toSorted()).toEqual(
    Array.from(settingsOf, ([, name, fallback = '']) => `${name} ${fallback}`).toSorted(),
  )
})

test('a wrong setting ends the start with code 2 and one line, before anything is made', async () => {
  const env = await settings()
  const relay = start({ ...env, PARLEY_SECRET: 'my-secret', PARLEY_DATA: join(env.PARLEY_DATA, 'new') })

  expect(await relay.ended).toBe(2)
  expect(relay.output.stderr).toBe('PARLEY_SECRET must be at least 32 characters that nobody can guess.\n')
  expect(relay.output.stdout).toBe('')
  expect(() => statSync(join(env.PARLEY_DATA, 'new'))).toThrow(/ENOENT/)
})

test('a port that is taken is said in a sentence', async () => {
  const other = createServer()
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done))
  onTestFinished(() => void other.close())
  const { port } = other.address() as AddressInfo

  const relay = start({ ...(await settings()), PARLEY_PORT: String(port) })

  expect(await relay.ended).toBe(2)
  expect(relay.output.stderr).toBe(
    `Port ${port} of 127.0.0.1 is taken, perhaps by another relay: stop that one, or set PARLEY_PORT to another port.\n`,
  )
})

test('an address of another machine is said in a sentence', async () => {
  const relay = start({
    ...(await settings()),
    PARLEY_HOST: '203.0.113.7',
    PARLEY_PUBLIC_URL: 'https://relay.example',
  })

  expect(await relay.ended).toBe(2)
  expect(relay.output.stderr).toMatch(
    /^203\.0\.113\.7 is no address of this machine: set PARLEY_HOST to [^\n]+\.\n$/,
  )
})

test('a data folder that cannot be used is said in a sentence', async () => {
  const env = await settings()
  writeFileSync(join(env.PARLEY_DATA, 'file'), '')

  const relay = start({ ...env, PARLEY_DATA: join(env.PARLEY_DATA, 'file', 'folder') })

  expect(await relay.ended).toBe(2)
  expect(relay.output.stderr).toMatch(/^The data folder .* cannot be written \(ENOTDIR\): [^\n]+\.\n$/)
})

test('two relays never share a data folder', async () => {
  const first = await relayWith()
  const second = start({ ...(await settings()), PARLEY_DATA: first.data })

  expect(await second.ended).toBe(2)
  expect(second.output.stderr).toMatch(/^Another relay is using the data folder [^\n]+\.\n$/)

  await first.kill('SIGKILL')
  await first.restart() // its lock went with it
})

test('data of a newer version are not touched', async () => {
  const relay = await relayWith()
  await relay.stop()
  const database = new DatabaseSync(join(relay.data, 'relay.sqlite'))
  database.exec("UPDATE meta SET v = '99' WHERE k = 'schema'")
  database.close()

  const older = start({ ...(await settings()), PARLEY_DATA: relay.data })

  expect(await older.ended).toBe(2)
  expect(older.output.stderr).toMatch(
    /^The data in [^\n]+ cannot be used \(the data are of a newer version[^\n]+\.\n$/,
  )
})

test('--help tells the settings', async () => {
  const relay = start({}, '--help')

  expect(await relay.ended).toBe(0)
  expect(relay.output.stdout).toMatch(/PARLEY_DATA +the folder/)
})

test('one line tells where it is and where its data are; a misspelt setting is pointed out', async () => {
  const env = await settings()
  const relay = start({ ...env, PARLEY_PROT: '1', PARLEY_LOG: 'none' })
  await relay.ready

  expect(relay.output.stdout).toBe(
    `Parley's relay is ready: http://127.0.0.1:${env.PARLEY_PORT}  (its data: ${env.PARLEY_DATA})\n`,
  )
  expect(relay.output.stderr).toBe('PARLEY_PROT is no setting of the relay: see --help.\n')
})

test('the secret is made once, and nobody else may read it', async () => {
  const relay = await relayWith({ PARLEY_SECRET: '' })
  const file = join(relay.data, 'secret')
  const secret = readFileSync(file, 'utf8')

  await relay.restart()

  expect(secret).toMatch(/^[\w-]{43}$/)
  expect(readFileSync(file, 'utf8')).toBe(secret)
  for (const name of ['secret', 'relay.sqlite']) expect(statSync(join(relay.data, name)).mode & 0o077).toBe(0)
})

test('packages that lie in the folder are offered for download', async () => {
  const builds = temporaryFolder()
  mkdirSync(builds, { recursive: true })
  writeFileSync(join(builds, 'parley-0.1.0-chrome.zip'), 'PK chrome')
  writeFileSync(join(builds, 'parley-0.1.0-sources.zip'), 'PK sources')
  const relay = await relayWith({ PARLEY_BUILDS: builds })

  const chrome = await fetch(`${relay.url}/download/parley-chrome.zip`)

  expect(await chrome.text()).toBe('PK chrome')
  expect((await fetch(`${relay.url}/download/parley-firefox.zip`)).status).toBe(404)
  expect((await fetch(`${relay.url}/download/..%2fsecret`)).status).toBe(404)
})

// --- Running ----------------------------------------------------------------------------------------------------

test('[HS6] sockets and questions about names that do not exist store nothing', async () => {
  const relay = await relayWith({ PARLEY_WAITING_SOCKETS: '100' })
  const stranger = await WireClient.signUp(relay.url, 'alice')
  await relay.restart()
  const count = () => {
    const database = new DatabaseSync(join(relay.data, 'relay.sqlite'), { readOnly: true })
    const rows = ['room', 'kv', 'alarm'].map(
      (table) => database.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n,
    )
    database.close()
    return rows
  }
  const before = count()

  for (let i = 0; i < 20; i++) {
    const hello = await stranger.open(`/parties/user/nobody-${i}`)
    stranger.frame(await stranger.auth(hello))
    await stranger.closed
    await fetch(`${relay.url}/v1/devices/nobody-${i}?acct=${stranger.acct}`)
  }
  await stranger.open('/parties/user/alice')
  stranger.raw('{"type":"ack","seq":1}')
  await stranger.closed

  expect(count()).toEqual(before)
})

test('one address has few sockets that have not signed in; those that have are not counted', async () => {
  const relay = await relayWith({ PARLEY_WAITING_SOCKETS: '3' })
  const account = await signUp(relay.url, 'alice')
  const clients = Array.from({ length: 4 }, () => new WireClient(relay.url, account, account.device))
  const upgrade = () => rawRequest(relay.url, '/parties/user/alice', { upgrade: true })
  const [first, second, third] = clients as [WireClient, WireClient, WireClient, WireClient]

  await Promise.all([first.open(), second.open(), third.open()])
  expect((await upgrade()).status).toBe(429)

  third.frame(await third.auth(third.frames[0] as never))
  await third.until('live')
  expect((await upgrade()).status).toBe(101)
  await first.close()
  await second.close()
  await clients[3]!.open()
})

test('X-Forwarded-For is believed only when the operator says so', async () => {
  for (const [trusted, status] of [
    ['10.0.0.0/8', 429],
    ['127.0.0.0/8, ::1', 101],
  ] as const) {
    const relay = await relayWith({
      PARLEY_WAITING_SOCKETS: '1',
      PARLEY_TRUST_PROXY: trusted,
      PARLEY_METRICS: 'loopback',
    })
    const account = await signUp(relay.url, 'alice')
    const alice = new WireClient(relay.url, account, account.device)
    await alice.open()
    const headers = { 'x-forwarded-for': '203.0.113.1, 203.0.113.2' }

    expect((await rawRequest(relay.url, '/parties/user/alice', { upgrade: true, headers })).status).toBe(
      status,
    )
    // What a proxy passes on comes from this machine, and yet from somewhere else.
    expect((await rawRequest(relay.url, '/metrics', { headers })).status).toBe(404)
    expect((await rawRequest(relay.url, '/metrics')).status).toBe(200)
    expect(relay.log().match(/a proxy is not believed/g)?.length ?? 0).toBe(status === 429 ? 1 : 0)
  }
})

test('the log has neither names nor addresses nor contents', async () => {
  const relay = await relayWith({ PARLEY_LOG: 'debug', PARLEY_REQUESTS_PER_MINUTE: '20' })
  const [alice, bob] = await Promise.all(['alice', 'bob'].map((name) => WireClient.signUp(relay.url, name)))
  await Promise.all([alice!.connect(), bob!.connect()])
  await befriend(alice!, bob!)
  alice!.raw('garbage')
  await alice!.until('error')
  await fetch(`${relay.url}/v1/register`, { method: 'POST', body: '{' })
  for (let i = 0; i < 20; i++) await fetch(`${relay.url}/u/alice`)
  await relay.restart()

  const lines = relay.log().trim().split('\n')
  const entries = lines.filter((line) => !line.startsWith("Parley's relay is ready"))
  for (const line of entries)
    expect(JSON.parse(line)).toMatchObject({ at: expect.anything(), level: expect.anything() })
  expect(entries.find((line) => line.includes('limits held'))).toMatch(
    /"level":"warn".*"hits":\{"requests":\d+\}/,
  )
  expect(entries.join('\n')).toContain('"route":"/u/:name"')
  expect(entries.join('\n')).not.toMatch(/alice|bob|127\.0\.0\.1|garbage/)
})

// --- Stopping ---------------------------------------------------------------------------------------------------

test('told to stop, it sends everybody away with time to spare and nobody is shown as gone', async () => {
  const env = {
    ...testSettings,
    ...(await settings()),
    PARLEY_WAITING_SOCKETS: '100',
    PARLEY_DRAIN_MS: '1000',
  }
  const url = `http://127.0.0.1:${env.PARLEY_PORT}`
  const relay = start(env)
  await relay.ready
  const names = Array.from({ length: 12 }, (_, i) => `person-${i}`)
  const people = await Promise.all(names.map((name) => WireClient.signUp(url, name)))
  await Promise.all(people.map((one) => one.connect()))
  const [alice, bob] = people as [WireClient, WireClient]
  await befriend(alice, bob)
  for (let i = 0; i < 20; i++) await alice.sendAndWait(bob.user, `message ${i}`)
  await bob.message('message 19')

  const endings: { atMs: number; code: number; retryAfterMs: number }[] = []
  const stoppedAt = performance.now()
  const gone = people.map(async (one) => {
    const { code } = await one.closed
    const bye = one.frames.findLast((frame) => frame.type === 'bye')
    endings.push({ atMs: performance.now() - stoppedAt, code, retryAfterMs: bye?.retryAfterMs ?? -1 })
  })
  relay.signal('SIGTERM')
  await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).status === 503)
  const refused = await rawRequest(url, `/parties/user/${alice.user}`, { upgrade: true })
  await Promise.all(gone)

  expect(refused.status).toBe(503)
  expect(endings.map(({ code }) => code)).toEqual(people.map(() => 1012))
  const times = endings.map(({ atMs }) => atMs)
  expect(Math.max(...times)).toBeLessThan(1500)
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(200)
  expect(new Set(endings.map(({ retryAfterMs }) => retryAfterMs)).size).toBeGreaterThan(6)
  expect(alice.frames.filter((frame) => frame.type === 'presence' && frame.show === 'offline')).toEqual([])
  expect(await relay.ended).toBe(0)
  expect(statSync(join(env.PARLEY_DATA, 'relay.sqlite')).size).toBeGreaterThan(10_000)
  expect(() => statSync(join(env.PARLEY_DATA, 'relay.sqlite-wal'))).toThrow(/ENOENT/)

  const again = start(env)
  await again.ready
  await bob.connect()
  expect(bob.textsFrom(alice.user).filter((text) => text.startsWith('message'))).toHaveLength(20)
}, 20_000)

test('a signal that reaches it twice, as by Ctrl-C and by who started it, ends it in good order', async () => {
  const env = { ...(await settings()), PARLEY_LOG: 'none' }
  const relay = start(env)
  await relay.ready

  relay.signal('SIGINT')
  relay.signal('SIGTERM')

  expect(await relay.ended).toBe(0)
  expect(() => statSync(join(env.PARLEY_DATA, 'relay.sqlite-wal'))).toThrow(/ENOENT/)
})

test('with nobody connected it stops at once', async () => {
  const relay = start({ ...(await settings()), PARLEY_LOG: 'none' })
  await relay.ready
  const stoppedAt = performance.now()

  relay.signal('SIGINT')

  expect(await relay.ended).toBe(0)
  expect(performance.now() - stoppedAt).toBeLessThan(2000)
})
