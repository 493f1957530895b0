/** What went wrong with something the person asked for, in a form that the pages have words for. */
import type { Signal } from '@preact/signals'
import { CommandError, type CommandCode } from '../bus/commands.ts'

export type { CommandCode } from '../bus/commands.ts'

export interface Problem {
  code: CommandCode
  /** When it makes sense to try again. */
  retryAfterMs?: number
}

/** Names of the errors with which IndexedDB refuses: the disk is full, or this profile keeps nothing. */
const databaseErrors = /Quota|InvalidState|Abort|Database|Open|Version|Unknown/

/** An error that nobody expected is shown too, as an internal one, and left for developers in the console. */
export function problemOf(error: unknown): Problem {
  if (error instanceof CommandError) {
    return error.retryAfterMs === undefined
      ? { code: error.code }
      : { code: error.code, retryAfterMs: error.retryAfterMs }
  }
  console.error(error)
  const name = error instanceof Error ? error.name : ''
  return { code: databaseErrors.test(name) ? 'database' : 'internal-server-error' }
}

/** Makes what runs an action, clears the problem of the last one, and keeps this one's if it fails. */
export const attempting =
  (problem: Signal<Problem | null>) =>
  async (action: () => Promise<unknown>): Promise<boolean> => {
    problem.value = null
    try {
      await action()
      return true
    } catch (error) {
      problem.value = problemOf(error)
      return false
    }
  }
