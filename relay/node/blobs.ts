/**
 * Sealed files as files: `blobs/<day on which it goes>/<id>/<n>`, so that what is over goes by the day, and a folder
 * of one file holds its parts and a `head`. Until it is whole it lies under the day on which its upload ends.
 * A file instead of the folder means that it was released: a token may still be out there.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { partsOf } from '#shared/blobs'
import { sameBytes } from '#shared/bytes'
import { ProtocolError } from '#shared/errors'
import type { BlobId, Millis } from '#shared/ids'
import type { Reservation } from '../core/blob-token.ts'
import type { DroppedBlob, Log } from '../core/ports.ts'
import type { BlobPart, Blobs, PutResult } from '../http/blobs.ts'

export interface NodeBlobs extends Blobs {
  /** Deletes what is over. Now and then. */
  sweep(): Promise<void>
}

interface Options {
  /** The data folder. */
  folder: string
  clock(): Millis
  log: Log
  /** Of the disk, for everything that is no file; by default 512 MiB, or a tenth where that is less. */
  keepFree?: number
}

type Head = Pick<Reservation, 'bytes' | 'uploadUntil' | 'until'>

interface Found {
  path: string
  head: Head
  goesAt: Millis
}

const keepFreeMax = 512 * 1024 * 1024
/** Taken from a part at a time, so that slow readers cost little memory. */
const chunkBytes = 256 * 1024

const dayOf = (at: Millis) => new Date(at).toISOString().slice(0, 10)
const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? 'unknown'
const isMissing = (error: unknown) => ['ENOENT', 'ENOTDIR'].includes(codeOf(error))

export function nodeBlobs({ folder, clock, log, keepFree }: Options): NodeBlobs {
  const root = join(folder, 'blobs')
  /** What is being written: nothing else lies there, and nothing of it was confirmed. */
  const unfinished = join(root, 'new')
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  let written = 0
  const turns = new Map<BlobId, Promise<unknown>>()

  const placeOf = (at: Millis, blob: BlobId) => join(root, dayOf(at), blob)

  /** One change of a file's folder at a time. */
  function inTurn<R>(blob: BlobId, run: () => Promise<R>): Promise<R> {
    const result = (turns.get(blob) ?? Promise.resolve()).then(run)
    const settled = result.catch(() => undefined) // whoever asked is told
    turns.set(blob, settled)
    void settled.then(() => turns.get(blob) === settled && turns.delete(blob))
    return result
  }

  async function isFull(bytes: number): Promise<boolean> {
    const { bavail, bsize, blocks } = await statfs(root)
    return bavail * bsize - bytes < (keepFree ?? Math.min(keepFreeMax, (blocks * bsize) / 10))
  }

  /** On the disk, under a name that nothing refers to yet. */
  async function writeNew(bytes: Uint8Array): Promise<string> {
    const path = join(unfinished, String(++written))
    try {
      const file = await open(path, 'wx')
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      return path
    } catch (error) {
      await rm(path, { force: true })
      throw error
    }
  }

  async function makeFolder(path: string, { bytes, uploadUntil, until }: Head) {
    await makeDay(uploadUntil)
    await mkdir(path, { recursive: true })
    const head = await writeNew(new TextEncoder().encode(JSON.stringify({ bytes, uploadUntil, until })))
    await rename(head, join(path, 'head'))
    await syncFolder(join(path, '..'))
  }

  async function makeDay(at: Millis) {
    if (await mkdir(join(root, dayOf(at)), { recursive: true })) await syncFolder(root)
  }

  async function place(
    reservation: Reservation,
    n: number,
    bytes: Uint8Array,
    path: string,
  ): Promise<PutResult> {
    const { blob, uploadUntil, until } = reservation
    const [upload, whole] = [placeOf(uploadUntil, blob), placeOf(until, blob)]
    const there = (await isFolder(whole)) ? whole : upload
    if (await isReleased(upload)) return 'gone'
    if (!(await exists(join(there, 'head')))) await makeFolder(there, reservation)
    const part = join(there, String(n))
    const known = await readIfThere(part)
    if (known && !sameBytes(known, bytes)) return 'conflict'
    if (!known) await rename(path, part)
    await syncFolder(there)
    if ((await partsIn(there)).length < partsOf(reservation.bytes)) return 'stored'
    if (there !== whole) {
      await makeDay(until)
      await rename(upload, whole)
      await Promise.all([syncFolder(join(whole, '..')), syncFolder(join(upload, '..'))])
    }
    return 'whole'
  }

  /** Looks through the days: an id does not say when it goes. What is over is not looked at. */
  async function find(blob: BlobId): Promise<Found | null> {
    const now = clock()
    const today = dayOf(now)
    for (const day of (await daysIn(root)).filter((one) => one >= today)) {
      const path = join(root, day, blob)
      const text = await readIfThere(join(path, 'head'))
      if (!text) continue
      const head = JSON.parse(new TextDecoder().decode(text)) as Head
      const goesAt = day === dayOf(head.until) ? head.until : head.uploadUntil
      if (goesAt > now) return { path, head, goesAt }
    }
    return null
  }

  /** It may become whole while it is looked at: then it is elsewhere, and is looked for once more. */
  async function look<R>(blob: BlobId, read: (found: Found) => Promise<R | null>): Promise<R | null> {
    try {
      for (let tries = 0; tries < 2; tries++) {
        const found = await find(blob)
        const result = found && (await read(found))
        if (result || !found) return result
      }
      return null
    } catch (error) {
      if (isCrowded(error)) throw new ProtocolError('resource-constraint', 'busy', { retryAfterMs: 1000 })
      throw nameless('a file could not be read', error)
    }
  }

  async function release({ blob, uploadUntil, until }: DroppedBlob) {
    const [upload, whole] = [placeOf(uploadUntil, blob), placeOf(until, blob)]
    for (const path of [whole, upload]) await rm(path, { recursive: true, force: true })
    if (uploadUntil <= clock()) return
    await makeDay(uploadUntil)
    await writeFile(upload, '')
  }

  return {
    async put(reservation, n, bytes) {
      let path: string | undefined
      try {
        if (await isFull(bytes.length)) return 'full'
        path = await writeNew(bytes)
        const mine = path
        return await inTurn(reservation.blob, () => place(reservation, n, bytes, mine))
      } catch (error) {
        if (['ENOSPC', 'EDQUOT'].includes(codeOf(error))) return 'full'
        if (isCrowded(error)) return 'busy'
        throw nameless('a part could not be written', error)
      } finally {
        if (path) await rm(path, { force: true }).catch(() => undefined) // goes at the next start
      }
    },

    state: (blob) =>
      look(blob, async ({ path, head: { bytes }, goesAt }) => {
        const have = await partsIn(path).catch(nullIfMissing)
        return have && { bytes, until: goesAt, have }
      }),

    part: (blob, n) => look(blob, ({ path }) => openPart(join(path, String(n)))),

    drop(blobs) {
      void (async () => {
        for (const one of blobs) {
          await inTurn(one.blob, () => release(one)).catch((error: unknown) => {
            log('warn', 'a released file could not be deleted yet', { error: codeOf(error) })
          })
        }
      })()
    },

    async sweep() {
      const today = dayOf(clock())
      try {
        for (const day of await daysIn(root)) {
          if (day < today) await rm(join(root, day), { recursive: true, force: true })
        }
      } catch (error) {
        log('warn', 'old files could not be deleted yet', { error: codeOf(error) })
      }
    },
  }
}

const daysIn = async (root: string) =>
  (await readdir(root)).filter((name) => /^\d{4}-\d{2}-\d{2}$/.test(name)).toSorted()

const partsIn = async (path: string) =>
  (await readdir(path))
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .toSorted((a, b) => a - b)

const exists = async (path: string) => (await statOf(path)) !== null
const isFolder = async (path: string) => (await statOf(path))?.isDirectory() ?? false
const isReleased = async (path: string) => (await statOf(path))?.isFile() ?? false

const statOf = (path: string) => stat(path).catch(nullIfMissing)
const readIfThere = (path: string) => readFile(path).catch(nullIfMissing)

function nullIfMissing(error: unknown): null {
  if (isMissing(error)) return null
  throw error
}

const isCrowded = (error: unknown) => ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'].includes(codeOf(error))

/** What goes wrong, without the path: ids are nobody's business, and this goes to the log. */
const nameless = (what: string, error: unknown) => new Error(`${what} (${codeOf(error)})`)

/** So that a new name in it outlasts a loss of power. Windows has no such thing for folders. */
async function syncFolder(path: string) {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function openPart(path: string): Promise<BlobPart | null> {
  const file = await open(path, 'r').catch(nullIfMissing)
  if (!file) return null
  const { size } = await file.stat()
  let at = 0
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = new Uint8Array(Math.min(chunkBytes, size - at))
      const { bytesRead } = chunk.length > 0 ? await file.read(chunk, 0, chunk.length, at) : { bytesRead: 0 }
      at += bytesRead
      if (bytesRead > 0) controller.enqueue(chunk.subarray(0, bytesRead))
      if (at < size && bytesRead > 0) return
      await file.close()
      controller.close()
    },
    cancel: () => file.close(),
  })
  return { bytes: size, body }
}
