/**
 * A sealed file on PartyKit: a room of its own, named by the file's id. A part is kept as several values, because one
 * has 128 KiB at the most. Nobody comes in from outside; what the edge and users' rooms ask is signed (blobs.ts).
 */
import type * as Party from 'partykit/server'
import { partsOf, type BlobState } from '#shared/blobs'
import { concat, sameBytes } from '#shared/bytes'
import { ProtocolError } from '#shared/errors'
import type { Millis } from '#shared/ids'
import { limits } from '#shared/limits'
import { createTurns } from '../core/turns.ts'
import type { PutResult } from '../http/blobs.ts'
import { refusal } from '../http/refusals.ts'
import { digestOf, type Put } from './blobs.ts'
import { callerOf } from './link.ts'
import { settingsFrom } from './settings.ts'

const valueBytes = 120 * 1024
const failedAlarmRestsMs = 60_000

/** `head` */
interface Head {
  /** Nothing is here and nothing may come: a token is still out there. */
  released?: true
  bytes: number
  /** What is here goes then, whole or not. */
  goesAt: Millis
  have: number[]
}

const chunkKeys = (n: number, length: number) =>
  Array.from({ length: Math.ceil(length / valueBytes) }, (_, i) => `part:${n}:${i}`)

export default class BlobRoom implements Party.Server {
  readonly room: Party.Room
  readonly turns = createTurns()

  constructor(room: Party.Room) {
    this.room = room
  }

  static onBeforeRequest = notFound
  static onBeforeConnect = notFound

  async onRequest(request: Party.Request): Promise<Response> {
    try {
      const body = new Uint8Array(await request.arrayBuffer())
      return await this.turns.inTurn(() => this.answer(request, body))
    } catch (error) {
      console.error(JSON.stringify({ level: 'error', text: 'a call failed', error: String(error) }))
      return refusal(new ProtocolError('internal-server-error'))
    }
  }

  async answer(request: Party.Request, body: Uint8Array<ArrayBuffer>): Promise<Response> {
    const settings = settingsFrom(this.room.env)
    const [, , , to = '', , what, ...rest] = new URL(request.url).pathname.split('/')
    if ('problem' in settings) return notFound()
    const path = `/internal/${[what, ...rest].join('/')}`
    if (callerOf(settings.secret, request.headers, { to, path, body: '' }, Date.now()) !== '')
      return notFound()
    const [first, bytes, uploadUntil, until] = rest.map(Number) as [number, number, number, number]
    if (what === 'put') {
      const put = { n: first, bytes, uploadUntil, until, hash: rest[4]! }
      return Response.json(await this.put(put, body))
    }
    if (what === 'state') return (await this.state()) ?? notFound()
    if (what === 'part') return (await this.part(first)) ?? notFound()
    if (what === 'drop') return Response.json(await this.drop(first))
    return notFound()
  }

  async put({ n, bytes, uploadUntil, until, hash }: Put, part: Uint8Array<ArrayBuffer>): Promise<PutResult> {
    if ((await digestOf(part)) !== hash) throw new Error('a part came changed')
    const { storage } = this.room
    const head = (await this.head()) ?? { bytes, goesAt: uploadUntil, have: [] }
    if (head.released) return 'gone'
    if (head.have.includes(n)) {
      if (!sameBytes(await this.bytesOf(n, part.length), part)) return 'conflict'
    } else {
      const have = [...head.have, n].toSorted((a, b) => a - b)
      const isWhole = have.length === partsOf(bytes)
      const goesAt = isWhole ? until : uploadUntil
      const chunks = chunkKeys(n, part.length).map((key, i) => {
        return [key, part.slice(i * valueBytes, (i + 1) * valueBytes)] as const
      })
      // One synchronous block: durable as one.
      const writes: Promise<unknown>[] = [
        storage.put({ ...Object.fromEntries(chunks), head: { bytes, goesAt, have } satisfies Head }),
      ]
      if (head.have.length === 0 || isWhole) writes.push(storage.setAlarm(goesAt))
      await Promise.all(writes)
      head.have = have
    }
    return head.have.length === partsOf(bytes) ? 'whole' : 'stored'
  }

  async state(): Promise<Response | null> {
    const head = await this.head()
    if (!head || head.released) return null
    const { bytes, goesAt: until, have } = head
    return Response.json({ bytes, until, have } satisfies BlobState)
  }

  async part(n: number): Promise<Response | null> {
    const head = await this.head()
    if (!head?.have.includes(n)) return null
    const length = Math.min(limits.partBytes, head.bytes - n * limits.partBytes)
    return new Response(await this.bytesOf(n, length), { headers: { 'content-length': String(length) } })
  }

  async bytesOf(n: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const keys = chunkKeys(n, length)
    const chunks = await this.room.storage.get<Uint8Array>(keys)
    return concat(...keys.map((key) => chunks.get(key)!)) as Uint8Array<ArrayBuffer>
  }

  async drop(uploadUntil: Millis): Promise<null> {
    await this.forget()
    if (uploadUntil > Date.now()) {
      const head: Head = { released: true, bytes: 0, goesAt: uploadUntil, have: [] }
      await Promise.all([this.room.storage.put('head', head), this.room.storage.setAlarm(uploadUntil)])
    }
    return null
  }

  /** What is over is nothing: PartyKit's alarms may be late, or lost. */
  async head(): Promise<Head | null> {
    const head = await this.room.storage.get<Head>('head')
    if (!head) return null
    if (head.goesAt > Date.now()) return head
    await this.forget()
    return null
  }

  async forget(): Promise<void> {
    const { storage } = this.room
    await Promise.all([storage.deleteAlarm(), storage.deleteAll()]) // deleteAll leaves the alarm
  }

  async onAlarm(): Promise<void> {
    try {
      await this.turns.inTurn(async () => {
        const head = await this.head()
        if (head) await this.room.storage.setAlarm(head.goesAt) // it rang too early
      })
    } catch (error) {
      console.error(JSON.stringify({ level: 'error', text: 'an alarm failed', error: String(error) }))
      await this.room.storage.setAlarm(Date.now() + failedAlarmRestsMs)
    }
  }
}

function notFound(): Response {
  return refusal(new ProtocolError('item-not-found', 'no such room'))
}
