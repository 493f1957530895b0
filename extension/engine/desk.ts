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

/**
 * Something to send. Who does something here as well stores both in one transaction: else, dying in between, one side
 * would know of it and the other never. @throws CommandError `too-large`.
 */
export function toSend(
  { timers }: Pick<Desk, 'timers'>,
  peer: UserId,
  kind: Kind,
  content: Content,
  more: Pick<OutboxRow, 'invite' | 'bare'> = {},
): OutboxRow {
  if (parseContent(content) === null) throw new CommandError('too-large')
  return { id: v7() as EnvelopeId, peer, kind, content, at: timers.now(), ...more }
}

/** Sends what is in the outbox, as soon as it can be. */
export async function flush({ needed, guarded }: Desk): Promise<void> {
  const { outbox } = await needed()
  await guarded(() => outbox.flush())
}

export async function enqueue(desk: Desk, ...row: Tail<Parameters<typeof toSend>>): Promise<void> {
  await desk.guarded(() => desk.db.outbox.add(toSend(desk, ...row)))
  await flush(desk)
}
type Tail<T extends unknown[]> = T extends [unknown, ...infer Rest] ? Rest : never
