/** Everything that is not a room: the HTTP routes and the relay's page. It has no rooms of its own. */
import type { Hono } from 'hono'
import type * as Party from 'partykit/server'
import { ProtocolError } from '#shared/errors'
import type { AccountReply } from '../core/ports.ts'
import { createApp } from '../http/app.ts'
import { refusal } from '../http/refusals.ts'
import { random } from '../http/web-crypto.ts'
import { partyBlobs } from './blobs.ts'
import { internalPaths, signedCall } from './link.ts'
import { knownPeers, rememberPeers } from './peers.ts'
import { settingsFrom, type Settings } from './settings.ts'

let made: { settings: Settings; app: Hono } | undefined

export default class Main implements Party.Server {
  static async onFetch(request: Party.Request, lobby: Party.FetchLobby): Promise<Response> {
    rememberPeers(lobby.parties)
    const settings = settingsFrom(lobby.env)
    if ('problem' in settings) return new Response(`${settings.problem}\n`, { status: 503 })
    if (made?.settings !== settings) made = { settings, app: appFor(settings) }
    return made.app.fetch(request as unknown as Request)
  }

  // PartyKit has a party of this class whether we want it or not, at /party/… and /parties/main/….
  static onBeforeRequest = notFound
  static onBeforeConnect = notFound
}

function appFor({ secret, http }: Settings): Hono {
  return createApp({
    rooms: {
      async account(user, operation) {
        const call = { from: '', to: user, path: internalPaths.account, body: JSON.stringify(operation) }
        const stub = knownPeers()!.user!.get(user)
        const response = await stub.fetch(call.path, signedCall(secret, call, Date.now()))
        if (!response.ok) throw new Error(`a room answered with status ${response.status}`)
        return (await response.json()) as AccountReply
      },
    },
    blobs: partyBlobs(secret, knownPeers),
    settings: http,
    secret,
    clock: Date.now,
    random,
    log(level, text, fields) {
      if (level !== 'debug') console[level](JSON.stringify({ level, text, ...fields }))
    },
    addressOf: (c) => c.req.header('cf-connecting-ip') ?? 'unknown', // Cloudflare sets it
  })
}

function notFound(): Response {
  return refusal(new ProtocolError('item-not-found', 'no such room'))
}
