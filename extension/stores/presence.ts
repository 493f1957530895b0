/** What may be said of a buddy's presence now, from what was last heard. */
import type { Show } from '#shared/frames'
import type { Millis } from '#shared/ids'
import { limits } from '#shared/limits'
import type { ConnectionRow, PresenceRow } from '../db/db.ts'

/** `unknown`: the relay has not been heard for so long that anything else would be a guess. */
export type Shown = Show | 'unknown'

export interface Presence {
  show: Shown
  /** With `idle`: since when, by this device's clock. */
  since?: Millis
  status: string
}

/** This device's clock set to the relay's. */
export const relayTime = (now: Millis, connection: ConnectionRow | undefined): Millis =>
  now + (connection?.skew ?? 0)

/** A relay's time as this device's clock would have shown it. */
export const deviceTime = (ts: Millis, connection: ConnectionRow | undefined): Millis =>
  ts - (connection?.skew ?? 0)

export function isStale(connection: ConnectionRow | undefined, now: Millis): boolean {
  return connection?.state !== 'connected' && now - (connection?.heardAt ?? 0) > limits.presenceStaleMs
}

export function presenceOf(
  row: PresenceRow | undefined,
  connection: ConnectionRow | undefined,
  now: Millis,
): Presence {
  if (isStale(connection, now)) return { show: 'unknown', status: '' }
  if (!row || row.until <= relayTime(now, connection)) return { show: 'offline', status: '' }
  const status = row.status ?? ''
  return row.show === 'idle' && row.since !== undefined
    ? { show: row.show, since: deviceTime(row.since, connection), status }
    : { show: row.show, status }
}
