/** What PartyKit's edge does before any room is touched, and how calls between rooms are recognised. */
import type * as Party from 'partykit/server'
import { describe, expect, test } from 'vitest'
import { utf8 } from '#shared/bytes'
import { callerOf, internalPaths, linkHeaders, signedCall, type Call } from '../../../relay/partykit/link.ts'
import Main from '../../../relay/partykit/main.ts'
import UserRoom from '../../../relay/partykit/server.ts'
import { settingsFrom, type Settings } from '../../../relay/partykit/settings.ts'

const PARLEY_SECRET = 'only-for-tests-only-for-tests-only'
const secret = utf8(PARLEY_SECRET)
const now = 1_800_000_000_000
const call: Call = { from: 'alice', to: 'bob', path: internalPaths.peer, body: '{"type":"typing"}' }

const lobby = (id: string, env: Record<string, unknown>) =>
  ({ id, env, parties: {} }) as unknown as Party.Lobby
const request = (path: string, init: RequestInit = {}) =>
  new Request(`https://relay.example${path}`, init) as unknown as Party.Request

const signedHeaders = () => new Headers(signedCall(secret, call, now).headers)

/** A plain request from outside to a room. */
const at = (path: string, room: string, init: RequestInit) => {
  const body = init.body as string | undefined
  const headers = { ...(init.headers as object), 'content-length': String(body?.length ?? 0) }
  return UserRoom.onBeforeRequest(
    request(`/parties/user/${room}${path}`, { ...init, headers }),
    lobby(room, { PARLEY_SECRET }),
  )
}

describe('calls between rooms', () => {
  test('[LN5] a signed call names its caller', () => {
    expect(callerOf(secret, signedHeaders(), call, now)).toBe('alice')
    expect(callerOf(secret, signedHeaders(), call, now + 119_000)).toBe('alice')
  })

  test('[LN5] with any part changed, of another relay, too old or too new, it names nobody', () => {
    const changed = (name: string, value: string) => {
      const all = signedHeaders()
      all.set(name, value)
      return all
    }

    expect(callerOf(secret, signedHeaders(), { ...call, to: 'carol' }, now)).toBeNull()
    expect(callerOf(secret, signedHeaders(), { ...call, body: `${call.body} ` }, now)).toBeNull()
    expect(callerOf(secret, signedHeaders(), { ...call, path: internalPaths.account }, now)).toBeNull()
    expect(callerOf(utf8(`${PARLEY_SECRET}!`), signedHeaders(), call, now)).toBeNull()
    expect(callerOf(secret, signedHeaders(), call, now + 120_001)).toBeNull()
    expect(callerOf(secret, signedHeaders(), call, now - 120_001)).toBeNull()
    expect(callerOf(secret, changed('x-parley-from', 'mallory'), call, now)).toBeNull()
    expect(callerOf(secret, changed('x-parley-time', String(now + 1)), call, now)).toBeNull()
    expect(callerOf(secret, changed('x-parley-version', '2'), call, now)).toBeNull()
    for (const signature of ['', '!', 'AAAA', 'A'.repeat(43)]) {
      expect(callerOf(secret, changed('x-parley-signature', signature), call, now)).toBeNull()
    }
    for (const name of linkHeaders) {
      const fewer = signedHeaders()
      fewer.delete(name)
      expect(callerOf(secret, fewer, call, now)).toBeNull()
    }
  })
})

describe('settings', () => {
  test('without a secret of some length nothing is served, and a sentence says what to do', async () => {
    const sentence = /^PARLEY_SECRET must be set to at least 32 characters [^\n]+\.$/
    for (const env of [{}, { PARLEY_SECRET: '' }, { PARLEY_SECRET: 'short' }, { PARLEY_SECRET: 7 }]) {
      const problem = settingsFrom(env) as { problem: string }
      expect(problem.problem).toMatch(sentence)

      const page = await Main.onFetch(request('/'), lobby('', env) as unknown as Party.FetchLobby)
      expect([page.status, (await page.text()).trim()]).toEqual([503, problem.problem])
      const socket = UserRoom.onBeforeConnect(request('/parties/user/alice'), lobby('alice', env)) as Response
      expect(socket.status).toBe(503)
      const plain = (await UserRoom.onBeforeRequest(
        request('/parties/user/alice'),
        lobby('alice', env),
      )) as Response
      expect(plain.status).toBe(503)
    }
  })

  test('what this host cannot do is refused, and not ignored', () => {
    expect(settingsFrom({ PARLEY_SECRET, PARLEY_INVITE_ONLY: 'yes' })).toEqual({
      problem: 'PARLEY_INVITE_ONLY must be no: on PartyKit there is no place for invitations.',
    })
  })

  test("the relay's id follows from the secret and from nothing else", () => {
    const idOf = (env: object) => (settingsFrom({ PARLEY_SECRET, ...env }) as Settings).http.relayId

    expect(idOf({})).toMatch(/^[\w-]{43}$/)
    expect(idOf({ PARLEY_NAME: 'Ours', PARLEY_OFFLINE: 'refuse' })).toBe(idOf({}))
    expect(idOf({ PARLEY_SECRET: `${PARLEY_SECRET}!` })).not.toBe(idOf({}))
  })
})

describe('the edge', () => {
  test('[LN5] what a request from outside says of itself in our own headers is taken off', () => {
    const headers = Object.fromEntries(linkHeaders.map((name) => [name, 'forged']))
    const forged = request('/parties/user/alice', { headers })

    const passed = UserRoom.onBeforeConnect(forged, lobby('alice', { PARLEY_SECRET })) as Party.Request

    expect(linkHeaders.filter((name) => passed.headers.has(name))).toEqual([])
  })

  test('[LN5] a plain request passes only if it is signed for this room', async () => {
    const signed = signedCall(secret, call, Date.now())
    expect(await at(call.path, 'bob', signed)).not.toBeInstanceOf(Response)
    for (const refused of [
      at(call.path, 'carol', signed),
      at(internalPaths.account, 'bob', signed),
      at(call.path, 'bob', { ...signed, body: '{}' }),
      at(call.path, 'bob', { method: 'POST', body: '{}' }),
      at(call.path, 'bob', {}),
    ]) {
      expect(((await refused) as Response).status).toBe(404)
    }
  })

  test('[HS9] the party that PartyKit makes of the routes has no rooms', () => {
    expect(Main.onBeforeConnect().status).toBe(404)
    expect(Main.onBeforeRequest().status).toBe(404)
  })
})
