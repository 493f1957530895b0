/** Who moves a file dies at any point of it, and so does the relay: the file is there once, and whole. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { v7 } from 'uuid'
import { limits } from '#shared/limits'
import { randomSeed } from '../../../extension/crypto/identity.ts'
import { sealInto } from '../../../extension/stores/file-sealing.ts'
import { buddies, type Headless } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { someBytes } from '../../support/some-bytes.ts'
import { between, blobAt, contentOf, isForgotten, reaches, sent, type Between } from './file-steps.ts'
import { mortal } from './mortal.ts'

let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env: { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' } })
}, 40_000)
afterAll(() => relay.stop())

const mib = limits.partBytes
const bytes = someBytes(2 * mib + 5)
const root = randomSeed()
/** Some points in between are left out; PARLEY_EVERY_POINT=1 takes them all. */
const step = process.env.PARLEY_EVERY_POINT === '1' ? 1 : 11

const named = async (person: Headless, peer: Headless, name: string) =>
  (await person.files(peer.name)).filter(
    ({ content }) => content?.type === 'file' && content.file.name === name,
  )

test('dying at any point of an upload, its message is there once, and the file whole', async () => {
  const mortality = mortal()
  const [alice, bob] = await buddies(relay.url, 'alice', 'bob', { root, ...mortality.options })
  let deaths = 0
  for (let died = true, point = 1; died; point += step) {
    const name = `${point}.bin`
    const key = v7()
    const blob = new Blob([bytes])
    await sealInto(alice.db, { key, peer: bob.name, caption: '', blob, meta: { name, mime: '' } })
    const isDone = async () =>
      (await named(bob, alice, name)).length > 0 &&
      (await alice.db.outbox.count()) === 0 &&
      (await named(alice, bob, name)).every(({ state }) => state === 'stored')

    mortality.arm(point, () => alice.kill())
    await alice.commands.nudge().catch(() => {}) // whoever asked the dead gets no answer
    await alice.until(async () => mortality.isDead() || (await isDone()), `${name}: dead or done`)
    mortality.disarm()
    died = mortality.isDead()
    if (died) {
      deaths++
      await alice.restart()
    }
    await alice.until(isDone, `${name}: done after all`)

    const messages = await named(bob, alice, name)
    expect(messages).toHaveLength(1)
    const message = `alice ${messages[0]!.id}`
    const { blob: id } = (await contentOf(bob, message)).file
    expect(await blobAt(relay.url, id)).toMatchObject({ have: [0, 1, 2] })
    expect(await alice.fileRow(message)).toMatchObject({ state: 'here', direction: 'out' })
    expect(await isForgotten(alice, key)).toBe(true)
    // That it is whole the room has to know: it would go after a day.
    const { until } = (await blobAt(relay.url, id))!
    expect(until - Date.now()).toBeGreaterThan(2 * limits.uploadMs)
  }
  console.info(`died ${deaths} times`)
  expect(deaths).toBeGreaterThan(40 / step)
  await Promise.all([alice.stop(), bob.stop()])
}, 120_000)

test('dying at any point of a download, the file is here once, and whole', async () => {
  const mortality = mortal()
  const [alice, bob] = await buddies(relay.url, 'carol', 'dave', { root, ...mortality.options })
  const key = await sent(bob, alice, bytes)
  let deaths = 0
  for (let died = true, point = 1; died; point += step) {
    const isHere = async () => (await alice.fileRow(key))?.state === 'here'
    mortality.arm(point, () => alice.kill())
    await alice.commands.file(key, 'fetch').catch(() => {})
    await alice.until(async () => mortality.isDead() || (await isHere()), `${point}: dead or done`)
    mortality.disarm()
    died = mortality.isDead()
    if (died) {
      deaths++
      await alice.restart()
      await alice.connected()
    }
    // As a person does who sees that nothing happens.
    if ((await alice.fileRow(key)) === undefined || (await alice.fileRow(key))?.state === 'freed')
      await alice.commands.file(key, 'fetch')
    await reaches(alice, key, 'here')

    expect(Buffer.compare(await alice.bytesOf(key), bytes)).toBe(0)
    await alice.commands.file(key, 'free')
    expect(await alice.db.parts.count()).toBe(0)
  }
  console.info(`died ${deaths} times`)
  expect(deaths).toBeGreaterThan(25 / step)
  await Promise.all([alice.stop(), bob.stop()])
}, 120_000)

test('a relay that is killed at any part, before or after it, goes on with the rest', async () => {
  const line: { say: Between } = { say: (_, __, go) => go() }
  const [alice, bob] = await buddies(relay.url, 'erin', 'frank', {
    root,
    random: () => 0,
    fetch: between(line),
  })
  /** Dies around the n-th part that is asked for from now on. */
  function dyingAt(n: number, when: 'before' | 'after') {
    let asked = 0
    let restarted: Promise<void> | null = null
    const restart = () => (restarted ??= relay.restart('SIGKILL').then(() => bob.commands.connectNow()))
    line.say = async (_, __, go) => {
      if (asked++ !== n) return go()
      if (when === 'before') await restart()
      const response = await go().catch(() => null)
      await restart()
      return response && when === 'after' ? Promise.reject(new TypeError('the network is gone')) : go()
    }
    return () => restarted
  }

  for (const [n, when] of [
    [1, 'before'],
    [2, 'after'],
  ] as const) {
    const isUp = dyingAt(n, when)
    const key = await sent(alice, bob, bytes)
    await isUp()
    await bob.commands.file(key, 'fetch')
    await reaches(bob, key, 'here')
    expect(Buffer.compare(await bob.bytesOf(key), bytes)).toBe(0)
  }
  const key = await sent(bob, alice, bytes)
  for (const n of [1]) {
    const isUp = dyingAt(n, 'after')
    await alice.commands.file(key, 'fetch')
    await reaches(alice, key, 'here')
    await isUp()
    await alice.connected()
    expect(Buffer.compare(await alice.bytesOf(key), bytes)).toBe(0)
    await alice.commands.file(key, 'free')
  }
  expect(await bob.files('erin')).toHaveLength(3)
  await Promise.all([alice.stop(), bob.stop()])
}, 60_000)
