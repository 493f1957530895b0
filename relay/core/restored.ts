/**
 * The store is an older one: a new history begins. Devices notice by the epoch, peers by new lanes that tell them up
 * to where their messages are here, so that they send the rest again.
 */
import { closeCodes } from '#shared/errors'
import type { Epoch } from '#shared/ids'
import { newEpoch } from './ids.ts'
import { dropOneTimePackages } from './packages.ts'
import { renewVersion } from './presence.ts'
import { startSpread } from './spread.ts'
import { closeSocket, saveMeta, type Turn } from './turn.ts'

/** @param known An epoch that others know of: the new one is greater than that, too. */
export async function beginAnew(turn: Turn, known: Epoch | '' = '') {
  const { meta, env } = turn
  meta.epoch = newEpoch(env.now, env.random, meta.epoch, known)
  meta.incarnation++
  await dropOneTimePackages(turn)
  saveMeta(turn)
  for (const connection of turn.sockets.keys()) closeSocket(turn, connection, closeCodes.drain, 'restored')
  await renewVersion(turn)
  startSpread(turn, 'restored')
}
