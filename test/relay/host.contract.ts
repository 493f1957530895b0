/**
 * What every host must do, seen from outside: a running relay, real sockets, real keys. Runs: host.*.test.ts beside
 * this file. What rooms do with frames is tested in test/relay/core; here it is shown that a host carries it.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deviceListHash, hashOf } from '#shared/account'
import type { LoginNonce, Pow } from '#shared/api'
import { toBase64 } from '#shared/bytes'
import { errors, type ErrorCode } from '#shared/errors'
import type { ClientFrameOf, Entry, EntryOf } from '#shared/frames'
import type { DeviceId } from '#shared/ids'
import { limits } from '#shared/limits'
import { uploadOf } from '../support/packages.ts'
import type { RelayProcess } from '../support/processes.ts'
import { rawRequest } from '../support/raw-http.ts'
import { loginBody, makeDevice, makeKeys, signUpBody, workOut, type SignUp } from '../support/sign-up.ts'
import { ask, befriend, infoOf, opened, sealed, signIn, WireClient } from '../support/wire-client.ts'

/** Little work for a new account, as many as a test likes. */
export const testSettings = {
  PARLEY_SECRET: 'only-for-tests-only-for-tests-only',
  PARLEY_POW_BITS: '4',
  PARLEY_REGISTRATIONS_PER_DAY: '100000',
  PARLEY_REQUESTS_PER_MINUTE: '1000000',
}

export function hostContract(name: string, spawn: () => Promise<RelayProcess>) {
  let relay: RelayProcess
  let people = 0

  const nameFor = (who: string) => `${who}-${++people}`
  const person = (who: string) => WireClient.signUp(relay.url, nameFor(who))
  async function connected(who: string) {
    const client = await person(who)
    await client.connect()
    return client
  }
  async function buddies() {
    const [alice, bob] = await Promise.all([connected('alice'), connected('bob')])
    await befriend(alice, bob)
    return { alice, bob }
  }
  async function refusalOf(path: string, body: unknown) {
    const response = await fetch(`${relay.url}${path}`, { method: 'POST', body: JSON.stringify(body) })
    const { error } = (await response.json()) as { error: { code: ErrorCode; action: string } }
    expect(errors[error.code].action).toBe(error.action)
    return [response.status, error.code]
  }
  async function newWork(user: string) {
    return workOut(await ask<Pow>(relay.url, '/v1/register/start', { user }))
  }

  describe(`${name} as a host`, () => {
    beforeAll(async () => {
      relay = await spawn()
    }, 60_000)
    afterAll(() => relay?.stop())

    describe('accounts', () => {
      test('[AC1] an account is made once; the name is then taken', async () => {
        const alice = await person('alice')
        const { relayId } = await infoOf(relay.url)

        const other = await signUpBody({ relayId, user: alice.user, work: await newWork(alice.user) })

        expect(await refusalOf('/v1/register', other.body)).toEqual([409, 'conflict'])
        expect((await signIn(relay.url, alice.account)).acct).toBe(alice.acct)
      })

      test('[AC1] a sign-up with a part swapped or a signature missing makes nothing', async () => {
        const { relayId } = await infoOf(relay.url)
        const user = nameFor('carol')
        const { body } = await signUpBody({ relayId, user, work: await newWork(user) })
        const stranger = await makeKeys()
        const { login, account } = body.signatures
        const [slot] = body.slots
        const { list } = body

        for (const swapped of [
          { slots: [{ ...slot, loginKey: stranger.publicKey }] },
          { signatures: { login: account, account: login } },
          { signatures: { login, account: 'A'.repeat(86) } },
          { list: { ...list, ts: list.ts + 1 } },
          { list: { ...list, ver: 2 } },
          { list: { ...list, devices: [{ ...list.devices[0], dak: stranger.publicKey }] } },
        ]) {
          const [status] = await refusalOf('/v1/register', { ...body, ...swapped })
          expect(status).toBeGreaterThanOrEqual(400)
          expect(status).toBeLessThan(500)
        }

        await ask(relay.url, '/v1/register', body) // the name is still free
      })

      test('[AC2] signing in fails in the same way for a wrong password and for a name that is not there', async () => {
        const alice = await person('alice')
        const { relayId } = await infoOf(relay.url)
        const stranger = await makeKeys()

        const seen = new Set<string>()
        for (const user of [alice.user, nameFor('nobody')]) {
          const nonce = await ask<LoginNonce>(relay.url, '/v1/login/start', { user })
          const body = await loginBody(relayId, user, stranger, nonce)
          const response = await fetch(`${relay.url}/v1/login/finish`, {
            method: 'POST',
            body: JSON.stringify(body),
          })
          const headers = [...response.headers.keys()].toSorted().join()
          seen.add(`${response.status} ${await response.text()} ${headers} ${Object.keys(nonce).join()}`)
        }

        expect(seen.size).toBe(1)
        expect([...seen][0]).toContain('401 {"error":{"code":"not-authorized","action":"auth"}}')
      })

      test('[AC3] a login nonce serves once', async () => {
        const alice = await person('alice')
        const { relayId } = await infoOf(relay.url)
        const nonce = await ask<LoginNonce>(relay.url, '/v1/login/start', { user: alice.user })
        const body = await loginBody(relayId, alice.user, alice.account.login, nonce)

        await ask(relay.url, '/v1/login/finish', body)

        expect(await refusalOf('/v1/login/finish', body)).toEqual([401, 'not-authorized'])
      })

      test('[AC4] a device list follows only with a fresh login, the account key and the right place in the chain', async () => {
        const alice = await person('alice')
        const user = alice.user
        const put = (ticket: string, list: object) => refusalOf('/v1/devices', { user, ticket, list })
        const { ticket, list } = await signIn(relay.url, alice.account)
        const next = await alice.nextList(list, (await person('other')).device)
        const unchained = await alice.nextList({ ...list, ts: list.ts - 1 }, null)

        expect(await put('A'.repeat(60), next)).toEqual([401, 'not-authorized'])
        expect((await put(ticket, { ...next, sig: 'A'.repeat(86) }))[0]).toBeGreaterThanOrEqual(400)
        expect((await put(ticket, unchained))[0]).toBeGreaterThanOrEqual(400)
        expect((await signIn(relay.url, alice.account)).list).toEqual(list)

        const answer = await ask(relay.url, '/v1/devices', { user, ticket, list: next })
        expect(answer).toEqual({ version: 2, hash: deviceListHash(next) })
        const after = await alice.nextList(next, null)
        expect(await put(ticket, after)).toEqual([401, 'not-authorized']) // one change a ticket
      })

      test('[AC5] [AC6] a device that is taken off the list is disconnected; the others and the buddies learn of it', async () => {
        const { alice, bob } = await buddies()
        const phone = await alice.addDevice()
        await phone.connect()
        await alice.entry(
          (entry) => entry.type === 'devices' && entry.peer === undefined && entry.version === 2,
        )
        await bob.entry(
          (entry) => entry.type === 'devices' && entry.peer === alice.user && entry.version === 2,
        )

        const { ticket, list } = await signIn(relay.url, alice.account)
        const kept = list.devices.filter(({ id }) => id !== phone.deviceId)
        const next = await alice.nextList(list, null, kept)
        await ask(relay.url, '/v1/devices', { user: alice.user, ticket, list: next })

        expect((await phone.closed).code).toBe(4403)
        await alice.entry((entry) => entry.type === 'devices' && entry.version === 3)
        await expect(phone.connect()).rejects.toThrow(/44?0[13]/)
      })

      test('[AC7] bad requests get a refusal in JSON, and nothing about the inside', async () => {
        const bad = ['', '{', 'null', '[]', '{"user":"Alice"}', '{"user":"\\ud800"}', '['.repeat(100_000)]
        for (const path of ['/v1/register/start', '/v1/register', '/v1/login/finish', '/v1/devices']) {
          for (const body of bad) {
            const response = await fetch(`${relay.url}${path}`, { method: 'POST', body })
            const text = await response.text()
            expect(response.status).toBe(400)
            expect(JSON.parse(text)).toMatchObject({ error: { code: 'bad-request', action: 'modify' } })
            expect(text).not.toMatch(/Error|\.ts|\bat /)
          }
        }
        const huge = await fetch(`${relay.url}/v1/login/start`, { method: 'POST', body: 'x'.repeat(300_000) })
        expect(huge.status).toBe(413)
      })

      test('[AC8] device lists go to whoever names the account', async () => {
        const alice = await person('alice')
        const asked = (query: string) => fetch(`${relay.url}/v1/devices/${alice.user}${query}`)

        const { lists } = (await (await asked(`?acct=${alice.acct}&after=0`)).json()) as { lists: unknown[] }
        expect(lists).toEqual([alice.account.body.list])

        const nobody = await fetch(`${relay.url}/v1/devices/${nameFor('nobody')}?acct=${alice.acct}`)
        const refusal = await nobody.text()
        expect(nobody.status).toBe(404)
        for (const query of ['', '?acct=', `?acct=${'A'.repeat(22)}`]) {
          const response = await asked(query)
          expect([response.status, await response.text()]).toEqual([404, refusal])
        }
      })

      test('the page and the facts are there', async () => {
        const page = await fetch(`${relay.url}/`)
        expect(await page.text()).toContain(relay.url)
        expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
        for (const user of ['alice', nameFor('nobody')]) {
          const invitation = await fetch(`${relay.url}/u/${user}`)
          expect(await invitation.text()).toContain('paste it into the search field')
          expect(invitation.headers.get('content-security-policy')).toContain("default-src 'none'")
        }
        for (const path of ['/u/Alice', '/u/%61lice', '/u/', '/u/alice/x'])
          expect((await rawRequest(relay.url, path)).status).toBe(404)
        expect(await (await fetch(`${relay.url}/.well-known/parley.json`)).json()).toMatchObject({
          info: '/v1/info',
        })
        expect((await fetch(`${relay.url}/readyz`)).status).toBe(200)
      })
    })

    describe('handshake', () => {
      test('[HS1] the relay speaks first, each time with another nonce', async () => {
        const alice = await person('alice')

        const first = await alice.open()
        const second = await alice.open()

        expect(first).toMatchObject({ relayId: (await infoOf(relay.url)).relayId, versions: [1] })
        expect(first.nonce).not.toBe(second.nonce)
      })

      test('[HS2] any other first frame, and one that is too long, ends the socket with 4401', async () => {
        const alice = await person('alice')
        const hello = await alice.open()
        const long = { ...(await alice.auth(hello)), client: 'x'.repeat(4100) }

        for (const first of ['{"type":"ack","seq":1}', 'nonsense', '{"type":"ping"}', JSON.stringify(long)]) {
          await alice.open()
          alice.raw(first)
          expect((await alice.closed).code).toBe(4401)
        }
      })

      test('[HS3] a signature over anything else opens nothing, and neither does a name that does not exist', async () => {
        const [alice, bob] = await Promise.all([person('alice'), person('bob')])
        const answers = new Set<string>()
        const attempt = async (client: WireClient, change: (auth: object) => object, path?: string) => {
          const hello = await client.open(path)
          client.raw(JSON.stringify(change(await client.auth(hello))))
          const { code, action } = await client.until('error')
          answers.add(JSON.stringify({ code, action, close: (await client.closed).code }))
        }

        await attempt(alice, (auth) => ({ ...auth, at: (auth as { at: number }).at + 1 }))
        await attempt(alice, (auth) => ({ ...auth, generation: 77 }))
        await attempt(alice, (auth) => ({ ...auth, device: bob.deviceId }))
        await attempt(alice, (auth) => ({ ...auth, signature: 'A'.repeat(86) }))
        await attempt(alice, (auth) => ({ ...auth, device: '@' }))
        await attempt(alice, (auth) => auth, `/parties/user/${bob.user}`)
        await attempt(alice, (auth) => auth, `/parties/user/${nameFor('nobody')}`)

        expect([...answers]).toEqual(['{"code":"not-authorized","action":"auth","close":4401}'])
      })

      test('[HS4] a recorded auth opens nothing on another socket', async () => {
        const alice = await person('alice')
        const recorded = await alice.auth(await alice.open())

        await alice.open()
        alice.frame(recorded)

        expect((await alice.closed).code).toBe(4401)
      })

      test('[HS5] a generation that is not new is a copied profile', async () => {
        const alice = await person('alice')
        await alice.connect()
        const copy = new WireClient(relay.url, alice.account, alice.device)

        await copy.open()
        copy.frame(await copy.auth(copy.frames[0] as never, alice.generation))

        expect(await copy.until('error')).toMatchObject({ code: 'credentials-expired', action: 'auth' })
      })

      test('[HS7] the same device connecting again replaces its older socket; a stranger replaces nobody', async () => {
        const alice = await connected('alice')
        const again = new WireClient(relay.url, alice.account, alice.device)
        again.generation = alice.generation

        await again.open()
        await alice.sendAndWait(nameFor('nobody'), 'hello?', { kind: 'knock' }) // the first socket still works
        again.frame(await again.auth(again.frames[0] as never))
        await again.until('live')

        expect((await alice.closed).code).toBe(4409)
        again.raw('{"type":"ping"}')
        await again.until('pong')
      })

      test('[HS8] a version that the relay does not speak is refused with those it does', async () => {
        const alice = await person('alice')
        const auth = await alice.auth(await alice.open())

        alice.raw(JSON.stringify({ ...auth, version: 99 }))

        expect(await alice.until('error')).toMatchObject({ code: 'unsupported-version', versions: [1] })
        expect((await alice.closed).code).toBe(4426)
      })

      test('[HS9] only a canonical user name is a room', async () => {
        const alice = await person('alice')
        const encoded = `%61${alice.user.slice(1)}`
        const names = [
          'Alice',
          encoded,
          'a%40b',
          'ab',
          'admin',
          'x'.repeat(33),
          '%2e%2e%2fx',
          'al%C3%A9',
          'bob%00',
          'bob%20',
        ]
        const more = [
          '',
          '/',
          `${alice.user}/`,
          `${alice.user}/x`,
          `${alice.user}?${'x'.repeat(600)}`,
          'a..b',
          'a_-b',
          '-bob',
        ]
        const paths = [...names, ...more].map((room) => `/parties/user/${room}`)
        paths.push(
          '/parties/user',
          `/party/${alice.user}`,
          `/parties/main/${alice.user}`,
          `//parties/user/${alice.user}`,
        )

        for (const path of paths) {
          expect([path, (await rawRequest(relay.url, path, { upgrade: true })).status]).toEqual([path, 404])
          expect([path, (await rawRequest(relay.url, path)).status]).toEqual([path, 404])
        }
        expect((await rawRequest(relay.url, `/parties/user/${alice.user}`, { upgrade: true })).status).toBe(
          101,
        )
        expect((await rawRequest(relay.url, `/parties/user/${alice.user}`)).status).toBe(404)
      })

      test('web pages get no socket', async () => {
        const alice = await person('alice')
        const from = async (origin: string) =>
          (await rawRequest(relay.url, `/parties/user/${alice.user}`, { upgrade: true, headers: { origin } }))
            .status

        expect(await from('https://example.com')).toBe(403)
        expect(await from('null')).toBe(403)
        expect(await from('chrome-extension://abcdef')).toBe(101)
        expect(await from('moz-extension://12-34')).toBe(101)
      })
    })

    describe('frames', () => {
      test('[FR1] [FR5] an unknown type is answered and ends nothing; unknown fields are ignored', async () => {
        const alice = await connected('alice')

        for (let i = 0; i < 5; i++) alice.raw('{"type":"dance"}')
        const { code, action } = await alice.until('error')
        alice.raw('{"type":"watch","on":true,"colour":"red"}')
        alice.raw('{"type":"ping"}')

        await alice.until('pong')
        expect({ code, action }).toEqual({ code: 'feature-not-implemented', action: 'cancel' })
        expect(alice.frames.filter(({ type }) => type === 'error')).toHaveLength(5)
      })

      const unreadable: [string, string | Buffer][] = [
        ['no JSON', '{"type":"ack",'],
        ['no object', '[1]'],
        ['a wrong field', '{"type":"ack","seq":"1"}'],
        ['a seq below zero', '{"type":"ack","seq":-1}'],
        ['a lone surrogate', '{"type":"presence","status":"\\ud800"}'],
        ['a line of 100 kB', 'x'.repeat(100_000)],
        ['deep nesting', '['.repeat(60_000)],
        ['binary', Buffer.from([0, 1, 2, 255])],
        ['a prototype', '{"type":"__proto__"}'.replace('__proto__', 'ack"," __proto__":{"seq":1},"x":"')],
      ]
      test.each(unreadable)(
        '[FR2] [FR5] %s is answered with bad-request; the third in a row ends the socket',
        async (_, frame) => {
          const alice = await connected('alice')

          alice.raw(frame)
          expect(await alice.until('error')).toMatchObject({ code: 'bad-request', action: 'modify' })
          alice.raw('{"type":"watch","on":true}') // in between, a good one
          alice.raw(frame)
          alice.raw(frame)
          alice.raw('{"type":"ping"}')
          await alice.until('pong')
          alice.raw(frame)
          alice.raw(frame)
          alice.raw(frame)

          expect((await alice.closed).code).toBe(4400)
        },
      )

      test('[FR2] what nobody can read stores nothing and disturbs nobody', async () => {
        const { alice, bob } = await buddies()
        const before = bob.head

        alice.raw('{"type":"send","id":"x"}')
        await alice.until('error')

        await alice.sendAndWait(bob.user, 'fine')
        await bob.message('fine')
        expect(bob.head).toBeLessThanOrEqual(before + 2) // the message, perhaps a receipt
      })

      test.each([
        ['a little over 128 KiB', 128 * 1024 + 1, [['too-large']]],
        // workerd itself cuts off whoever sends so much.
        ['1 MiB', 1024 * 1024, [['too-large'], []]],
        ['8 MiB', 8 * 1024 * 1024, [['too-large'], []]],
      ])('[FR3] a frame of %s ends its socket and no other', async (_, bytes, answers) => {
        const { alice, bob } = await buddies()
        const phone = await alice.addDevice()
        await phone.connect()

        phone.raw(`{"type":"send","payload":"${'x'.repeat(bytes)}"}`)

        expect([1006, 1009, 4413]).toContain((await phone.closed).code)
        const told = phone.frames.flatMap((frame) => (frame.type === 'error' ? [frame.code] : []))
        expect(answers).toContainEqual(told)
        await bob.sendAndWait(alice.user, 'still there?')
        await alice.message('still there?')
        await phone.connect()
      })

      test('[FR4] ping is answered with pong, byte for byte', async () => {
        const alice = await connected('alice')
        const answered = new Promise<string>((resolve) => {
          alice.socket!.on('message', (data) => data.toString().includes('pong') && resolve(data.toString()))
        })

        alice.raw('{"type":"ping"}')

        expect(await answered).toBe('{"type":"pong"}')
      })
    })

    describe('messages', () => {
      test('[SN1] [LG2] a message is stored, delivered to all devices, acknowledged and reported', async () => {
        const { alice, bob } = await buddies()
        const phone = await bob.addDevice()
        await phone.connect()

        const id = await alice.sendAndWait(bob.user, 'hello')
        const [there] = await Promise.all([bob.message('hello'), phone.message('hello')])

        expect(there).toMatchObject({ id, peer: alice.user, ts: alice.stored.get(id)!.ts, kind: 'message' })
        await alice.entry(
          (entry) => entry.type === 'receipts' && entry.peer === bob.user && entry.delivered >= there.ts,
        ) // [RC1]
      })

      test('[LG2] [LG4] what comes while a device is away waits for it, once and in order', async () => {
        const { alice, bob } = await buddies()
        await bob.close()
        const texts = Array.from({ length: 30 }, (_, i) => `message ${i}`)

        for (const text of texts) await alice.sendAndWait(bob.user, text)
        await bob.connect()
        await bob.message(texts.at(-1)!)
        expect(bob.textsFrom(alice.user).slice(-30)).toEqual(texts)
        expect(bob.gaps).toEqual([])

        const head = bob.head
        await bob.close()
        const welcome = await bob.connect()
        expect(welcome.from).toBe(head)
        expect(welcome.resync).toBeUndefined()
      })

      test('[SN2] a repeated id is confirmed again with the first answer and delivered once', async () => {
        const { alice, bob } = await buddies()
        const id = await alice.sendAndWait(bob.user, 'once')
        const first = alice.stored.get(id)
        await bob.message('once')

        for (let i = 0; i < 3; i++) await alice.sendAndWait(bob.user, 'once', { id })
        await alice.sendAndWait(bob.user, 'then')
        await bob.message('then')

        expect(alice.stored.get(id)).toEqual(first)
        expect(bob.textsFrom(alice.user).filter((text) => text === 'once')).toHaveLength(1)
      })

      test('[SN6] [SN8] what is too large or for elsewhere is refused and nothing is lost', async () => {
        const { alice, bob } = await buddies()

        const large = alice.send(bob.user, 'x'.repeat(80_000))
        const elsewhere = alice.send(`${bob.user}@relay.example`, 'hello')
        await alice.sendAndWait(bob.user, 'after')
        await bob.message('after')

        expect(alice.refused.get(large)).toBe('too-large')
        expect(alice.refused.get(elsewhere)).toBe('remote-server-not-found')
      })

      test('a message as large as may be arrives, in every kind of character', async () => {
        const { alice, bob } = await buddies()
        const large = '😀é'.repeat(12_000)
        expect(sealed(large).length).toBeLessThan(98_304)

        await alice.sendAndWait(bob.user, large)

        await bob.message(large)
      })

      test('[SN12] a note to oneself reaches the other devices, also one that was away', async () => {
        const alice = await connected('alice')
        const phone = await alice.addDevice()
        await phone.connect()
        await phone.close()

        const id = await alice.sendAndWait(alice.user, 'note', { kind: 'control' })
        await phone.connect()

        const note = await phone.entry((entry) => entry.type === 'message' && entry.id === id)
        expect(note).toMatchObject({ peer: alice.user, direction: 'out', ts: alice.stored.get(id)!.ts })
      })

      test('[PR9] the device that was used last leads, and each is told its own', async () => {
        const alice = await connected('alice')
        const phone = await alice.addDevice()
        const leads = (client: WireClient) =>
          client.frames.flatMap((frame) => (frame.type === 'lead' ? [frame.lead] : []))
        const leadIs = (wanted: string) => (frame: object) => 'lead' in frame && frame.lead === wanted

        await phone.connect()
        await alice.until(leadIs('active'))
        await alice.sendAndWait(alice.user, 'note', { kind: 'control' })
        await phone.until(leadIs('active'))

        // The last word to each comes over a socket of its own, the later one perhaps first.
        await expect
          .poll(() => [leads(alice), leads(phone)])
          .toEqual([
            ['here', 'active', 'here'],
            ['here', 'active'],
          ])
      })

      test('[RO11] [RO12] [RO13] [RO14] the gate for strangers answers by the policy', async () => {
        const [alice, bob] = await Promise.all([connected('alice'), connected('bob')])
        const failed = async (id: string) => {
          const is = (entry: Entry) => entry.type === 'failed' && entry.id === id
          return ((await alice.entry(is)) as EntryOf<'failed'>).code
        }
        const knock = (text: string, invite?: string) =>
          alice.sendAndWait(bob.user, text, { kind: 'knock', ...(invite && { invite }) })
        const token = new Uint8Array(16).fill(5)
        const link = { reach: 'invite', invite: hashOf(token) } as const

        expect(await bob.ask({ type: 'policy', reach: 'buddies' })).toMatchObject({ type: 'ok' })
        expect(await failed(await knock('a text'))).toBe('forbidden')
        await bob.ask({ type: 'policy', ...link })
        expect(await failed(await knock('by name'))).toBe('item-not-found')
        const nobody = await alice.sendAndWait(nameFor('nobody'), 'by name', { kind: 'knock' })
        expect(await failed(nobody)).toBe('item-not-found')
        await knock('by link', toBase64(token))

        await alice.entry((entry) => entry.type === 'roster' && entry.relation === 'buddies')
        expect(await bob.message('by link')).toMatchObject({ kind: 'knock', via: 'invite' })
        expect(bob.textsFrom(alice.user)).toEqual(['by link'])
        const changes = [...bob.log.values()].filter(({ type }) => type === 'policy')
        expect(changes).toMatchObject([{ reach: 'buddies', invite: null }, link])
      })

      test('[RC6] read marks are kept to oneself when that is wanted', async () => {
        const { alice, bob } = await buddies()
        await bob.ask({ type: 'policy', reads: false })
        const id = await alice.sendAndWait(bob.user, 'hello')
        const { ts } = await bob.message('hello')
        const shows = (read: number) => (entry: Entry) =>
          entry.type === 'receipts' && entry.delivered >= ts && entry.read === read

        bob.frame({ type: 'read', peer: alice.user, ts })
        await bob.entry((entry) => entry.type === 'read' && entry.ts === ts)
        await alice.entry(shows(0))
        const isHidden = ![...alice.log.values()].some(shows(ts))
        await bob.ask({ type: 'policy', reads: true })

        await alice.entry(shows(ts))
        expect([isHidden, alice.stored.get(id)!.ts]).toEqual([true, ts])
      })

      test('[PR8] typing reaches a buddy', async () => {
        const { alice, bob } = await buddies()
        bob.frame({ type: 'watch', on: true })
        bob.raw('{"type":"ping"}')
        await bob.until('pong') // so the watch has been seen

        alice.frame({ type: 'typing', to: bob.user, state: 'composing' })

        expect(await bob.until('typing')).toMatchObject({ peer: alice.user, state: 'composing' })
      })
    })

    describe('keys', () => {
      const mailbox = '@' as DeviceId
      const largest = 'A'.repeat(limits.keyPackageCharsMax)

      async function upload(client: WireClient, names: string[]) {
        const up = await uploadOf(client.acct, client.device, names)
        return client.ask({ type: 'keys', up, replace: false })
      }
      const claim = (client: WireClient, peer: string, fields: Partial<ClientFrameOf<'claim'>> = {}) =>
        client.ask({ type: 'claim', peer, after: 0, packages: true, ...fields })
      async function packagesFor(client: WireClient, peer: string) {
        const answer = await claim(client, peer)
        if (answer.type !== 'keys') throw new Error(`${answer.type} instead of keys`)
        return answer.packages.map((one) => opened(one.package))
      }

      test('[KY1] [KY3] [KY6] [KY7] [KY8] what a device uploads is given to those who ask, each one once', async () => {
        const { alice, bob } = await buddies()
        const carol = await connected('carol')

        expect(await upload(bob, ['b1', 'b2', 'b3'])).toMatchObject({ type: 'ok' })
        const got = [
          await packagesFor(alice, bob.user),
          await packagesFor(carol, bob.user),
          await packagesFor(alice, bob.user),
        ]

        expect(got).toEqual([['b1'], ['b2'], [`${bob.deviceId}-last`]])
        expect(await claim(carol, bob.user)).toMatchObject({
          peer: bob.user,
          acct: bob.acct,
          lists: [bob.account.body.list],
        })
        expect(await bob.connect()).toMatchObject({ keysLeft: 1, mailboxKeysLeft: 0 })
      })

      test('[KY2] an upload as large as may be fits into a frame', async () => {
        const alice = await connected('alice')
        const up = await uploadOf(alice.acct, alice.device, [])
        const packages = Array.from({ length: limits.keyPackagesPerUploadMax }, (_, i) =>
          `${i}`.padStart(limits.keyPackageCharsMax, 'A'),
        )
        const large = { ...up, oneTime: packages, lastResort: largest }

        // The signature is of the small one: it was read, and then refused.
        expect(await alice.ask({ type: 'keys', up: large, replace: true })).toMatchObject({
          code: 'forbidden',
        })
        const tooMuch = { ...large, oneTime: [...packages, 'A'] }
        expect(await alice.ask({ type: 'keys', up: tooMuch, replace: true })).toMatchObject({
          code: 'too-large',
        })
      })

      test('[KY9] whom only a link reaches and whom there is not give the same answer', async () => {
        const [alice, hidden] = await Promise.all([connected('alice'), connected('bob')])
        const token = new Uint8Array(16).fill(6)
        await upload(hidden, ['h1'])
        await hidden.ask({ type: 'policy', reach: 'invite', invite: hashOf(token) })

        const answers = [await claim(alice, hidden.user), await claim(alice, nameFor('zoe'))]
        const byLink = await claim(alice, hidden.user, { invite: toBase64(token) })

        const [first, second] = answers.map((answer) => ({ ...answer, request: '' }))
        expect(first).toEqual({ type: 'error', request: '', code: 'item-not-found', action: 'cancel' })
        expect(second).toEqual(first)
        expect(byLink).toMatchObject({ packages: [{ device: hidden.deviceId }] })
      })

      test('[KY4] [KY11] an account is made with its packages and a full vault, and a new device brings its own', async () => {
        const { relayId } = await infoOf(relay.url)
        const user = nameFor('dora')
        const account = await signUpBody({ relayId, user, work: await newWork(user), mailbox: true })
        const names = Array.from({ length: limits.firstKeyPackagesMax }, (_, i) =>
          `${i}`.padStart(Math.floor((limits.keyPackageCharsMax * 3) / 4), 'x'),
        )
        const keys = [
          await uploadOf(account.acct, account.device, names),
          await uploadOf(account.acct, account.device, names, { device: mailbox }),
        ]
        const vault = 'A'.repeat(limits.vaultCharsMax)

        await ask(relay.url, '/v1/register', { ...account.body, keys, vault })
        const dora = new WireClient(relay.url, account, account.device)
        const welcome = await dora.connect()
        const { ticket, list, vault: given } = await signIn(relay.url, account)
        const phone = await makeDevice()
        const next = await dora.nextList(list, phone)
        const ups = [await uploadOf(account.acct, phone, ['p1'])]
        await ask(relay.url, '/v1/devices', { user, ticket, list: next, keys: ups })

        expect(welcome).toMatchObject({ keysLeft: names.length, mailboxKeysLeft: names.length })
        expect(given).toEqual({ version: 1, payload: vault })
        const alice = await connected('alice')
        expect(await packagesFor(alice, user)).toEqual([names[0], names[0], 'p1'])
        expect(await packagesFor(dora, user)).toEqual([names[1], `${phone.id}-last`])
      })

      test('[KY11] the vault is shared by the devices of an account, and the slower one gets `conflict`', async () => {
        const alice = await connected('alice')
        const phone = await alice.addDevice()
        await phone.connect()
        const payload = 'B'.repeat(limits.vaultCharsMax)

        expect(await alice.ask({ type: 'vault' })).toMatchObject({ version: 0, payload: '' })
        expect(await alice.ask({ type: 'vault', version: 0, payload })).toMatchObject({ type: 'ok' })
        expect(await phone.ask({ type: 'vault', version: 0, payload: 'C' })).toMatchObject({
          code: 'conflict',
        })

        expect(await phone.ask({ type: 'vault' })).toMatchObject({ version: 1, payload })
        expect((await signIn(relay.url, alice.account)).vault).toEqual({ version: 1, payload })
      })
    })

    describe('the archive', () => {
      test('[AR1] [AR2] [AR4] a segment as large as may be is kept, listed, given back and deleted', async () => {
        const alice = await connected('alice')
        const segId = 'A'.repeat(22)
        const head = { e: 1, segId, fromTs: 1, toTs: 2, count: 1, iv: 'A'.repeat(16), kind: 'rows' as const }
        const ct = 'B'.repeat(limits.segmentCharsMax)

        expect(await alice.ask({ type: 'archive', segment: { ...head, ct }, replaces: [] })).toMatchObject({
          type: 'ok',
        })
        expect(await alice.ask({ type: 'segments', after: 0 })).toMatchObject({
          segments: [{ ...head, chars: ct.length }],
        })
        expect(await alice.ask({ type: 'segment', segId })).toMatchObject({ segment: { ...head, ct } })
        expect(await alice.ask({ type: 'unarchive', segIds: [segId] })).toMatchObject({ type: 'ok' })
        expect(await alice.ask({ type: 'segment', segId })).toMatchObject({ code: 'item-not-found' })
      })

      test('[AR7] [AR3] one that replaces others takes their place; one that is too large changes nothing', async () => {
        const alice = await connected('alice')
        const idOf = (n: number) => Buffer.alloc(16, n).toString('base64url')
        const segmentOf = (n: number, ct: string) =>
          ({
            e: 1,
            segId: idOf(n),
            fromTs: n,
            toTs: n,
            count: 1,
            iv: 'A'.repeat(16),
            kind: 'rows',
            ct,
          }) as const
        const put = (n: number, ct: string, replaces: string[]) =>
          alice.ask({ type: 'archive', segment: segmentOf(n, ct), replaces })
        const many = Array.from({ length: limits.segmentsPerDeleteMax }, (_, n) => n + 1)
        for (const n of many) await put(n, 'B'.repeat(1000), [])

        const refused = await put(99, 'B'.repeat(limits.segmentCharsMax + 1), many.map(idOf))
        const answer = await put(100, 'B', many.slice(1).map(idOf))

        expect([refused, answer]).toMatchObject([{ code: 'too-large' }, { type: 'ok' }])
        const index = await alice.ask({ type: 'segments', after: 0 })
        expect(index).toMatchObject({ segments: [{ segId: idOf(1) }, { segId: idOf(100) }] })
      })
    })

    describe.concurrent('what takes time', { timeout: 40_000 }, () => {
      test('[HS2] saying nothing for 5 s ends the socket with 4401', async () => {
        const alice = await person('alice')
        const begun = performance.now()

        await alice.open()

        expect((await alice.closed).code).toBe(4401)
        expect(performance.now() - begun).toBeGreaterThan(4500)
        expect(performance.now() - begun).toBeLessThan(9000)
      })

      test('[PR5] [PR4] [PR7] buddies see each other come, and go when they say so', async () => {
        const { alice, bob } = await buddies()
        const sees = (show: string) => (frame: object) =>
          'peer' in frame && 'show' in frame && frame.peer === bob.user && frame.show === show

        await alice.until(sees('online'))
        bob.frame({ type: 'leave' })
        await alice.until(sees('offline'), 15_000) // one change in 10 s
        alice.frames = []
        await bob.connect()

        expect(await alice.until(sees('online'), 15_000)).toMatchObject({ peer: bob.user })
      })
    })

    describe('rooms among themselves', () => {
      test('[LN5] a call that is not signed by this relay is refused, whatever it looks like', async () => {
        const { alice, bob } = await buddies()
        const before = bob.head
        const now = Date.now()
        const message = { type: 'typing', version: 1, state: 'composing' }
        const forged: Record<string, string> = {
          'x-parley-version': '1',
          'x-parley-from': alice.user,
          'x-parley-time': String(now),
          'x-parley-signature': 'A'.repeat(43),
        }

        for (const path of [
          '/internal/peer',
          '/internal/account',
          '/internal/deliver',
          '/internal/../internal/peer',
        ]) {
          for (const headers of [forged, {}, { ...forged, 'x-parley-from': '' }]) {
            const response = await fetch(`${relay.url}/parties/user/${bob.user}${path}`, {
              method: 'POST',
              headers,
              body: JSON.stringify(message),
            })
            expect(response.status).toBe(404)
            expect(await response.json()).toMatchObject({ error: { code: 'item-not-found' } })
          }
        }

        await alice.sendAndWait(bob.user, 'real')
        await bob.message('real')
        expect(bob.head).toBeLessThanOrEqual(before + 2)
        expect(bob.frames.filter(({ type }) => type === 'typing')).toEqual([])
      })
    })

    // Last, because it ends the process that the others use.
    describe('the end of the process', () => {
      test('[SN1] [LN2] nothing that was confirmed is lost, and what was under way arrives once', async () => {
        const { alice, bob } = await buddies()
        await bob.close()
        for (let i = 0; i < 10; i++) await alice.sendAndWait(bob.user, `before ${i}`)
        const carol: SignUp = (await person('carol')).account

        await relay.restart('SIGKILL')

        await Promise.all([alice.connect(), bob.connect()])
        await alice.sendAndWait(bob.user, 'after')
        await bob.message('after')
        const expected = [...Array.from({ length: 10 }, (_, i) => `before ${i}`), 'after']
        expect(bob.textsFrom(alice.user).slice(-11)).toEqual(expected)
        expect((await signIn(relay.url, carol)).acct).toBe(carol.acct)
      }, 30_000)
    })
  })
}
