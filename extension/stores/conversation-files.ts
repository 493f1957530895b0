/** The files of one conversation: what is on its way, what is here, and what a person does with them. */
import { computed, effect, signal, untracked, type ReadonlySignal } from '@preact/signals'
import { Dexie } from 'dexie'
import type { OfferedFile } from '#shared/content'
import type { EnvelopeId, Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Commands } from '../bus/commands.ts'
import {
  fileKey,
  type Db,
  type FileFailure,
  type FileRow,
  type FileState,
  type SealedFile,
} from '../db/db.ts'
import { isUnsent } from '../db/files.ts'
import { live } from '../db/live.ts'
import { attaching, type Leaving } from './attaching.ts'
import type { Clock } from './clock.ts'
import { safeName } from './file-names.ts'
import { look, type Kind } from './file-types.ts'

/** A file as a message shows it. Nothing of it is believed: the name is made safe, the rest are hints until it is here. */
export interface FileItem {
  /** Of its row in the database, if it has one. */
  key: string
  direction: 'in' | 'out'
  name: string
  bytes: number
  mime: string
  /** What its sender says it looks like: for the room that is kept for it. */
  picture: { width: number; height: number; thumbnail: string | null } | null
  /** When the relay lets it go, by the relay's clock; null while it is not sent. */
  until: Millis | null
}

/** What is going on with it. */
export interface Transfer {
  state: FileState
  failure: FileFailure | null
  /** Bytes. Of one that is being sealed: how much of it is; of others: how much was moved. */
  done: number
  total: number
  /** All of it is on this device, and can be opened. */
  isHere: boolean
}

/** Mine, not in the log yet. */
export interface Unsent {
  file: FileItem
  caption: string
  at: Millis
}

/** What was opened, and what it really is. */
export interface OpenedFile {
  blob: Blob
  kind: Kind
}

/** The kinds of pictures that a message may keep room for. */
const pictureTypes = /^image\/(?:png|jpeg|gif|webp|avif)$/

export function fileItem(
  key: string,
  direction: 'in' | 'out',
  file: Omit<OfferedFile, 'key' | 'blob' | 'until' | 'sealedBytes' | 'sha256'> & Partial<OfferedFile>,
): FileItem {
  const { name, bytes, mime, width, height, thumbnail = null, until = null } = file
  const isPicture = pictureTypes.test(mime) && width !== undefined && height !== undefined
  const picture = isPicture ? { width, height, thumbnail } : null
  return { key, direction, name: safeName(name), bytes, mime, picture, until }
}

const offered: Transfer = { state: 'offered', failure: null, done: 0, total: 0, isHere: false }

/** Without a row it is only offered. */
export const transferOf = (transfers: ReadonlyMap<string, Transfer>, key: string): Transfer =>
  transfers.get(key) ?? offered

function transferOfRow(row: FileRow): Transfer {
  const { state, failure = null, file, done } = row
  const isSealed = isUnsent(row) && state !== 'sealing'
  return {
    state,
    failure,
    done: Math.min(done * limits.partBytes, file.sealedBytes),
    total: file.sealedBytes,
    isHere: state === 'here' || isSealed,
  }
}

const ofLeaving = ({ bytes, done }: Leaving): Transfer => ({
  state: 'sealing',
  failure: null,
  done,
  total: bytes,
  isHere: false,
})

interface Surroundings {
  peer: UserId
  db: Db
  commands: Commands
  clock: Clock
  bytesMax: ReadonlySignal<number>
  attempt(action: () => Promise<unknown>): Promise<boolean>
  onCaptionBack(caption: string): void
}

export function conversationFiles({ peer, db, commands, attempt, ...around }: Surroundings) {
  const rows = live(() => db.files.where('peer').equals(peer).toArray(), [])
  const attached = attaching({
    ...around,
    peer,
    db,
    onSealed: () => commands.nudge().catch(() => {}), // the row is safe: the background finds it when it starts
  })
  const { leaving } = attached

  const transfers = computed((): ReadonlyMap<string, Transfer> => {
    const all = new Map(rows.value.map((row) => [row.key, transferOfRow(row)]))
    for (const one of leaving.value) if (!one.isSealed || !all.has(one.key)) all.set(one.key, ofLeaving(one))
    return all
  })

  // Not before it is seen: a small file would go from the log and come back.
  effect(() => {
    if (rows.value.length > 0) untracked(attached.settle)
  })

  // Parts that move change rows many times a second, and the log only when a file comes or goes.
  const unsentNow = (): Unsent[] => {
    const unsent = rows.peek().filter(isUnsent)
    const isRow = new Set(unsent.map(({ key }) => key))
    return [
      ...unsent.map(({ key, file, caption = '', at }) => ({ file: fileItem(key, 'out', file), caption, at })),
      ...leaving
        .peek()
        .filter(({ key }) => !isRow.has(key))
        .map(({ key, meta, bytes, caption, at }) => {
          const file: Omit<SealedFile, 'key' | 'sealedBytes' | 'sha256'> = { ...meta, bytes }
          return { file: fileItem(key, 'out', file), caption, at }
        }),
    ].toSorted((a, b) => a.at - b.at)
  }
  const unsentKeys = computed(() => {
    const keys = [
      ...rows.value.filter(isUnsent).map(({ key }) => key),
      ...leaving.value.map(({ key }) => key),
    ]
    return [...new Set(keys)].join('\n')
  })
  const unsent = signal<readonly Unsent[]>([])
  effect(() => {
    void unsentKeys.value
    unsent.value = unsentNow()
  })

  const act = (key: string, operation: Parameters<Commands['file']>[1]) =>
    attempt(() => commands.file(key, operation))

  return {
    ...attached,
    transfers,
    /** How large one may be at this relay; 0 where it takes none at all. */
    bytesMax: around.bytesMax,
    unsent: unsent as ReadonlySignal<readonly Unsent[]>,
    fetch: (key: string) => act(key, 'fetch'),
    pause: (key: string) => act(key, 'pause'),
    decline: (key: string) => act(key, 'decline'),
    async cancel(key: string): Promise<void> {
      attached.cancel(key)
      if (await db.files.get(key)) await act(key, 'cancel')
    },
    /** All of it, and what it really is. @throws Error where it is not here, Refusal where it is not what was sealed. */
    async open(key: string): Promise<OpenedFile> {
      const row = await db.files.get(key)
      if (!row || !transferOfRow(row).isHere) throw new Error('the file is not here')
      const { blobFrom } = await import('./file-sealing.ts') // with its cryptography: only who has files needs it
      const blob = await blobFrom(db, row)
      return { blob, kind: await look(blob) }
    },
  }
}
export type ConversationFiles = ReturnType<typeof conversationFiles>

/** A file in "Shared here". */
export interface SharedFile {
  file: FileItem
  caption: string
  at: Millis
}

/** Everything that was shared in a conversation, newest first. */
export async function sharedWith(db: Db, peer: UserId, skew: number): Promise<SharedFile[]> {
  const shared: SharedFile[] = []
  await db.messages
    .where('[peer+ts+from+id]')
    .between([peer, Dexie.minKey], [peer, Dexie.maxKey])
    .reverse() // oxlint-disable-line no-array-reverse -- a collection of Dexie is no array
    .each(({ from, id, direction, ts, content, removed }) => {
      if (content?.type !== 'file' || removed) return
      const file = fileItem(fileKey(from, id as EnvelopeId), direction, content.file)
      shared.push({ file, caption: content.text, at: ts - skew })
    })
  return shared
}
