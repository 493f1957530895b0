/**
 * Loads and timings, run by hand: `npm run bench`, or `npm run bench -- --only relay` for one part. Figures depend on
 * the machine: compare those of one run with each other.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { benchAbuse } from './abuse.ts'
import { benchCrypto } from './crypto.ts'
import { benchExtension } from './extension.ts'
import { benchFileEngines } from './file-engines.ts'
import { benchFiles } from './files.ts'
import { benchRelay } from './relay.ts'

/** What a bench measured: rows of a table, as they are shown and kept. */
export interface Table {
  title: string
  /** How it was measured, and what of it is the load's own. */
  notes?: string[]
  rows: Record<string, string | number>[]
}

const benches: Record<string, () => Promise<Table[]>> = {
  relay: benchRelay,
  files: async () => [...(await benchFiles()), ...(await benchFileEngines())],
  extension: benchExtension,
  crypto: benchCrypto,
  abuse: benchAbuse,
}

const { only } = parseArgs({ options: { only: { type: 'string' } } }).values
if (only !== undefined && !(only in benches)) {
  console.error(`There is no bench ${only}: there are ${Object.keys(benches).join(', ')}.`)
  process.exit(2)
}
const folder = resolve(import.meta.dirname, '../../.output/bench')
mkdirSync(folder, { recursive: true })
const machine = {
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  cpus: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
}
console.log(Object.values(machine).join(', '))

for (const [name, run] of Object.entries(benches)) {
  if (only !== undefined && only !== name) continue
  const startedAt = performance.now()
  const tables = await run()
  for (const { title, notes = [], rows } of tables) {
    console.log(['', title, ...notes].join('\n'))
    console.table(rows)
  }
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  writeFileSync(join(folder, `${name}.json`), JSON.stringify({ machine, seconds, tables }, null, 2))
  console.log(`${name}: ${seconds} s, kept in .output/bench/${name}.json`)
}
process.exit(0)
