/** Coming in and going out: engines against a real relay, and against servers that are none. */
import { createServer, type Server } from 'node:http'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { LoggedIn } from '#shared/api'
import type { UserId } from '#shared/ids'
import { listWith, makeDevice, randomSeed } from '../../../extension/crypto/identity.ts'
import { buddies, headless, passwordRoot } from '../../support/headless.ts'
import { freePort } from '../../support/ports.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { tapped } from './wire.ts'

const env = { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' }
let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env })
}, 40_000)
afterAll(() => relay.stop())

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A server that always says the same. */
async function serverThatSays(status: number, body: string, headers: Record<string, string> = {}) {
  const server = createServer((_, response) => {
    response.writeHead(status, { connection: 'close', ...headers }).end(body)
  })
  servers.push(server)
  const port = await freePort()
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
  return `http://127.0.0.1:${port}`
}

const signInput = (name: string, relayId: string, password = 'correct horse battery staple') => ({
  relay: relay.url,
  relayId,
  user: name as UserId,
  root: passwordRoot(password, relayId, name),
  slot: 'pw' as const,
  deviceName: 'Node',
})

// --- Which relay -------------------------------------------------------------------------------------------------

test('what is no relay is told as what it is', async () => {
  const someone = await headless(relay.url, 'alice.info')
  const codeOf = (url: string) =>
    someone.commands.relayInfo(url).then(
      () => 'fine',
      ({ code }: { code: string }) => code,
    )
  const info = JSON.stringify(await someone.commands.relayInfo(relay.url))

  expect(await codeOf(relay.url)).toBe('fine')
  expect(await codeOf('http://relay.example')).toBe('address-insecure')
  expect(await codeOf('relay.example')).toBe('address-invalid')
  expect(await codeOf(`http://127.0.0.1:${await freePort()}`)).toBe('unreachable')
  expect(await codeOf(await serverThatSays(200, '<html>Welcome to nginx!</html>'))).toBe('not-a-relay')
  expect(await codeOf(await serverThatSays(200, '{"versions":"1"}'))).toBe('not-a-relay')
  expect(await codeOf(await serverThatSays(200, '{"versions":[1]}'))).toBe('not-a-relay')
  expect(await codeOf(await serverThatSays(404, 'not found'))).toBe('not-a-relay')
  expect(await codeOf(await serverThatSays(502, 'bad gateway'))).toBe('unreachable')
  expect(await codeOf(await serverThatSays(302, '', { location: relay.url }))).toBe('unreachable')
  expect(await codeOf(await serverThatSays(200, info.replace('"versions":[1]', '"versions":[99]')))).toBe(
    'unsupported-version',
  )
  const half = { 'content-length': '9999' }
  expect(await codeOf(await serverThatSays(200, '{"versions":', half))).toBe('unreachable')
  await someone.stop()
})

test('another relay under the same address is noticed before anything is signed', async () => {
  const alice = await headless(relay.url, 'alice.other')
  const input = { ...signInput('alice.other', alice.relayId), relayId: randomSeed() }

  await expect(alice.commands.signIn(input)).rejects.toMatchObject({ code: 'wrong-relay' })
  await expect(alice.commands.signUp(input)).rejects.toMatchObject({ code: 'wrong-relay' })
  await alice.stop()
})

test('another relay that takes the place of mine gets no proof; mine is known again', async () => {
  const mine = await spawnRelay({ env })
  const alice = await headless(mine.url, 'alice', { random: () => 0.05 })
  await mine.kill()
  const { generation } = (await alice.db.account.get('me'))!
  const other = await spawnRelay({ env, port: Number(new URL(mine.url).port) })
  await alice.until(async () => (await alice.connection())?.state === 'refused', 'refused')
  expect(await alice.connection()).toMatchObject({ reason: 'wrong-relay' })
  expect((await alice.db.account.get('me'))!.generation).toBe(generation)
  await other.stop()

  await mine.restart()
  await alice.commands.connectNow()
  await alice.connected()
  await alice.stop()
  await mine.stop()
}, 40_000)

// --- Signing up and in -----------------------------------------------------------------------------------------------

test('[AC1] a name that is taken is told, and whoever was here stays', async () => {
  const alice = await headless(relay.url, 'alice.taken')
  const other = await headless(relay.url, 'other.taken')

  await expect(
    other.commands.signUp(signInput('alice.taken', alice.relayId, 'another')),
  ).rejects.toMatchObject({ code: 'conflict' })
  expect((await other.db.account.get('me'))!.user).toBe('other.taken')
  expect(await other.isConnected()).toBe(true)
  await Promise.all([alice.stop(), other.stop()])
})

test('[AC2] a wrong password and a name that nobody has are refused alike', async () => {
  const alice = await headless(relay.url, 'alice.wrong')
  const codes = await Promise.all(
    ['alice.wrong', 'nobody.wrong'].map((name) =>
      alice.commands.signIn(signInput(name, alice.relayId, 'a guess')).catch((error: unknown) => error),
    ),
  )

  expect(codes).toMatchObject([{ code: 'not-authorized' }, { code: 'not-authorized' }])
  expect(await alice.isConnected()).toBe(true)
  await alice.stop()
})

test('the recovery code opens the account as the password does', async () => {
  const alice = await headless(relay.url, 'alice.code')
  await alice.commands.signOut()
  const root = alice.rootOfCode(alice.recoveryCode.toLowerCase())
  await alice.commands.signIn({ ...signInput('alice.code', alice.relayId), root, slot: 'code' })
  await alice.connected()

  const wrong = alice.commands.signIn({ ...signInput('alice.code', alice.relayId), slot: 'code' })
  await expect(wrong).rejects.toMatchObject({ code: 'not-authorized' })
  expect((await alice.db.account.get('me'))!.list.devices).toHaveLength(3)
  await alice.stop()
})

/** A relay that changes what it answers to a login. */
const lying = (change: (answer: LoggedIn) => LoggedIn | Promise<LoggedIn>) => {
  const asked: string[] = []
  return {
    asked,
    fetch: (async (url: string, init?: RequestInit) => {
      asked.push(new URL(url).pathname)
      const response = await fetch(url, init)
      if (!url.endsWith('/v1/login/finish')) return response
      return Response.json(await change((await response.json()) as LoggedIn))
    }) as typeof fetch,
  }
}

test.each<[string, (answer: LoggedIn) => LoggedIn | Promise<LoggedIn>]>([
  [
    'slips in a device of its own',
    async (answer) => {
      const ghost = await listWith(await makeDevice(randomSeed(), {}), 'ghost', null, 1)
      return { ...answer, list: { ...answer.list, devices: [...answer.list.devices, ...ghost.devices] } }
    },
  ],
  [
    'shows the list of an account of its own',
    async (answer) => ({
      ...answer,
      list: await listWith(await makeDevice(randomSeed(), {}), 'ghost', null, 1),
    }),
  ],
  [
    'wants the password hashed cheaply',
    (answer) => ({
      ...answer,
      bundle: { ...answer.bundle, kdf: { ...answer.bundle.kdf, m: 1024 } },
    }),
  ],
  [
    'gives another bundle',
    (answer) => ({ ...answer, bundle: { ...answer.bundle, ct: `A${answer.bundle.ct.slice(1)}` } }),
  ],
])('a relay that %s gets no new device', async (what, change) => {
  const name = `alice.lie.${what.length}`
  const { asked, fetch: lie } = lying(change)
  const alice = await headless(relay.url, name, { fetch: lie })
  asked.length = 0

  await expect(alice.commands.signIn(signInput(name, alice.relayId))).rejects.toMatchObject({
    code: 'not-authorized',
  })
  expect(asked).toEqual(['/v1/info', '/v1/login/start', '/v1/login/finish'])
  await alice.stop()
})

test('a relay that asks for work without end is no relay', async () => {
  const greedy = (async (url: string, init?: RequestInit) => {
    const response = await fetch(url, init)
    if (!url.endsWith('/v1/register/start')) return response
    return Response.json({ ...((await response.json()) as object), bits: 60 })
  }) as typeof fetch
  const joining = headless(relay.url, 'alice.greedy', { fetch: greedy })

  await expect(joining).rejects.toMatchObject({ code: 'not-a-relay' })
})

// --- Being refused -----------------------------------------------------------------------------------------------------

test('[HS5] a profile that was copied is found out, and stays out', async () => {
  const watchdog: boolean[] = []
  const alice = await headless(relay.url, 'alice.copy', {
    platform: { watchdog: async (on) => void watchdog.push(on) },
  })
  const copy = await headless(relay.url, 'alice.copy', { copyOf: alice })
  await copy.connected()
  await alice.until(async () => (await alice.connection())?.reason === 'replaced', 'replaced')
  expect(await alice.connection()).toMatchObject({ state: 'waiting' })

  await alice.commands.connectNow()
  await alice.until(async () => (await alice.connection())?.state === 'refused', 'refused')
  expect(await alice.connection()).toMatchObject({ reason: 'credentials-expired' })
  expect(watchdog.at(-1)).toBe(false)
  // Not even a new background tries: its next number would be a good one, and would throw out the copy.
  const { generation } = (await alice.db.account.get('me'))!
  await alice.restart()
  await alice.ring()
  await alice.commands.connectNow()
  expect(await alice.connection()).toMatchObject({ state: 'refused', reason: 'credentials-expired' })
  expect((await alice.db.account.get('me'))!.generation).toBe(generation)
  expect(await copy.isConnected()).toBe(true)
  await expect(alice.commands.roster('bob' as UserId, 'mute')).rejects.toMatchObject({ code: 'unreachable' })
  await Promise.all([alice.stop(), copy.stop()])
})

test('[HS5] whoever is refused signs in again as a new device, and keeps the history', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.again', 'bob.again')
  await bob.send('alice.again', 'before')
  await alice.until(async () => (await alice.textsWith('bob.again')).length === 1, 'arrived')
  const device = (await alice.db.account.get('me'))!.device
  await alice.db.messages.put({
    ...(await alice.history('bob.again'))[0]!,
    id: '018bcfe5-6800-7123-89ab-0123456789ab' as never,
    content: { type: 'text', text: 'only this device has it' },
    ts: 1,
  })
  await alice.send('bob.again', 'in the middle of it')
  await alice.commands.signIn(signInput('alice.again', alice.relayId))
  await alice.connected()
  await bob.until(async () => (await bob.textsWith('alice.again')).includes('in the middle of it'), 'sent')

  expect((await alice.db.account.get('me'))!.device).not.toBe(device)
  expect(await alice.textsWith('bob.again')).toEqual([
    'only this device has it',
    'before',
    'in the middle of it',
  ])
  expect(await bob.textsWith('alice.again')).toEqual(['before', 'in the middle of it'])
  await Promise.all([alice.stop(), bob.stop()])
})

test('[HS3] an answer that is not believed once is given again; twice, and a person has to look', async () => {
  let spoil = 0
  const alice = await headless(relay.url, 'alice.proof', {
    random: () => 0.05,
    WebSocket: tapped({
      out: (text) => (text.includes('"auth"') && spoil-- > 0 ? text.replace(/("at":)\d+/, '$11') : text),
    }),
  })
  spoil = 1
  await alice.restart()
  await alice.connected()
  spoil = 100
  await alice.restart()
  await alice.until(async () => (await alice.connection())?.state === 'refused', 'refused')

  expect(await alice.connection()).toMatchObject({ reason: 'not-authorized' })
  expect(alice.badge.connected).toBe(false)
  spoil = 0
  await alice.restart()
  await alice.connected()
  await alice.stop()
})

test('[AC5] a device that was removed is told so, and asks no more', async () => {
  const laptop = await headless(relay.url, 'alice.gone')
  const phone = await headless(relay.url, 'alice.gone', { existing: true })
  const { root, slot } = signInput('alice.gone', phone.relayId)
  await phone.commands.removeDevice((await laptop.db.account.get('me'))!.device, { root, slot })
  await laptop.until(async () => (await laptop.connection())?.state === 'refused', 'refused')
  const { generation } = (await laptop.db.account.get('me'))!
  await laptop.restart()
  await laptop.ring()

  expect(await laptop.connection()).toMatchObject({ state: 'refused', reason: 'account-disabled' })
  expect((await laptop.db.account.get('me'))!.generation).toBe(generation)
  expect(await phone.isConnected()).toBe(true)
  await Promise.all([laptop.stop(), phone.stop()])
})

// --- Signing out --------------------------------------------------------------------------------------------------------

test('signing out forgets account, keys and history, whatever was under way', async () => {
  const watchdog: boolean[] = []
  const [alice, bob] = await buddies(relay.url, 'alice.out', 'bob.out', {
    platform: { watchdog: async (on) => void watchdog.push(on) },
  })
  await alice.db.drafts.put({ peer: 'bob.out' as UserId, text: 'half a sent', at: 1 })
  const busy = Promise.allSettled([
    ...['one', 'two', 'three'].map((text) => bob.send('alice.out', text)),
    alice.send('bob.out', 'four'),
    alice.ring(),
    alice.commands.wake(),
  ])
  const leaving = alice.commands.signOut()
  await Promise.all([leaving, busy, alice.ring(), alice.commands.wake()])

  expect(await alice.connection()).toMatchObject({ state: 'signed-out' })
  const left = await Promise.all(
    alice.db.tables.map(async (table) => [table.name, await table.count()] as const),
  )
  expect(left.filter(([, count]) => count > 0)).toEqual([['status', 1]])
  expect(alice.badge).toEqual({ unread: 0, requests: 0, connected: true })
  expect(watchdog.at(-1)).toBe(false)
  await expect(alice.commands.nudge()).rejects.toMatchObject({ code: 'signed-out' })
  await alice.restart()
  expect(await alice.connection()).toMatchObject({ state: 'signed-out' })
  await Promise.all([alice.stop(), bob.stop()])
})

test('signing out while the relay is away forgets as well', async () => {
  let offline = false
  const alice = await headless(relay.url, 'alice.off', { WebSocket: tapped({ isCut: () => offline }) })
  offline = true
  await alice.restart()
  await alice.commands.signOut()

  expect(await alice.connection()).toMatchObject({ state: 'signed-out' })
  expect(await alice.db.account.count()).toBe(0)
  await alice.stop()
})

test('signing in as somebody else replaces the account with everything of it', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.swap', 'bob.swap')
  await alice.send('bob.swap', 'hello')
  await bob.until(async () => (await bob.textsWith('alice.swap')).length === 1, 'arrived')
  const carol = await headless(relay.url, 'carol.swap')
  await alice.commands.signIn(signInput('carol.swap', alice.relayId))
  await alice.connected()

  expect((await alice.db.account.get('me'))!.user).toBe('carol.swap')
  expect(await alice.db.messages.count()).toBe(0)
  expect(await alice.db.roster.count()).toBe(0)
  await bob.until(async () => (await bob.presenceOf('alice.swap')) === 'offline', 'gone', 5000)
  await Promise.all([alice.stop(), bob.stop(), carol.stop()])
})

test('two starts are one', async () => {
  const alice = await headless(relay.url, 'alice.start')
  const { generation } = (await alice.db.account.get('me'))!
  await Promise.all([alice.restart(), alice.commands.wake(), alice.commands.connectNow(), alice.ring()])
  await alice.connected()

  expect((await alice.db.account.get('me'))!.generation).toBe(generation + 1)
  await alice.stop()
})
