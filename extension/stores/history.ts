/** How far the history of a new device has come, and what is wrong with the archive: a line, or nothing. */
import { computed } from '@preact/signals'
import type { ArchiveStatusRow, ConnectionRow, Db, RestoreRow } from '../db/db.ts'
import { live } from '../db/live.ts'

export type ArchiveProblem = ArchiveStatusRow['problem']

export type HistoryLine =
  /** `part`: of one; null while nobody knows how much there is. `isWaiting`: for a connection. */
  { type: 'coming'; part: number | null; isWaiting: boolean } | { type: ArchiveProblem }

/** Which problem a person has closed: it is told again only when it is another one. */
const closedKey = 'archive-closed'

export const archiveProblem = async (db: Db): Promise<ArchiveProblem | null> =>
  ((await db.status.get('archive')) as ArchiveStatusRow | undefined)?.problem ?? null

export function historyOf(db: Db) {
  const line = live<HistoryLine | null>(async () => {
    const [restore, problem, connection, closed] = await Promise.all([
      db.status.get('restore') as Promise<RestoreRow | undefined>,
      archiveProblem(db),
      db.status.get('connection') as Promise<ConnectionRow | undefined>,
      db.views.get(closedKey),
    ])
    if (restore) {
      const part = restore.left && restore.total > 0 ? restore.done / restore.total : null
      return { type: 'coming', part, isWaiting: connection?.state !== 'connected' }
    }
    return problem && closed?.value !== problem ? { type: problem } : null
  }, null)

  return {
    line: computed(() => line.value),
    async close() {
      const { value } = line
      if (value && value.type !== 'coming') await db.views.put({ key: closedKey, value: value.type })
    },
  }
}
export type History = ReturnType<typeof historyOf>
