/** What the parts of the engine share while somebody is signed in. Everything that matters is in the database. */
import type { ClientFrame } from '#shared/frames'
import type { UserId } from '#shared/ids'
import type { AccountRow, Db } from '../db/db.ts'
import type { Platform, Timers } from './ports.ts'

export interface Signed {
  readonly account: AccountRow
  readonly db: Db
  readonly platform: Platform
  readonly timers: Timers
  /** False without an open, welcomed connection. */
  send(frame: ClientFrame): boolean
  /** Between `welcome` and the end of the socket. */
  isWelcome(): boolean
  /** Has everything that was waiting come in? */
  isLive(): boolean
  /** Counts unread anew for these conversations, and shows the sum on the badge. */
  recount(peers: Iterable<UserId>): Promise<void>
  /** There is something to send. */
  flush(): void
}
