/** Who somebody is: the number to compare, devices that come and go, and another account behind a known name. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { UserId } from '#shared/ids'
import { randomSeed } from '../../../extension/crypto/identity.ts'
import { settingsOf } from '../../../extension/db/settings.ts'
import { headless, type Headless, type HeadlessOptions } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { tapped } from './wire.ts'

let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env: { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' } })
}, 40_000)
afterAll(() => relay.stop())

const root = randomSeed()
const person = (name: string, options: HeadlessOptions = {}) =>
  headless(relay.url, name, { root, random: () => 0, ...options })

async function befriend(one: Headless, other: Headless) {
  await one.knock(other.name)
  await other.until(async () => (await other.relationTo(one.name)) === 'asked', 'asked')
  await other.accept(one.name)
  await one.until(async () => (await one.relationTo(other.name)) === 'buddies', 'buddies')
}

const noticesOf = async ({ db }: Headless, peer: UserId) =>
  (await db.notices.toArray())
    .filter((row) => row.peer === peer)
    .map(({ what, isLoud }) => ({ what, isLoud }))
const says = async (from: Headless, to: Headless, text: string) => {
  await from.send(to.name, text)
  await to.until(async () => (await to.textsWith(from.name)).includes(text), text)
}

test('both see the same safety number, and it stays the same when a device is added', async () => {
  const [alice, bob] = await Promise.all([person('alice.number'), person('bob.number')])
  await befriend(alice, bob)
  const before = await alice.commands.safetyNumber(bob.name)
  const { acct: _, ...his } = await bob.commands.safetyNumber(alice.name)
  expect(before).toMatchObject(his)
  expect(before.digits).toHaveLength(12)
  expect(before.words).toHaveLength(10)

  await alice.commands.changeSettings({ buddies: { [bob.name]: { verified: before.acct } } })
  const phone = await person('bob.number', { existing: true })
  await says(phone, alice, 'from my phone')
  await alice.until(async () => (await noticesOf(alice, bob.name)).length > 0, 'told')

  expect(await noticesOf(alice, bob.name)).toEqual([{ what: 'device-added', isLoud: true }])
  expect(await alice.commands.safetyNumber(bob.name)).toEqual(before)
  expect(await phone.commands.safetyNumber(alice.name)).toEqual({ ...his, acct: expect.anything() })
  // What was verified on one of my devices is on all of them.
  const laptop = await person('alice.number', { existing: true })
  await laptop.until(
    async () => (await settingsOf(laptop.db)).buddies[bob.name]?.verified === before.acct,
    'has the mark',
  )
  await Promise.all([alice, bob, phone, laptop].map((one) => one.stop()))
}, 30_000)

/** From `on` on, the relay shows `other` to this device whenever it means `name`. */
function impostor(name: string, other: string) {
  const state = { isOn: false }
  const swapped = (text: string, from: string, to: string) =>
    state.isOn ? text.replaceAll(`"${from}"`, `"${to}"`) : text
  return {
    state,
    WebSocket: tapped({
      out: (text) => swapped(text, name, other),
      heard: (text) => swapped(text, other, name),
    }),
  }
}

test('another account behind a known name: nothing is sent before the person goes on, and then all of it', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  const line = impostor('bob.other', 'mallory.other')
  const [alice, bob, mallory] = await Promise.all([
    person('alice.other', { WebSocket: line.WebSocket }),
    person('bob.other'),
    person('mallory.other'),
  ])
  await befriend(alice, bob)
  await says(alice, bob, 'to Bob')
  const { acct } = await alice.commands.safetyNumber(bob.name)
  await alice.commands.changeSettings({ buddies: { [bob.name]: { verified: acct } } })
  await befriend(mallory, alice)
  await bob.stop()

  line.state.isOn = true
  await alice.restart()
  await alice.connected()
  const theirs = await mallory.send('alice.other', 'believe me')
  await alice.until(async () => (await alice.db.identities.get(bob.name))?.other !== undefined, 'noticed')
  const waiting = await alice.send(bob.name, 'a secret')
  expect(await noticesOf(alice, bob.name)).toEqual([{ what: 'account-changed', isLoud: true }])
  // What they say is not shown, and keeps its place.
  expect(await alice.textsWith(bob.name)).toEqual(['to Bob'])
  expect((await alice.history(bob.name)).at(-1)).toMatchObject({ id: theirs, content: null })
  // Over a restart and a while in which something else arrives, nothing has left.
  await alice.restart()
  await alice.connected()
  await mallory.send('alice.other', 'still there?')
  await alice.until(
    async () => (await alice.history(bob.name)).filter(({ content }) => content === null).length === 2,
    'came too',
  )
  expect(await mallory.textsWith('alice.other')).not.toContain('a secret')
  expect(await alice.stateOf(waiting)).toBe('pending')
  expect(await alice.db.outbox.get(waiting)).not.toHaveProperty('payload')

  const number = await alice.commands.safetyNumber(bob.name)
  expect(number).toMatchObject({ isOther: true })
  expect(number.acct).not.toBe(acct)
  expect(await alice.commands.trustAccount(bob.name, acct)).toBe(false) // not the one that was shown
  expect(await alice.commands.trustAccount(bob.name, number.acct)).toBe(true)
  await mallory.until(
    async () => (await mallory.textsWith('alice.other')).includes('a secret'),
    'told, now that it is wanted',
  )
  await alice.until(async () => (await alice.textsWith(bob.name)).includes('believe me'), 'shown')
  expect((await settingsOf(alice.db)).buddies[bob.name]?.verified).toBeUndefined()
  expect((await alice.commands.safetyNumber(bob.name)).digits).toEqual(
    (await mallory.commands.safetyNumber('alice.other' as UserId)).digits,
  )
  said.mockRestore()
  await Promise.all([alice.stop(), mallory.stop()])
}, 30_000)

test('who comes back under the same name with another account may knock, is shown as another one, and is let in', async () => {
  const line = impostor('bob.back', 'bob2.back')
  const [alice, bob, again] = await Promise.all([
    person('alice.back', { WebSocket: line.WebSocket }),
    person('bob.back'),
    person('bob2.back'),
  ])
  await befriend(alice, bob)
  await says(alice, bob, 'to the old one')
  await alice.commands.roster(bob.name, 'remove')
  await alice.until(async () => (await alice.relationTo(bob.name)) === 'none', 'removed')
  await bob.stop()
  line.state.isOn = true
  await alice.restart()
  await alice.connected()

  await again.knock('alice.back', 'It is me, with a new account')
  await alice.until(async () => (await alice.db.roster.get(bob.name))?.knock !== undefined, 'asked')
  expect((await alice.db.roster.get(bob.name))?.knock?.text).toBe('It is me, with a new account')
  expect(await alice.db.identities.get(bob.name)).toMatchObject({ other: expect.anything() })
  await alice.accept(bob.name)
  await again.until(async () => (await again.relationTo('alice.back')) === 'buddies', 'buddies')
  await alice.send(bob.name, 'welcome back')
  await again.until(async () => (await again.textsWith('alice.back')).includes('welcome back'), 'told')
  await again.send('alice.back', 'thank you')
  await alice.until(async () => (await alice.textsWith(bob.name)).includes('thank you'), 'heard')

  expect((await noticesOf(alice, bob.name)).map(({ what }) => what)).toEqual([
    'account-changed',
    'account-accepted',
  ])
  await Promise.all([alice.stop(), again.stop()])
}, 30_000)
