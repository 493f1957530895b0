/** What the person sees of the engine: the line about the connection, and the number on the button. */
import type { UserId } from '#shared/ids'
import type { Mode } from '#shared/frames'
import { recount } from '../db/conversations.ts'
import type { ConnectionRow, Db, SelfRow } from '../db/db.ts'
import type { Platform } from './ports.ts'

export type Status = ReturnType<typeof createStatus>

export function createStatus(db: Db, platform: Platform) {
  const connection = () => db.status.get('connection') as Promise<ConnectionRow | undefined>

  async function setConnection(change: Partial<ConnectionRow>): Promise<void> {
    await db.transaction('rw', db.status, async () => {
      const empty: ConnectionRow = {
        key: 'connection',
        state: 'connecting',
        heardAt: 0,
        skew: 0,
        live: false,
      }
      const row: ConnectionRow = { ...empty, ...(await connection()), ...change }
      if (row.state !== 'waiting') {
        delete row.nextTryAt
        delete row.failures
        delete row.failingSince
      }
      if (row.state !== 'waiting' && row.state !== 'refused') delete row.reason
      await db.status.put(row)
    })
  }

  async function showBadge(): Promise<void> {
    const [conversations, roster, row] = await Promise.all([
      db.conversations.toArray(),
      db.roster.toArray(),
      connection(),
    ])
    const quiet = new Set(roster.filter(({ muted, blocked }) => muted || blocked).map(({ peer }) => peer))
    const unread = conversations.reduce((sum, { peer, unread: n }) => sum + (quiet.has(peer) ? 0 : n), 0)
    const requests = roster.filter(({ relation, blocked }) => relation === 'asked' && !blocked).length
    await platform.badge({
      unread,
      requests,
      connected: row?.state !== 'waiting' && row?.state !== 'refused',
    })
  }

  return {
    connection,
    setConnection,
    showBadge,
    async mode(): Promise<Mode> {
      return ((await db.status.get('self')) as SelfRow | undefined)?.mode ?? 'auto'
    },
    /** Counts every conversation anew, as at each start. */
    async recountAll(): Promise<void> {
      await db.transaction('rw', [db.conversations, db.messages, db.prompts], async () => {
        for (const peer of await db.conversations.toCollection().primaryKeys()) await recount(db, peer)
      })
    },
    /** Takes back what was shown of conversations that have been read, here or elsewhere, and shows the sum. */
    async settle(cleared: readonly UserId[]): Promise<void> {
      await Promise.all(cleared.map((peer) => platform.clear(peer)))
      await showBadge()
    },
  }
}
