/** What a person does with a file: it is written into its row, and engine/files.ts does it. */
import { v7 } from 'uuid'
import type { ContentOf } from '#shared/content'
import type { EnvelopeId, Millis, UserId } from '#shared/ids'
import { CommandError, type Commands } from '../bus/commands.ts'
import { fileKey, type Db, type FileRow } from '../db/db.ts'
import { deleteFile, freeFile, isUnsent, partsWithin, withoutFailure } from '../db/files.ts'
import type { Desk } from './desk.ts'
import { mayCome, offered } from './file-offers.ts'

export function fileCommands({ db, timers, needed, guarded }: Desk): Pick<Commands, 'file'> {
  async function fromMessage(key: string): Promise<FileRow | null> {
    const [from, id] = key.split(' ') as [UserId, EnvelopeId | undefined]
    const message = id && (await db.messages.get([from, id]))
    return message ? offered(message, timers.now()) : null
  }

  /** In a transaction. `isKnown`: it is no mere offer. What makes no sense any more, or not yet, changes nothing. */
  type Operation = (row: FileRow, isKnown: boolean) => Promise<unknown>
  const operations: Record<Parameters<Commands['file']>[1], Operation> = {
    async fetch(was) {
      const row = withoutFailure(was)
      if (['sealing', 'here'].includes(row.state)) return
      if (isUnsent(row)) return db.files.put({ ...row, state: 'queued', at: timers.now() })
      if (!(await mayCome(db, row))) throw new CommandError('forbidden')
      await db.files.put({ ...row, state: 'queued' })
    },
    async pause(row, isKnown) {
      if (isKnown && isMoving(row)) await db.files.put({ ...row, state: 'paused' })
    },
    async cancel(row, isKnown) {
      if (!isKnown || (!isUnsent(row) && !isMoving(row) && row.state !== 'paused' && row.state !== 'failed'))
        return
      await deleteFile(db, row)
      if (isUnsent(row) && row.file.blob) await db.releases.put({ blob: row.file.blob })
    },
    async decline(was) {
      const row = withoutFailure(was)
      if (row.direction === 'out' || row.state === 'here') return
      await partsWithin(db, row.parts).delete()
      await db.files.put({ ...row, state: 'declined', done: 0 })
    },
    async free(row) {
      if (row.state === 'here') await freeFile(db, row, timers.now())
    },
  }

  return {
    async file(key, operation) {
      const { files } = await needed()
      await guarded(() =>
        db.transaction('rw', [db.files, db.parts, db.releases, db.messages, db.roster], async () => {
          const known = await db.files.get(key)
          const row = known ?? (await fromMessage(key))
          if (!row) throw new CommandError('item-not-found')
          await operations[operation](row, known !== undefined)
        }),
      )
      files.changed(key)
    },
  }
}

const isMoving = ({ state }: FileRow) => state === 'queued' || state === 'moving'

/**
 * A file message goes once more, under another id. What the relay has no more is uploaded again, and its message made
 * after that: then true. In the transaction of the caller. @throws CommandError `expired` where its bytes are not here
 */
export async function retryFile(
  db: Db,
  key: { user: UserId; before: EnvelopeId; after: EnvelopeId },
  { file, text }: ContentOf<'file'>,
  now: Millis,
): Promise<boolean> {
  const row = await db.files.get(fileKey(key.user, key.before))
  const isThere = file.until > now
  if (!isThere && row?.state !== 'here') throw new CommandError('expired')
  if (!row) return false
  await db.files.delete(row.key)
  if (isThere) {
    await db.files.put({ ...row, key: fileKey(key.user, key.after) })
    return false
  }
  const { blob: _, until: __, ...sealed } = file
  await db.files.put({ ...row, key: v7(), state: 'queued', file: sealed, caption: text, done: 0, at: now })
  return true
}
