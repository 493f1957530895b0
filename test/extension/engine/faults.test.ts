/** The relay dies, the database fails, clocks are wrong: nothing is lost, nothing is doubled. */
import { cpSync, rmSync } from 'node:fs'
import { IDBFactory } from 'fake-indexeddb'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { EnvelopeId } from '#shared/ids'
import { buddies, headless, type Headless } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { tapped } from './wire.ts'

const env = { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' }
let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env })
}, 40_000)
afterAll(() => relay.stop())

const day = 24 * 3_600_000
/** Comes back soon, but not without any pause. */
const impatient = { random: () => 0.05 }

const comesTo = (person: Headless, ids: readonly EnvelopeId[], state: string, withinMs?: number) =>
  person.until(
    async () => {
      for (const id of ids) if ((await person.stateOf(id)) !== state) return false
      return true
    },
    state,
    withinMs,
  )
const shape = async (person: Headless, peer: string) =>
  (await person.history(peer)).map(({ from, id, ts, content }) => ({ from, id, ts, content }))

test('[SN1] [SN2] the relay is killed in the middle of a burst, twice: every message is there once, in order', async () => {
  const own = await spawnRelay({ env })
  const [alice, bob] = await Promise.all([
    headless(own.url, 'alice', impatient),
    headless(own.url, 'bob', impatient),
  ])
  await alice.knock('bob')
  await bob.until(async () => (await bob.relationTo('alice')) === 'asked', 'asked')
  await bob.accept('alice')
  await alice.until(async () => (await alice.relationTo('bob')) === 'buddies', 'buddies')

  const texts = Array.from({ length: 60 }, (_, i) => `${i}`)
  const ids: EnvelopeId[] = []
  const arrived = async () => (await bob.textsWith('alice')).length
  for (const text of texts) {
    ids.push(await alice.send('bob', text))
    if (text === '20') await bob.until(async () => (await arrived()) > 5, 'some arrived')
    if (text === '20' || text === '40') await own.restart('SIGKILL')
  }
  await comesTo(alice, ids, 'delivered', 20_000)

  expect(await bob.textsWith('alice')).toEqual(texts)
  expect(await shape(bob, 'alice')).toEqual(await shape(alice, 'bob'))
  expect(await bob.unread('alice')).toBe(60)
  await Promise.all([alice.stop(), bob.stop()])
  await own.stop()
}, 60_000)

test('[LG5] [LN3] a relay that is put back from a backup gets from the devices what it has lost', async () => {
  const own = await spawnRelay({ env })
  const [alice, bob] = await buddies(own.url, 'alice', 'bob', impatient)
  const before = [await alice.send('bob', 'before'), await bob.send('alice', 'before, too')]
  await comesTo(alice, before.slice(0, 1), 'delivered')
  await comesTo(bob, before.slice(1), 'delivered')
  await own.kill('SIGTERM')
  const backup = `${own.data}-backup`
  cpSync(own.data, backup, { recursive: true })
  await own.restart()
  await Promise.all([alice, bob].map((person) => person.commands.connectNow()))
  const after = [await alice.send('bob', 'after'), await bob.send('alice', 'after, too')]
  await comesTo(alice, after.slice(0, 1), 'delivered')
  await comesTo(bob, after.slice(1), 'delivered')
  const history = await shape(alice, 'bob')

  await own.kill('SIGKILL')
  rmSync(own.data, { recursive: true })
  cpSync(backup, own.data, { recursive: true })
  await own.restart()
  await alice.restart()
  await Promise.all([alice, bob].map((person) => person.commands.connectNow()))
  await Promise.all([alice.connected(), bob.connected()])
  const last = await alice.send('bob', 'at last')
  await comesTo(alice, [...before.slice(0, 1), ...after.slice(0, 1), last], 'delivered')
  await comesTo(bob, [...before.slice(1), ...after.slice(1)], 'delivered')

  expect((await shape(alice, 'bob')).slice(0, history.length)).toEqual(history)
  expect(await shape(bob, 'alice')).toEqual(await shape(alice, 'bob'))
  // The room has it all again: a new device gets everything, if at the place that it has there now.
  const phone = await headless(own.url, 'alice', { existing: true })
  expect((await phone.textsWith('bob')).toSorted()).toEqual((await alice.textsWith('bob')).toSorted())
  await Promise.all([alice.stop(), bob.stop(), phone.stop()])
  await own.stop()
}, 60_000)

test('[R-45] a drain is no storm: the relay says when, and the line says so', async () => {
  const own = await spawnRelay({ env })
  const alice = await headless(own.url, 'alice')
  await own.kill('SIGTERM')
  await alice.until(async () => (await alice.connection())?.state === 'waiting', 'waiting')
  expect(await alice.connection()).toMatchObject({ reason: 'unreachable', failures: 1 })
  expect(alice.badge.connected).toBe(false)

  await own.restart()
  await alice.commands.connectNow()
  await alice.connected()
  expect(await alice.connection()).not.toHaveProperty('failures')
  expect(alice.badge.connected).toBe(true)
  await alice.stop()
  await own.stop()
}, 30_000)

test('[FR6] [R-18] a burst over the rate arrives whole and in order, and holds up nobody else', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.burst', 'bob.burst')
  const carol = await headless(relay.url, 'carol.burst')
  await carol.knock('alice.burst')
  await alice.until(async () => (await alice.relationTo('carol.burst')) === 'asked', 'asked')
  await alice.accept('carol.burst')
  await carol.until(async () => (await carol.relationTo('alice.burst')) === 'buddies', 'buddies')
  const texts = Array.from({ length: 60 }, (_, i) => `${i}`)
  for (const text of texts) await alice.send('bob.burst', text)
  await alice.send('carol.burst', 'hello')
  await carol.until(async () => (await carol.textsWith('alice.burst')).includes('hello'), 'arrived')
  expect((await bob.textsWith('alice.burst')).length).toBeLessThan(60)
  await bob.until(async () => (await bob.textsWith('alice.burst')).length === 60, 'all arrived', 20_000)

  expect(await bob.textsWith('alice.burst')).toEqual(texts)
  await Promise.all([alice.stop(), bob.stop(), carol.stop()])
}, 30_000)

test('[SN9] a relay that keeps nothing for the absent says so at once, and a retry gets through later', async () => {
  const strict = await spawnRelay({ env: { ...env, PARLEY_OFFLINE: 'refuse' } })
  const [alice, bob] = await buddies(strict.url, 'alice', 'bob')
  await bob.commands.signOut()
  await alice.until(async () => (await alice.presenceOf('bob')) === 'offline', 'gone')
  const id = await alice.send('bob', 'now or never')
  await comesTo(alice, [id], 'failed')
  expect((await alice.history('bob')).find((row) => row.id === id)).toMatchObject({
    failure: 'recipient-unavailable',
  })

  const back = await headless(strict.url, 'bob', { existing: true })
  await alice.commands.retry(id)
  await back.until(async () => (await back.textsWith('alice')).length > 0, 'arrived')
  expect(await back.textsWith('alice')).toEqual(['now or never'])
  expect(await alice.textsWith('bob')).toEqual(['now or never'])
  await Promise.all([alice.stop(), bob.stop(), back.stop()])
  await strict.stop()
}, 40_000)

test.each([
  ['a day ahead', day],
  ['a day behind', -day],
])('[R-16] with a clock that is %s everything is as with a good one', async (_, clockAheadMs) => {
  const suffix = clockAheadMs > 0 ? 'ahead' : 'behind'
  const [wrong, right] = await buddies(relay.url, `alice.${suffix}`, `bob.${suffix}`, { clockAheadMs })
  const ids: EnvelopeId[] = []
  for (let i = 0; i < 6; i++) {
    const [person, peer] = i % 2 ? [right, `alice.${suffix}`] : [wrong, `bob.${suffix}`]
    const id = await person.send(peer, `${i}`)
    await comesTo(person, [id], 'delivered')
    ids.push(id)
  }
  await wrong.read(`bob.${suffix}`)
  await comesTo(right, [ids[5]!], 'read')
  const row = (await wrong.connection())!

  expect(await wrong.textsWith(`bob.${suffix}`)).toEqual(['0', '1', '2', '3', '4', '5'])
  expect(await shape(wrong, `bob.${suffix}`)).toEqual(await shape(right, `alice.${suffix}`))
  expect(Math.abs(row.skew + clockAheadMs)).toBeLessThan(5000)
  await wrong.until(async () => (await wrong.presenceOf(`bob.${suffix}`)) === 'online', 'sees Bob')
  // A mode that ends in an hour of this clock ends in an hour.
  await wrong.commands.setPresence({ mode: 'away', until: Date.now() + clockAheadMs + 3_600_000 })
  await wrong.until(async () => (await wrong.ownPresence())?.until !== undefined, 'the end of it')
  expect(Math.abs((await wrong.ownPresence())!.until! - Date.now() - 3_600_000)).toBeLessThan(5000)
  await Promise.all([wrong.stop(), right.stop()])
})

test('[R-18] a clock that jumps ahead by a day holds what was waiting, and a person lets it go', async () => {
  let offline = false
  const [alice, bob] = await buddies(relay.url, 'alice.held', 'bob.held', {
    ...impatient,
    WebSocket: tapped({ isCut: () => offline }),
  })
  offline = true
  await alice.restart()
  const [old, fresh] = [await alice.send('bob.held', 'old'), await alice.send('bob.held', 'fresh')]
  await alice.db.outbox.update(old, { at: Date.now() - day - 1 })
  offline = false
  await comesTo(alice, [fresh], 'delivered')
  expect(await alice.db.outbox.get(old)).toMatchObject({ held: true })

  await alice.commands.retry(old)
  await comesTo(alice, [old], 'delivered')
  expect(await bob.textsWith('alice.held')).toEqual(['fresh', 'old'])
  await Promise.all([alice.stop(), bob.stop()])
})

// --- The database ------------------------------------------------------------------------------------------------------

test('a database that does not open is told as such; once it does, everything is there', async () => {
  const said = vi.spyOn(console, 'warn').mockImplementation(() => {}) // Dexie tells that it tries again
  let broken = false
  const watchdog: boolean[] = []
  class Failing extends IDBFactory {
    override open(...args: Parameters<IDBFactory['open']>) {
      if (broken) throw new DOMException('Internal error opening backing store', 'UnknownError')
      return super.open(...args)
    }
  }
  const [alice, bob] = await buddies(relay.url, 'alice.disk', 'bob.disk', {
    ...impatient,
    indexedDB: new Failing(),
    platform: { watchdog: async (on) => void watchdog.push(on) },
  })
  await bob.send('alice.disk', 'before')
  await alice.until(async () => (await alice.textsWith('bob.disk')).length === 1, 'arrived')
  broken = true
  await expect(alice.restart()).rejects.toMatchObject({ code: 'database' })
  await expect(alice.commands.wake()).rejects.toMatchObject({ code: 'database' })
  await expect(alice.commands.nudge()).rejects.toMatchObject({ code: 'database' })
  expect(watchdog.at(-1)).toBe(true) // or nobody would try again
  await bob.send('alice.disk', 'meanwhile')

  broken = false
  await alice.ring()
  await alice.connected()
  await alice.until(async () => (await alice.textsWith('bob.disk')).length === 2, 'arrived')
  expect(await alice.textsWith('bob.disk')).toEqual(['before', 'meanwhile'])
  said.mockRestore()
  await Promise.all([alice.stop(), bob.stop()])
})

test('[LG4] what cannot be stored is not acknowledged: it comes again when it can', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  let full = false
  let refused = 0
  const [alice, bob] = await buddies(relay.url, 'alice.full', 'bob.full', {
    ...impatient,
    prepare(db) {
      db.use({
        stack: 'dbcore',
        name: 'full',
        create: (core) => ({
          ...core,
          table(name) {
            const table = core.table(name)
            return {
              ...table,
              mutate(request) {
                if (!full || name !== 'messages') return table.mutate(request)
                refused++
                return Promise.reject(new DOMException('full', 'QuotaExceededError'))
              },
            }
          },
        }),
      })
    },
  })
  full = true
  const id = await bob.send('alice.full', 'too much')
  await alice.until(() => refused > 2, 'tried more than once')
  expect(await bob.stateOf(id)).toBe('stored')
  expect(await alice.textsWith('bob.full')).toEqual([])
  expect(refused).toBeLessThan(40) // it waits longer each time

  full = false
  await comesTo(bob, [id], 'delivered')
  expect(await alice.textsWith('bob.full')).toEqual(['too much'])
  said.mockRestore()
  await Promise.all([alice.stop(), bob.stop()])
})
