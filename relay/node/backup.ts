/**
 * Copies of everything the relay keeps. A backup is a folder: the database as it was at one moment, and beside it the
 * secret and the files. It is made while the relay runs: SQLite copies what is committed, on a connection of its own.
 */
import {
  closeSync,
  cpSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { UserId } from '#shared/ids'
import type { RoomLink } from '../core/ports.ts'
import { ConfigError } from '../http/settings.ts'
import type { Config } from './config.ts'
import { openDataFolder } from './data-folder.ts'
import { withRooms } from './offline.ts'
import { schemaVersion } from './schema.ts'
import { databaseFile } from './store.ts'

/** What lies beside the database: it is copied after it, so that nothing that the database names is missing. */
const besides = ['secret', 'blobs']
/** Rooms that are told of a restore at a time: they share commits. */
const atOnce = 200

/** Makes the folder `to`, whole or not at all. @throws ConfigError with a sentence */
export function backup(config: Config, to: string | undefined): string {
  const from = resolve(config.PARLEY_DATA)
  if (to === undefined) throw new ConfigError('Say where to: relay backup FOLDER.')
  const folder = resolve(to)
  if (existsSync(folder))
    throw new ConfigError(`${folder} is there already: name a new folder for each backup.`)
  if (!existsSync(databaseFile(from)))
    throw new ConfigError(`There are no data of a relay in ${from}: set PARLEY_DATA to its folder.`)
  process.umask(0o077)
  const unfinished = `${folder}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  const source = new DatabaseSync(databaseFile(from), { readOnly: true, timeout: 5000 })
  source.prepare('VACUUM INTO ?').run(databaseFile(unfinished))
  source.close()
  const { accounts } = look(unfinished)
  for (const name of besides) {
    if (existsSync(join(from, name))) cpSync(join(from, name), join(unfinished, name), { recursive: true })
  }
  sync(databaseFile(unfinished))
  sync(unfinished)
  renameSync(unfinished, folder)
  sync(dirname(folder))
  return `${accounts} accounts are in ${folder}.`
}

/**
 * Puts a backup in the place of what is there, which is kept in a folder beside it. All rooms are told that they are
 * older than they were: a new epoch, so that devices and other rooms give back what was lost.
 */
export async function restore(config: Config, from: string | undefined): Promise<string> {
  if (from === undefined) throw new ConfigError('Say which: relay restore FOLDER.')
  const backedUp = resolve(from)
  const folder = resolve(config.PARLEY_DATA)
  if (!existsSync(databaseFile(backedUp))) throw new ConfigError(`There is no backup in ${backedUp}.`)
  const { relayId, accounts } = look(backedUp)
  const data = openDataFolder(folder, config.PARLEY_SECRET) // and nobody else has it meanwhile
  try {
    const present = existsSync(databaseFile(folder)) ? relayIdOf(folder) : null
    if (present !== null && present !== relayId)
      throw new ConfigError(
        `The backup is of another relay than the data in ${folder}: restore it into another folder.`,
      )
    const next = join(folder, 'restoring')
    rmSync(next, { recursive: true, force: true })
    mkdirSync(next)
    cpSync(databaseFile(backedUp), databaseFile(next))
    await tellRooms(config, { folder: next, secret: data.secret })
    sync(databaseFile(next))

    const kept = keepPresent(folder)
    for (const name of besides) {
      const source = join(backedUp, name)
      if (existsSync(source))
        cpSync(source, join(folder, name), { recursive: true, force: name === 'secret' })
    }
    renameSync(databaseFile(next), databaseFile(folder))
    sync(folder)
    rmSync(next, { recursive: true, force: true })
    return `${accounts} accounts are back.${kept ? ` What was there before is kept in ${kept}.` : ''}`
  } finally {
    data.release()
  }
}

/** So that what a room does about it leaves the room only when the relay runs, and all of them know. */
const noLink: RoomLink = { post: () => Promise.reject(new Error('the relay does not run')) }

function tellRooms(config: Config, place: { folder: string; secret: Uint8Array }) {
  const { folder } = place
  return withRooms(config, { ...place, link: noLink }, async ({ rooms }) => {
    const database = new DatabaseSync(databaseFile(folder), { readOnly: true })
    const names = database.prepare("SELECT name FROM room WHERE name NOT LIKE '#%' ORDER BY id").all()
    database.close()
    const left = names.map(({ name }) => name as UserId)
    const tell = async () => {
      for (let user = left.pop(); user; user = left.pop()) {
        const reply = await rooms.account(user, { type: 'restored' })
        if (reply.type !== 'ok')
          throw new Error(`a room could not be told that it was restored: ${reply.type}`)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, tell))
  })
}

/** The database that is there gets a second name, in a folder of its own; null when there is none. */
function keepPresent(folder: string): string | null {
  const file = databaseFile(folder)
  if (!existsSync(file)) return null
  const kept = join(folder, `replaced-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`)
  mkdirSync(kept)
  // What is in its write-ahead log would be taken for a part of the database that comes in its place.
  for (const end of ['-wal', '-shm']) {
    if (existsSync(file + end)) renameSync(file + end, databaseFile(kept) + end)
  }
  linkSync(file, databaseFile(kept))
  return kept
}

/** @throws ConfigError unless it is a sound database of a relay, and not of a newer version */
function look(folder: string): { relayId: string; accounts: number } {
  const what = `The database in ${folder}`
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(databaseFile(folder), { readOnly: true })
    const [first] = database.prepare('PRAGMA integrity_check(1)').all()
    const found = String(first?.integrity_check)
    if (found !== 'ok') throw new Error(found.replaceAll(/\s+/g, ' '))
    const meta = (key: string) => database!.prepare('SELECT v FROM meta WHERE k = ?').get(key)?.v
    if (Number(meta('schema')) > schemaVersion)
      throw new ConfigError(`${what} is of a newer version of Parley: restore it with that one.`)
    const { n } = database.prepare("SELECT count(*) AS n FROM room WHERE name NOT LIKE '#%'").get() as {
      n: number
    }
    return { relayId: String(meta('relayId')), accounts: n }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError(
      `${what} is damaged or none of a relay (${(error as Error).message}): use another backup.`,
    )
  } finally {
    database?.close()
  }
}

/** Null when it cannot be read: that may be why there is to be a restore. */
function relayIdOf(folder: string): string | null {
  try {
    const database = new DatabaseSync(databaseFile(folder), { readOnly: true })
    const relayId = database.prepare("SELECT v FROM meta WHERE k = 'relayId'").get()?.v
    database.close()
    return relayId === undefined ? null : String(relayId)
  } catch {
    return null
  }
}

/** Until it is on the disk. */
function sync(path: string) {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } catch (error) {
    // Windows has no way to do this with a folder.
    if (process.platform !== 'win32') throw error
  } finally {
    closeSync(descriptor)
  }
}
