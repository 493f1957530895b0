import { createHash } from 'node:crypto'
import type { Hono } from 'hono'
import { beforeEach, describe, expect, test } from 'vitest'
import { powHolds } from '#shared/account'
import type { Pow } from '#shared/api'
import { utf8 } from '#shared/bytes'
import { errors } from '#shared/errors'
import type { AccountOperation, AccountReply } from '../../relay/core/ports.ts'
import { announcedLimits } from '../../relay/http/announced.ts'
import { createApp, type HttpHost } from '../../relay/http/app.ts'
import { memoryStore } from '../../relay/core/memory-store.ts'
import { createInvites } from '../../relay/http/invites.ts'
import { random } from '../../relay/http/web-crypto.ts'
import { signUpBody, workOut, type SignUp } from '../support/sign-up.ts'
import { memoryBlobs } from '../support/memory-blobs.ts'

const announced = announcedLimits()
const relayId = 'A'.repeat(43)
const origin = 'http://127.0.0.1:1999'

let app: Hono
let now: number
let asked: { user: string; operation: AccountOperation }[]
let reply: (operation: AccountOperation) => AccountReply | Promise<AccountReply>
let address: string
let alice: SignUp

const host = (changes: Partial<HttpHost> = {}): HttpHost => ({
  rooms: {
    async account(user, operation) {
      asked.push({ user, operation })
      return reply(operation)
    },
  },
  blobs: memoryBlobs(() => now),
  settings: {
    relayId,
    announced,
    blobKey: new Uint8Array(32),
    name: 'Test <relay>',
    powBits: 4,
    registrationsPerDay: 2,
    requestsPerMinute: 10_000,
  },
  secret: utf8('a secret of thirty-two bytes or so'),
  clock: () => now,
  random,
  log: () => undefined,
  addressOf: () => address,
  ...changes,
})

beforeEach(async () => {
  now = 1_800_000_000_000
  asked = []
  address = '192.0.2.1'
  reply = () => ({ type: 'error', code: 'item-not-found' })
  app = createApp(host())
  alice = await signUpBody({ relayId, user: 'alice', work: await workFor('alice') })
})

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  app.request(`${origin}${path}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })

async function workFor(user: string): Promise<Pow & { answer: number }> {
  return workOut((await (await post('/v1/register/start', { user })).json()) as Pow)
}

async function refusalOf(response: Response | Promise<Response>) {
  const { status } = await response
  const { error } = (await (await response).json()) as {
    error: { code: keyof typeof errors; action: string }
  }
  expect(errors[error.code].action).toBe(error.action)
  return [status, error.code]
}

test.each(['with a length', 'without one'])(
  '[AC7] a body that breaks off is the mistake of whoever sends it, and nothing for the log (%s)',
  async (how) => {
    const logged: string[] = []
    app = createApp(host({ log: (level, text) => void (level !== 'debug' && logged.push(text)) }))
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(utf8('{"user":'))
        controller.error(new Error('aborted'))
      },
    })
    const headers: Record<string, string> = how === 'with a length' ? { 'content-length': '20' } : {}
    const request = { method: 'POST', body, headers, duplex: 'half' }

    const answer = app.request(`${origin}/v1/register/start`, request as RequestInit)

    expect(await refusalOf(answer)).toEqual([400, 'bad-request'])
    expect(logged).toEqual([])
  },
)

describe('information', () => {
  test('/v1/info says what a client must know', async () => {
    const info = await (await app.request(`${origin}/v1/info`)).json()

    expect(info).toEqual({
      name: 'Test <relay>',
      relayId,
      versions: [1],
      now,
      invite: 'none',
      limits: announced,
    })
  })

  test('the page names the relay and its address, says the truth, and loads nothing', async () => {
    const response = await app.request(`${origin}/`)
    const page = await response.text()

    expect(page).toContain('Test &lt;relay&gt;')
    expect(page).toContain(origin)
    expect(page).toContain('Messages are sealed end to end.')
    expect(page).toContain('no package for Chrome')
    expect(page).not.toMatch(/<script|src=|@import|url\(|\son\w+=/i)
    const policy = response.headers.get('content-security-policy')
    const [, style = ''] = /<style>([^]*?)<\/style>/.exec(page) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    )
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('an invite link leads to the same page for every name, and nobody is looked up', async () => {
    const names = ['alice', 'nobody-at-all', 'a.b-c_d', 'x'.repeat(32)]
    const answers = await Promise.all(
      names.map(async (name) => {
        const response = await app.request(`${origin}/u/${name}?from=mail`)
        return [response.status, [...response.headers], await response.text()] as const
      }),
    )

    const [status, headers, page] = answers[0]!
    for (const other of answers) expect(other).toEqual(answers[0])
    expect(status).toBe(200)
    expect(headers).toEqual([...(await app.request(`${origin}/`)).headers])
    expect(page).toContain(origin)
    expect(page).toContain('paste it into the search field')
    expect(page).toContain('Load unpacked')
    expect(page).not.toContain('alice')
    expect(page).not.toMatch(/<script|src=|@import|url\(|\son\w+=/i)
    expect(asked).toEqual([])
  })

  test.each(['Alice', '%61lice', 'al', 'admin', 'x'.repeat(33), 'bob%20', 'bob/', 'a..b', ''])(
    'an invite to %j leads nowhere',
    async (name) => {
      const answer = await app.request(`${origin}/u/${name}`)
      const nowhere = await app.request(`${origin}/nothing-here`)

      expect(answer.status).toBe(404)
      expect(await answer.text()).toBe(await nowhere.text())
      expect([...answer.headers]).toEqual([...nowhere.headers])
    },
  )

  test('packages are offered when the host has them, and only those', async () => {
    app = createApp(
      host({ builds: () => ({ chrome: { bytes: 3, open: () => new Blob(['zip']).stream() } }) }),
    )

    const page = await (await app.request(`${origin}/`)).text()
    const chrome = await app.request(`${origin}/download/parley-chrome.zip`)
    const firefox = await app.request(`${origin}/download/parley-firefox.zip`)

    expect(page).toContain('href="/download/parley-chrome.zip"')
    expect(page).toContain('no package for Firefox')
    expect(await chrome.text()).toBe('zip')
    expect(chrome.headers.get('content-disposition')).toContain('parley-chrome.zip')
    expect(await refusalOf(firefox)).toEqual([404, 'item-not-found'])
  })

  test('health and readiness follow the host', async () => {
    app = createApp(host({ health: { alive: () => true, ready: async () => false } }))

    expect((await app.request(`${origin}/healthz`)).status).toBe(200)
    expect((await app.request(`${origin}/readyz`)).status).toBe(503)
  })
})

describe('signing up', () => {
  test('[AC1] an account is made with the work done for that name', async () => {
    reply = () => ({ type: 'registered', acct: alice.acct })

    const response = await post('/v1/register', alice.body)

    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ acct: alice.acct })
    expect(asked).toEqual([{ user: 'alice', operation: { type: 'register', body: expect.anything() } }])
  })

  test('[AC1] work that is not done, made up, for another name or too old is refused, and no room is asked', async () => {
    const pow = alice.body.pow
    const wrong = Array.from({ length: 99 }, (_, i) => i).find((n) => !powHolds(pow.salt, n, pow.bits))!
    const bob = await signUpBody({ relayId, user: 'bob', work: pow })

    const attempts = [
      post('/v1/register', { ...alice.body, pow: { ...pow, answer: wrong } }),
      post('/v1/register', { ...alice.body, pow: { ...pow, bits: 0 } }),
      post('/v1/register', { ...alice.body, pow: { ...pow, exp: pow.exp + 1 } }),
      post('/v1/register', bob.body),
    ]
    for (const attempt of attempts) expect(await refusalOf(attempt)).toEqual([400, 'bad-request'])
    now = pow.exp + 1
    expect(await refusalOf(post('/v1/register', alice.body))).toEqual([401, 'credentials-expired'])

    expect(asked).toEqual([])
  })

  test('[AC1] a name that is taken is refused with conflict', async () => {
    reply = () => ({ type: 'error', code: 'conflict' })

    expect(await refusalOf(post('/v1/register', alice.body))).toEqual([409, 'conflict'])
  })

  test('one address makes so many accounts a day; refused attempts are not counted', async () => {
    reply = () => ({ type: 'error', code: 'conflict' })
    for (let i = 0; i < 5; i++) await post('/v1/register', alice.body)
    reply = () => ({ type: 'registered', acct: alice.acct })
    for (let i = 0; i < 2; i++) expect((await post('/v1/register', alice.body)).status).toBe(200)

    const third = await post('/v1/register', alice.body)
    expect(await refusalOf(third.clone())).toEqual([429, 'policy-violation'])
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(3600)

    address = '192.0.2.2'
    expect((await post('/v1/register', alice.body)).status).toBe(200)
    address = '192.0.2.1'
    now += 12 * 3_600_000
    alice = await signUpBody({ relayId, user: 'alice', work: await workFor('alice') })
    expect((await post('/v1/register', alice.body)).status).toBe(200)
  })
})

describe('by invitation', () => {
  const invites = () => createInvites(memoryStore(), () => now, random)
  const signUpWith = (invite?: string) => post('/v1/register', { ...alice.body, ...(invite && { invite }) })

  test('[AC12] a code makes one account; each way to have none has its own refusal', async () => {
    const own = invites()
    const { code } = await own.create(14, 'for Alice')
    now += 1 // the list begins with the newest
    const { code: other } = await own.create(1)
    const settings = { ...host().settings, registrationsPerDay: 10 }
    app = createApp(host({ invites: own, settings }))
    reply = () => ({ type: 'registered', acct: alice.acct })

    expect(await (await app.request(`${origin}/v1/info`)).json()).toMatchObject({ invite: 'required' })
    expect(await refusalOf(signUpWith())).toEqual([403, 'forbidden'])
    expect(await refusalOf(signUpWith('aaaa-bbbb-cccc-dddd'))).toEqual([404, 'item-not-found'])
    expect(asked).toEqual([])
    expect((await signUpWith(` ${code.toUpperCase().replaceAll('-', ' ')}`)).status).toBe(200)
    // An answer may be lost: the same name asks again. Nobody else does.
    expect((await signUpWith(code)).status).toBe(200)
    const bob = await signUpBody({ relayId, user: 'bob', work: await workFor('bob') })
    expect(await refusalOf(post('/v1/register', { ...bob.body, invite: code }))).toEqual([410, 'gone'])
    now += 86_400_000
    const late = await signUpBody({ relayId, user: 'bob', work: await workFor('bob') })
    expect(await refusalOf(post('/v1/register', { ...late.body, invite: other }))).toEqual([410, 'gone'])

    expect((await own.list()).map(({ usedBy, note }) => [usedBy, note])).toEqual([
      [undefined, undefined],
      ['alice', 'for Alice'],
    ])
  })

  test('[AC12] a sign-up that is refused spends no code, and a revoked one opens nothing', async () => {
    const own = invites()
    const { code } = await own.create(14)
    app = createApp(host({ invites: own }))
    reply = () => ({ type: 'error', code: 'conflict' })

    expect(await refusalOf(signUpWith(code))).toEqual([409, 'conflict'])
    expect((await own.list())[0]).toMatchObject({ code })
    expect((await own.list())[0]!.usedBy).toBeUndefined()
    expect(await own.revoke(code)).toBe(true)
    expect(await own.revoke(code)).toBe(false)
    expect(await refusalOf(signUpWith(code))).toEqual([404, 'item-not-found'])
  })

  test('who tries codes is slowed down', async () => {
    app = createApp(host({ invites: invites() }))
    const statuses = new Set<number>()
    for (let i = 0; i < 20; i++) statuses.add((await signUpWith(`aaaa-${i}`)).status)

    expect([...statuses]).toEqual([404])
    expect(await refusalOf(signUpWith('aaaa'))).toEqual([429, 'policy-violation'])
  })
})

const start = async (user: string) => (await (await post('/v1/login/start', { user })).json()) as object

const signature = 'A'.repeat(86)
const finish = async (user: string, nonce: object) =>
  post('/v1/login/finish', { ...nonce, user, slot: 'pw', signature })

describe('signing in', () => {
  test('[AC2] login/start answers without asking any room', async () => {
    const response = await post('/v1/login/start', { user: 'nobody-here' })

    expect(Object.keys((await response.json()) as object)).toEqual(['nonce', 'ts', 'mac'])
    expect(asked).toEqual([])
  })

  test('[AC2] a failed login/finish is the same for every reason', async () => {
    const bodies = new Set<string>()
    for (const code of ['item-not-found', 'not-authorized', 'gone', 'account-disabled'] as const) {
      reply = () => ({ type: 'error', code })
      const response = await finish('alice', await start('alice'))
      expect(response.status).toBe(401)
      bodies.add((await response.text()) + JSON.stringify([...response.headers]))
    }
    const forged = await finish('alice', { ...(await start('alice')), mac: 'A'.repeat(43) })
    bodies.add((await forged.text()) + JSON.stringify([...forged.headers]))

    expect(bodies.size).toBe(1)
  })

  test('[AC3] a nonce is good for its name and for two minutes', async () => {
    reply = () => ({
      type: 'logged-in',
      acct: alice.acct,
      bundle: alice.body.slots[0]!.bundle,
      list: alice.body.list,
      change: 0,
    })
    const nonce = await start('alice')

    expect((await finish('bob', nonce)).status).toBe(401)
    now += 120_000
    expect((await finish('alice', nonce)).status).toBe(200)
    now += 1
    expect((await finish('alice', nonce)).status).toBe(401)
  })

  test('somebody who guesses is slowed down, also when the names do not exist; others are not', async () => {
    const statuses: number[] = []
    for (let i = 0; i < 12; i++) statuses.push((await finish('alice', await start('alice'))).status)

    expect(statuses).toEqual([...Array<number>(10).fill(401), 429, 429])
    expect((await finish('bob', await start('bob'))).status).toBe(401)
    address = '192.0.2.99'
    expect((await finish('alice', await start('alice'))).status).toBe(401)
  })

  test('one password tried on many names from one address is slowed down too', async () => {
    const statuses: number[] = []
    for (let i = 0; i < 62; i++) statuses.push((await finish(`name-${i}`, await start(`name-${i}`))).status)

    expect(statuses).toEqual([...Array<number>(60).fill(401), 429, 429])
    address = '192.0.2.99'
    expect((await finish('alice', await start('alice'))).status).toBe(401)
  })

  test('[AC11] who is kept out learns why, after the right password', async () => {
    reply = () => ({ type: 'error', code: 'forbidden' })

    expect(await refusalOf(finish('alice', await start('alice')))).toEqual([403, 'forbidden'])
  })

  test('signing in correctly is not counted', async () => {
    reply = () => ({
      type: 'logged-in',
      acct: alice.acct,
      bundle: alice.body.slots[0]!.bundle,
      list: alice.body.list,
      change: 0,
    })

    for (let i = 0; i < 30; i++) expect((await finish('alice', await start('alice'))).status).toBe(200)
  })

  test('[AC4] a ticket allows the next device list of its account, for ten minutes', async () => {
    reply = ({ type }) =>
      type === 'login'
        ? {
            type: 'logged-in',
            acct: alice.acct,
            bundle: alice.body.slots[0]!.bundle,
            list: alice.body.list,
            change: 0,
          }
        : { type: 'ok', version: 2, hash: 'A'.repeat(43) }
    const { ticket } = (await (await finish('alice', await start('alice'))).json()) as { ticket: string }
    const list = { ...alice.body.list, ver: 2 }
    const put = (changes: object) => post('/v1/devices', { user: 'alice', ticket, list, ...changes })

    const response = await put({})
    expect(await response.json()).toEqual({ version: 2, hash: 'A'.repeat(43) })

    const other = { ...list, acct: 'B'.repeat(22) }
    for (const changes of [
      { user: 'bob' },
      { list: other },
      { list: { ...list, ver: 3 } },
      { ticket: 'AAAA' },
    ]) {
      expect(await refusalOf(put(changes))).toEqual([401, 'not-authorized'])
    }
    now += 600_001
    expect(await refusalOf(put({}))).toEqual([401, 'not-authorized'])
  })
})

describe('another way in', () => {
  test('[AC9] a ticket allows one change of the password, of its account and not out of turn', async () => {
    const { bundle } = alice.body.slots[0]!
    reply = ({ type }) =>
      type === 'login'
        ? { type: 'logged-in', acct: alice.acct, bundle, list: alice.body.list, change: 3 }
        : { type: 'ok' }
    const finished = await finish('alice', await start('alice'))
    const { ticket, change } = (await finished.json()) as { ticket: string; change: number }
    const body = {
      user: 'alice',
      acct: alice.acct,
      ticket,
      version: 1,
      change: 4,
      slot: alice.body.slots[0],
      signature,
    }
    const put = (changes: object) => post('/v1/slot', { ...body, ...changes })

    expect(change).toBe(3)
    expect((await put({})).status).toBe(200)
    expect(asked.at(-1)!.operation).toEqual({
      type: 'put-slot',
      slot: body.slot,
      change: 4,
      signature,
    })
    for (const changes of [
      { user: 'bob' },
      { acct: 'B'.repeat(22) },
      { version: 2 },
      { change: 3 },
      { change: 5 },
      { ticket: 'A'.repeat(59) },
    ]) {
      expect(await refusalOf(put(changes))).toEqual([401, 'not-authorized'])
    }
    expect(await refusalOf(put({ slot: { ...body.slot, slot: 'other' } }))).toEqual([400, 'bad-request'])
    now += 600_001
    expect(await refusalOf(put({}))).toEqual([401, 'not-authorized'])
    expect(asked.filter(({ operation }) => operation.type === 'put-slot')).toHaveLength(1)
  })

  test('[AC9] the room refuses, and that is what one hears', async () => {
    const { bundle } = alice.body.slots[0]!
    reply = ({ type }) =>
      type === 'login'
        ? { type: 'logged-in', acct: alice.acct, bundle, list: alice.body.list, change: 0 }
        : { type: 'error', code: 'conflict' }
    const { ticket } = (await (await finish('alice', await start('alice'))).json()) as { ticket: string }
    const { acct } = alice
    const body = { user: 'alice', acct, ticket, version: 1, change: 1, slot: alice.body.slots[0] }

    expect(await refusalOf(post('/v1/slot', { ...body, signature }))).toEqual([409, 'conflict'])
  })
})

test('[AC10] a ticket allows deleting its account, and no other', async () => {
  reply = ({ type }) =>
    type === 'login'
      ? {
          type: 'logged-in',
          acct: alice.acct,
          bundle: alice.body.slots[0]!.bundle,
          list: alice.body.list,
          change: 2,
        }
      : { type: 'ok' }
  const { ticket } = (await (await finish('alice', await start('alice'))).json()) as { ticket: string }
  const body = { user: 'alice', acct: alice.acct, ticket, version: 1, signature }
  const remove = (changes: object) => post('/v1/delete', { ...body, ...changes })

  for (const changes of [{ user: 'bob' }, { acct: 'B'.repeat(22) }, { version: 2 }, { ticket: 'AAAA' }])
    expect(await refusalOf(remove(changes))).toEqual([401, 'not-authorized'])
  expect(await refusalOf(remove({ signature: 'short' }))).toEqual([400, 'bad-request'])
  expect(asked.filter(({ operation }) => operation.type === 'delete')).toEqual([])
  expect((await remove({})).status).toBe(200)
  expect(asked.at(-1)).toEqual({
    user: 'alice',
    operation: { type: 'delete', ticket, change: 2, signature },
  })
  now += 600_001
  expect(await refusalOf(remove({}))).toEqual([401, 'not-authorized'])
})

describe('device lists', () => {
  test('[AC8] who names the account gets its lists', async () => {
    reply = () => ({ type: 'devices', lists: [alice.body.list] })

    const response = await app.request(`${origin}/v1/devices/alice?acct=${alice.acct}&after=0`)

    expect(await response.json()).toEqual({ lists: [alice.body.list] })
    expect(asked[0]!.operation).toEqual({ type: 'get-devices', acct: alice.acct, after: 0 })
  })

  test('[AC8] whoever guesses gets the answer of a name that does not exist', async () => {
    const paths = [
      'alice',
      'alice?acct=',
      'alice?acct=short',
      `alice?acct=${alice.acct}`,
      'Alice',
      '%61',
      'x',
    ]
    const answers = new Set<string>()
    for (const path of paths) answers.add(await (await app.request(`${origin}/v1/devices/${path}`)).text())

    expect(answers.size).toBe(1)
    expect(asked).toHaveLength(1) // only the full question reached a room
  })
})

test('[AC13] one address asks so often in a minute, whatever it asks; probes are not counted', async () => {
  const limits: string[] = []
  const settings = { ...host().settings, requestsPerMinute: 10 }
  app = createApp(
    host({ settings, metric: (name, labels) => name === 'limits_hit' && limits.push(labels!.limit!) }),
  )
  const paths = ['/', '/v1/info', '/nothing', '/u/alice', '/download/x']
  const statusOf = async (path: string) => (await app.request(`${origin}${path}`)).status
  for (const path of [...paths, ...paths]) expect(await statusOf(path)).toBeLessThan(429)

  const refused = await app.request(`${origin}/v1/info`)
  expect(await refusalOf(refused.clone())).toEqual([429, 'policy-violation'])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(limits).toEqual(['requests'])
  expect(await statusOf('/healthz')).toBe(200)
  address = '192.0.2.2'
  expect(await statusOf('/v1/info')).toBe(200)
  address = '192.0.2.1'
  now += 6001
  expect(await statusOf('/v1/info')).toBe(200)
})

describe('refusals', () => {
  const bad: [string, unknown][] = [
    ['no JSON', '{"user":'],
    ['no object', 'null'],
    ['a list', '[]'],
    ['a number', '7'],
    ['nothing', ''],
    ['a wrong type', { user: 7 }],
    ['a name that is none', { user: 'Alice' }],
    ['a reserved name', { user: 'admin' }],
    ['a lone surrogate', '{"user":"\\ud800lice"}'],
    ['a deep body', '['.repeat(50_000)],
  ]
  test.each(bad)('[AC7] %s is refused with a code and an action', async (_, body) => {
    for (const path of [
      '/v1/register/start',
      '/v1/register',
      '/v1/login/start',
      '/v1/login/finish',
      '/v1/devices',
    ]) {
      expect(await refusalOf(post(path, body))).toEqual([400, 'bad-request'])
    }
    expect(asked).toEqual([])
  })

  test('[AC7] a body over 256 KiB is refused, with and without its length in the header', async () => {
    const body = JSON.stringify({ user: 'alice', padding: 'x'.repeat(300_000) })
    expect(await refusalOf(post('/v1/login/start', body))).toEqual([413, 'too-large'])

    const stream = new Blob([body]).stream()
    const request = { method: 'POST', body: stream, duplex: 'half' } as RequestInit
    expect(await refusalOf(app.request(`${origin}/v1/login/start`, request))).toEqual([413, 'too-large'])
  })

  test('[AC7] paths that do not exist are refused alike', async () => {
    for (const path of [
      '/v1/',
      '/v1/nothing',
      '/nothing',
      '/v1/register',
      '/.env',
      '/parties/user/alice/internal/peer',
    ]) {
      expect(await refusalOf(app.request(`${origin}${path}`))).toEqual([404, 'item-not-found'])
    }
  })

  test('[AC7] a mistake of ours tells nothing about itself', async () => {
    const logged: unknown[] = []
    app = createApp(host({ log: (level, ...entry) => level === 'error' && logged.push(entry) }))
    reply = () => {
      throw new Error('a path like /srv/parley and a query')
    }

    const response = await post('/v1/register', alice.body)

    expect(await response.clone().text()).toBe('{"error":{"code":"internal-server-error","action":"wait"}}')
    expect(response.status).toBe(500)
    expect(logged).toHaveLength(1)
  })

  test('[AC7] a room that is busy is a wait, with the time', async () => {
    reply = () => ({ type: 'error', code: 'resource-constraint', retryAfterMs: 1500 })

    const response = await post('/v1/register', alice.body)

    expect(response.headers.get('retry-after')).toBe('2')
    expect(await refusalOf(response)).toEqual([503, 'resource-constraint'])
  })
})

describe('browsers', () => {
  test('extensions may ask from any page of theirs, without credentials', async () => {
    for (const extension of ['chrome-extension://abcdefgh', 'moz-extension://1b2c-3d4e']) {
      const preflight = await app.request(`${origin}/v1/login/start`, {
        method: 'OPTIONS',
        headers: { origin: extension, 'access-control-request-method': 'POST' },
      })
      const answered = await post('/v1/login/start', { user: 'alice' }, { origin: extension })

      expect(preflight.headers.get('access-control-allow-origin')).toBe(extension)
      expect(preflight.headers.get('access-control-allow-headers')).toBe('content-type,authorization')
      expect(answered.headers.get('access-control-allow-origin')).toBe(extension)
      expect(answered.headers.get('access-control-allow-credentials')).toBeNull()
    }
  })

  test('web pages may not, and cannot make people sign up or in behind their backs', async () => {
    for (const page of [
      'https://example.com',
      'null',
      'chrome-extension://a.b',
      'https://chrome-extension',
    ]) {
      const response = await post('/v1/login/start', { user: 'alice' }, { origin: page })

      expect(response.headers.get('access-control-allow-origin')).toBeNull()
      expect(await refusalOf(response)).toEqual([403, 'forbidden'])
    }
  })
})
