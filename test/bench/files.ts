/**
 * Files through the real relay on Node: sealing, upload, download, opening, beside plain `fetch` of the same bytes to a
 * bare server that keeps them in memory.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Decrypter, Encrypter, generateHybridIdentity, identityToRecipient } from 'age-encryption'
import { partsOf } from '#shared/blobs'
import { limits } from '#shared/limits'
import { download, partOf, reserve, upload } from '../support/files.ts'
import { endGroup, spawnGroup } from '../support/group.ts'
import { freePort } from '../support/ports.ts'
import { spawnRelay } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { WireClient } from '../support/wire-client.ts'
import type { Table } from './main.ts'

const bytes = 64 * 1024 * 1024
const rounds = 5
const atOnce = [1, 4]

export async function benchFiles(): Promise<Table[]> {
  const data = mkdtempSync(join(tmpdir(), 'parley-bench-'))
  const env = { PARLEY_POW_BITS: '0', PARLEY_LOG: 'error', PARLEY_FILES_MB: '4000' }
  const relay = await spawnRelay({ data, env })
  const bare = await bareServer()
  try {
    const alice = await WireClient.signUp(relay.url, 'alice')
    await alice.connect()
    const plain = randomBytes(bytes)
    const rows: Table['rows'] = []
    for (const requests of atOnce) {
      const runs: Record<string, number[]> = {}
      for (let round = 0; round < rounds; round++) {
        const times = await oneRound(plain, requests)
        for (const [name, ms] of Object.entries(times)) (runs[name] ??= []).push(ms)
      }
      rows.push(...table(runs, requests))
    }
    return [
      {
        title: `Files of ${bytes / 1024 / 1024} MiB, MB/s (median of ${rounds} rounds)`,
        notes: ['sealed: with age, for a fresh post-quantum recipient; hashed on both sides'],
        rows,
      },
    ]

    async function oneRound(file: Uint8Array, requests: number) {
      const plainUp = await timed(() => plainUpload(bare.url, file, requests))
      const plainDown = await timed(() => plainDownload(bare.url, file.length, requests))
      let sealed: Uint8Array = new Uint8Array()
      const identity = await generateHybridIdentity()
      const seal = await timed(async () => {
        const encrypter = new Encrypter()
        encrypter.addRecipient(await identityToRecipient(identity))
        sealed = await encrypter.encrypt(file)
        createHash('sha256').update(sealed).digest()
      })
      const room = await reserve(alice, sealed.length)
      const up = await timed(() => upload(relay.url, room, sealed, requests))
      let got: Uint8Array = sealed
      const down = await timed(async () => {
        got = await download(relay.url, room.blob, sealed.length, requests)
      })
      const open = await timed(async () => {
        const decrypter = new Decrypter()
        decrypter.addIdentity(identity)
        createHash('sha256').update(got).digest()
        const opened = await decrypter.decrypt(got)
        if (Buffer.compare(opened, file) !== 0) throw new Error('another file came back')
      })
      await alice.ask({ type: 'release', blob: room.blob })
      return { plainUp, plainDown, seal, up, down, open }
    }
  } finally {
    await Promise.all([relay.stop(), bare.stop()])
    rmSync(data, { recursive: true, force: true })
  }
}

function table(runs: Record<string, number[]>, requests: number): Table['rows'] {
  const median = (name: string) => runs[name]!.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]!
  const speed = (ms: number) => Math.round(bytes / 1000 / ms)
  const row = (what: string, plain: string, moved: string, sealing: string) => {
    const whole = median(moved) + median(sealing)
    return {
      what,
      'at once': requests,
      'plain fetch': speed(median(plain)),
      relay: speed(median(moved)),
      'to plain': (median(plain) / median(moved)).toFixed(2),
      'age alone': speed(median(sealing)),
      'one after the other': speed(whole),
      'of plain': (median(plain) / whole).toFixed(2),
    }
  }
  return [row('upload', 'plainUp', 'up', 'seal'), row('download', 'plainDown', 'down', 'open')]
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await run()
  return performance.now() - startedAt
}

// --- What it is compared with -------------------------------------------------------------------------------------

async function bareServer() {
  const port = await freePort()
  const child = spawnGroup([process.execPath, 'test/bench/bare-http.ts', String(port)])
  const url = `http://127.0.0.1:${port}`
  await until(async () => (await fetch(url, { method: 'PUT', body: 'x' })).ok)
  return { url, stop: () => endGroup(child, 'SIGKILL') }
}

async function inParallel(parts: number, requests: number, run: (n: number) => Promise<void>) {
  let next = 0
  const work = async () => {
    for (let n = next++; n < parts; n = next++) await run(n)
  }
  await Promise.all(Array.from({ length: requests }, work))
}

const plainUpload = (url: string, file: Uint8Array, requests: number) =>
  inParallel(partsOf(file.length), requests, async (n) => {
    await (await fetch(`${url}/${n}`, { method: 'PUT', body: partOf(file, n) })).arrayBuffer()
  })

const plainDownload = (url: string, length: number, requests: number) => {
  const result = Buffer.alloc(length)
  return inParallel(partsOf(length), requests, async (n) => {
    const part = await (await fetch(`${url}/${n}`)).arrayBuffer()
    result.set(new Uint8Array(part), n * limits.partBytes)
  })
}
