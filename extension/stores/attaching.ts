/** Files that are about to be sent: looked at when they are chosen, sealed one after the other when they are sent. */
import { computed, signal, type ReadonlySignal } from '@preact/signals'
import { v7 } from 'uuid'
import type { Millis, UserId } from '#shared/ids'
import type { Db } from '../db/db.ts'
import { isDiskFull } from '../db/files.ts'
import type { Clock } from './clock.ts'
import { safeName } from './file-names.ts'
import type { FileMeta } from './file-sealing.ts'
import { look, type Kind } from './file-types.ts'
import { canBeStripped, lookAtPicture, renamed, stripped, type Looked, type Picture } from './pictures.ts'

/** So many at once: more are an archive's business. */
export const chipsMax = 20

/** One that was chosen. */
export interface Chip {
  key: string
  name: string
  bytes: number
  /** Of a picture that this browser can show. */
  looked: Looked | null
  /** Whether there is a choice, and what was chosen: a picture goes without its metadata. */
  canBeStripped: boolean
  sendsOriginal: boolean
}

/** Why one was not taken, or not sent. `bytesMax` is the relay's. */
export type Refused = { name: string } & (
  | { why: 'too-large'; bytes: number; bytesMax: number }
  | { why: 'folder' | 'unreadable' | 'disk-full' | 'too-many' | 'failed' }
)

/** On its way into the database. */
export interface Leaving {
  key: string
  caption: string
  meta: FileMeta
  bytes: number
  /** How many of them are sealed. */
  done: number
  /** It is in the database, and here until that is seen there. */
  isSealed: boolean
  at: Millis
}

interface Chosen extends Chip {
  file: Blob
  kind: Kind
}

interface Surroundings {
  peer: UserId
  db: Db
  clock: Clock
  /** What the relay takes. */
  bytesMax: ReadonlySignal<number>
  /** One is sealed: whoever sends it is woken. */
  onSealed(): Promise<void>
  /** What went with one that could not be sent. */
  onCaptionBack(caption: string): void
}

export function attaching({ peer, db, clock, bytesMax, onSealed, onCaptionBack }: Surroundings) {
  const chosen = signal<readonly Chosen[]>([])
  const refused = signal<readonly Refused[]>([])
  const leaving = signal<readonly Leaving[]>([])
  /** Files that are being looked at. */
  const looking = signal(0)
  const refuse = (why: Refused) => (refused.value = [...refused.peek(), why])

  async function choose(file: File): Promise<void> {
    const name = safeName(file.name)
    const { size: bytes } = file
    // Before anything is read.
    if (bytes > bytesMax.peek())
      return void refuse({ name, why: 'too-large', bytes, bytesMax: bytesMax.peek() })
    if (chosen.peek().length >= chipsMax) return void refuse({ name, why: 'too-many' })
    try {
      const kind = await look(file)
      const looked = kind.type === 'picture' ? await lookAtPicture(file, kind) : null
      const picture = looked && kind.type === 'picture' ? kind : null
      const chip: Chosen = {
        key: v7(),
        name,
        bytes,
        looked,
        canBeStripped: picture !== null && canBeStripped(picture),
        sendsOriginal: false,
        file,
        kind,
      }
      chosen.value = [...chosen.peek(), chip]
    } catch (error) {
      refuse({ name, why: isUnreadable(error) ? 'unreadable' : 'failed' })
      if (!isUnreadable(error)) console.error(error)
    }
  }

  /** One after the other, also those of an earlier call: pictures that are decoded take much room. */
  let queue = Promise.resolve()
  const inTurn = (work: () => Promise<void>) => (queue = queue.then(work))

  function add(files: readonly File[]): Promise<void> {
    refused.value = []
    looking.value += files.length
    for (const file of files) void inTurn(() => choose(file).finally(() => looking.value--))
    return queue
  }

  const change = (key: string, what: Partial<Leaving>) =>
    (leaving.value = leaving.peek().map((one) => (one.key === key ? { ...one, ...what } : one)))
  const drop = (key: string) => (leaving.value = leaving.peek().filter((one) => one.key !== key))
  const isCancelled = (key: string) => !leaving.peek().some((one) => one.key === key)

  /** What goes out of it, and what is told of it. */
  async function made({ file, kind, name, looked, canBeStripped: isChoice, sendsOriginal }: Chosen) {
    if (kind.type !== 'picture' || !looked) return { blob: file, meta: metaOf(name, kind) }
    const picture: Picture = kind
    const bare = isChoice && !sendsOriginal ? await stripped(file, picture) : null
    // What cannot be freed of its metadata does not go out with it unasked.
    if (isChoice && !sendsOriginal && !bare) throw new Error('the picture could not be written anew')
    const blob = bare ?? file
    const meta: FileMeta = {
      name: bare ? renamed(name, bare.type) : name,
      mime: bare?.type ?? picture.mime,
      ...looked,
    }
    return { blob, meta }
  }

  async function seal(one: Chosen, caption: string): Promise<void> {
    const { key, name } = one
    try {
      if (isCancelled(key)) return
      const { blob, meta } = await made(one)
      if (isCancelled(key)) return
      const max = bytesMax.peek()
      if (blob.size > max) {
        drop(key)
        refuse({ name, why: 'too-large', bytes: blob.size, bytesMax: max })
        return onCaptionBack(caption)
      }
      change(key, { meta, bytes: blob.size })
      // Only who has files needs it: a window that opens does not wait for it.
      const { sealInto } = await import('./file-sealing.ts')
      await sealInto(db, { key, peer, caption, blob, meta }, (done) => change(key, { done }))
      change(key, { isSealed: true })
      await onSealed()
    } catch (error) {
      if (isCancelled(key)) return // and its row is gone
      drop(key)
      const isGone = isUnreadable(error)
      refuse({ name, why: isDiskFull(error) ? 'disk-full' : isGone ? 'unreadable' : 'failed' })
      if (!isGone) console.error(error)
      onCaptionBack(caption)
    }
  }

  return {
    chips: chosen as ReadonlySignal<readonly Chip[]>,
    isLooking: computed(() => looking.value > 0),
    refused: refused as ReadonlySignal<readonly Refused[]>,
    leaving: leaving as ReadonlySignal<readonly Leaving[]>,
    add,
    refuseFolder: (name: string) => void refuse({ name: safeName(name), why: 'folder' }),
    remove(key: string) {
      chosen.value = chosen.peek().filter((one) => one.key !== key)
    },
    setOriginal(key: string, sendsOriginal: boolean) {
      chosen.value = chosen.peek().map((one) => (one.key === key ? { ...one, sendsOriginal } : one))
    },
    forgetRefused() {
      refused.value = []
    },
    /** All that were chosen, in their order; the first has the caption. */
    send(caption: string): Promise<void> {
      const going = chosen.peek()
      chosen.value = []
      refused.value = []
      const at = clock.now()
      const captions = going.map((_, place) => (place === 0 ? caption : ''))
      leaving.value = [
        ...leaving.peek(),
        ...going.map(({ key, name, bytes, kind, looked }, place) => {
          const meta = { ...metaOf(name, kind), ...looked }
          return { key, caption: captions[place]!, meta, bytes, done: 0, isSealed: false, at }
        }),
      ]
      for (const [place, one] of going.entries()) void inTurn(() => seal(one, captions[place]!))
      return queue
    },
    /** Those that are in the database were seen there. */
    settle() {
      leaving.value = leaving.peek().filter(({ isSealed }) => !isSealed)
    },
    /** One that is not in the database yet. */
    cancel: drop,
  }
}

const metaOf = (name: string, kind: Kind): FileMeta => ({
  name,
  mime: 'mime' in kind ? kind.mime : 'application/octet-stream',
})

/** It was moved, changed or deleted after it was chosen, or it is a folder. */
const isUnreadable = (error: unknown): boolean =>
  error instanceof DOMException && ['NotFoundError', 'NotReadableError', 'SecurityError'].includes(error.name)
