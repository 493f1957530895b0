import { spawn } from 'node:child_process'
import { resolve } from 'node:path'

// Relay and extension side by side, each restarting when its sources change. When one ends, both do.

const run = (...args: string[]) =>
  spawn(process.execPath, args, { cwd: resolve(import.meta.dirname, '..'), stdio: 'inherit' })

const children = [
  run('--watch', 'relay/node/server.ts'),
  run('node_modules/wxt/bin/wxt.mjs', ...process.argv.slice(2)),
]
for (const child of children) {
  child.on('exit', () => {
    for (const other of children) other.kill()
  })
}
