/** What commands need beside their arguments. */
import { v7 } from 'uuid'
import { parseContent, type Content } from '#shared/content'
import type { Kind } from '#shared/frames'
import type { EnvelopeId, UserId } from '#shared/ids'
import { CommandError } from '../bus/commands.ts'
import type { Db, OutboxRow } from '../db/db.ts'
import type { Http } from './accounts.ts'
import type { Platform, Timers } from './ports.ts'
import type { Session } from './session.ts'
import type { Status } from './status.ts'

export interface Desk {
  db: Db
  platform: Platform
  timers: Timers
  status: Status
  http: Http
  /** Who is signed in. @throws CommandError `signed-out`. */
  needed(): Promise<Session>
  /** A database that does not open is told as such: the page has a screen for it. */
  guarded<T>(run: () => Promise<T>): Promise<T>
}

/** Puts something into the outbox, and sends it as soon as it can be. @throws CommandError `too-large`. */
export async function enqueue(
  { db, timers, needed, guarded }: Desk,
  peer: UserId,
  kind: Kind,
  content: Content,
  more: Pick<OutboxRow, 'invite' | 'bare'> = {},
): Promise<void> {
  const { outbox } = await needed()
  if (parseContent(content) === null) throw new CommandError('too-large')
  await guarded(async () => {
    await db.outbox.add({ id: v7() as EnvelopeId, peer, kind, content, at: timers.now(), ...more })
    await outbox.flush()
  })
}
