/** Copies of a relay that runs, and what comes back from them. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import type { EnvelopeId } from '#shared/ids'
import { backup, restore } from '../../../relay/node/backup.ts'
import { readConfig } from '../../../relay/node/config.ts'
import { openReports } from '../../../relay/node/reports.ts'
import { buddies, type Headless } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { until } from '../../support/until.ts'
import { WireClient } from '../../support/wire-client.ts'
import { testSettings } from '../host.contract.ts'
import { start, temporaryFolder } from './start.ts'

async function aRelay(): Promise<RelayProcess> {
  const env = { ...testSettings, PARLEY_WAITING_SOCKETS: '100', PARLEY_LOG: 'error' }
  const relay = await spawnRelay({ data: temporaryFolder(), env })
  onTestFinished(() => relay.stop())
  return relay
}
const configOf = ({ data }: Pick<RelayProcess, 'data'>) => readConfig({ ...testSettings, PARLEY_DATA: data })
const newFolder = () => join(temporaryFolder(), 'backup')

/** Runs `relay …` as an operator would. */
async function command(data: string, ...args: string[]) {
  const run = start({ PARLEY_DATA: data }, ...args)
  return { code: await run.ended, ...run.output }
}

/** The messages in somebody's log, as the relay's disk has them, each as often as it is there. */
async function idsIn({ data }: Pick<RelayProcess, 'data'>, name: string): Promise<string[]> {
  const reports = openReports(data)
  const rows = [...reports.everythingOf(name)].map((line) => JSON.parse(line))
  reports.close()
  return rows.flatMap(({ key, value }) =>
    key?.startsWith('log:') && value.entry.type === 'message' ? [value.entry.id] : [],
  )
}
const repeated = (ids: readonly string[]) => ids.filter((id, i) => ids.indexOf(id) !== i)

/** Says one thing after the other, a few at a time and whatever happens to the relay, until it is stopped. */
function chat(from: Headless, to: Headless) {
  const ids: EnvelopeId[] = []
  const end = { isWanted: false }
  const isStored = async (id: EnvelopeId) => (await from.stateOf(id)) !== 'pending'
  const talking = (async () => {
    while (!end.isWanted) {
      ids.push(await from.send(to.name, `${from.name} ${ids.length}`))
      await from.until(() => isStored(ids.at(-4) ?? ids[0]!), 'stored', 40_000)
    }
  })()
  return {
    from,
    to,
    ids,
    said: (more: number, at = ids.length) =>
      until(async () => ids.length >= at + more, `${from.name} says ${more} things`, 40_000),
    /** What is confirmed by now. */
    async confirmed() {
      const all = [...ids]
      const stored = await Promise.all(all.map(isStored))
      return all.filter((_, i) => stored[i])
    },
    async end() {
      end.isWanted = true
      await talking
    },
  }
}

test('[SN1] [SN2] [LN4] under load: what was confirmed before a backup is in it, what came later is given back by the devices, all of it once', async () => {
  const relay = await aRelay()
  const folder = newFolder()
  const [alice, bob] = await buddies(relay.url, 'alice', 'bob', { random: () => 0 })
  onTestFinished(() => Promise.all([alice.stop(), bob.stop()]).then(() => undefined))
  const chats = [chat(alice, bob), chat(bob, alice)]
  const all = (more: number) => Promise.all(chats.map(({ said }) => said(more)))

  await all(6)
  const before = await Promise.all(chats.map(({ confirmed }) => confirmed()))
  const made = await command(relay.data, 'backup', folder)
  expect(made).toMatchObject({ code: 0, stdout: `2 accounts are in ${folder}.\n`, stderr: '' })
  expect(readdirSync(folder).toSorted()).toEqual(
    ['blobs', 'relay.sqlite', 'secret'].filter((name) => existsSync(join(relay.data, name))),
  )
  await all(6)
  await relay.kill('SIGKILL')
  const after = await Promise.all(chats.map(({ confirmed }) => confirmed()))
  for (const name of readdirSync(relay.data)) rmSync(join(relay.data, name), { recursive: true })
  expect(await command(relay.data, 'restore', folder)).toMatchObject({
    code: 0,
    stdout: '2 accounts are back.\n',
  })
  for (const [i, { from }] of chats.entries()) {
    const held = await idsIn(relay, from.name)
    expect(before[i]!.filter((id) => !held.includes(id))).toEqual([])
    expect(after[i]!.filter((id) => !held.includes(id)).length).toBeGreaterThan(0) // or nothing had to be healed
  }
  await relay.restart()
  await all(4)
  await Promise.all(chats.map(({ end }) => end()))

  const result = { attempted: 0, acked: 0, lost: 0, duplicated: 0, disordered: 0 }
  for (const { from, to, ids } of chats) {
    for (const id of ids)
      await from.until(async () => (await from.stateOf(id)) === 'delivered', `${id} is delivered`, 40_000)
    result.attempted += ids.length
    result.acked += ids.length // or it would not be delivered
    for (const one of [from, to]) {
      const rows = (await one.history(from === one ? to.name : from.name)).map(({ id }) => id)
      const own = rows.filter((id) => ids.includes(id))
      // Of what a device shows, and of what the relay's disk has.
      for (const seen of [
        own,
        (await idsIn(relay, one.name)).filter((id) => ids.includes(id as EnvelopeId)),
      ]) {
        result.lost += ids.filter((id) => !seen.includes(id)).length
        result.duplicated += repeated(seen).length
      }
      if (own.join() !== ids.join()) result.disordered++
    }
  }
  console.log(`a restore: ${JSON.stringify(result)}`)
  expect(result).toMatchObject({ acked: result.attempted, lost: 0, duplicated: 0, disordered: 0 })
}, 90_000)

test('a restore is refused while the relay runs, of what is damaged, and of another relay; nothing is touched', async () => {
  const relay = await aRelay()
  await WireClient.signUp(relay.url, 'alice')
  const folder = newFolder()
  backup(configOf(relay), folder)
  const isRefused = (from: string | undefined, words: RegExp) =>
    expect(restore(configOf(relay), from)).rejects.toThrow(words)

  await isRefused(folder, /^Another relay is using the data folder [^\n]+\.$/)
  await relay.stop()
  const before = readFileSync(join(relay.data, 'relay.sqlite'))
  await isRefused(undefined, /^Say which/)
  await isRefused(join(folder, 'nothing'), /^There is no backup in /)

  const damaged = newFolder()
  cpSync(folder, damaged, { recursive: true })
  const bytes = readFileSync(join(folder, 'relay.sqlite'))
  bytes.fill(0x5a, 4096, 12_288)
  writeFileSync(join(damaged, 'relay.sqlite'), bytes)
  await isRefused(damaged, /is damaged or none of a relay \([^\n]+\): use another backup\.$/)
  writeFileSync(join(damaged, 'relay.sqlite'), 'not a database, but long enough to look at')
  await isRefused(damaged, /is damaged or none of a relay/)

  const foreign = newFolder()
  cpSync(folder, foreign, { recursive: true })
  const database = new DatabaseSync(join(foreign, 'relay.sqlite'))
  database.exec("UPDATE meta SET v = 'another' WHERE k = 'relayId'")
  await isRefused(foreign, /^The backup is of another relay than the data in /)
  database.exec("UPDATE meta SET v = '99' WHERE k = 'schema'")
  database.close()
  await isRefused(foreign, /is of a newer version of Parley: restore it with that one\.$/)

  expect(readFileSync(join(relay.data, 'relay.sqlite')).equals(before)).toBe(true)
  expect(existsSync(join(relay.data, 'restoring'))).toBe(false)
}, 30_000)

test('a backup never overwrites and is whole or not there; a restore keeps what it replaces, and begins anew', async () => {
  const relay = await aRelay()
  const alice = await WireClient.signUp(relay.url, 'alice')
  await alice.connect()
  const { epoch } = alice
  await alice.close()
  mkdirSync(join(relay.data, 'blobs', 'day'), { recursive: true })
  writeFileSync(join(relay.data, 'blobs', 'day', 'part'), 'sealed')
  const folder = newFolder()

  expect(() => backup(configOf(relay), undefined)).toThrow(/^Say where to/)
  expect(() => backup(configOf({ data: temporaryFolder() }), folder)).toThrow(
    /^There are no data of a relay in /,
  )
  mkdirSync(`${folder}.unfinished`, { recursive: true }) // of one that was interrupted
  writeFileSync(join(`${folder}.unfinished`, 'relay.sqlite'), 'half')
  backup(configOf(relay), folder)
  expect(() => backup(configOf(relay), folder)).toThrow(
    /is there already: name a new folder for each backup\.$/,
  )
  expect(existsSync(`${folder}.unfinished`)).toBe(false)
  expect(statSync(join(folder, 'relay.sqlite')).mode & 0o077).toBe(0)

  await relay.kill('SIGKILL')
  rmSync(join(relay.data, 'blobs'), { recursive: true })
  const [, kept] = /^1 accounts are back\. What was there before is kept in (.*)\.$/.exec(
    await restore(configOf(relay), folder),
  )!
  await relay.restart()
  const welcome = await alice.connect()

  expect(welcome.epoch > epoch!).toBe(true)
  expect(readFileSync(join(relay.data, 'blobs', 'day', 'part'), 'utf8')).toBe('sealed')
  expect(existsSync(join(kept!, 'relay.sqlite'))).toBe(true)
  expect(statSync(join(relay.data, 'relay.sqlite')).mode & 0o077).toBe(0)
}, 20_000)
