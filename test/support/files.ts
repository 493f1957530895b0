/** What a device does with a file, as small as can be: reserve, upload, fetch. */
import assert from 'node:assert/strict'
import { blobPath, partLength, partsOf, type BlobState } from '#shared/blobs'
import type { ErrorCode } from '#shared/errors'
import type { BlobId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { WireClient } from './wire-client.ts'

export interface Room {
  blob: BlobId
  token: string
  until: number
}

export async function reserve(client: WireClient, bytes: number): Promise<Room> {
  const answer = await client.ask({ type: 'reserve', bytes })
  assert.equal(answer.type, 'reserved', JSON.stringify(answer))
  return answer as Room & { type: 'reserved' }
}

export const partOf = (bytes: Uint8Array, n: number): Uint8Array<ArrayBuffer> =>
  bytes.slice(n * limits.partBytes, n * limits.partBytes + partLength(bytes.length, n))

export interface Answer {
  status: number
  code: ErrorCode | null
}

export async function answerOf(asking: Promise<Response>): Promise<Answer> {
  const response = await asking
  const { error } = (await response.json()) as { error?: { code: ErrorCode } }
  return { status: response.status, code: error?.code ?? null }
}

export const putPart = (
  relay: string,
  { blob, token }: Pick<Room, 'blob' | 'token'>,
  n: number,
  body: BodyInit,
  headers: Record<string, string> = {},
): Promise<Answer> =>
  answerOf(
    fetch(`${relay}${blobPath(blob, n)}`, {
      method: 'PUT',
      body,
      headers: { authorization: `Parley ${token}`, ...headers },
    }),
  )

/** Uploads with so many requests at a time. */
export async function upload(relay: string, room: Room, bytes: Uint8Array, atOnce = 2): Promise<void> {
  let next = 0
  const parts = partsOf(bytes.length)
  const work = async () => {
    for (let n = next++; n < parts; n = next++) {
      assert.deepEqual(await putPart(relay, room, n, partOf(bytes, n)), { status: 200, code: null })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

export async function getPart(relay: string, blob: BlobId, n: number): Promise<Uint8Array> {
  const response = await fetch(`${relay}${blobPath(blob, n)}`)
  assert.equal(response.status, 200)
  return new Uint8Array(await response.arrayBuffer())
}

export async function download(relay: string, blob: BlobId, bytes: number, atOnce = 2): Promise<Buffer> {
  const result = Buffer.alloc(bytes)
  let next = 0
  const work = async () => {
    for (let n = next++; n < partsOf(bytes); n = next++) {
      result.set(await getPart(relay, blob, n), n * limits.partBytes)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return result
}

export async function stateOf(relay: string, blob: BlobId): Promise<BlobState | null> {
  const response = await fetch(`${relay}${blobPath(blob)}`)
  return response.ok ? ((await response.json()) as BlobState) : null
}
