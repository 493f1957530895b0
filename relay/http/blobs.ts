/**
 * Sealed files, part by part: rules BL2 to BL5, BL8 to BL10. A part is small, so it is read whole before anything is
 * done with it; how many are read at a time is limited, so that nobody fills the relay's memory.
 */
import type { Context, Hono } from 'hono'
import { partLength, partsOf, type BlobState } from '#shared/blobs'
import { ProtocolError } from '#shared/errors'
import type { BlobId, Millis } from '#shared/ids'
import { limits } from '#shared/limits'
import { blobId } from '#shared/schema'
import * as v from 'valibot'
import { readBlobToken, type Reservation } from '../core/blob-token.ts'
import type { BlobBin } from '../core/ports.ts'
import { limitKey } from './address.ts'
import type { HttpHost } from './app.ts'
import { slots } from './slots.ts'
import { refusal } from './refusals.ts'

/** Where a host keeps the bytes. Ids and numbers are checked before they come here. */
export interface Blobs extends BlobBin {
  /** Resolves when the part is durable. `whole`: and no part is missing any more. */
  put(reservation: Reservation, n: number, bytes: Uint8Array): Promise<PutResult>
  /** Null for what is not there, whatever the reason. */
  state(blob: BlobId): Promise<BlobState | null>
  part(blob: BlobId, n: number): Promise<BlobPart | null>
}

/** `conflict`: other bytes are there · `gone`: it was released · `full`: the disk · `busy`: later, perhaps */
export type PutResult = 'stored' | 'whole' | 'conflict' | 'gone' | 'full' | 'busy'

export interface BlobPart {
  bytes: number
  body: ReadableStream<Uint8Array>
}

/** A part takes this long on a line of 140 kbit/s. */
export const partWithinMs = 60_000
/** 32 MiB of memory at the most; a device uploads up to 4 at a time. */
const uploads = { atOnce: 32, each: 4 }
const downloads = { atOnce: 256, each: 32 }
/** Refused ones that are heard out. Whoever sends more of them is answered at once, and may miss the answer. */
const refused = { atOnce: 256, each: 16 }
const againMs = 1000

export function blobRoutes(app: Hono, host: HttpHost): void {
  const { blobs, rooms, settings, clock } = host
  const uploading = slots(uploads)
  const downloading = slots(downloads)
  const hearing = slots(refused)

  app.put('/v1/blobs/:blob/:n', async (c) => {
    const body = bodyOf(c)
    try {
      const { reservation, n } = allowed(c, settings.blobKey, clock())
      const length = partLength(reservation.bytes, n)
      if (body.length !== length) throw new ProtocolError('bad-request', `this part has ${length} bytes`)
      const release = uploading.take(reservation.user)
      if (!release) throw busy()
      try {
        const bytes = await body.read()
        if (bytes.length !== length) throw new ProtocolError('bad-request', 'the body ended early')
        return await stored(c, reservation, await blobs.put(reservation, n, bytes))
      } finally {
        release()
      }
    } catch (error) {
      // Or the refusal would be lost on who is still sending.
      const release = hearing.take(limitKey(host.addressOf(c)))
      if (release) await body.drain().finally(release)
      throw error
    }
  })

  /** What became of a part. The room hears of a whole file, so that its space is not free again too early (BL6). */
  async function stored(c: Context, reservation: Reservation, result: PutResult): Promise<Response> {
    if (result === 'conflict') throw new ProtocolError('conflict', 'another part is there')
    if (result === 'gone') throw notFound()
    if (result === 'busy') throw busy()
    if (result === 'full') return refusal(new ProtocolError('resource-constraint', 'the disk is full'), 507)
    if (result === 'whole') {
      const { user, blob } = reservation
      const reply = await rooms.account(user, { type: 'uploaded', blob })
      if (reply.type === 'error') {
        if (reply.code !== 'item-not-found') throw busy()
        blobs.drop([reservation])
        throw notFound()
      }
    }
    return c.json({})
  }

  app.get('/v1/blobs/:blob', async (c) => {
    const state = await blobs.state(idIn(c))
    if (!state) throw notFound()
    return c.json(state)
  })

  app.get('/v1/blobs/:blob/:n', async (c) => {
    const [blob, n] = [idIn(c), numberIn(c)]
    if (n === null) throw notFound()
    const release = downloading.take(limitKey(host.addressOf(c)))
    if (!release) throw busy()
    let part: BlobPart | null = null
    try {
      part = await blobs.part(blob, n)
    } finally {
      if (!part) release()
    }
    if (!part) throw notFound()
    return c.body(inTime(part.body, release), 200, {
      'content-type': 'application/octet-stream',
      'content-length': String(part.bytes),
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
    })
  })
}

const notFound = () => new ProtocolError('item-not-found', 'no such file')
const busy = () => new ProtocolError('resource-constraint', 'busy', { retryAfterMs: againMs })

function idIn(c: Context): BlobId {
  const id = c.req.param('blob')
  if (!v.is(blobId, id)) throw notFound()
  return id
}

function numberIn(c: Context): number | null {
  const n = c.req.param('n') ?? ''
  return /^(0|[1-9]\d{0,5})$/.test(n) ? Number(n) : null
}

/** @throws ProtocolError unless the token allows just this part, now (BL2). */
function allowed(c: Context, key: Uint8Array, now: Millis): { reservation: Reservation; n: number } {
  const [, token = ''] = /^Parley (\S{1,200})$/.exec(c.req.header('authorization') ?? '') ?? []
  const [blob, n] = [c.req.param('blob'), numberIn(c)]
  const reservation = v.is(blobId, blob) ? readBlobToken(key, blob, token) : null
  if (!reservation || n === null || n >= partsOf(reservation.bytes) || now >= reservation.uploadUntil) {
    throw new ProtocolError('not-authorized', 'the token is not for this, or too old')
  }
  return { reservation, n }
}

/** A request's body: its length as it was said, which the server holds the sender to, and one way to take it. */
function bodyOf(c: Context) {
  const said = c.req.header('content-length') ?? ''
  const length = /^\d{1,9}$/.test(said) ? Number(said) : null
  let isTaken = false
  return {
    length,
    async read(): Promise<Uint8Array> {
      isTaken = true
      return new Uint8Array(await within(c.req.arrayBuffer()))
    },
    /** Lets a body of usual size pass, without keeping it. */
    async drain(): Promise<void> {
      const { body } = isTaken || length === null || length > limits.partBytes ? {} : c.req.raw
      if (body) await within(body.pipeTo(new WritableStream())).catch(() => undefined) // refused anyway
    },
  }
}

/** @throws ProtocolError when the sender goes away, or takes too long. */
async function within<R>(reading: Promise<R>): Promise<R> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, fail) => {
    const slow = new ProtocolError('resource-constraint', 'took too long', { retryAfterMs: againMs })
    timer = setTimeout(() => fail(slow), partWithinMs)
  })
  const read = reading.catch(() => {
    throw new ProtocolError('bad-request', 'the body ended early')
  })
  try {
    return await Promise.race([read, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The same bytes, given up when nobody takes them; `end` is called once, whatever happens. */
function inTime(body: ReadableStream<Uint8Array>, end: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let timer: ReturnType<typeof setTimeout> | undefined
  const finish = () => {
    clearTimeout(timer)
    end()
  }
  return new ReadableStream({
    start(controller) {
      timer = setTimeout(() => {
        const late = new Error('took too long')
        controller.error(late)
        void reader.cancel(late).catch(() => undefined) // it is over either way
        end()
      }, partWithinMs)
    },
    async pull(controller) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        finish()
        throw error
      })
      if (!done) return controller.enqueue(value)
      finish()
      controller.close()
    },
    async cancel(reason) {
      finish()
      await reader.cancel(reason)
    },
  })
}
