/**
 * What an operator may do to the rooms, and the door through which `relay admin` asks a running relay for it: a port
 * of the loopback interface, and a token that only whoever may read the data folder knows.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import * as v from 'valibot'
import { userId } from '#shared/schema'
import type { Log } from '../core/ports.ts'
import type { Invites } from '../http/invites.ts'
import { sameText } from '../http/proofs.ts'
import type { Rooms } from './rooms.ts'

const AdminRequest = v.variant('type', [
  v.object({ type: v.picklist(['block', 'unblock', 'delete']), user: userId }),
  v.object({
    type: v.literal('invite'),
    days: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3650)),
    note: v.optional(v.pipe(v.string(), v.maxLength(200))),
  }),
  v.object({ type: v.literal('invites') }),
  v.object({ type: v.literal('revoke'), code: v.pipe(v.string(), v.maxLength(200)) }),
  v.object({ type: v.literal('stats') }),
])
export type AdminRequest = v.InferOutput<typeof AdminRequest>

/** What only the running relay knows. */
export interface LiveStats {
  connections: number
  waitingConnections: number
  roomsLoaded: number
  queuedRows: number
  ready: boolean
  upSeconds: number
}

export type Operate = (request: AdminRequest) => Promise<unknown>

interface Parts {
  rooms: Pick<Rooms, 'account'>
  invites: Invites
  log: Log
  live(): LiveStats | null
}

/** @throws Error with a sentence for the operator when it cannot be done. */
export function createOperator({ rooms, invites, log, live }: Parts): Operate {
  return async (request) => {
    switch (request.type) {
      case 'block':
      case 'unblock':
      case 'delete': {
        const { type, user } = request
        const operation =
          type === 'delete' ? ({ type: 'remove' } as const) : ({ type: 'bar', on: type === 'block' } as const)
        const reply = await rooms.account(user, operation)
        if (reply.type === 'error')
          throw new Error(
            reply.code === 'item-not-found' ? `There is no account ${user}.` : `It failed: ${reply.code}.`,
          )
        log('info', 'the operator has decided about an account', { what: type })
        return {}
      }
      case 'invite':
        return invites.create(request.days, request.note)
      case 'invites':
        return invites.list()
      case 'revoke':
        if (await invites.revoke(request.code)) return {}
        throw new Error('There is no such invitation, or it was used.')
      case 'stats':
        return live()
    }
  }
}

// --- The door ---------------------------------------------------------------------------------------------

const doorFile = (folder: string) => join(folder, 'admin.json')
const bodyCharsMax = 4096

interface Door {
  port: number
  token: string
}

export async function openDoor(folder: string, operate: Operate): Promise<{ close(): void }> {
  const token = randomBytes(32).toString('base64url')
  const server = createServer((request, response) => void answer(request, response, token, operate))
  await new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(0, '127.0.0.1', done)
  })
  const { port } = server.address() as AddressInfo
  rmSync(doorFile(folder), { force: true }) // of a relay that was killed
  writeFileSync(doorFile(folder), JSON.stringify({ port, token } satisfies Door), { mode: 0o600, flag: 'wx' })
  return {
    close() {
      rmSync(doorFile(folder), { force: true })
      server.close()
      server.closeAllConnections()
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, token: string, operate: Operate) {
  const say = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
    response.end(JSON.stringify(body))
  }
  try {
    // Asked before anything is read: whoever has no right to ask has nothing to say.
    const isAllowed = sameText(request.headers.authorization ?? '', `Bearer ${token}`)
    if (!isAllowed || request.method !== 'POST') return say(403, { error: 'Not for you.' })
    let text = ''
    for await (const chunk of request) {
      text += chunk
      if (text.length > bodyCharsMax) return say(413, { error: 'Too long.' })
    }
    const asked = v.safeParse(AdminRequest, JSON.parse(text))
    if (!asked.success)
      return say(400, { error: 'This relay does not know that: it may be of another version.' })
    return say(200, { result: await operate(asked.output) })
  } catch (error) {
    return say(400, { error: error instanceof Error ? error.message : String(error) })
  }
}

/** Asks the relay that runs with this folder. @throws Error with a sentence when it refuses, or cannot be reached. */
export async function askThroughDoor(folder: string, request: AdminRequest): Promise<unknown> {
  const { port, token } = JSON.parse(readFileSync(doorFile(folder), 'utf8')) as Door
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(30_000),
  })
  const body = (await response.json()) as { result?: unknown; error?: string }
  if (!response.ok) throw new Error(body.error ?? `status ${response.status}`)
  return body.result
}
