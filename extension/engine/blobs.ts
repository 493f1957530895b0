/** Parts of sealed files to and from the relay, over HTTP (PROTOCOL.md, "Files"). */
import * as v from 'valibot'
import { BlobState, blobPath } from '#shared/blobs'
import type { BlobId } from '#shared/ids'
import { CommandError } from '../bus/commands.ts'
import { refusalOf, relayOrigin } from './accounts.ts'

export interface Blobs {
  /** What is there of it. All three @throws CommandError with the relay's code, or `unreachable`. */
  state(blob: BlobId, signal: AbortSignal): Promise<BlobState>
  put(
    blob: BlobId,
    n: number,
    bytes: Uint8Array<ArrayBuffer>,
    token: string,
    signal: AbortSignal,
  ): Promise<void>
  /** Null for what has another length. No more than that is ever read. */
  get(blob: BlobId, n: number, length: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer> | null>
}

/** A part that takes longer has got stuck: that would be less than 9 kB a second. */
const timeoutMs = 120_000

export function createBlobs(relay: string, fetch: typeof globalThis.fetch): Blobs {
  async function ask(path: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
    const response = await reaching(() =>
      fetch(relayOrigin(relay) + path, {
        ...init,
        redirect: 'error',
        credentials: 'omit',
        cache: 'no-store',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      }),
    )
    if (response.ok) return response
    throw refusalOf(await reaching(() => response.json()).catch(() => null), response.status)
  }

  return {
    async state(blob, signal) {
      const response = await ask(blobPath(blob), {}, signal)
      const state = v.safeParse(BlobState, await reaching(() => response.json()))
      if (!state.success) throw new CommandError('not-a-relay', state.issues[0].message)
      return state.output
    },
    async put(blob, n, bytes, token, signal) {
      const headers = { authorization: `Parley ${token}`, 'content-type': 'application/octet-stream' }
      const response = await ask(blobPath(blob, n), { method: 'PUT', headers, body: bytes }, signal)
      await reaching(() => response.arrayBuffer()) // what is not read holds the connection
    },
    async get(blob, n, length, signal) {
      const response = await ask(blobPath(blob, n), {}, signal)
      return reaching(() => exactly(length, response.body))
    },
  }
}

/** What the network fails with is `unreachable`, whatever it is. */
async function reaching<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError('unreachable', String(error))
  }
}

async function exactly(
  length: number,
  body: ReadableStream<Uint8Array> | null,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (!body) return length === 0 ? new Uint8Array() : null
  const bytes = new Uint8Array(length)
  let used = 0
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return used === length ? bytes : null
    if (used + value.length > length) {
      await reader.cancel()
      return null
    }
    bytes.set(value, used)
    used += value.length
  }
}
