/** When a session of one's own has done its service and the next one is opened. */
import type { Lists } from '#shared/frames'

const day = 24 * 60 * 60 * 1000

export const sessionMessagesMax = 200
/** Also where a message sealed in it was never stored: the key packages of its Welcome may be gone. */
export const sessionAgeMsMax = 7 * day

export interface OwnSession {
  /** The newest lists when it was opened: its members. */
  lists: Lists
  /** How many messages were sealed in it. */
  sealed: number
  /** By this device's clock. */
  openedAt: number
}

/**
 * Whether to open a new session before the next message. Whoever could not open something is answered in a new one
 * as well. A clock that was set back makes a session new again for at most as long as it was set back.
 */
export const isSpent = ({ lists, sealed, openedAt }: OwnSession, newest: Lists, now: number): boolean =>
  lists.own !== newest.own ||
  lists.peer !== newest.peer ||
  sealed >= sessionMessagesMax ||
  now - openedAt > sessionAgeMsMax
