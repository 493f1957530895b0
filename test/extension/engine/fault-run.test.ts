/**
 * Two people with three devices each write, while devices come and go, backgrounds die at any point and connections
 * break with what was on them: everything said is open on every device. Then the same with a step that is not atomic.
 */
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { UserId } from '#shared/ids'
import { randomSeed } from '../../../extension/crypto/identity.ts'
import { openDb, type Db, type RatchetInRow } from '../../../extension/db/db.ts'
import { headless, type Headless, type HeadlessOptions } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { mulberry32 } from '../../support/seeded.ts'
import { until } from '../../support/until.ts'
import { mortal, type Mortal } from './mortal.ts'

let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env: { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' } })
}, 40_000)
afterAll(() => relay.stop())
// Who is killed has much to complain about.
beforeEach(() => {
  for (const how of ['warn', 'error'] as const) vi.spyOn(console, how).mockImplementation(() => {})
})
afterEach(() => void vi.restoreAllMocks())

const root = randomSeed()
const proof = { root, slot: 'pw' as const }
const messages = 140
/** A frame in this many is lost, and its connection with it. */
const lostEvery = 60

interface Device {
  who: Headless
  mortality: Mortal
  /** Of what came in from other devices, by envelope: the session it was sealed in. */
  sessions: Map<string, string>
}

async function makeDevice(
  name: string,
  options: HeadlessOptions,
  trouble: { isOn: boolean; random(): number },
) {
  const mortality = mortal()
  const sessions = new Map<string, string>()
  const isLost = () => trouble.isOn && trouble.random() * lostEvery < 1
  class Lossy extends mortality.options.WebSocket {
    constructor(url: string) {
      super(url)
      this.addEventListener('message', (event) => {
        note(String(event.data))
        if (!isLost()) return
        event.stopImmediatePropagation()
        this.close()
      })
    }
    override send(text: string) {
      if (isLost()) return this.close()
      super.send(text)
    }
  }
  function note(text: string) {
    if (!text.startsWith('{"type":"deliver"')) return
    const { entries } = JSON.parse(text) as {
      entries: { type: string; id: string; payload: string; device?: string }[]
    }
    for (const { type, id, payload, device } of entries) {
      // Version, flags, and then the 16 bytes of its name.
      if (type === 'message' && payload)
        sessions.set(
          `${device} ${id}`,
          Buffer.from(payload.slice(0, 24), 'base64url').subarray(2).toString('base64url'),
        )
    }
  }
  const who = await headless(relay.url, name, { root, ...mortality.options, WebSocket: Lossy, ...options })
  return { who, mortality, sessions } satisfies Device
}

const closedOf = async ({ who }: Device) =>
  await who.db.messages.filter(({ content, removed }) => content === null && !removed).count()

let runs = 0

async function run(seed: number) {
  const random = mulberry32(seed)
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)]!
  const trouble = { isOn: false, random }
  runs++ // who tries again is somebody else
  const names = [`alice.${seed}.${runs}`, `bob.${seed}.${runs}`] as const
  const people = new Map<string, Device[]>()
  for (const name of names) people.set(name, [await makeDevice(name, {}, trouble)])
  const [first, other] = names.map((name) => people.get(name)![0]!.who) as [Headless, Headless]
  await first.knock(other.name)
  await until(async () => (await other.relationTo(first.name)) === 'asked', 'asked')
  await other.accept(first.name)
  await until(async () => (await first.relationTo(other.name)) === 'buddies', 'buddies')
  const join = async (name: string) =>
    void people.get(name)!.push(await makeDevice(name, { existing: true }, trouble))
  for (const name of names) for (let i = 0; i < 2; i++) await join(name)

  const said: string[] = []
  let deaths = 0
  const revive = async (device: Device) => {
    device.mortality.disarm()
    if (!device.mortality.isDead()) return
    deaths++
    await device.who.restart()
  }
  /** The second of them: the first has signed what a new one opens the vault with. */
  async function leave(name: string) {
    const [by, device] = people.get(name)!
    await Promise.all([revive(device!), revive(by!)])
    // What it has not sent goes with it.
    await until(async () => (await device!.who.db.outbox.count()) === 0, 'has sent everything', 30_000)
    const id = (await device!.who.db.account.get('me'))!.device
    // Who has just begun again, or lost the connection, has to try once more.
    await until(() => by!.who.commands.removeDevice(id, proof).then(() => true), 'removed', 30_000)
    people.get(name)!.splice(1, 1)
    await device!.who.stop()
  }

  trouble.isOn = true
  for (let step = 0; step < messages; step++) {
    const name = pick(names)
    const to = names[name === names[0] ? 1 : 0] as UserId
    const device = pick(people.get(name)!)
    const text = `${seed}/${step}`
    said.push(text)
    // The page writes, whether or not there is a background.
    await device.who.say(to, { type: 'text', text }).catch(() => {})
    const all = [...people.values()].flat()
    if (step % 4 === 0) {
      const victim = pick(all)
      if (!victim.mortality.isDead())
        victim.mortality.arm(1 + Math.floor(random() * 60), () => victim.who.kill())
    }
    for (const one of all) if (one.mortality.isDead() && random() < 0.5) await revive(one)
    if (step === 40 || step === 90) {
      trouble.isOn = false
      await (step === 40 ? join(names[0]) : leave(names[0]))
      await (step === 40 ? leave(names[1]) : join(names[1]))
      trouble.isOn = true
    }
  }
  trouble.isOn = false
  const all = [...people.values()].flat()
  await Promise.all(all.map(revive))
  const peerOf = ({ who }: Device) => names[who.name === names[0] ? 1 : 0] as UserId
  for (const device of all) {
    const has = async () => (await device.who.textsWith(peerOf(device))).length === said.length
    // Whoever lost the connection last may have to wait for a minute before trying again.
    await until(has, 'has everything', 75_000).catch(() => {}) // it is counted below
  }

  let missing = 0
  let closed = 0
  let byMailbox = 0
  for (const device of all) {
    const texts = await device.who.textsWith(peerOf(device))
    expect(new Set(texts).size).toBe(texts.length)
    missing += said.length - texts.length
    closed += await closedOf(device)
    const own = (await device.who.db.account.get('me'))!.device
    const known = new Set(await device.who.db.ratchetsIn.toCollection().primaryKeys())
    for (const [key, session] of device.sessions) if (!key.startsWith(own) && !known.has(session)) byMailbox++
  }
  // All devices of one person show the same, in the same order.
  for (const name of names) {
    const shown = await Promise.all(people.get(name)!.map((device) => device.who.textsWith(peerOf(device))))
    for (const texts of shown) expect(texts).toEqual(shown[0])
  }
  await Promise.all(all.map(({ who }) => who.stop()))
  return { pairs: said.length * (all.length - 1), missing, closed, deaths, byMailbox }
}

test.each([1, 2, 3])(
  'seed %i: with deaths, losses and devices that come and go, everything is open everywhere',
  async (seed) => {
    const { pairs, missing, closed, deaths, byMailbox } = await run(seed)
    console.info(
      `seed ${seed}: ${pairs} pairs, ${deaths} deaths, ${byMailbox} opened by the mailbox, ${missing} missing, ${closed} closed`,
    )

    expect({ missing, closed }).toEqual({ missing: 0, closed: 0 })
    expect(pairs).toBeGreaterThanOrEqual(700) // 2,100 for all seeds
    expect(deaths).toBeGreaterThan(5)
  },
  180_000,
)

/** Stores each state of a session by itself as well: it is there also when the transaction with its message is not. */
const notAtomic = (db: Db, beside: Db) =>
  db.use({
    stack: 'dbcore',
    name: 'not atomic',
    create: (core) => ({
      ...core,
      table(name) {
        const table = core.table(name)
        if (name !== 'ratchetsIn') return table
        return {
          ...table,
          mutate(request) {
            if (request.type === 'put')
              void beside.ratchetsIn.bulkPut(request.values as RatchetInRow[]).catch(() => {})
            return table.mutate(request)
          },
        }
      },
    }),
  })

test.each([
  ['its message', true],
  ['nothing else, as a step of its own', false],
])(
  'dying everywhere, with the state of a session stored with %s',
  async (_, isAtomic) => {
    const mortality = mortal()
    const indexedDB = new IDBFactory()
    const beside = openDb('parley', { indexedDB, IDBKeyRange })
    const prepare: HeadlessOptions['prepare'] = (db) => {
      if (!isAtomic) notAtomic(db, beside)
      mortality.options.prepare!(db)
    }
    const suffix = isAtomic ? 'one' : 'two'
    const [alice, bob] = await Promise.all([
      headless(relay.url, `hears.${suffix}`, { root, ...mortality.options, indexedDB, prepare }),
      headless(relay.url, `says.${suffix}`, { root }),
    ])
    await alice.knock(bob.name)
    await bob.until(async () => (await bob.relationTo(alice.name)) === 'asked', 'asked')
    await bob.accept(alice.name)
    await alice.until(async () => (await alice.relationTo(bob.name)) === 'buddies', 'buddies')
    // The mailbox would heal it.
    await alice.db.keyPackages.filter(({ device }) => device === '@').delete()
    let deaths = 0
    for (let point = 1; point <= 40; point++) {
      const has = async () => (await alice.textsWith(bob.name)).includes(`${point}`)
      mortality.arm(point, () => alice.kill())
      await bob.send(alice.name, `${point}`)
      await alice.until(async () => mortality.isDead() || (await has()), 'dead or done')
      mortality.disarm()
      if (mortality.isDead()) {
        deaths++
        await alice.restart()
      }
      await alice.until(has, 'there after all')
    }
    const asked = await alice.db.messages.filter((row) => (row.asked ?? 0) > 0).count()
    console.info(`${deaths} deaths, ${asked} messages that could not be opened at first`)
    await Promise.all([alice.stop(), bob.stop()])
    beside.close()

    expect(deaths).toBeGreaterThan(10)
    expect(asked > 0).toBe(!isAtomic)
  },
  60_000,
)
