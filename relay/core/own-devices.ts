import { ProtocolError } from '#shared/errors'
import type { ClientFrameOf } from '#shared/frames'
import { limits } from '#shared/limits'
import type { ConnectionId } from './ports.ts'
import type { DeviceRow } from './rows.ts'
import { send, signedIn, type Turn } from './turn.ts'

/** When each of the owner's devices was last here (DV1). The mailbox has no socket, so it is never here. */
export async function onDevices({ request }: ClientFrameOf<'devices'>, connection: ConnectionId, turn: Turn) {
  const connected = new Set([...signedIn(turn).values()].map(({ device }) => device))
  const rows = await turn.tx.list<DeviceRow>({ prefix: 'device:', limit: limits.devicesMax + 1 })
  const devices = rows
    .filter(([, { dak }]) => dak !== '')
    .map(([, { id, seen }]) => ({ id, seen, connected: connected.has(id) }))
  send(turn, connection, { type: 'devices', request, devices })
}

/**
 * What is sealed for the account's own devices alone names the list that it is for: a device that was removed has the
 * keys of that time (KY13). @throws ProtocolError `conflict`
 */
export function mustBeNewest({ meta: { devices } }: Turn, list: string | undefined) {
  if (list !== undefined && list !== devices.hash) throw new ProtocolError('conflict', undefined, { devices })
}
