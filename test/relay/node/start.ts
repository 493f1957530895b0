import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { endGroup, spawnGroup } from '../../support/group.ts'

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-node-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Starts the relay with exactly these settings, to look at how it starts and ends. */
export function start(env: Record<string, string>, ...args: string[]) {
  const { PATH = '' } = process.env
  const child = spawnGroup([process.execPath, 'relay/node/server.ts', ...args], { env: { PATH, ...env } })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text: Buffer) => (output.stdout += text))
  child.stderr.on('data', (text: Buffer) => (output.stderr += text))
  onTestFinished(() => endGroup(child, 'SIGKILL'))
  const ended = new Promise<number | null>((done) => child.on('close', (code) => done(code)))
  return {
    output,
    signal: (name: NodeJS.Signals) => child.kill(name),
    /** The exit code; null when a signal ended it. */
    ended,
    /** Resolves when it says that it is ready. */
    ready: new Promise<void>((done) => {
      child.stdout.on('data', () => {
        if (output.stdout.includes('ready')) done()
      })
    }),
  }
}
