/** A running relay as its operator sees it: health, metrics, accounts, invitations. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import type { Pow } from '#shared/api'
import { admin } from '../../../relay/node/admin.ts'
import { readConfig } from '../../../relay/node/config.ts'
import { headless } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { signUpBody, workOut } from '../../support/sign-up.ts'
import { ask, infoOf, signIn, WireClient } from '../../support/wire-client.ts'
import { testSettings } from '../host.contract.ts'
import { start, temporaryFolder } from './start.ts'

const token = 'only-for-tests-only-for-tests'
let relay: RelayProcess

beforeAll(async () => {
  const env = { ...testSettings, PARLEY_INVITE_ONLY: 'yes', PARLEY_METRICS: token, PARLEY_LOG: 'info' }
  relay = await spawnRelay({ env })
}, 30_000)
afterAll(() => relay?.stop())

/** What the command writes, line by line. */
async function say(...args: string[]): Promise<string[]> {
  const lines: string[] = []
  await admin(args, readConfig({ ...testSettings, PARLEY_DATA: relay.data }), (line) => lines.push(line))
  return lines
}

async function signUpWith(user: string, invite?: string) {
  const { relayId } = await infoOf(relay.url)
  const work = workOut(await ask<Pow>(relay.url, '/v1/register/start', { user }))
  const account = await signUpBody({ relayId, user, work })
  await ask(relay.url, '/v1/register', { ...account.body, ...(invite && { invite }) })
  return new WireClient(relay.url, account, account.device)
}
const invited = async (user: string) => signUpWith(user, (await say('invite'))[0])

const metrics = async (headers: Record<string, string> = { authorization: `Bearer ${token}` }) => {
  const response = await fetch(`${relay.url}/metrics`, { headers })
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}
const valueOf = (text: string, series: string) =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.split(' ')
      .at(-1),
  )

test('metrics are there for who has the token, count what happens, and name nobody', async () => {
  const alice = await invited('alice-of-metrics')
  await alice.connect()
  alice.raw('garbage')
  await alice.until('error')

  const { status, type, text } = await metrics()

  expect(status).toBe(200)
  expect(type).toMatch(/^text\/plain; version=0\.0\.4/)
  expect(valueOf(text, 'parley_connections')).toBe(1)
  expect(valueOf(text, 'parley_connections_waiting')).toBe(0)
  expect(valueOf(text, 'parley_ready')).toBe(1)
  expect(valueOf(text, 'parley_frames_total{direction="in",type="auth"}')).toBe(1)
  expect(valueOf(text, 'parley_frames_total{direction="out",type="welcome"}')).toBe(1)
  expect(valueOf(text, 'parley_refusals_total{code="bad-request",event="text"}')).toBe(1)
  expect(valueOf(text, 'parley_http_requests_total{method="POST",route="/v1/register",status="200"}')).toBe(1)
  expect(valueOf(text, 'parley_commit_seconds_count')).toBeGreaterThan(1)
  expect(valueOf(text, 'parley_database_bytes')).toBeGreaterThan(4000)
  expect(text).toContain('nodejs_eventloop_lag_seconds')
  expect(text).not.toMatch(/alice|127\.0\.0\.1/)
  for (const name of text.matchAll(/^# TYPE (parley_\w+) (\w+)$/gm)) {
    expect(name[1]!.endsWith('_total')).toBe(name[2] === 'counter')
  }
  const nobody = await metrics({})
  expect([nobody.status, (await metrics({ authorization: 'Bearer no' })).status]).toEqual([404, 404])
  expect(nobody.text).toBe(await (await fetch(`${relay.url}/nothing`)).text())
  await alice.close()
})

test('[AC12] invitations are made, used, listed and ended while the relay runs', async () => {
  const [code] = (await say('invite', '--note', 'for Bob', '--days', '3')) as [string]
  const [spare] = (await say('invite', 'create')) as [string]

  await expect(signUpWith('bob')).rejects.toThrow('forbidden')
  await signUpWith('bob', code)
  await expect(signUpWith('carol', code)).rejects.toThrow('gone')
  expect(await say('invite', 'revoke', spare.toUpperCase())).toEqual([
    expect.stringMatching('is not valid any more'),
  ])
  await expect(signUpWith('carol', spare)).rejects.toThrow('item-not-found')

  const today = new Date().toISOString().slice(0, 10)
  expect(await say('invite', 'list')).toContain(`${code}  used ${today} by bob  for Bob`)
  await expect(say('invite', 'revoke', code)).rejects.toThrow('There is no such invitation, or it was used.')
  await expect(say('invite', '--days', '0')).rejects.toThrow('--days must be a number from 1 to 3650.')
})

test('[AC11] an account is kept out of a running relay, and let in again', async () => {
  const dave = await invited('dave')
  await dave.connect()

  await say('block', 'dave')
  expect((await dave.closed).code).toBe(1012)
  await expect(dave.connect()).rejects.toThrow('4401')
  expect(dave.frames.at(-1)).toMatchObject({ type: 'error', code: 'forbidden' })
  await expect(signIn(relay.url, dave.account)).rejects.toThrow('forbidden')
  expect((await say('list', 'dav')).join()).toMatch(
    /^dave +blocked +since .* seen .* 1 devices {2}0 buddies$/,
  )

  await say('unblock', 'dave')
  await dave.connect()
  await dave.close()
})

test('[AC11] [AC12] the extension brings the code, is kept out without asking again and again, and comes back', async () => {
  const root = 'A'.repeat(43)
  await expect(headless(relay.url, 'gina', { root })).rejects.toMatchObject({ code: 'forbidden' })
  const gina = await headless(relay.url, 'gina', { root, invite: (await say('invite'))[0]! })
  onTestFinished(() => gina.stop())

  await say('block', 'gina')
  await gina.until(async () => (await gina.connection())?.state === 'refused', 'is kept out')
  expect(await gina.connection()).toMatchObject({ reason: 'forbidden' })
  await say('unblock', 'gina')
  await gina.commands.connectNow()

  await gina.connected()
})

test('accounts are listed, exported and deleted', async () => {
  const erin = await invited('erin')

  const lines = (await say('export', 'erin')).map((line) => JSON.parse(line))
  expect(lines[0]).toMatchObject({ account: 'erin', relay: (await infoOf(relay.url)).relayId })
  expect(lines.slice(1).map(({ key }) => key)).toEqual(
    expect.arrayContaining(['meta', 'account', 'list:000000001']),
  )
  expect(lines.find(({ key }) => key === 'meta').value.acct).toBe(erin.acct)
  expect(JSON.parse((await say('list', 'erin', '--json'))[0]!)).toMatchObject({
    name: 'erin',
    state: 'active',
    devices: 1,
  })

  await expect(say('delete', 'erin')).rejects.toThrow(/add --yes\.$/)
  await say('delete', 'erin', '--yes')
  expect((await say('list', 'erin')).join()).toMatch(/^erin +deleted/)
  await expect(say('delete', 'erin', '--yes')).rejects.toThrow('There is no account erin.')
  for (const wrong of [
    ['block', 'nobody-here'],
    ['export', 'nobody-here'],
  ]) {
    await expect(say(...wrong)).rejects.toThrow('There is no account nobody-here.')
  }
  for (const wrong of [['block'], ['block', 'Not A Name'], ['frobnicate'], ['list', '--what']]) {
    await expect(say(...wrong)).rejects.toThrow(/[.A-Z]/)
  }
  const stats = JSON.parse((await say('stats', '--json'))[0]!)
  expect(stats).toMatchObject({ running: true, ready: true, deleted: 1, blocked: 0 })
})

test('the door is open to nobody without the token, and the log names nobody', async () => {
  const door = join(relay.data, 'admin.json')
  const { port } = JSON.parse(readFileSync(door, 'utf8'))
  const knock = (headers: Record<string, string>, body: string) =>
    fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body })

  expect(statSync(door).mode & 0o077).toBe(0)
  expect((await knock({}, '{"type":"stats"}')).status).toBe(403)
  expect((await knock({ authorization: 'Bearer x' }, '{"type":"stats"}')).status).toBe(403)
  expect(relay.log()).toContain('the operator has decided about an account')
  expect(relay.log().replaceAll(/^Parley's relay.*$/gm, '')).not.toMatch(/dave|erin|bob|127\.0\.0\.1/)
})

test('a disk that takes no writes makes it not ready, until it takes them again', async () => {
  const frank = await invited('frank')
  const database = new DatabaseSync(join(relay.data, 'relay.sqlite'), { timeout: 5000 })
  const readyz = async () => (await fetch(`${relay.url}/readyz`)).status
  expect(await readyz()).toBe(200)

  database.exec("CREATE TRIGGER broken BEFORE INSERT ON kv BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
  await expect(frank.connect()).rejects.toThrow('1011')
  await vi.waitUntil(async () => (await readyz()) === 503, 5000)
  expect((await fetch(`${relay.url}/healthz`)).status).toBe(200)
  database.exec('DROP TRIGGER broken')
  database.close()

  await vi.waitUntil(async () => (await readyz()) === 200, 10_000)
  await frank.connect()
  await frank.close()
})

test('without a relay the same commands work on its data, and a wrong folder becomes no relay', async () => {
  await relay.stop()
  expect(existsSync(join(relay.data, 'admin.json'))).toBe(false)

  expect(await say('block', 'frank')).toEqual(['frank is kept out.'])
  const command = start({ PARLEY_DATA: relay.data }, 'admin', 'list', 'frank')
  expect(await command.ended).toBe(0)
  expect(command.output.stdout).toMatch(/^frank +blocked/)
  expect(command.output.stderr).toBe('')
  expect(JSON.parse((await say('stats', '--json'))[0]!)).toMatchObject({ running: false, blocked: 1 })

  const empty = temporaryFolder()
  const wrong = start({ PARLEY_DATA: empty }, 'admin', 'invite')
  expect(await wrong.ended).toBe(2)
  expect(wrong.output.stderr).toBe(
    `There are no data of a relay in ${empty}: set PARLEY_DATA to its folder.\n`,
  )
  expect(existsSync(join(empty, 'relay.sqlite'))).toBe(false)
})
