/**
 * A file from one person to another as the extension moves it: sealed into the database, uploaded by the engine, fetched
 * by the other's, opened. In Node over an IndexedDB in memory, which copies what it stores: a browser's own differs.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { v7 } from 'uuid'
import { randomSeed } from '../../extension/crypto/identity.ts'
import { fileKey } from '../../extension/db/db.ts'
import { sealInto } from '../../extension/stores/file-sealing.ts'
import { buddies } from '../support/headless.ts'
import { spawnRelay } from '../support/processes.ts'
import type { Table } from './main.ts'

const bytes = 64 * 1024 * 1024
const rounds = 3

export async function benchFileEngines(): Promise<Table[]> {
  const data = mkdtempSync(join(tmpdir(), 'parley-bench-'))
  const relay = await spawnRelay({ data, env: { PARLEY_POW_BITS: '0', PARLEY_LOG: 'error' } })
  const people = await buddies(relay.url, 'alice', 'bob', { root: randomSeed() })
  const [alice, bob] = people
  const runs: Record<string, number[]> = {}
  try {
    for (let round = 0; round < rounds; round++) {
      const blob = new Blob([randomBytes(bytes)])
      const attached = { key: v7(), peer: bob.name, caption: '', blob, meta: { name: 'a', mime: '' } }
      await timed('sealed into the database', () => sealInto(alice.db, attached))
      await timed('uploaded, and its message there', async () => {
        await alice.commands.nudge()
        await bob.until(async () => (await bob.files('alice')).length === 1, 'a file', 60_000)
      })
      const { id } = (await bob.files('alice'))[0]!
      const key = fileKey(alice.name, id)
      await timed('fetched, and its hash checked', async () => {
        await bob.commands.file(key, 'fetch')
        await bob.until(async () => (await bob.fileRow(key))?.state === 'here', 'here', 60_000)
      })
      await timed('opened', () => bob.bytesOf(key))
      await alice.say('bob', { type: 'retract', id })
      await bob.until(async () => (await bob.files('alice')).length === 0, 'gone')
    }
  } finally {
    await Promise.all([...people.map((person) => person.stop()), relay.stop()])
    rmSync(data, { recursive: true, force: true })
  }
  const rows = Object.entries(runs).map(([what, times]) => {
    const ms = times.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]!
    return { what, ms: Math.round(ms), 'MB/s': Math.round(bytes / 1000 / ms) }
  })
  return [
    { title: `A file of ${bytes / 1024 / 1024} MiB by whole engines (median of ${rounds} rounds)`, rows },
  ]

  async function timed(what: string, run: () => Promise<unknown>): Promise<void> {
    const startedAt = performance.now()
    await run()
    ;(runs[what] ??= []).push(performance.now() - startedAt)
  }
}
