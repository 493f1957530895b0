/** Files between a page and the database: sealed on their way in, opened on their way out, never whole in memory. */
import type { UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { hashing, openFile, sealFile } from '../crypto/files.ts'
import { Refusal } from '../crypto/refusal.ts'
import type { Db, FileRow, SealedFile } from '../db/db.ts'
import { deleteFile, sealedStream, sealingLock } from '../db/files.ts'

/** What a page knows of a file before it is sealed. */
export type FileMeta = Pick<SealedFile, 'name' | 'mime' | 'width' | 'height' | 'thumbnail'>

export interface Attached {
  /** Random: a v7 of the page's. */
  key: string
  peer: UserId
  caption: string
  blob: Blob
  meta: FileMeta
}

/** Somebody has cancelled it, or signed out. */
export class SealingCancelled extends Error {}

/**
 * Seals it into the database; then it is `queued`, and a nudge makes the background send it. `onProgress` hears how
 * many plain bytes are done. Whatever fails leaves nothing behind. @throws SealingCancelled when its row was deleted
 * meanwhile; the database's own error (`isDiskFull`); the blob's own, where its file has gone or changed.
 */
export function sealInto(
  db: Db,
  attached: Attached,
  onProgress: (bytes: number) => void = () => {},
): Promise<void> {
  const { key } = attached
  return navigator.locks.request(sealingLock(key), async () => {
    try {
      await seal(db, attached, onProgress)
    } catch (error) {
      const forget = db.transaction('rw', [db.files, db.parts], async () => {
        const row = await db.files.get(key)
        if (row?.state === 'sealing') await deleteFile(db, row)
      })
      await forget.catch(() => {}) // the background sweeps what a page has left
      throw error
    }
  })
}

async function seal(
  db: Db,
  { key, peer, caption, blob, meta }: Attached,
  onProgress: (bytes: number) => void,
): Promise<void> {
  const at = Date.now()
  const { key: secret, sealed } = await sealFile(read(blob, onProgress))
  const row: FileRow = {
    key,
    parts: key,
    peer,
    direction: 'out',
    state: 'sealing',
    file: { ...meta, key: secret, bytes: blob.size, sealedBytes: 0, sha256: '' },
    caption,
    done: 0,
    at,
    usedAt: at,
  }
  await db.files.add(row)
  const hash = hashing()
  let n = 0
  let sealedBytes = 0
  for await (const bytes of inParts(sealed)) {
    hash.add(bytes)
    sealedBytes += bytes.length
    await db.transaction('rw', [db.files, db.parts], async () => {
      if ((await db.files.get(key))?.state !== 'sealing') throw new SealingCancelled()
      await db.parts.put({ key, n, bytes })
    })
    n++
  }
  await db.transaction('rw', db.files, async () => {
    if ((await db.files.get(key))?.state !== 'sealing') throw new SealingCancelled()
    await db.files.put({ ...row, state: 'queued', file: { ...row.file, sealedBytes, sha256: hash.done() } })
  })
}

/** Read as it is wanted: some platforms hand a blob's own stream out in one piece, however large. */
function read(blob: Blob, onProgress: (bytes: number) => void): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0
  return new ReadableStream(
    {
      async pull(controller) {
        if (at >= blob.size) return controller.close()
        const piece = await blob.slice(at, at + limits.partBytes).arrayBuffer()
        at += piece.byteLength
        onProgress(at)
        controller.enqueue(new Uint8Array(piece))
      },
    },
    { highWaterMark: 0 },
  )
}

/** As the relay takes them: each whole but for the last. What is yielded is the receiver's to keep. */
async function* inParts(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  let part = new Uint8Array(limits.partBytes)
  let used = 0
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      for (let at = 0; at < value.length;) {
        const taken = value.subarray(at, at + part.length - used)
        part.set(taken, used)
        used += taken.length
        at += taken.length
        if (used === part.length) {
          yield part
          part = new Uint8Array(limits.partBytes)
          used = 0
        }
      }
    }
    if (used > 0) yield part.slice(0, used)
  } finally {
    await reader.cancel().catch(() => {}) // it has ended, or failed and said so
  }
}

// --- Opening ------------------------------------------------------------------------------------------------------

/** Nobody needs to know more exactly when a file was looked at. */
const usedEveryMs = 10 * 60_000

/**
 * The plain bytes of a file that is here. They are worth nothing until they have come to their end without an error: a
 * Refusal where they are not what their sender sealed, or more or less than was said.
 */
export async function openFrom(db: Db, row: FileRow): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const { file, key, usedAt } = row
  const now = Date.now()
  if (now - usedAt > usedEveryMs) await db.files.update(key, { usedAt: now })
  const plain = await openFile(file.key, sealedStream(db, row))
  let left = file.bytes
  return plain.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        left -= chunk.length
        if (left < 0) throw new Refusal('malformed', 'more than was said')
        controller.enqueue(chunk)
      },
      flush() {
        if (left > 0) throw new Refusal('malformed', 'less than was said')
      },
    }),
  )
}

/** All of it, checked to its end. `type` is the page's to decide: what a sender calls it is never believed. */
export async function blobFrom(db: Db, row: FileRow, type = 'application/octet-stream'): Promise<Blob> {
  const plain = await openFrom(db, row)
  return new Response(plain, { headers: { 'content-type': type } }).blob()
}
