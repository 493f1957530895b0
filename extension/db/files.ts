/** Sealed bytes of files in the database: one part after the other, so that no one ever holds a whole file. */
import { Dexie } from 'dexie'
import type { Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Db, FileRow } from './db.ts'

/** Of mine, not in the log yet: what is not sent has a caption, if only an empty one. */
export const isUnsent = ({ caption }: FileRow): boolean => caption !== undefined

export const partsWithin = (db: Db, parts: string) =>
  db.parts.where('[key+n]').between([parts, Dexie.minKey], [parts, Dexie.maxKey])

export function withoutFailure(row: FileRow): FileRow {
  const { failure: _, ...rest } = row
  return rest
}

/** With all that is here of it; in the transaction of the caller. */
export async function deleteFile(db: Db, { key, parts }: FileRow): Promise<void> {
  await partsWithin(db, parts).delete()
  await db.files.delete(key)
}

/** Makes room; it can be fetched again as long as the relay has it. In the transaction of the caller. */
export async function freeFile(db: Db, row: FileRow, now: Millis): Promise<void> {
  await partsWithin(db, row.parts).delete()
  await db.files.put({ ...row, state: (row.file.until ?? 0) > now ? 'freed' : 'gone', done: 0 })
}

/** The parts one after the other, read as they are wanted. @throws Error where one is missing */
export function sealedStream(db: Db, { parts, file }: FileRow): ReadableStream<Uint8Array<ArrayBuffer>> {
  let n = 0
  let left = file.sealedBytes
  return new ReadableStream(
    {
      async pull(controller) {
        if (left === 0) return controller.close()
        const part = await db.parts.get([parts, n])
        if (!part) throw new Error(`part ${n} is not here`)
        n++
        left -= part.bytes.length
        controller.enqueue(part.bytes)
      },
    },
    { highWaterMark: 0 },
  )
}

/** A page that seals a file holds a lock of this name: whoever has died over it holds none. */
export const sealingLock = (key: string): string => `sealing ${key}`

/** What its bytes take on this device. */
const bytesHere = ({ state, file, done }: FileRow): number =>
  state === 'here' ? file.sealedBytes : Math.min(file.sealedBytes, done * limits.partBytes)

/** What files take here: all of them, and those of each conversation. */
export async function filesUse(db: Db): Promise<{ bytes: number; byPeer: Map<UserId, number> }> {
  const byPeer = new Map<UserId, number>()
  let bytes = 0
  await db.files.each((row) => {
    const here = isUnsent(row) ? row.file.sealedBytes : bytesHere(row)
    bytes += here
    byPeer.set(row.peer, (byPeer.get(row.peer) ?? 0) + here)
  })
  return { bytes, byPeer }
}

/** This device has no room left: Dexie hands IndexedDB's own error on, or as the reason of an aborted transaction. */
export function isDiskFull(error: unknown): boolean {
  const { name, inner } = (error ?? {}) as { name?: string; inner?: unknown }
  return name === 'QuotaExceededError' || (inner !== undefined && inner !== error && isDiskFull(inner))
}
