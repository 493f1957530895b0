import { execFileSync } from 'node:child_process'
import {
  closeSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { spawnRelay } from '../../support/processes.ts'
import { setFull } from '../../support/set-full.ts'
import { befriend, WireClient } from '../../support/wire-client.ts'
import { testSettings } from '../host.contract.ts'
import { start, temporaryFolder } from './start.ts'

/** A disk of its own, as small as that; null where this user may not mount one. */
function smallDisk(megabytes: number): string | null {
  const folder = temporaryFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return null
  }
  onTestFinished(() => {
    execFileSync('umount', ['-l', folder])
  })
  return folder
}

test('[SN1] on a full disk nothing is confirmed that is not kept, and all goes on once there is room', async ({
  skip,
}) => {
  const data = smallDisk(8)
  if (data === null) return skip('no disk of its own can be mounted here: that takes root')
  const relay = await spawnRelay({ data, env: { ...testSettings, PARLEY_LOG: 'none' } })
  onTestFinished(() => relay.stop())
  const [alice, bob] = await Promise.all([
    WireClient.signUp(relay.url, 'alice'),
    WireClient.signUp(relay.url, 'bob'),
  ])
  await alice.connect()
  await bob.connect()
  await befriend(alice, bob)
  const ids = [await alice.sendAndWait('bob', 'while there was room')]

  const ballast = join(data, 'ballast')
  fill(ballast, data)
  const isClosed = alice.closed
  for (let i = 0; alice.socket!.readyState === WebSocket.OPEN && i < 30; i++) {
    ids.push(alice.send('bob', `${i} ${'x'.repeat(20_000)}`))
    await Promise.race([alice.confirmed(ids.at(-1)!).catch(() => undefined), isClosed])
  }
  const whenFull = { confirmed: ids.filter((id) => alice.stored.has(id)).length, sent: ids.length }
  const health = await fetch(`${relay.url}/readyz`)

  rmSync(ballast)
  await Promise.all([alice, bob].map((one) => one.connectPatiently()))
  for (const id of ids) await alice.confirmed(id)
  await bob.entry((entry) => entry.type === 'message' && entry.id === ids.at(-1))

  expect((await isClosed).code).toBe(1011)
  expect(whenFull.confirmed).toBeLessThan(whenFull.sent)
  expect(health.status).toBe(503)
  expect(setFull([{ from: alice, to: bob, ids }])).toEqual({
    attempted: ids.length,
    acked: ids.length,
    lost: 0,
    duplicated: 0,
    disordered: 0,
  })
  await Promise.all([alice, bob].map((one) => one.close()))
}, 60_000)

/** Writes until there is no room for another block. */
function fill(path: string, folder: string) {
  const block = Buffer.alloc(4096)
  const file = openSync(path, 'w')
  try {
    while (statfsSync(folder).bavail > 0) writeSync(file, block)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file) // or it would keep its room when it is deleted
  }
}

test('a damaged database is refused at the start in a sentence that says what to do, and is left as it is', async () => {
  const data = temporaryFolder()
  const relay = await spawnRelay({ data, env: { ...testSettings, PARLEY_LOG: 'none' } })
  const alice = await WireClient.signUp(relay.url, 'alice')
  await alice.connect()
  await alice.close()
  await relay.stop()
  const file = join(data, 'relay.sqlite')
  const bytes = readFileSync(file)
  expect(statSync(file).size).toBeGreaterThan(3 * 4096)
  bytes.fill(0x5a, 2 * 4096) // the header is whole: only who looks finds out
  writeFileSync(file, bytes)

  const { output, ended } = start({ PARLEY_DATA: data, PARLEY_PORT: '4999', PARLEY_HOST: '127.0.0.1' })

  expect(await ended).toBe(2)
  expect(output.stderr).toMatch(
    /^The data in .* cannot be used \(the file is damaged: .*\): .*bring back a backup/,
  )
  expect(readFileSync(file)).toEqual(bytes)
})
