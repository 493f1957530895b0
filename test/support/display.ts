import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { endGroup, spawnGroup } from './group.ts'

// A screen that nobody sees, with a keyboard: what is typed on it goes where the system's focus is, as it does for
// people. A driver's keys go to a page whether or not its window has the focus.

/** Where the program is, or undefined. */
export const program = (name: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))

/** Whether a screen can be made here; `npm test` installs what it needs where it may. */
export const hasDisplay = (): boolean => ['Xvfb', 'xdotool'].every(program)

export type Display = Awaited<ReturnType<typeof startDisplay>>

export async function startDisplay() {
  const server = spawnGroup([
    program('Xvfb')!,
    '-screen',
    '0',
    '1280x800x24',
    '-nolisten',
    'tcp',
    '-displayfd',
    '1',
  ])
  server.stderr.resume() // an unread pipe would stop it
  const number = await new Promise<string>((done, fail) => {
    server.stdout.on('data', (text: Buffer) => done(String(text).trim()))
    server.on('exit', () => fail(new Error('Xvfb ended at its start')))
  })
  const env = { ...process.env, DISPLAY: `:${number}` }
  // Not required: without one the browsers see to the focus themselves.
  const openbox = program('openbox')
  const manager = openbox ? spawnGroup([openbox], { env }) : null
  manager?.stdout.resume()
  manager?.stderr.resume()

  /** Runs xdotool, and answers with what it writes. */
  const xdotool = (...args: string[]): string => {
    const { stdout, stderr, status } = spawnSync(program('xdotool')!, args, { env, encoding: 'utf8' })
    if (status !== 0) throw new Error(`xdotool ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }

  return {
    env,
    xdotool,
    /** Presses the keys of the text one after the other, `delayMs` apart, wherever the focus is. */
    type: (text: string, delayMs: number) =>
      new Promise<void>((done, fail) => {
        const typing = spawn(program('xdotool')!, ['type', '--delay', String(delayMs), '--', text], { env })
        typing.on('error', fail)
        typing.on('exit', (code) => (code === 0 ? done() : fail(new Error(`xdotool ended with ${code}`))))
      }),
    async stop() {
      if (manager) await endGroup(manager)
      await endGroup(server)
    },
  }
}
