/**
 * Sealed files: how much room they take. The bytes themselves lie with the host, which gets them over HTTP and asks
 * nothing of a room until a file is whole; which of them belong to whom only this room knows (BL1, BL7).
 */
import { sealedBytesMax } from '#shared/blobs'
import { toBase64 } from '#shared/bytes'
import { ProtocolError } from '#shared/errors'
import type { ClientFrameOf } from '#shared/frames'
import type { BlobId } from '#shared/ids'
import { limits } from '#shared/limits'
import { blobToken } from './blob-token.ts'
import { take } from './limiter.ts'
import type { AccountReply, ConnectionId } from './ports.ts'
import { keys, type BlobRow } from './rows.ts'
import { send, type Turn } from './turn.ts'

const reserves = { everyMs: 3_600_000 / limits.reservesPerHourMax, burst: limits.reservesPerHourMax }
/** Beside what else an event may write. */
const forgottenAtOnce = 50

/** Room for a file. What is too old is forgotten on the way: nobody has to wake up for it. */
export async function onReserve(
  { request, bytes }: ClientFrameOf<'reserve'>,
  connection: ConnectionId,
  turn: Turn,
) {
  const { tx, env } = turn
  const { fileBytesMax, filesBytesMax, keepMs } = env.settings.announced
  if (fileBytesMax === 0 || bytes > sealedBytesMax(fileBytesMax)) {
    throw new ProtocolError('too-large', 'a file over the limit')
  }
  const waitMs = take(env.memory, env.now, [['reserve', reserves]])
  if (waitMs > 0) throw new ProtocolError('policy-violation', 'too many files', { retryAfterMs: waitMs })

  const rows = await tx.list<BlobRow>({ prefix: 'blob:', limit: 2 * limits.filesMax })
  const old = rows.filter(([, { goesAt }]) => goesAt <= env.now)
  const kept = rows.filter(([, { goesAt }]) => goesAt > env.now)
  const taken = kept.reduce((sum, [, row]) => sum + row.bytes, 0)
  if (kept.length >= limits.filesMax || taken + bytes > filesBytesMax) {
    throw new ProtocolError('resource-constraint', 'the files of this account are full')
  }
  for (const [key] of old.slice(0, forgottenAtOnce)) tx.delete(key)

  const blob = toBase64(env.random.bytes(16)) as BlobId
  const until = env.now + keepMs
  const uploadUntil = Math.min(until, env.now + limits.uploadMs)
  tx.put(keys.blob(blob), { bytes, goesAt: uploadUntil, uploadUntil, until } satisfies BlobRow)
  const token = blobToken(env.settings.blobKey, { blob, user: env.self, bytes, uploadUntil, until })
  send(turn, connection, { type: 'reserved', request, blob, token, until })
}

/** What is not there is gone already (BL7). The bytes go after the commit; what a crash leaves of them goes in time. */
export async function onRelease(
  { request, blob }: ClientFrameOf<'release'>,
  connection: ConnectionId,
  turn: Turn,
) {
  const key = keys.blob(blob)
  const row = await turn.tx.get<BlobRow>(key)
  if (row) {
    turn.tx.delete(key)
    dropBlobs(turn, [[key, row]])
  }
  send(turn, connection, { type: 'ok', request })
}

/** All parts of it are there, so it stays (BL6). May be said again. @throws when it was released meanwhile */
export async function onUploaded(blob: BlobId, { tx, env }: Turn): Promise<AccountReply> {
  const row = await tx.get<BlobRow>(keys.blob(blob))
  if (!row || row.goesAt <= env.now) throw new ProtocolError('item-not-found', 'no such file')
  if (row.goesAt !== row.until) {
    tx.put(keys.blob(blob), { ...row, goesAt: row.until } satisfies BlobRow)
  }
  return { type: 'ok' }
}

export function dropBlobs(turn: Turn, rows: readonly [key: string, BlobRow][]) {
  const blobs = rows.map(([key, { uploadUntil, until }]) => {
    return { blob: key.slice('blob:'.length) as BlobId, uploadUntil, until }
  })
  turn.effects.push({ type: 'drop', blobs })
}
