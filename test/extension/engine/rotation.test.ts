/** What a removed device can no longer open, and what all others still can: whole engines against a real relay. */
import { DatabaseSync } from 'node:sqlite'
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DeviceList } from '#shared/account'
import { deviceListHash } from '#shared/account'
import type { SealedSegment } from '#shared/archive'
import { fromBase64 } from '#shared/bytes'
import type { Entry } from '#shared/frames'
import type { UserId } from '#shared/ids'
import type { Vault } from '#shared/keys'
import { openSegment } from '../../../extension/crypto/archive/segment.ts'
import { openSecrets, randomSeed, sealSecrets } from '../../../extension/crypto/identity.ts'
import { openVaultAsDevice, openVaultWith } from '../../../extension/crypto/vault.ts'
import { openDb, type Db } from '../../../extension/db/db.ts'
import { settingsOf } from '../../../extension/db/settings.ts'
import { mailboxRow } from '../../../extension/engine/key-pool.ts'
import { createRequests } from '../../../extension/engine/requests.ts'
import { createSealing } from '../../../extension/engine/sealing.ts'
import type { Signed } from '../../../extension/engine/state.ts'
import { databaseFile } from '../../../relay/node/store.ts'
import { buddies, headless, type Headless, type HeadlessOptions } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { mortal } from './mortal.ts'

const env = { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' }
let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env })
}, 40_000)
afterAll(() => relay.stop())

const archiveWhen = { rows: 4, quietMs: 50 }
/** Of the password: no test is about hashing it. */
const root = randomSeed()
const proof = { slot: 'pw' as const, root }
const another = (name: string, options: HeadlessOptions = {}) =>
  headless(relay.url, name, { root, existing: true, ...options })
const account = async ({ db }: Pick<Headless, 'db'>) => (await db.account.get('me'))!
const idOf = async (one: Headless) => (await account(one)).device
const secretsOf = async (one: Pick<Headless, 'db'>) => {
  const { lsk, device, sealedSecrets } = await account(one)
  return openSecrets(lsk, device, sealedSecrets)
}
const newestKeyOf = async (one: Headless) => Math.max(...Object.keys((await secretsOf(one)).aks).map(Number))
const isRestored = async ({ db }: Headless) => (await db.status.get('restore')) === undefined
const has = (one: Headless, peer: string, text: string) => async () =>
  (await one.textsWith(peer)).includes(text)
const isNamed = (one: Headless, name: string) => async () => (await settingsOf(one.db)).displayName === name

/** All rows of a room, as they lie in the relay's file. */
function roomOf(name: string): Map<string, unknown> {
  const file = new DatabaseSync(databaseFile(relay.data), { readOnly: true })
  const rows = file
    .prepare('SELECT k, v FROM kv JOIN room ON room.id = kv.room WHERE room.name = ?')
    .all(name) as { k: string; v: string }[]
  file.close()
  return new Map(rows.map(({ k, v }) => [k, JSON.parse(v)]))
}

const under = <T>(room: Map<string, unknown>, prefix: string): T[] =>
  [...room].filter(([key]) => key.startsWith(prefix)).map(([, row]) => row as T)

/** A device as somebody else has got hold of it: its database, and nothing that it might learn from a relay. */
async function copyOf({ db }: Headless): Promise<Db> {
  const copy = openDb('parley', { indexedDB: new IDBFactory(), IDBKeyRange })
  for (const { name } of db.tables) await copy.table(name).bulkPut(await db.table(name).toArray())
  return copy
}

/** What the holder of that device opens of what is in the rooms behind the `devices` entry of list `ver`. */
async function opens(db: Db, mine: Map<string, unknown>, theirs: Map<string, unknown>, ver: number) {
  const lists = [...under<DeviceList>(mine, 'list:'), ...under<DeviceList>(theirs, 'list:')]
  await db.lists.bulkPut(lists.map((list) => ({ hash: deviceListHash(list), list, at: 0 })))
  const me = await account({ db })
  const newest = under<DeviceList>(mine, 'list:').at(-1)!
  const known = await secretsOf({ db })
  const { payload } = mine.get('vault') as Vault
  const vault = await openVaultAsDevice(payload, under(mine, 'list:'), (ref) =>
    db.keyPackages.get(ref),
  ).catch(() => openVaultWith(payload, newest, known.aks).catch(() => null))
  if (vault) {
    const secrets = { ...known, aks: { ...vault.keys, ...known.aks } }
    await db.account.put({ ...me, sealedSecrets: await sealSecrets(me.lsk, me.device, secrets) })
    await db.keyPackages.bulkPut(vault.mailboxes.map(({ keyPackage }) => mailboxRow(keyPackage, 0)))
  }

  const signed: Signed = {
    account: me,
    db,
    timers: { now: () => Date.now(), after: () => () => {} },
    send: () => false,
    isWelcome: () => false,
  }
  const offline = { exclusively: <T>(_: string, run: () => Promise<T>) => run() }
  const sealing = createSealing(signed, createRequests(signed), offline, () => Date.now())
  const entries = under<{ entry: Entry }>(mine, 'log:').map(({ entry }) => entry)
  const from = entries.findIndex((entry) => entry.type === 'devices' && !entry.peer && entry.version === ver)
  expect(from).toBeGreaterThan(0)
  const opener = sealing.newOpener()
  const opened = { vault: vault ? 1 : 0, messages: [] as string[], notes: 0, settings: 0, segments: 0 }
  for (const entry of entries.slice(from)) {
    if (entry.type === 'message') {
      const { content } = await opener.open(entry).catch(() => ({ content: null }))
      if (content?.type === 'text') opened.messages.push(content.text)
      else if (content && entry.peer === me.user) opened.notes++
    }
    if (entry.type === 'preferences') {
      if (await sealing.openSettings(entry.payload).catch(() => null)) opened.settings++
    }
  }
  for (const { segment } of under<{ segment: SealedSegment }>(mine, 'segment:')) {
    const { kind: _, ct, ...head } = segment
    const key = (await secretsOf({ db })).aks[head.e]
    if (head.e < 2 || key === undefined) continue
    const rows = await openSegment(me.acct, { ...head, ct: fromBase64(ct) }, fromBase64(key))
    opened.segments += rows.length > 0 ? 1 : 0
  }
  return opened
}

test('[KY12] [KY13] who was removed opens nothing of what came later, even with all of the relay; all others do', async () => {
  const [laptop, bob] = await buddies(relay.url, 'alice.rot', 'bob.rot', { archiveWhen, root })
  const [phone, tablet] = [await another('alice.rot'), await another('alice.rot')]
  for (const n of [1, 2, 3, 4, 5]) await bob.send('alice.rot', `before ${n}`)
  for (const one of [laptop, phone, tablet]) await one.until(has(one, 'bob.rot', 'before 5'), 'read')
  await laptop.until(() => under(roomOf('alice.rot'), 'segment:').length > 0, 'archived')
  await laptop.until(async () => (await account(laptop)).list.ver === 3, 'knows all')
  tablet.kill()

  await laptop.commands.removeDevice(await idOf(phone), proof)
  await phone.until(async () => (await phone.connection())?.state === 'refused', 'refused')
  await bob.until(async () => (await bob.db.identities.get('alice.rot' as UserId))?.ver === 4, 'Bob knows')
  await bob.send('alice.rot', 'after, in')
  await laptop.until(has(laptop, 'bob.rot', 'after, in'), 'read')
  await laptop.send('bob.rot', 'after, out')
  await laptop.commands.changeSettings({ displayName: 'After' })
  await laptop.commands.markUnread('bob.rot' as UserId, true)
  for (const n of [1, 2, 3, 4, 5]) await bob.send('alice.rot', `after ${n}`)
  await laptop.until(has(laptop, 'bob.rot', 'after 5'), 'read')
  await laptop.until(
    () =>
      under<{ segment: SealedSegment }>(roomOf('alice.rot'), 'segment:').some(
        ({ segment }) => segment.e === 2,
      ),
    'archived',
  )
  const rooms = [roomOf('alice.rot'), roomOf('bob.rot')] as const
  const byPhone = await opens(await copyOf(phone), ...rooms, 4)
  const byTablet = await opens(await copyOf(tablet), ...rooms, 4)

  expect(byPhone).toEqual({ vault: 0, messages: [], notes: 0, settings: 0, segments: 0 })
  expect(byTablet.messages).toEqual(['after, in', 'after, out', ...[1, 2, 3, 4, 5].map((n) => `after ${n}`)])
  expect(byTablet).toMatchObject({ vault: 1, settings: 1, notes: 1 })
  expect(byTablet.segments).toBeGreaterThan(0)

  await tablet.restart()
  await tablet.until(has(tablet, 'bob.rot', 'after 5'), 'has it all')
  await tablet.until(isNamed(tablet, 'After'), 'has the settings')
  const byPassword = await another('alice.rot')
  const byCode = await headless(relay.url, 'alice.rot', { signedOut: true })
  await byCode.commands.signIn({
    relay: relay.url,
    relayId: byCode.relayId,
    user: byCode.name,
    slot: 'code',
    root: laptop.rootOfCode(laptop.recoveryCode),
    deviceName: 'Node',
  })
  const all = await laptop.textsWith('bob.rot')
  expect(all).toHaveLength(12)
  for (const one of [byPassword, byCode]) {
    await one.connected()
    await one.until(() => isRestored(one), 'restored')
    await one.until(has(one, 'bob.rot', 'after 5'), 'opens the tail')
    expect(await one.textsWith('bob.rot')).toEqual(all)
    expect((await settingsOf(one.db)).displayName).toBe('After')
  }
  expect(await tablet.textsWith('bob.rot')).toEqual(all)
  await Promise.all([laptop, phone, tablet, bob, byPassword, byCode].map((one) => one.stop()))
}, 60_000)

test('what a device has sealed before it heard of the removal is refused, and sealed again under the new key', async () => {
  const laptop = await headless(relay.url, 'alice.late', { root })
  const phone = await another('alice.late')
  const tablet = await another('alice.late')
  await laptop.until(async () => (await account(laptop)).list.ver === 3, 'knows all')
  tablet.kill()
  await tablet.db.settings.put({ key: 'pending', value: [{ displayName: 'Written offline' }] })
  await laptop.commands.removeDevice(await idOf(phone), proof)

  await tablet.restart()
  await laptop.until(isNamed(laptop, 'Written offline'), 'heard')

  const room = roomOf('alice.late')
  const copy = await copyOf(phone)
  expect((await opens(copy, room, new Map(), 4)).settings).toBe(0)
  expect(await newestKeyOf(tablet)).toBe(2)
  await Promise.all([laptop, phone, tablet].map((one) => one.stop()))
}, 30_000)

test('one that was away while another was removed, and a third signed in, gets the key nevertheless', async () => {
  const laptop = await headless(relay.url, 'alice.more', { root })
  const [phone, tablet] = [await another('alice.more'), await another('alice.more')]
  await laptop.until(async () => (await account(laptop)).list.ver === 3, 'knows all')
  tablet.kill()
  await laptop.commands.removeDevice(await idOf(phone), proof)
  const desktop = await another('alice.more')
  await desktop.commands.changeSettings({ displayName: 'From the newest' })

  await tablet.restart()
  await tablet.until(isNamed(tablet, 'From the newest'), 'reads it')

  expect((await secretsOf(tablet)).aks).toEqual((await secretsOf(desktop)).aks)
  await Promise.all([laptop, phone, tablet, desktop].map((one) => one.stop()))
}, 30_000)

test('one that was away while two were removed gets the newest key and the one before it', async () => {
  const laptop = await headless(relay.url, 'alice.two', { root })
  const [phone, watch, tablet] = [
    await another('alice.two'),
    await another('alice.two'),
    await another('alice.two'),
  ]
  await laptop.until(async () => (await account(laptop)).list.ver === 4, 'knows all')
  tablet.kill()
  await laptop.commands.removeDevice(await idOf(phone), proof)
  await laptop.commands.changeSettings({ displayName: 'Between' })
  await watch.until(isNamed(watch, 'Between'), 'heard')
  await laptop.commands.removeDevice(await idOf(watch), proof)

  await tablet.restart()
  await tablet.until(isNamed(tablet, 'Between'), 'reads what is under the key before')

  await tablet.until(async () => (await newestKeyOf(tablet)) === 3, 'has the newest')
  expect(Object.keys((await secretsOf(tablet)).aks)).toEqual(['1', '2', '3'])
  expect((await secretsOf(tablet)).aks).toEqual((await secretsOf(laptop)).aks)
  await Promise.all([laptop, phone, watch, tablet].map((one) => one.stop()))
}, 30_000)

/** Dies at the points `first`, `first + step` and so on, until there is no such point. Returns how often. */
async function dyingWhileRemoving(first: number): Promise<number> {
  const step = process.env.PARLEY_EVERY_POINT === '1' ? 2 : 10
  for (let point = first, deaths = 0; ; point += step) {
    const name = `alice.die${point}`
    const mortality = mortal()
    const laptop = await headless(relay.url, name, { root, ...mortality.options })
    const [phone, tablet] = [
      await another(name, { random: () => 0 }),
      await another(name, { random: () => 0 }),
    ]
    await laptop.until(async () => (await account(laptop)).list.ver === 3, 'knows all')
    const remove = async () => laptop.commands.removeDevice(gone, proof)
    const gone = await idOf(phone)
    const isGone = async (one: Headless) =>
      (await one.isConnected()) && !(await account(one)).list.devices.some(({ id }) => id === gone)
    mortality.arm(point, () => laptop.kill())
    let isOver = false
    void remove()
      .catch(() => {}) // whoever asked the dead gets no answer
      .finally(() => (isOver = true))
    await laptop.until(() => mortality.isDead() || isOver, 'dead or done')
    mortality.disarm()
    const died = mortality.isDead()
    if (died) {
      deaths++
      await laptop.restart()
      await laptop.connected()
      if ((await phone.connection())?.state !== 'refused') await remove()
    }
    for (const one of [laptop, tablet]) await one.until(() => isGone(one), `has died at ${point}: knows`)
    const fresh = await another(name)
    await laptop.commands.changeSettings({ displayName: `died at ${point}` })
    for (const one of [tablet, fresh]) await one.until(isNamed(one, `died at ${point}`), 'reads it')

    expect(await Promise.all([laptop, tablet, fresh].map(newestKeyOf))).toEqual([2, 2, 2])
    await Promise.all([laptop, phone, tablet, fresh].map((one) => one.stop()))
    if (!died) return deaths
  }
}

test('dying at any point of removing a device, everybody who should is still in, and has the key', async () => {
  const deaths = await Promise.all([1, 6].map(dyingWhileRemoving))

  console.info(`died ${deaths.join(' + ')} times`)
  expect(Math.min(...deaths)).toBeGreaterThan(4)
}, 90_000)
