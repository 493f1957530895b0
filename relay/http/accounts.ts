/** Signing up and in, over HTTP, because there is no socket before there is a device. Rules AC1 to AC8. */
import type { Context, Hono } from 'hono'
import {
  DeleteAccount,
  DeviceLists,
  LoggedIn,
  LoginFinish,
  LoginStart,
  PutDevices,
  PutSlot,
  Register,
  Registered,
  RegisterStart,
} from '#shared/api'
import { ProtocolError } from '#shared/errors'
import type { AccountId, UserId } from '#shared/ids'
import { isUserName } from '#shared/names'
import { accountId } from '#shared/schema'
import * as v from 'valibot'
import type { AccountOperation, AccountReply } from '../core/ports.ts'
import { limitKey } from './address.ts'
import type { HttpHost } from './app.ts'
import { createProofs } from './proofs.ts'
import { rateLimit, type RateLimit } from './rate.ts'
import { readBody } from './refusals.ts'

const hour = 3_600_000
/** From one address: enough for somebody who mistypes, too few for somebody who guesses. */
const loginsPerHour = 10
/** From one address, whatever the names: too few for somebody who tries one password on many accounts. */
const loginsPerHourFromAddress = 60
/** Wrong invitations from one address. */
const wrongCodesPerHour = 20
/** From everywhere: so many that nobody locks another out from a handful of addresses. */
const loginsPerHourFromEverywhere = 100

export function accountRoutes(app: Hono, host: HttpHost): void {
  const { rooms, settings, clock } = host
  const proofs = createProofs(host.secret, clock, host.random)
  const registrations = rateLimit({ burst: settings.registrationsPerDay, perMs: 24 * hour }, clock)
  const logins = rateLimit({ burst: loginsPerHour, perMs: hour }, clock)
  const loginsFromEverywhere = rateLimit({ burst: loginsPerHourFromEverywhere, perMs: hour }, clock)
  const loginsFromAddress = rateLimit({ burst: loginsPerHourFromAddress, perMs: hour }, clock)
  const wrongCodes = rateLimit({ burst: wrongCodesPerHour, perMs: hour }, clock)
  function take(name: string, limit: RateLimit, key: string): void {
    const retryAfterMs = limit.take(key)
    if (retryAfterMs === null) return
    host.metric?.('limits_hit', { limit: name })
    throw new ProtocolError('policy-violation', 'too often', { retryAfterMs })
  }
  const limitKeyOf = (c: Context) => limitKey(host.addressOf(c))

  app.post('/v1/register/start', async (c) => {
    const { user } = await readBody(c, RegisterStart)
    return c.json(proofs.work(user, settings.powBits))
  })

  app.post('/v1/register', async (c) => {
    const body = await readBody(c, Register)
    proofs.checkWork(body.user, body.pow)
    const key = limitKeyOf(c)
    take('registrations', registrations, key)
    let giveInviteBack = async () => {}
    try {
      giveInviteBack = await useInvite(body, key)
      const { acct } = expect('registered', await rooms.account(body.user, { type: 'register', body }))
      return c.json({ acct } satisfies v.InferOutput<typeof Registered>)
    } catch (error) {
      registrations.giveBack(key) // only accounts that came to be are counted
      await giveInviteBack()
      throw error
    }
  })

  /** On a relay that asks for one (AC12). Resolves with how to give it back. */
  async function useInvite({ invite, user }: Register, key: string): Promise<() => Promise<void>> {
    if (!host.invites) return async () => {}
    if (invite !== undefined) take('invites', wrongCodes, key)
    const giveBack = await host.invites.use(invite, user)
    wrongCodes.giveBack(key) // only wrong ones are counted
    return giveBack
  }

  app.post('/v1/login/start', async (c) => {
    const { user } = await readBody(c, LoginStart)
    return c.json(proofs.loginNonce(user)) // looks nothing up: the same for every name
  })

  app.post('/v1/login/finish', async (c) => {
    const body = await readBody(c, LoginFinish)
    const key = `${body.user} ${limitKeyOf(c)}`
    take('logins', logins, key)
    take('logins', loginsFromAddress, limitKeyOf(c))
    take('logins', loginsFromEverywhere, body.user)
    // The same words for a nonce of yesterday, a wrong password and a name that is not there.
    if (!proofs.isLoginNonce(body.user, body)) throw new ProtocolError('not-authorized')
    const { slot, nonce, ts, signature } = body
    const reply = await rooms.account(body.user, { type: 'login', slot, nonce, ts, signature })
    // `forbidden` follows a right password: the operator keeps this account out (AC11).
    if (reply.type === 'error' && reply.code !== 'resource-constraint' && reply.code !== 'forbidden')
      throw new ProtocolError('not-authorized')
    const { acct, bundle, list, change, vault } = expect('logged-in', reply)
    logins.giveBack(key) // only failures are counted
    loginsFromAddress.giveBack(limitKeyOf(c))
    loginsFromEverywhere.giveBack(body.user)
    const ticket = proofs.ticket(body.user, acct, list.ver, change)
    return c.json({ ticket, acct, bundle, list, change, vault } satisfies LoggedIn)
  })

  /** What the ticket allows. @throws ProtocolError when it is not for this, or too old */
  function allowed({ ticket, user, acct, version }: Allowed): { change: number } {
    const read = proofs.readTicket(ticket, user, acct, version)
    if (read) return read
    throw new ProtocolError('not-authorized', 'the ticket is not for this change, or too old: sign in again')
  }

  app.post('/v1/devices', async (c) => {
    const { user, ticket, list, keys, vault } = await readBody(c, PutDevices)
    const { change } = allowed({ ticket, user, acct: list.acct, version: list.ver - 1 })
    const operation = { type: 'put-devices', list, change, keys, vault } as const
    const { version, hash } = expect('ok', await rooms.account(user, operation))
    return c.json({ version, hash })
  })

  app.post('/v1/slot', async (c) => {
    const { user, slot, change, signature, ...ticket } = await readBody(c, PutSlot)
    if (allowed({ user, ...ticket }).change !== change - 1) throw new ProtocolError('not-authorized')
    expect('ok', await rooms.account(user, { type: 'put-slot', slot, change, signature }))
    return c.json({})
  })

  app.post('/v1/delete', async (c) => {
    const { signature, ...asked } = await readBody(c, DeleteAccount)
    const { change } = allowed(asked)
    const { user, ticket } = asked
    expect('ok', await rooms.account(user, { type: 'delete', ticket, change, signature }))
    return c.json({})
  })

  app.get('/v1/devices/:user', async (c) => {
    const { user, acct, after } = readQuery(c)
    const { lists } = expect('devices', await rooms.account(user, { type: 'get-devices', acct, after }))
    return c.json({ lists } satisfies DeviceLists)
  })
}

/** Anything but a full question is answered like a question about nobody: guessing teaches nothing (AC8). */
function readQuery(c: Context): { user: UserId; acct: AccountId; after: number } {
  const user = c.req.param('user') ?? ''
  const acct = c.req.query('acct')
  const after = c.req.query('after') ?? '0'
  if (!isUserName(user) || !v.is(accountId, acct) || !/^\d{1,9}$/.test(after))
    throw new ProtocolError('item-not-found')
  return { user, acct, after: Number(after) }
}

type ReplyOf<Type extends AccountReply['type']> = Extract<AccountReply, { type: Type }>

/** The reply that the operation has. @throws ProtocolError what the room refused it with. */
function expect<Type extends AccountReply['type']>(type: Type, reply: AccountReply): ReplyOf<Type> {
  if (reply.type === type) return reply as ReplyOf<Type>
  if (reply.type !== 'error') throw new Error(`a room answered ${reply.type} where ${type} belongs`)
  const { code, retryAfterMs } = reply
  throw new ProtocolError(code, undefined, retryAfterMs === undefined ? {} : { retryAfterMs })
}

interface Allowed {
  ticket: string
  user: UserId
  acct: AccountId
  version: number
}

/** What an app needs of the rooms: a call in the same process on Node, a signed request on PartyKit. */
export interface Accounts {
  account(user: UserId, operation: AccountOperation): Promise<AccountReply>
}
