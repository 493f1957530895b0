/** The one honest line about the connection: nothing while there is one. */
import { computed, createModel, type ReadonlySignal } from '@preact/signals'
import type { Commands } from '../bus/commands.ts'
import type { ConnectionRow, Db } from '../db/db.ts'
import { live } from '../db/live.ts'
import type { Clock } from './clock.ts'

export type ConnectionLine =
  | { type: 'connecting' }
  /** There was a connection before. `seconds` until the next try; 0 while it is being tried. */
  | { type: 'reconnecting'; seconds: number; reason: string }
  /** The browser itself says that there is no network. */
  | { type: 'offline' }
  | { type: 'refused'; reason: string }

/** `isOnline`: what the browser thinks of the network. */
export const ConnectionStore = createModel(
  (db: Db, commands: Commands, clock: Clock, isOnline: ReadonlySignal<boolean>) => {
    const row = live<ConnectionRow | null | undefined>(
      async () => ((await db.status.get('connection')) as ConnectionRow | undefined) ?? null,
      undefined,
    )

    const line = computed((): ConnectionLine | null => {
      const connection = row.value
      if (
        connection === undefined ||
        connection?.state === 'connected' ||
        connection?.state === 'signed-out'
      ) {
        return null
      }
      if (connection?.state === 'refused') return { type: 'refused', reason: connection.reason ?? '' }
      if (!isOnline.value) return { type: 'offline' }
      if (connection?.state === 'waiting') {
        const leftMs = (connection.nextTryAt ?? 0) - clock.seconds.value
        return {
          type: 'reconnecting',
          seconds: Math.max(0, Math.ceil(leftMs / 1000)),
          reason: connection.reason ?? '',
        }
      }
      return connection && connection.heardAt > 0
        ? { type: 'reconnecting', seconds: 0, reason: '' }
        : { type: 'connecting' }
    })

    return {
      line,
      async tryNow() {
        // The database tells how it went, so there is nothing to say here if the background does not answer.
        await commands.connectNow().catch(() => {})
      },
    }
  },
)
export type ConnectionStore = InstanceType<typeof ConnectionStore>
