import type { Millis } from '#shared/ids'
import type { ConnectionState } from './ports.ts'

/** What is known of a socket that has just been opened: nothing but when. */
export const newConnectionState = (now: Millis): ConnectionState => ({
  version: 1,
  sent: 0,
  acked: 0,
  live: false,
  watching: false,
  activity: 'idle',
  since: now,
  seenAt: now,
  bad: 0,
})
