/** The relay on Node under load: what durability and order cost, and what people have to wait for. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnRelay, type RelayProcess } from '../support/processes.ts'
import { keepToLoadCore, onRelayCore } from './cores.ts'
import { benchCatchUp, benchPresence, benchStorm } from './crowds.ts'
import { memoryBytesOf } from './load.ts'
import type { Table } from './main.ts'
import { benchMessages } from './messages.ts'
import { inGroups, peopleOf, progress, rounded } from './people.ts'

const idleCounts = [1000, 10_000]

const benches: Record<string, (relay: RelayProcess) => Promise<Table | Table[]>> = {
  messages: benchMessages,
  catchUp: benchCatchUp,
  presence: benchPresence,
  idle: benchIdle,
}
/** `BENCH_PARTS=messages,idle` for some of them. */
const wanted = process.env['BENCH_PARTS']?.split(',')

export async function benchRelay(): Promise<Table[]> {
  const data = mkdtempSync(join(tmpdir(), 'parley-bench-'))
  const clock = join(data, 'bench-clock')
  writeFileSync(clock, '0')
  keepToLoadCore()
  const relay = await spawnRelay({
    data,
    under: onRelayCore,
    flags: ['--import', join(import.meta.dirname, 'clock.ts')],
    env: {
      BENCH_CLOCK: clock,
      PARLEY_POW_BITS: '0',
      PARLEY_REGISTRATIONS_PER_DAY: '100000',
      PARLEY_WAITING_SOCKETS: '10000',
      PARLEY_LOG: 'error',
    },
  })
  try {
    const tables: Table[] = []
    const parts = { ...benches, storm: (one: RelayProcess) => benchStorm(one, clock) }
    for (const [name, bench] of Object.entries(parts)) {
      if (wanted === undefined || wanted.includes(name)) tables.push(...[await bench(relay)].flat())
    }
    return tables
  } finally {
    await relay.stop()
    rmSync(data, { recursive: true, force: true })
  }
}

// --- Idle connections ---------------------------------------------------------------------------------------------

async function benchIdle(relay: RelayProcess): Promise<Table> {
  const rows: Table['rows'] = []
  progress(`${Math.max(...idleCounts)} accounts`)
  const people = await peopleOf(relay, 'idle', Math.max(...idleCounts))
  for (const count of idleCounts) {
    progress(`${count} idle connections`)
    await relay.restart()
    const before = memoryBytesOf(relay.pid)
    const startedAt = performance.now()
    await inGroups(people.slice(0, count), 50, (one) => one.connect())
    const seconds = (performance.now() - startedAt) / 1000
    const after = memoryBytesOf(relay.pid)
    rows.push({
      connections: count,
      'kB each': rounded((after - before) / count / 1000),
      'MB in all': rounded(after / 1_000_000),
      'sign-ons/s': Math.round(count / seconds),
    })
    await Promise.all(people.map((one) => one.drop()))
  }
  return { title: 'Idle connections, each of an account of its own', rows }
}
