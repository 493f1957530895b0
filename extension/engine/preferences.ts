/**
 * Settings on their way to all of my devices. The room keeps the newest blob and its version; whoever sets a new one
 * says from which version it was made, and a device that was slower takes the newer one and puts its own changes on
 * top of it (db/settings.ts).
 */
import { utf8 } from '#shared/bytes'
import type { Db } from '../db/db.ts'
import { changed, readSettings, settingsKey, type Settings, type SettingsChange } from '../db/settings.ts'
import { CommandError } from '../bus/commands.ts'
import { contentBytesMax } from '../crypto/mls/padding.ts'
import type { Requests } from './requests.ts'

/** What the room has, as far as this device knows. */
interface Synced {
  version: number
  value: unknown
}

const syncedKey = 'synced'
const pendingKey = 'pending'

const syncedOf = async (db: Db): Promise<Synced> =>
  ((await db.settings.get(syncedKey))?.value as Synced | undefined) ?? { version: 0, value: {} }
const pendingOf = async (db: Db): Promise<SettingsChange[]> =>
  ((await db.settings.get(pendingKey))?.value as SettingsChange[] | undefined) ?? []

/** A newer version has come from the room; in the transaction of the caller. What cannot be read changes nothing. */
export async function takePreferences(db: Db, version: number, value: unknown): Promise<void> {
  if (version <= (await syncedOf(db)).version || value === null) return
  await put(db, { version, value }, await pendingOf(db))
}

async function put(db: Db, synced: Synced, pending: SettingsChange[]): Promise<Settings> {
  const current = pending.reduce<Settings>(changed, readSettings(synced.value))
  await db.settings.bulkPut([
    { key: syncedKey, value: synced },
    { key: pendingKey, value: pending },
    { key: settingsKey, value: current },
  ])
  return current
}

/** Holds here at once. @throws CommandError `too-large` when no room would take it: then nothing has changed. */
export async function changeSettings(db: Db, change: SettingsChange): Promise<Settings> {
  return db.transaction('rw', db.settings, async () => {
    const pending = [...(await pendingOf(db)), change]
    const synced = await syncedOf(db)
    const value = pending.reduce<Settings>(changed, readSettings(synced.value))
    // Sealed, it is padded to a power of two, and that has to fit into the room's row.
    if (utf8(JSON.stringify(value)).length > contentBytesMax) throw new CommandError('too-large')
    return put(db, synced, pending)
  })
}

export interface Preferences {
  /**
   * Tells the room what it does not know yet, one after the other. A conflict means that another device was faster:
   * its settings, or its list of devices, are in the log and come by themselves, and this is called again after them.
   */
  push(): Promise<void>
}

export function createPreferences(
  db: Db,
  requests: Requests,
  seal: (settings: Settings) => Promise<{ payload: string; list: string }>,
): Preferences {
  let running: Promise<void> | null = null
  let again = false

  async function pushOnce(): Promise<void> {
    const [synced, pending] = await Promise.all([syncedOf(db), pendingOf(db)])
    if (pending.length === 0) return
    const value = pending.reduce<Settings>(changed, readSettings(synced.value))
    try {
      await requests.ask({ type: 'preferences', version: synced.version, ...(await seal(value)) })
    } catch (error) {
      if (error instanceof CommandError && (error.code === 'conflict' || error.code === 'unreachable')) return
      throw error
    }
    await db.transaction('rw', db.settings, async () => {
      const now = await pendingOf(db)
      const known = await syncedOf(db)
      const mine = { version: synced.version + 1, value }
      // The entry of it may have come before the answer, and another one after it.
      await put(db, known.version < mine.version ? mine : known, now.slice(pending.length))
    })
  }

  return {
    async push() {
      again = true
      running ??= (async () => {
        try {
          while (again) {
            again = false
            await pushOnce()
          }
        } finally {
          running = null
        }
      })()
      return running
    },
  }
}
