/**
 * Loads and timings, run by hand: `npm run bench`, or `npm run bench -- relay` for one of them. Figures depend on the
 * machine: compare those of one run with each other.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { benchRelay } from './relay.ts'

/** What a bench measured: rows of a table, as they are shown and kept. */
export interface Table {
  title: string
  rows: Record<string, string | number>[]
}

const benches: Record<string, () => Promise<Table[]>> = { relay: benchRelay }

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in benches))
if (unknown.length > 0) {
  console.error(`There is no bench ${unknown.join(', ')}: there are ${Object.keys(benches).join(', ')}.`)
  process.exit(2)
}
const folder = resolve(import.meta.dirname, '../../.output/bench')
mkdirSync(folder, { recursive: true })
const machine = {
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  cpus: cpus().length,
}

for (const [name, run] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const startedAt = performance.now()
  const tables = await run()
  for (const { title, rows } of tables) {
    console.log(`\n${title}`)
    console.table(rows)
  }
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  writeFileSync(join(folder, `${name}.json`), JSON.stringify({ machine, seconds, tables }, null, 2))
  console.log(`${name}: ${seconds} s, kept in .output/bench/${name}.json`)
}
process.exit(0)
