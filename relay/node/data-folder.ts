/** The folder that holds everything the relay knows. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ConfigError } from '../http/settings.ts'

export interface DataFolder {
  /** Signs what the relay hands out: given by the operator, or made once and kept here. */
  secret: Uint8Array
  /** Lets another relay have the folder; the end of the process does that too, whatever ends it. */
  release(): void
}

/** @throws ConfigError when the folder cannot be used. */
export function openDataFolder(folder: string, givenSecret: string | undefined): DataFolder {
  process.umask(0o077) // nobody else on this machine reads what is made from here on
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const probe = join(folder, '.write-test')
    writeFileSync(probe, '')
    rmSync(probe)
  } catch (error) {
    throw new ConfigError(
      `The data folder ${folder} cannot be written (${(error as NodeJS.ErrnoException).code}): ` +
        'give this user the right to, or set PARLEY_DATA to another folder.',
    )
  }
  const release = lock(folder)
  return { secret: new TextEncoder().encode(givenSecret ?? ownSecret(folder)), release }
}

/**
 * Two relays in one folder would each believe to be the only home of a room. SQLite's lock belongs to the process,
 * so it is gone with it, also after SIGKILL.
 */
function lock(folder: string): () => void {
  const database = new DatabaseSync(join(folder, 'lock.sqlite'), { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch {
    database.close()
    throw new ConfigError(
      `Another relay is using the data folder ${folder}: stop it, or set PARLEY_DATA to another folder.`,
    )
  }
  return () => database.close()
}

/** Whether a relay is running with that folder. */
export function isInUse(folder: string): boolean {
  if (!existsSync(join(folder, 'lock.sqlite'))) return false
  try {
    lock(folder)()
    return false
  } catch (error) {
    if (error instanceof ConfigError) return true
    throw error
  }
}

function ownSecret(folder: string): string {
  const file = join(folder, 'secret')
  try {
    writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const secret = readFileSync(file, 'utf8').trim()
  if (secret.length < 32)
    throw new ConfigError(`${file} is too short to be a secret: delete it, and a new one is made.`)
  return secret
}
