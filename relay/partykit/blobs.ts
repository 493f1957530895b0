/** The way from the routes and from users' rooms to the rooms of files: signed calls, as between rooms. */
import type * as Party from 'partykit/server'
import type { BlobState } from '#shared/blobs'
import { toBase64 } from '#shared/bytes'
import type { BlobId, Millis } from '#shared/ids'
import type { Blobs, PutResult } from '../http/blobs.ts'
import { signedCall } from './link.ts'

type Peers = () => Party.Context['parties'] | null

/** What a file's room is asked, as the last parts of its path: everything that it goes by is signed with it. */
export const blobPaths = {
  put: ({ n, bytes, uploadUntil, until, hash }: Put) =>
    `/internal/put/${n}/${bytes}/${uploadUntil}/${until}/${hash}`,
  state: '/internal/state',
  part: (n: number) => `/internal/part/${n}`,
  drop: (uploadUntil: Millis) => `/internal/drop/${uploadUntil}`,
} as const

export interface Put {
  n: number
  bytes: number
  uploadUntil: Millis
  until: Millis
  hash: string
}

export const digestOf = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  toBase64(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))

export function partyBlobs(secret: Uint8Array, peers: Peers): Blobs {
  async function call(blob: BlobId, path: string, body: string | Uint8Array<ArrayBuffer> = '') {
    const parties = peers()
    if (!parties) throw new Error('no way to the rooms of files')
    const signed = signedCall(secret, { from: '', to: blob, path, body: '' }, Date.now())
    const response = await parties.blob!.get(blob).fetch(path, { ...signed, body })
    if (response.status === 404) return null
    if (!response.ok) throw new Error(`a file's room answered with status ${response.status}`)
    return response as unknown as Response
  }

  return {
    async put({ blob, bytes, uploadUntil, until }, n, part) {
      const own = new Uint8Array(part)
      const path = blobPaths.put({ n, bytes, uploadUntil, until, hash: await digestOf(own) })
      return ((await (await call(blob, path, own))?.json()) ?? 'gone') as PutResult
    },
    async state(blob) {
      return ((await (await call(blob, blobPaths.state))?.json()) ?? null) as BlobState | null
    },
    async part(blob, n) {
      const response = await call(blob, blobPaths.part(n))
      if (!response?.body) return null
      return { bytes: Number(response.headers.get('content-length')), body: response.body }
    },
    drop(blobs) {
      for (const { blob, uploadUntil } of blobs) {
        void call(blob, blobPaths.drop(uploadUntil)).catch(() => undefined) // it goes at its time
      }
    },
  }
}
