/**
 * One file on its way, up or down, part by part. Whatever dies in between: what is confirmed stands in the database and
 * at the relay, and the job goes on from there when it is begun again.
 */
import { v7 } from 'uuid'
import { partLength, partsOf } from '#shared/blobs'
import { parseContent, type Content, type OfferedFile } from '#shared/content'
import type { EnvelopeId, Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { CommandError } from '../bus/commands.ts'
import { hashing } from '../crypto/files.ts'
import { conversationOf } from '../db/conversations.ts'
import { fileKey, type Db, type FileFailure, type FileRow, type RelayRow } from '../db/db.ts'
import { partsWithin } from '../db/files.ts'
import { sessionNow } from '../db/sessions.ts'
import type { Blobs } from './blobs.ts'
import type { Requests } from './requests.ts'

/** The person has paused it, cancelled it or taken its message away: nothing more is done. */
export class Over extends Error {}

/** A person has to know, and to try again. */
export class Failed extends Error {
  readonly failure: FileFailure

  constructor(failure: FileFailure) {
    super(failure)
    this.failure = failure
  }
}

export interface Job {
  db: Db
  blobs: Blobs
  requests: Requests
  me: UserId
  now(): Millis
  skew(): Millis
  signal: AbortSignal
  /** Asked before each part. @throws Over, or CommandError `unreachable` without a connection */
  goesOn(): void
  /** A part has got to the other side. */
  moved(): void
}

/** A blob that turns out to be gone, or another's, is replaced by a new one this often. */
const reservesMax = 3

/** The row as it is now, with a change; in one transaction. @throws Over */
function advance(
  { db }: Job,
  key: string,
  change: (row: FileRow) => FileRow | Promise<FileRow>,
): Promise<FileRow> {
  return db.transaction('rw', [db.files, db.parts, db.releases], async () => {
    const row = await db.files.get(key)
    if (row?.state !== 'moving') throw new Over()
    const after = await change(row)
    await db.files.put(after)
    return after
  })
}

// --- Up -----------------------------------------------------------------------------------------------------------

/** Moves all of it to the relay, and puts its message into the outbox. */
export async function upload(job: Job, key: string): Promise<void> {
  for (let times = 1; ; times++) {
    const { row, have } = await reserved(job, key)
    try {
      await putAll(job, row, have)
      return await post(job, key)
    } catch (error) {
      const isLost =
        error instanceof CommandError &&
        (error.code === 'item-not-found' || error.code === 'not-authorized' || error.code === 'conflict')
      if (!isLost || times === reservesMax) throw error
      await forgetBlob(job, key)
    }
  }
}

/** With room at the relay: what was reserved before, if it is still there. */
async function reserved(job: Job, key: string): Promise<{ row: FileRow; have: Set<number> }> {
  const { requests, db, blobs, signal } = job
  const row = await advance(job, key, (same) => same)
  if (row.file.blob && row.token) {
    try {
      const have = new Set((await blobs.state(row.file.blob, signal)).have)
      // That it is whole, the room may not have heard: the answer to the last one says so (BL6).
      const parts = partsOf(row.file.sealedBytes)
      if (have.size === parts) have.delete(parts - 1)
      return { row, have }
    } catch (error) {
      if (!(error instanceof CommandError) || error.code !== 'item-not-found') throw error
      await forgetBlob(job, key)
    }
  }
  const relay = (await db.status.get('relay')) as RelayRow | undefined
  if (row.file.bytes > (relay?.limits.fileBytesMax ?? limits.fileBytesMax)) throw new Failed('too-large')
  try {
    const { blob, token, until } = await requests.askRoom(row.file.sealedBytes)
    const file = { ...row.file, blob, until }
    return { row: await advance(job, key, (now) => ({ ...now, token, done: 0, file })), have: new Set() }
  } catch (error) {
    const isFull = error instanceof CommandError && error.code === 'resource-constraint'
    throw isFull ? new Failed('file-full') : error
  }
}

/** Nobody knows of it yet, so the room can have it back at once. */
async function forgetBlob(job: Job, key: string): Promise<void> {
  await advance(job, key, async (row) => {
    const { token: _, ...rest } = row
    const { blob, until: __, ...file } = row.file
    if (blob) await job.db.releases.put({ blob })
    return { ...rest, done: 0, file }
  })
}

async function putAll(job: Job, { key, parts, file, token }: FileRow, have: Set<number>): Promise<void> {
  const { db, blobs, signal } = job
  for (let n = 0; n < partsOf(file.sealedBytes); n++) {
    if (have.has(n)) continue
    job.goesOn()
    const part = await db.parts.get([parts, n])
    if (!part) throw new Failed('incomplete')
    try {
      await blobs.put(file.blob!, n, part.bytes, token!, signal)
    } catch (error) {
      const isFull = error instanceof CommandError && error.code === 'resource-constraint'
      throw isFull && error.retryAfterMs === undefined ? new Failed('relay-full') : error
    }
    have.add(n)
    await advance(job, key, (row) => ({ ...row, done: have.size }))
    job.moved()
  }
}

/** It is whole at the relay: from one transaction to the next it becomes a message on its way. */
async function post(job: Job, key: string): Promise<void> {
  const { db, me, now, skew } = job
  const id = v7() as EnvelopeId
  await db.transaction('rw', [db.files, db.outbox, db.conversations], async () => {
    const row = await db.files.get(key)
    if (row?.state !== 'moving') throw new Over()
    const { token: _, caption = '', ...rest } = row
    const { peer, at } = row
    const [conversation, outbox] = [
      await conversationOf(db, peer),
      await db.outbox.where('peer').equals(peer).toArray(),
    ]
    const session = sessionNow({ known: conversation.session, outbox, skew: skew(), me }, now())
    const file = row.file as OfferedFile
    const content: Content = { type: 'file', file, text: caption, session, written: at }
    if (parseContent(content) === null) throw new Failed('too-large')
    await db.outbox.add({ id, peer, kind: 'message', content, at })
    await db.files.delete(key)
    await db.files.put({ ...rest, key: fileKey(me, id), state: 'here', usedAt: now() })
  })
}

// --- Down ---------------------------------------------------------------------------------------------------------

/** Fetches what is not here yet, and believes it only when all of it is what its sender has sealed. */
export async function download(job: Job, key: string): Promise<void> {
  const { db } = job
  const row = await advance(job, key, (same) => same)
  const { sealedBytes, sha256 } = row.file
  const have = new Set((await partsWithin(db, row.parts).primaryKeys()).map(([, n]) => n))
  for (let n = 0; n < partsOf(sealedBytes); n++) {
    if (have.has(n)) continue
    job.goesOn()
    const bytes = await partOf(job, row.file as OfferedFile, n)
    if (!bytes) return damaged(job, row)
    have.add(n)
    await advance(job, key, async (now) => {
      await db.parts.put({ key: row.parts, n, bytes })
      return { ...now, done: have.size }
    })
    job.moved()
  }

  const hash = hashing()
  for (let n = 0; n < partsOf(sealedBytes); n++) {
    const part = await db.parts.get([row.parts, n])
    if (!part) throw new Over() // taken away under our hands
    hash.add(part.bytes)
  }
  if (hash.done() !== sha256) return damaged(job, row)
  await advance(job, key, (now) => ({ ...now, state: 'here', done: have.size, usedAt: job.now() }))
}

/** Null when it cannot be of this file. @throws CommandError `item-not-found` when all of it has gone */
async function partOf(
  { blobs, signal }: Job,
  { blob, sealedBytes }: OfferedFile,
  n: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    return await blobs.get(blob, n, partLength(sealedBytes, n), signal)
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== 'item-not-found') throw error
    const state = await blobs.state(blob, signal)
    if (state.bytes !== sealedBytes) return null
    if (!state.have.includes(n)) throw new Failed('incomplete')
    throw new CommandError('unexpected-request', 'it has come meanwhile')
  }
}

/** Not what was sealed: none of it is kept, for nobody knows which part is wrong. */
async function damaged(job: Job, { key, parts }: FileRow): Promise<never> {
  await advance(job, key, async (row) => {
    await partsWithin(job.db, parts).delete()
    return { ...row, done: 0 }
  })
  throw new Failed('damaged')
}
