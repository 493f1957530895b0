/**
 * Anything at all is said to a running relay, by strangers and by people who are signed in: frames and bodies as the
 * schemas have them, the same with something changed, and bytes. Nothing breaks, no answer tells of the relay's
 * insides, memory does not grow without end, and whoever is honest notices nothing. Runs: fuzz.*.test.ts beside this
 * file, for five seconds; `PARLEY_FUZZ_MS=600000 vitest run … test/relay/fuzz` for longer.
 */
import { connect } from 'node:net'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type * as v from 'valibot'
import * as api from '#shared/api'
import { ClientFrame } from '#shared/frames'
import { memoryOf } from '../support/memory.ts'
import type { RelayProcess } from '../support/processes.ts'
import { arbitraryOf } from '../support/schema-arbitrary.ts'
import { befriend, WireClient } from '../support/wire-client.ts'

const fuzzMs = Number(process.env['PARLEY_FUZZ_MS'] ?? 5000)
const MiB = 1024 * 1024

/** How a stack, a path or a database speaks. */
const insides =
  /\n\s+at |\bat [\w.<>]+ \(|\.(ts|js|mjs):\d|node_modules|file:\/\/|\/relay\/|SQLITE|sqlite|TypeError|RangeError|ReferenceError|SyntaxError|ValiError|workerd|miniflare|\bundefined is not\b|Cannot read/

const bodies: Record<string, v.GenericSchema> = {
  '/v1/register/start': api.RegisterStart,
  '/v1/register': api.Register,
  '/v1/login/start': api.LoginStart,
  '/v1/login/finish': api.LoginFinish,
  '/v1/devices': api.PutDevices,
  '/v1/slot': api.PutSlot,
  '/v1/delete': api.DeleteAccount,
}

type Act =
  | { to: 'socket'; texts: (string | Uint8Array)[] }
  | { to: 'stranger'; texts: (string | Uint8Array)[] }
  | { to: 'http'; path: string; method: string; body: string | Uint8Array }
  | { to: 'port'; bytes: Uint8Array }

export function fuzzContract(name: string, spawn: () => Promise<RelayProcess>) {
  let relay: RelayProcess
  let people = 0
  const person = () => WireClient.signUp(relay.url, `fuzz-${++people}`)
  async function connected() {
    const client = await person()
    await client.connect()
    return client
  }

  describe(`${name} under whatever comes`, () => {
    beforeAll(async () => {
      relay = await spawn()
    }, 60_000)
    afterAll(() => relay?.stop())

    test(
      '[FR1] [FR2] [FR5] [AC7] anything is answered, nothing breaks, and nobody else notices',
      async () => {
        const [alice, bob, mallory] = await Promise.all([connected(), connected(), connected()])
        await befriend(alice, bob)
        await befriend(alice, mallory)
        const known = [alice, bob, mallory].flatMap(({ user, device, account, epoch, stored }) => [
          user,
          device.id,
          account.acct,
          epoch,
          ...stored.keys(),
        ])
        const memory: number[] = []
        let acts = 0
        const seed = Date.now() % 2 ** 31

        await fc.assert(
          fc.asyncProperty(actIn([...known, '@', 'nobody.here']), async (act) => {
            await perform(act, mallory)
            if (++acts % 50 === 0) memory.push(await memoryOf(relay))
          }),
          {
            seed,
            numRuns: Number.MAX_SAFE_INTEGER,
            interruptAfterTimeLimit: fuzzMs,
            endOnFailure: true,
          },
        )

        expect(acts).toBeGreaterThan(100)
        expect(relay.log()).not.toMatch(/"level":"error"/) // its own; workerd says much of sockets that went away
        // It grows into what it needs, and then no further than it breathes.
        const settled = memory.slice(Math.floor(memory.length / 3))
        expect(memory.at(-1)! - Math.min(...settled)).toBeLessThan(128 * MiB)
        // These two have been here all the time.
        await alice.sendAndWait(bob.user, 'still here?')
        await bob.message('still here?')
        const [carol, dave] = await Promise.all([connected(), connected()])
        await befriend(carol, dave)
        await carol.sendAndWait(dave.user, 'hello')
        await dave.message('hello')
        console.info(`${name}: ${acts} acts, ${Math.round(memory.at(-1)! / MiB)} MiB (seed ${seed})`)
        await Promise.all([alice, bob, mallory, carol, dave].map((client) => client.drop()))
      },
      fuzzMs + 60_000,
    )
  })

  async function perform(act: Act, mallory: WireClient) {
    if (act.to === 'http') return ask(act)
    if (act.to === 'port') return pour(act.bytes)
    const client = act.to === 'socket' ? mallory : new WireClient(relay.url, mallory.account, mallory.device)
    if (act.to === 'stranger') await client.open()
    else if (client.socket?.readyState !== WebSocket.OPEN) await client.connectPatiently()
    const { frames } = client
    for (const text of act.texts) client.raw(text as Buffer)
    client.raw('{"type":"ping"}')
    // Either it goes on, or it says goodbye by a code of its own.
    const end = await Promise.race([
      client.closed,
      client.until(({ type }) => type === 'pong' || type === 'error').catch(() => client.closed),
    ])
    expect([1011, 1006, 1005]).not.toContain('code' in end ? end.code : 1000)
    expect(`${JSON.stringify(end)} ${JSON.stringify(frames)}`).not.toMatch(insides)
    expect(frames.map((frame) => frame.type === 'error' && frame.code)).not.toContain('internal-server-error')
    frames.length = 0
    if (act.to === 'stranger') await client.drop()
  }

  async function ask({ path, method, body }: Extract<Act, { to: 'http' }>) {
    const hasBody = method !== 'GET' && method !== 'HEAD'
    const asked = { method, redirect: 'manual', ...(hasBody && { body: body as BodyInit }) } as const
    // A connection that was kept open may have been closed at that very moment.
    const again = () => fetch(`${relay.url}${path}`, asked)
    const response = await again().catch(again)
    const text = await response.text()
    expect(response.status).not.toBe(500)
    expect(text).not.toMatch(insides)
  }

  /** Bytes that are no HTTP, or begin like it. What comes back, if anything, is checked like every answer. */
  function pour(bytes: Uint8Array): Promise<void> {
    const { hostname, port } = new URL(relay.url)
    return new Promise((resolve) => {
      let answer = ''
      const socket = connect(Number(port), hostname, () => socket.end(bytes))
      socket.setTimeout(1000, () => socket.destroy())
      socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
      socket.on('error', () => {})
      socket.on('close', () => {
        expect(answer).not.toMatch(insides)
        resolve()
      })
    })
  }
}

// --- What may be said --------------------------------------------------------------------------------------------

function actIn(known: readonly unknown[]): fc.Arbitrary<Act> {
  const names = known.filter((value) => typeof value === 'string')
  // Mallory's own goodbye would only be a pause.
  const frame = arbitraryOf(ClientFrame, known).filter((one) => (one as { type: string }).type !== 'leave')
  const said = fc.oneof(
    { arbitrary: frame.map((one) => JSON.stringify(one)), weight: 6 },
    { arbitrary: mutated(frame), weight: 4 },
    { arbitrary: fc.json(), weight: 1 },
    { arbitrary: fc.string({ maxLength: 300 }), weight: 1 },
    { arbitrary: fc.uint8Array({ maxLength: 300 }), weight: 1 },
  )
  const texts = fc.array(said, { minLength: 1, maxLength: 8 })
  const path = fc.oneof(
    fc.constantFrom(
      ...Object.keys(bodies),
      '/v1/info',
      '/',
      '/healthz',
      '/u/x',
      '/download/x',
      '/parties/user/x',
    ),
    fc.webPath(),
    fc.constantFrom(...names).map((one) => `/v1/devices/${encodeURIComponent(one)}?acct=${one}&after=0`),
    fc.tuple(fc.webPath(), fc.webQueryParameters()).map(([one, query]) => `${one}?${query}`),
  )
  const method = fc.constantFrom('POST', 'POST', 'POST', 'GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS')
  const posts = Object.entries(bodies).map(([to, schema]) => {
    const body = arbitraryOf(schema, known)
    return fc.record({
      to: fc.constant('http' as const),
      path: fc.constant(to),
      method: fc.constant('POST'),
      body: fc.oneof(
        body.map((one) => JSON.stringify(one)),
        mutated(body),
      ),
    })
  })
  return fc.oneof(
    { arbitrary: fc.record({ to: fc.constant('socket' as const), texts }), weight: 8 },
    { arbitrary: fc.record({ to: fc.constant('stranger' as const), texts }), weight: 2 },
    { arbitrary: fc.oneof(...posts), weight: 4 },
    {
      arbitrary: fc.record({
        to: fc.constant('http' as const),
        path,
        method,
        body: fc.oneof(fc.json(), fc.uint8Array({ maxLength: 200 })),
      }),
      weight: 3,
    },
    { arbitrary: fc.record({ to: fc.constant('port' as const), bytes: rawBytes }), weight: 1 },
  )
}

/** Something valid, in which one thing is not. */
function mutated(valid: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  const other = fc.constantFrom<unknown>(
    null,
    -1,
    1e21,
    '',
    [],
    {},
    'constructor',
    '__proto__',
    'A'.repeat(5000),
    true,
  )
  return fc
    .tuple(valid, fc.nat(), other, fc.constantFrom('field', 'cut', 'twice', 'letter', 'deep'))
    .map(([value, where, instead, how]) => {
      const text = JSON.stringify(value)
      const at = where % Math.max(1, text.length)
      if (how === 'cut') return text.slice(0, at)
      if (how === 'twice') return text + text
      if (how === 'letter')
        return text.slice(0, at) + String.fromCharCode(where % 0xffff) + text.slice(at + 1)
      if (how === 'deep') return `${text.slice(0, -1)},"deep":${'['.repeat(2000)}${']'.repeat(2000)}}`
      const fields = Object.keys(value as object)
      const field = fields[where % fields.length]!
      return JSON.stringify({ ...(value as object), ...(field !== 'type' && { [field]: instead }) })
    })
}

/** Not HTTP, nearly HTTP, and a WebSocket that breaks its own rules. */
const rawBytes: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.constantFrom(
      '',
      'GET /v1/info HTTP/1.1\r\nhost: x\r\n\r\n',
      'POST /v1/register HTTP/1.1\r\nhost: x\r\ncontent-length: 999999\r\n\r\n',
      'POST /v1/login/start HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      'GET /parties/user/alice HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    ),
    fc.uint8Array({ maxLength: 200 }),
  )
  .map(([text, bytes]) => new Uint8Array([...new TextEncoder().encode(text), ...bytes]))
