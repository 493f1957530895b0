/** What the tests of files do and look at, again and again. */
import type { BlobState } from '#shared/blobs'
import type { EnvelopeId, UserId } from '#shared/ids'
import { fileKey, type FileFailure, type FileState } from '../../../extension/db/db.ts'
import type { Headless } from '../../support/headless.ts'

export const png = { name: 'cat.png', mime: 'image/png' }

/** Sent, and its message has come; answers with its key. */
export async function sent(
  from: Headless,
  to: Headless,
  bytes: Uint8Array<ArrayBuffer>,
  more: Parameters<Headless['attach']>[2] = {},
): Promise<string> {
  const before = (await to.files(from.name)).length
  await from.attach(to.name, bytes, more)
  return arrived(from, to, before)
}

/** The one that comes after so many. */
export async function arrived(from: Headless, to: Headless, before: number): Promise<string> {
  await to.until(async () => (await to.files(from.name)).length > before, 'a file')
  return fileKey(from.name, (await to.files(from.name)).at(-1)!.id)
}

/** Resolves when it has got so far; `undefined` is without a row. */
export async function reaches(person: Headless, key: string, state: FileState | undefined): Promise<void> {
  let last: unknown
  try {
    await person.until(async () => {
      const row = await person.fileRow(key)
      last = { state: row?.state, failure: row?.failure, done: row?.done }
      return row?.state === state
    }, `a file is ${state}`)
  } catch (error) {
    throw new Error(`it is ${JSON.stringify(last)}`, { cause: error })
  }
}

export async function fails(person: Headless, key: string, failure: FileFailure): Promise<void> {
  await person.until(async () => (await person.fileRow(key))?.failure === failure, `it fails: ${failure}`)
}

export const idOf = (key: string) => key.split(' ')[1] as EnvelopeId

export async function contentOf(person: Headless, key: string) {
  const row = await person.db.messages.get([key.split(' ')[0] as UserId, idOf(key)])
  if (row?.content?.type !== 'file') throw new Error('no file')
  return row.content
}

export const blobOf = async (person: Headless, key: string) => (await contentOf(person, key)).file.blob

export async function blobAt(relay: string, blob: string): Promise<BlobState | null> {
  const response = await fetch(`${relay}/v1/blobs/${blob}`)
  return response.ok ? ((await response.json()) as BlobState) : null
}

/** Its bytes go soon after the room has been told. */
export async function isReleased(person: Headless, relay: string, blob: string): Promise<boolean> {
  await person.until(async () => (await person.db.releases.count()) === 0, 'told')
  await person.until(async () => (await blobAt(relay, blob)) === null, 'gone at the relay')
  return true
}

/** Nothing of it is left on this device, nor any part that belongs to none. */
export async function isForgotten(person: Headless, key: string): Promise<boolean> {
  const rows = await person.db.files.toArray()
  const owned = new Set(rows.map(({ parts }) => parts))
  const parts = await person.db.parts.toCollection().primaryKeys()
  return !rows.some((row) => row.key === key) && parts.every(([owner]) => owned.has(owner))
}

/** Everything that goes over HTTP, with somebody in between. */
export type Between = (
  url: string,
  init: RequestInit | undefined,
  go: () => Promise<Response>,
) => Promise<Response>

/** Like the platform's own, it ends when it is told to. */
export const between = (what: { say: Between }): typeof fetch =>
  ((url: string, init?: RequestInit) => {
    const stopped = new Promise<never>((_, fail) => {
      init?.signal?.addEventListener('abort', () => fail(new DOMException('stopped', 'AbortError')))
    })
    return Promise.race([what.say(url, init, () => fetch(url, init)), stopped])
  }) as typeof fetch
