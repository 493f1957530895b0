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
import { backup, restore } from '../../../relay/node/backup.ts'
import { readConfig } from '../../../relay/node/config.ts'
import { openReports } from '../../../relay/node/reports.ts'
import { buddies } from '../../support/headless.ts'
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

/** The messages in somebody's log, as the relay's disk has them. */
async function idsIn({ data }: RelayProcess, name: string): Promise<Set<string>> {
  const reports = openReports(data)
  const rows = [...reports.everythingOf(name)].map((line) => JSON.parse(line))
  reports.close()
  return new Set(rows.flatMap(({ key, value }) => (key?.startsWith('log:') ? [value.entry.id] : [])))
}

/** Says one thing after the other until it is stopped. */
function chat(from: Awaited<ReturnType<typeof buddies>>[0], to: string) {
  const texts: string[] = []
  const end = { isWanted: false }
  const talking = (async () => {
    for (let i = 0; !end.isWanted; i++) {
      texts.push(`${from.name} ${i}`)
      const id = await from.send(to, texts.at(-1)!)
      await from.until(async () => (await from.stateOf(id)) !== 'pending', 'stored', 20_000)
    }
  })()
  const upTo = (count: number) =>
    until(async () => texts.length >= count, `${from.name} said ${count} things`)
  return {
    texts,
    upTo,
    async end() {
      end.isWanted = true
      await talking
    },
  }
}

test('a backup is made under traffic; after the disk is lost, all that was confirmed is there again, once', async () => {
  const relay = await aRelay()
  const folder = newFolder()
  const [alice, bob] = await buddies(relay.url, 'alice', 'bob', { random: () => 0 })
  onTestFinished(() => Promise.all([alice.stop(), bob.stop()]).then(() => undefined))
  const chats = [chat(alice, 'bob'), chat(bob, 'alice')] as const
  await Promise.all(chats.map(({ upTo }) => upTo(10)))

  const made = await command(relay.data, 'backup', folder)
  expect(made).toMatchObject({ code: 0, stdout: `2 accounts are in ${folder}.\n`, stderr: '' })
  expect(readdirSync(folder).toSorted()).toEqual(
    ['blobs', 'relay.sqlite', 'secret'].filter((name) => existsSync(join(relay.data, name))),
  )
  const saidThen = chats.map(({ texts }) => texts.length)
  await Promise.all(chats.map(({ upTo }, i) => upTo(saidThen[i]! + 15)))
  await Promise.all(chats.map(({ end }) => end()))
  await relay.kill('SIGKILL')
  for (const name of readdirSync(relay.data)) rmSync(join(relay.data, name), { recursive: true })
  expect(await command(relay.data, 'restore', folder)).toMatchObject({
    code: 0,
    stdout: '2 accounts are back.\n',
  })
  await relay.restart()

  await Promise.all([alice, bob].map((one) => one.connected(30_000)))
  const last = await alice.send('bob', 'after the restore')
  await alice.until(async () => (await alice.stateOf(last)) === 'delivered', 'delivered', 30_000)
  const mine = (person: typeof alice) => person.textsWith(person === alice ? 'bob' : 'alice')
  for (const [i, { texts }] of chats.entries()) {
    const said = i === 0 ? [...texts, 'after the restore'] : texts
    const [from, to] = i === 0 ? [alice, bob] : [bob, alice]
    const own = (all: string[]) => all.filter((text) => said.includes(text))
    await to.until(async () => own(await mine(to)).length >= said.length, 'everything has come', 30_000)
    expect(own(await mine(to))).toEqual(said)
    expect(own(await mine(from))).toEqual(said)
  }
  for (const [one, peer] of [
    [alice, 'bob'],
    [bob, 'alice'],
  ] as const) {
    const all = await one.history(peer)
    // The relay has them too, whichever of the devices gave them back.
    const held = await idsIn(relay, one.name)
    expect(all.map(({ id }) => id).filter((id) => !held.has(id))).toEqual([])
    const sent = all.filter(({ direction }) => direction === 'out')
    for (const { id } of sent)
      await one.until(async () => (await one.stateOf(id)) === 'delivered', `${id} is delivered`)
  }
}, 60_000)

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
