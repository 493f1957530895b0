/** What files take on this device, and what makes room. */
import type { UserId } from '#shared/ids'
import type { Commands } from '../bus/commands.ts'
import type { Db } from '../db/db.ts'
import { filesUse } from '../db/files.ts'
import { live } from '../db/live.ts'

export { filesKept } from '../db/settings.ts'

export interface Kept {
  bytes: number
  /** The most first; those that take nothing are left out. */
  of: { peer: UserId; bytes: number }[]
}

async function readKept(db: Db): Promise<Kept> {
  const { bytes, byPeer } = await filesUse(db)
  const of = [...byPeer].map(([peer, its]) => ({ peer, bytes: its })).filter((one) => one.bytes > 0)
  return { bytes, of: of.toSorted((a, b) => b.bytes - a.bytes) }
}

export function storage(db: Db, commands: Commands) {
  return {
    kept: live<Kept | null>(() => readKept(db), null),
    /** Of one conversation, or of all. What is on its way stays. */
    async free(peer?: UserId): Promise<void> {
      const rows = await (peer === undefined ? db.files : db.files.where('peer').equals(peer)).toArray()
      for (const { key, state } of rows) if (state === 'here') await commands.file(key, 'free')
    },
  }
}
