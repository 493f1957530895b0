/** What the parts of the engine share while somebody is signed in. Everything that matters is in the database. */
import type { ClientFrame } from '#shared/frames'
import type { AccountRow, Db } from '../db/db.ts'
import type { Timers } from './ports.ts'

export interface Signed {
  readonly account: AccountRow
  readonly db: Db
  readonly timers: Timers
  /** False without an open, welcomed connection. */
  send(frame: ClientFrame): boolean
  /** Between `welcome` and the end of the socket. */
  isWelcome(): boolean
}
