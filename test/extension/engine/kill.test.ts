/**
 * The background dies at every point of what it does, one after the other; nothing may be lost or doubled. Then the
 * same with backgrounds that are built wrongly: they must be found out.
 */
import { v7 } from 'uuid'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EnvelopeId } from '#shared/ids'
import { randomSeed } from '../../../extension/crypto/identity.ts'
import { headless, type Headless } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { mortal, type Mortal } from './mortal.ts'

let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env: { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' } })
}, 40_000)
afterAll(() => relay.stop())

const root = randomSeed()
let pairs = 0
/** Where each death needs people of its own, some points in between are left out; PARLEY_EVERY_POINT=1 takes them all. */
const stepOf = (step: number) => (process.env.PARLEY_EVERY_POINT === '1' ? 1 : step)

/** Two people; the first is mortal. */
async function pair(mortality: Mortal) {
  const number = ++pairs
  const [alice, bob] = await Promise.all([
    headless(relay.url, `alice.${number}`, { root, ...mortality.options }),
    headless(relay.url, `bob.${number}`, { root, random: () => 0 }),
  ])
  return [alice, bob] as const
}

async function befriend(alice: Headless, bob: Headless) {
  await alice.knock(bob.name)
  await bob.until(async () => (await bob.relationTo(alice.name)) === 'asked', 'asked')
  await bob.accept(alice.name)
  await alice.until(async () => (await alice.relationTo(bob.name)) === 'buddies', 'buddies')
}

/** As the page writes it: whether or not there is a background. */
async function write(from: Headless, to: Headless, text: string): Promise<EnvelopeId> {
  const id = v7() as EnvelopeId
  const content = { type: 'text' as const, text }
  await from.db.outbox.add({ id, peer: to.name, kind: 'message', content, at: Date.now() })
  return id
}

/** Under whatever id. */
async function isSaid(from: Headless, to: Headless, text: string): Promise<boolean> {
  const rows = await from.history(to.name)
  const said = rows.find(({ content }) => content?.type === 'text' && content.text === text)
  return said !== undefined && isDelivered(from, said.id)
}

const isDelivered = async (from: Headless, id: EnvelopeId) => (await from.stateOf(id)) === 'delivered'
const shape = async (person: Headless, peer: string) =>
  (await person.history(peer)).map(({ from, id, ts, content, kind }) => ({ from, id, ts, content, kind }))

/** What must hold of a dead background: it has stored what it acknowledged (RC1). */
async function expectNoFalseAcks(alice: Headless, mortality: Mortal) {
  const cursor = await alice.db.cursor.get('cursor')
  expect(cursor?.seq ?? 0).toBeGreaterThanOrEqual(mortality.acked())
}

type Wrong = 'acks before it has stored' | 'seals again under a new id' | 'forgets what it was sending'

/** Begins something of which a background may die; `isDone` is asked until it is. */
type Flow = (
  alice: Headless,
  bob: Headless,
  text: string,
) => Promise<{ run(): Promise<unknown>; isDone(): Promise<boolean> }>

const sending: Flow = async (alice, bob, text) => {
  await write(alice, bob, text)
  return { run: () => alice.commands.nudge(), isDone: () => isSaid(alice, bob, text) }
}

const receiving: Flow = async (alice, bob, text) => {
  const id = await write(bob, alice, text)
  return { run: () => bob.commands.nudge(), isDone: () => isDelivered(bob, id) }
}

/** Of something that has long been said. */
const changing: Flow = async (alice, bob, text) => {
  const id = await write(alice, bob, `${text}, first`)
  await alice.commands.nudge()
  await alice.until(() => isDelivered(alice, id), 'said')
  await alice.db.outbox.add({
    id: v7() as EnvelopeId,
    peer: bob.name,
    kind: 'control',
    content: { type: 'edit', id, text },
    at: Date.now(),
  })
  return { run: () => alice.commands.nudge(), isDone: () => isChanged(id, text, alice, bob) }
}

const beingChanged: Flow = async (alice, bob, text) => {
  const id = await bob.send(alice.name, `${text}, first`)
  await bob.until(() => isDelivered(bob, id), 'said')
  return {
    run: () => bob.say(alice.name, { type: 'edit', id, text }),
    isDone: () => isChanged(id, text, bob, alice),
  }
}

/** By its author, for both; and nothing is left to be done. */
async function isChanged(id: EnvelopeId, text: string, author: Headless, other: Headless): Promise<boolean> {
  const rows = await Promise.all([author, other].map(({ db }) => db.messages.get([author.name, id])))
  const isIt = rows.every((row) => row?.content?.type === 'text' && row.content.text === text)
  return isIt && (await author.db.outbox.count()) === 0
}

/** With something that waits on both sides. */
const starting: Flow = async (alice, bob, text) => {
  alice.kill()
  const [hers, his] = [await write(alice, bob, `${text}, hers`), await bob.send(alice.name, `${text}, his`)]
  return {
    run: () => alice.restart(),
    isDone: async () => (await isDelivered(alice, hers)) && isDelivered(bob, his),
  }
}

/** Dies at the first point of it, then at the second, until there is no further one. Returns how many there were. */
async function dyingEverywhere(flow: Flow, wrong?: Wrong): Promise<number> {
  const mortality = mortal({ acksTooEarly: wrong === 'acks before it has stored' })
  const [alice, bob] = await pair(mortality)
  await befriend(alice, bob)
  let point = 0
  for (let died = true; died;) {
    const text = `dying at ${++point}`
    const { run, isDone } = await flow(alice, bob, text)
    mortality.arm(point, () => alice.kill())
    await run().catch(() => {}) // whoever asked the dead gets no answer
    await alice.until(async () => mortality.isDead() || (await isDone()), `${text}: dead or done`)
    mortality.disarm()
    died = mortality.isDead()
    if (died) {
      await expectNoFalseAcks(alice, mortality)
      if (wrong === 'seals again under a new id') await renameOutbox(alice)
      if (wrong === 'forgets what it was sending') await alice.db.outbox.clear()
      await alice.restart()
    }
    await alice.until(isDone, `${text}: done after all`, wrong ? 1000 : 10_000)
    await expectTheSame(alice, bob)
  }
  await Promise.all([alice.stop(), bob.stop()])
  return point - 1
}

/** Everything is there once, on both sides, in the same order; and what is counted of it is right. */
async function expectTheSame(alice: Headless, bob: Headless) {
  const [hers, his] = [await shape(alice, bob.name), await shape(bob, alice.name)]
  expect(hers).toEqual(his)
  const texts = hers.flatMap(({ content }) => (content?.type === 'text' ? [content.text] : []))
  expect(new Set(texts).size).toBe(texts.length)
  expect(await alice.db.outbox.count()).toBe(0)
  const unread = hers.filter(({ from, kind }) => from === bob.name && kind === 'message').length
  expect(await alice.unread(bob.name)).toBe(unread)
}

async function renameOutbox(alice: Headless) {
  for (const { payload: _, ...row } of await alice.db.outbox.toArray()) {
    await alice.db.outbox.delete(row.id)
    await alice.db.messages.delete([alice.name, row.id])
    await alice.db.outbox.add({ ...row, id: v7() as EnvelopeId })
  }
}

test('[SN2] [LG4] [RC1] dying at every point of sending, receiving and starting, each message is there once', async () => {
  const deaths = await Promise.all([sending, receiving, starting].map((flow) => dyingEverywhere(flow)))

  console.info(`died ${deaths.join(' + ')} times`)
  for (const count of deaths) expect(count).toBeGreaterThan(12)
}, 120_000)

test('[R-26] dying at every point of changing what was said, on either side, it is changed once', async () => {
  const deaths = await Promise.all([changing, beingChanged].map((flow) => dyingEverywhere(flow)))

  console.info(`died ${deaths.join(' + ')} times`)
  for (const count of deaths) expect(count).toBeGreaterThan(8)
}, 60_000)

test.each<[Wrong, Flow, RegExp]>([
  ['acks before it has stored', receiving, /to be greater than or equal to/],
  ['seals again under a new id', sending, /^expected \d+ to be \d+|to deeply equal/],
  ['forgets what it was sending', sending, /not within 1000 ms: .* done after all/],
])(
  'a background that %s is found out',
  async (wrong, flow, how) => {
    await expect(dyingEverywhere(flow, wrong)).rejects.toThrow(how)
  },
  30_000,
)

// --- Becoming buddies -----------------------------------------------------------------------------------------------

interface Role {
  run(): Promise<unknown>
  /** As a person does who sees that it has not happened. */
  again(): Promise<unknown>
  isDone(): Promise<boolean>
}

const knocking = async (alice: Headless, bob: Headless): Promise<Role> => ({
  run: () => alice.knock(bob.name, 'hi'),
  async again() {
    const isAsked = (await alice.relationTo(bob.name)) !== 'none' || (await alice.db.outbox.count()) > 0
    if (!isAsked) await alice.knock(bob.name, 'hi')
  },
  async isDone() {
    if ((await bob.relationTo(alice.name)) === 'asked') await bob.accept(alice.name)
    return areBuddies(alice, bob)
  },
})

async function accepting(alice: Headless, bob: Headless): Promise<Role> {
  await bob.knock(alice.name, 'hi')
  await alice.until(async () => (await alice.relationTo(bob.name)) === 'asked', 'asked')
  return {
    run: () => alice.accept(bob.name),
    async again() {
      const isAnswered = (await areBuddies(alice, bob)) || (await alice.db.outbox.count()) > 0
      if (!isAnswered) await alice.accept(bob.name)
    },
    isDone: () => areBuddies(alice, bob),
  }
}

/** A question that is not asked any more has been answered, whenever the background died over it. */
async function rejecting(alice: Headless, bob: Headless): Promise<Role> {
  await befriend(alice, bob)
  await alice.commands.changeSettings({ arrival: 'prompt' })
  await bob.send(alice.name, 'may I?')
  await alice.until(async () => (await alice.db.prompts.count()) === 1, 'asked')
  return {
    run: () => alice.commands.answer(bob.name, 'rejected', 'busy'),
    async again() {
      if ((await alice.db.outbox.count()) > 0 || (await endOf(alice, bob)) !== undefined) return
      await alice.commands.answer(bob.name, 'rejected', 'busy')
    },
    isDone: async () => (await endOf(bob, alice))?.note === 'busy',
  }
}

const endOf = async (person: Headless, peer: Headless) =>
  (await person.db.conversations.get(peer.name))?.session?.end

async function dyingInEvery(role: typeof knocking): Promise<number> {
  let deaths = 0
  for (let point = 1; ; point += stepOf(3)) {
    const mortality = mortal()
    const [alice, bob] = await pair(mortality)
    const { run, again, isDone } = await role(alice, bob)
    mortality.arm(point, () => alice.kill())
    await run().catch(() => {})
    await alice.until(async () => mortality.isDead() || (await isDone()), 'dead or done')
    mortality.disarm()
    const died = mortality.isDead()
    if (died) {
      await alice.restart()
      await alice.connected() // the room may have it already: then it is known now
      await again()
    }
    await alice.until(isDone, `buddies after all, having died at ${point}`)

    const count = async (person: Headless, peer: Headless) =>
      (await person.history(peer.name)).filter((row) => row.kind === 'knock' && row.state !== 'failed').length
    expect(await Promise.all([count(alice, bob), count(bob, alice)])).toEqual([1, 1])
    await Promise.all([alice.stop(), bob.stop()])
    if (!died) return deaths
    deaths++
  }
}

test('[RO1] dying at every point of knocking and accepting, both become buddies', async () => {
  const deaths = await Promise.all([knocking, accepting].map(dyingInEvery))

  console.info(`died ${deaths.join(' + ')} times`)
  for (const count of deaths) expect(count).toBeGreaterThan(20)
}, 90_000)

test('[R-33] dying at every point of answering a prompt, whoever asked hears it', async () => {
  const deaths = await dyingInEvery(rejecting)

  console.info(`died ${deaths} times`)
  expect(deaths).toBeGreaterThan(8)
}, 60_000)

const areBuddies = async (one: Headless, other: Headless) =>
  (await one.relationTo(other.name)) === 'buddies' && (await other.relationTo(one.name)) === 'buddies'

// --- A second device ------------------------------------------------------------------------------------------------

/** Dies at the points `first`, `first + step` and so on, until there is no such point. Returns how often. */
async function dyingWhileSigningIn(first: number): Promise<number> {
  const step = 3 * stepOf(4)
  let deaths = 0
  for (let point = first, account = await accountWithHistory(); ; point += step) {
    const { laptop, bob, history } = account
    const mortality = mortal()
    const phone = await headless(relay.url, laptop.name, { signedOut: true, ...mortality.options })
    const signIn = () =>
      phone.commands.signIn({
        relay: relay.url,
        relayId: phone.relayId,
        user: laptop.name,
        root,
        slot: 'pw',
        deviceName: 'phone',
      })
    mortality.arm(point, () => phone.kill())
    await signIn().catch(() => {})
    await phone.until(async () => mortality.isDead() || (await phone.isConnected()), 'dead or done')
    mortality.disarm()
    const died = mortality.isDead()
    if (died) {
      deaths++
      await expectNoFalseAcks(phone, mortality)
      await phone.restart()
      if (!(await phone.db.account.get('me'))) await signIn()
      await phone.connected()
    }

    expect(await shape(phone, bob.name)).toEqual(history)
    expect(await phone.relationTo(bob.name)).toBe('buddies')
    expect(await phone.unread(bob.name)).toBe(await laptop.unread(bob.name))
    await phone.stop()
    // An account may have eight devices, and each try leaves one or two.
    const isFull = deaths % 3 === 2
    if (!died || isFull) await Promise.all([laptop.stop(), bob.stop()])
    if (!died) return deaths
    if (isFull) account = await accountWithHistory()
  }
}

test('[LG2] dying at every point of signing in on a second device, it has everything once', async () => {
  const deaths = await Promise.all([1, 2, 3].map(dyingWhileSigningIn))

  console.info(`died ${deaths.join(' + ')} times`)
  for (const count of deaths) expect(count).toBeGreaterThan(10)
}, 90_000)

async function accountWithHistory() {
  const [laptop, bob] = await pair(mortal())
  await befriend(laptop, bob)
  for (let i = 0; i < 3; i++) {
    const ids = [await laptop.send(bob.name, `mine ${i}`), await bob.send(laptop.name, `theirs ${i}`)]
    await laptop.until(
      async () => (await isDelivered(laptop, ids[0]!)) && isDelivered(bob, ids[1]!),
      'delivered',
    )
  }
  await laptop.read(bob.name)
  const last = await bob.send(laptop.name, 'unread')
  await bob.until(() => isDelivered(bob, last), 'delivered')
  return { laptop, bob, history: await shape(laptop, bob.name) }
}
