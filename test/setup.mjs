// The first step of `npm start` and `npm test`: from a fresh clone to a tree in which every script works.
// Plain JavaScript without dependencies, because it runs on the machine's own Node (20 or newer) before
// the packages, and with them our Node, are there.
//
//   node test/setup.mjs              packages and WXT's generated types
//   node test/setup.mjs --browsers   Chromium and Firefox as well

import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'

const root = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..')
const bin = join(root, 'node_modules', '.bin')
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` }

/** Runs a command in the project with our Node first on the PATH; its failure is ours. */
function run(command, ...args) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    env,
    stdio: 'inherit',
    shell: process.platform === 'win32', // npm and npx are scripts there
  })
  if (error) console.error(`${command}: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

/** Why the packages have to be installed, or undefined when they are in order. */
function staleness() {
  const installed = join(root, 'node_modules', '.package-lock.json') // npm writes it last
  if (!existsSync(installed)) return 'the packages are not installed yet'
  if (!existsSync(join(root, 'node_modules', 'wxt'))) return 'only the packages of a relay are installed'
  if (statSync(join(root, 'package-lock.json')).mtimeMs > statSync(installed).mtimeMs)
    return 'package-lock.json is newer than node_modules'
  return undefined
}

const reason = staleness()
if (reason) {
  console.log(`Running npm ci: ${reason}. This takes about a minute.`)
  run('npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error')
}

if (!existsSync(join(root, '.wxt', 'tsconfig.json')) || reason) run('wxt', 'prepare')

if (process.argv.includes('--browsers')) run('node', 'test/support/browsers.ts')
