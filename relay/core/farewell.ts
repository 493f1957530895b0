/**
 * An account that was deleted (`deleteAccount` in account.ts). Its room is there until everybody on its roster has heard of it, then nothing is left
 * but the name, which nobody gets for a while: whoever took it at once would be taken for who had it before.
 */
import { closeCodes, ProtocolError } from '#shared/errors'
import type { ClientFrameOf } from '#shared/frames'
import { limits } from '#shared/limits'
import { onAccountOfNobody } from './account.ts'
import { dropBlobs } from './blobs.ts'
import { greet, refuseUnproved } from './connections.ts'
import { onLaneResult } from './lane-out.ts'
import type { ConnectionId, RoomEvent } from './ports.ts'
import { keys, type BlobRow } from './rows.ts'
import { closeSocket, done, wake, type Turn } from './turn.ts'

/** Like a name that nobody has; but its messages may still be on their way, and the name is not free. */
export async function dispatchForGone(event: RoomEvent, turn: Turn): Promise<void> {
  const { env, effects } = turn
  switch (event.type) {
    case 'open':
      effects.push(...greet(event.connection, env))
      return
    case 'frame': {
      const state = turn.sockets.get(event.connection)
      if (!state) return
      if (event.frame.type !== 'auth') throw new ProtocolError('not-authorized', '`auth` comes first')
      return farewell(event.frame, event.connection, turn)
    }
    case 'peer': {
      // Who claims is told like about any name that is not there; who sends may know why it has failed (SN11).
      const code = event.message.type === 'deliver' ? 'gone' : 'item-not-found'
      effects.push({ type: 'reply', reply: { type: 'error', code } })
      return
    }
    case 'account': {
      if (event.operation.type === 'register') throw new ProtocolError('conflict', 'the name is taken')
      const reply = await onAccountOfNobody(event.operation, turn.tx, env)
      effects.push({ type: 'reply', reply })
      return
    }
    case 'result':
      if (event.tag.type === 'lane') await onLaneResult(turn, event.tag, event.reply)
      return
    case 'close':
      turn.sockets.delete(event.connection)
      return
    case 'alarm':
  }
}

/** A device of the account hears that it was deleted (AC10); to anybody else it is as if the name were nobody's. */
async function farewell(frame: ClientFrameOf<'auth'>, connection: ConnectionId, turn: Turn) {
  const { meta, env, sockets } = turn
  const known = meta.goneDevices?.find(({ id }) => id === frame.device)
  await refuseUnproved(frame, sockets.get(connection)!, meta.acct, known?.dak ?? '', env)
  closeSocket(turn, connection, closeCodes.gone, 'deleted')
}

/** As many as fit into a batch beside everything else. */
const wipeRows = 50
/** Each is a call on PartyKit, where an event may make 50. */
const wipeFiles = 40
const lookAgainMs = 60_000

/** Deletes files at once, what else is left once nothing waits for anybody any more; in the end the name. */
export async function wipe(turn: Turn) {
  const { tx, env, meta } = turn
  done(turn, 'wipe')
  if (meta.gone === undefined) return
  const freeAt = meta.gone + limits.nameQuarantineMs
  if (env.now >= freeAt) {
    turn.changed.clear()
    tx.delete(keys.meta)
    tx.delete(keys.due)
    return
  }
  const files = await tx.list<BlobRow>({ prefix: 'blob:', limit: wipeFiles })
  if (files.length > 0) {
    for (const [key] of files) tx.delete(key)
    dropBlobs(turn, files)
    return wake(turn, 'wipe', env.now)
  }
  const spreading = await tx.list({ prefix: 'spread:', limit: 1 })
  const waiting = await tx.list({ prefix: 'outbox:', limit: 1 })
  const isPatient = env.now < meta.gone + env.settings.announced.keepMs
  if (isPatient && spreading.length + waiting.length > 0) return wake(turn, 'wipe', env.now + lookAgainMs)
  const rows = await tx.list({ prefix: '', limit: wipeRows })
  const left = rows.map(([key]) => key).filter((key) => key !== keys.meta && key !== keys.due)
  for (const key of left) tx.delete(key)
  wake(turn, 'wipe', left.length > 0 ? env.now : freeAt)
}
