import type { ClientFrameOf } from '#shared/frames'
import { ProtocolError } from '#shared/errors'
import { append } from './log.ts'
import { mustBeNewest } from './own-devices.ts'
import type { ConnectionId } from './ports.ts'
import { keys, type PreferencesRow } from './rows.ts'
import { send, type Turn } from './turn.ts'

/**
 * Settings that all devices share, opaque to the relay. `version` is the one they were made from: when another
 * device was faster, the answer is `conflict`, and its settings are in the log.
 */
export async function onPreferences(
  { request, version, payload, list }: ClientFrameOf<'preferences'>,
  connection: ConnectionId,
  turn: Turn,
) {
  mustBeNewest(turn, list)
  const known = (await turn.tx.get<PreferencesRow>(keys.preferences))?.version ?? 0
  if (version !== known) throw new ProtocolError('conflict', `the version is ${known}`)
  const next = { version: version + 1, payload }
  turn.tx.put(keys.preferences, next satisfies PreferencesRow)
  append(turn, { type: 'preferences', ...next })
  send(turn, connection, { type: 'ok', request })
}
