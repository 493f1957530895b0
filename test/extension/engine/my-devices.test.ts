/** What a person does about their devices and their account: several engines of theirs against a real relay. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UserId } from '#shared/ids'
import type { DevicesRow } from '../../../extension/db/db.ts'
import { settingsOf } from '../../../extension/db/settings.ts'
import { buddies, headless, passwordRoot, type Headless } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'

const env = { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' }
let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env })
}, 40_000)
afterAll(() => relay.stop())

const password = 'correct horse battery staple'
const proofOf = (one: Headless, secret = password) => ({
  slot: 'pw' as const,
  root: passwordRoot(secret, one.relayId, one.name),
})
const idOf = async (one: Headless) => (await one.db.account.get('me'))!.device
const listOf = async (one: Headless) => (await one.db.account.get('me'))!.list
const isRefused = async (one: Headless) => (await one.connection())?.state === 'refused'
const signIns = ({ alerts }: Headless) => alerts.filter(({ type }) => type === 'sign-in')
const freshOn = async ({ db }: Headless) => ((await db.status.get('devices')) as DevicesRow).isNew

test('a sign-in is told to all other devices, once, and not to the one that signs in', async () => {
  const laptop = await headless(relay.url, 'alice.new')
  const phone = await headless(relay.url, 'alice.new', { existing: true })
  await laptop.until(() => signIns(laptop).length === 1, 'told')
  await laptop.restart()
  await laptop.connected()

  expect(signIns(laptop)).toEqual([
    { type: 'sign-in', title: 'New sign-in: Node on this machine', text: 'Not you?' },
  ])
  expect(await freshOn(laptop)).toEqual([await idOf(phone)])
  expect([signIns(phone), await freshOn(phone)]).toEqual([[], []])
  await laptop.commands.devicesSeen()
  expect(await freshOn(laptop)).toEqual([])
  await Promise.all([laptop.stop(), phone.stop()])
})

test('one that was away meanwhile is told when it comes back', async () => {
  const laptop = await headless(relay.url, 'alice.away')
  laptop.kill()
  const phone = await headless(relay.url, 'alice.away', { existing: true })
  await laptop.restart()
  await laptop.until(() => signIns(laptop).length === 1, 'told')

  expect(await freshOn(laptop)).toEqual([await idOf(phone)])
  await Promise.all([laptop.stop(), phone.stop()])
})

test('[DV1] the devices are known with when they were last here; a name that is given is known to all', async () => {
  const laptop = await headless(relay.url, 'alice.seen')
  const phone = await headless(relay.url, 'alice.seen', { existing: true })
  await laptop.commands.changeSettings({ deviceNames: { [await idOf(phone)]: 'In my pocket' } })
  await phone.until(async () => Object.keys((await settingsOf(phone.db)).deviceNames).length === 1, 'named')
  const both = await laptop.commands.devices()
  phone.kill()
  await laptop.until(
    async () => (await laptop.commands.devices()).filter(({ connected }) => connected).length === 1,
    'phone is away',
  )

  expect(both).toHaveLength(2)
  expect(both.every(({ connected }) => connected)).toBe(true)
  await Promise.all([laptop.stop(), phone.stop()])
})

test('[AC5] a device that is removed is out at once, and reads nothing that is said afterwards', async () => {
  const [laptop, bob] = await buddies(relay.url, 'alice.rm', 'bob.rm')
  const phone = await headless(relay.url, 'alice.rm', { existing: true })
  const tablet = await headless(relay.url, 'alice.rm', { existing: true })
  await bob.send('alice.rm', 'to all three')
  for (const one of [laptop, phone, tablet])
    await one.until(async () => (await one.textsWith('bob.rm')).includes('to all three'), 'read')
  await laptop.until(async () => (await listOf(laptop)).devices.length === 4, 'knows all')

  await laptop.commands.removeDevice(await idOf(phone), proofOf(laptop))
  await phone.until(() => isRefused(phone), 'refused')
  await laptop.send('bob.rm', 'from one of two')
  await bob.until(async () => (await bob.textsWith('alice.rm')).includes('from one of two'), 'read')
  await tablet.until(async () => (await tablet.textsWith('bob.rm')).includes('from one of two'), 'read')
  await bob.until(async () => (await bob.db.identities.get('alice.rm' as UserId))?.ver === 4, 'Bob knows')
  await bob.send('alice.rm', 'to two')
  await tablet.until(async () => (await tablet.textsWith('bob.rm')).includes('to two'), 'read')

  expect(await phone.connection()).toMatchObject({ reason: 'account-disabled' })
  expect((await listOf(laptop)).devices.map(({ id }) => id)).toEqual([
    await idOf(laptop),
    '@',
    await idOf(tablet),
  ])
  expect(await phone.textsWith('bob.rm')).toEqual(['to all three'])
  expect(await tablet.isConnected()).toBe(true)
  await Promise.all([laptop.stop(), phone.stop(), tablet.stop(), bob.stop()])
}, 60_000)

test('[AC5] after the first device was removed, the one that granted the archive key, others sign in still', async () => {
  const [laptop, bob] = await buddies(relay.url, 'alice.first', 'bob.first')
  const phone = await headless(relay.url, 'alice.first', { existing: true })
  await phone.commands.removeDevice(await idOf(laptop), proofOf(phone))
  await laptop.until(() => isRefused(laptop), 'refused')
  await bob.send('alice.first', 'said before the tablet was')
  await phone.until(
    async () => (await phone.textsWith('bob.first')).includes('said before the tablet was'),
    'read',
  )

  const tablet = await headless(relay.url, 'alice.first', { existing: true })
  await tablet.until(
    async () => (await tablet.textsWith('bob.first')).includes('said before the tablet was'),
    'read by the mailbox',
  )
  expect(await tablet.relationTo('bob.first')).toBe('buddies')
  await Promise.all([laptop.stop(), phone.stop(), tablet.stop(), bob.stop()])
})

test('[AC4] nobody is removed without the password, nor by a device of itself, nor who is not there', async () => {
  const laptop = await headless(relay.url, 'alice.no')
  const phone = await headless(relay.url, 'alice.no', { existing: true })
  const id = await idOf(phone)
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      ({ code }: { code: string }) => code,
    )

  const codes = [
    await codeOf(laptop.commands.removeDevice(id, proofOf(laptop, 'a guess'))),
    await codeOf(phone.commands.removeDevice(id, proofOf(phone))),
    await codeOf(laptop.commands.removeDevice('@' as typeof id, proofOf(laptop))),
    await codeOf(laptop.commands.removeDevice('AAAAAAAAAAA' as typeof id, proofOf(laptop))),
  ]

  expect(codes).toEqual(['not-authorized', 'not-allowed', 'item-not-found', 'item-not-found'])
  expect([await laptop.isConnected(), await phone.isConnected()]).toEqual([true, true])
  await Promise.all([laptop.stop(), phone.stop()])
})

test('[AC9] a new password opens the account, the old one does not; devices and recovery code stay', async () => {
  const laptop = await headless(relay.url, 'alice.pw')
  const phone = await headless(relay.url, 'alice.pw', { existing: true })
  const fresh = 'another battery entirely'

  await laptop.commands.changePassword(proofOf(laptop), proofOf(laptop, fresh).root)

  const old = headless(relay.url, 'alice.pw', { existing: true })
  await expect(old).rejects.toMatchObject({ code: 'not-authorized' })
  const tablet = await headless(relay.url, 'alice.pw', { existing: true, password: fresh })
  expect([await laptop.isConnected(), await phone.isConnected()]).toEqual([true, true])
  const root = laptop.rootOfCode(laptop.recoveryCode)
  await laptop.commands.changePassword({ slot: 'code', root }, proofOf(laptop).root)
  const again = await headless(relay.url, 'alice.pw', { existing: true })
  await Promise.all([laptop.stop(), phone.stop(), tablet.stop(), again.stop()])
}, 60_000)

test('[AC9] with a new recovery code the old one opens nothing', async () => {
  const laptop = await headless(relay.url, 'alice.nc')
  const { recoveryCode } = await laptop.commands.newRecoveryCode(proofOf(laptop))
  const input = {
    relay: relay.url,
    relayId: laptop.relayId,
    user: 'alice.nc' as UserId,
    slot: 'code' as const,
    deviceName: 'Node',
  }
  const old = laptop.commands.signIn({ ...input, root: laptop.rootOfCode(laptop.recoveryCode) })

  await expect(old).rejects.toMatchObject({ code: 'not-authorized' })
  await laptop.commands.signIn({ ...input, root: laptop.rootOfCode(recoveryCode) })
  await laptop.connected()
  await laptop.stop()
})

test('[HS5] a copy that was found out signs in again: a new device, with its history, that reads and is read', async () => {
  const [laptop, bob] = await buddies(relay.url, 'alice.cp', 'bob.cp')
  await bob.send('alice.cp', 'before')
  await laptop.until(async () => (await laptop.textsWith('bob.cp')).length === 1, 'arrived')
  const copy = await headless(relay.url, 'alice.cp', { copyOf: laptop })
  await copy.connected()
  await laptop.until(async () => (await laptop.connection())?.reason === 'replaced', 'replaced')
  await laptop.commands.connectNow()
  await laptop.until(() => isRefused(laptop), 'refused')
  await copy.send('bob.cp', 'from the copy')
  await bob.until(async () => (await bob.textsWith('alice.cp')).length === 1, 'read')
  const before = await idOf(laptop)

  await laptop.commands.signInAgain(proofOf(laptop))
  await laptop.connected()
  await bob.until(async () => (await bob.db.identities.get('alice.cp' as UserId))?.ver === 2, 'Bob knows')
  await bob.send('alice.cp', 'after')
  await laptop.until(async () => (await laptop.textsWith('bob.cp')).includes('after'), 'read')
  await laptop.send('bob.cp', 'as another device')
  await bob.until(async () => (await bob.textsWith('alice.cp')).includes('as another device'), 'read')

  expect(await idOf(laptop)).not.toBe(before)
  expect(await idOf(copy)).toBe(before)
  expect(await laptop.textsWith('bob.cp')).toEqual(['before', 'from the copy', 'after', 'as another device'])
  expect(signIns(laptop)).toEqual([])
  await copy.until(() => signIns(copy).length === 1, 'told')
  await Promise.all([laptop.stop(), copy.stop(), bob.stop()])
}, 60_000)

test('one that was removed comes back in the same way', async () => {
  const laptop = await headless(relay.url, 'alice.back')
  const phone = await headless(relay.url, 'alice.back', { existing: true })
  await laptop.commands.removeDevice(await idOf(phone), proofOf(laptop))
  await phone.until(() => isRefused(phone), 'refused')

  await expect(phone.commands.signInAgain(proofOf(phone, 'a guess'))).rejects.toMatchObject({
    code: 'not-authorized',
  })
  expect(await phone.connection()).toMatchObject({ state: 'refused', reason: 'account-disabled' })
  await phone.commands.signInAgain(proofOf(phone))
  await phone.connected()

  await laptop.until(async () => (await freshOn(laptop)).includes(await idOf(phone)), 'told')
  await Promise.all([laptop.stop(), phone.stop()])
}, 60_000)

test('[AC10] a deleted account is forgotten here, gone on the other devices, and its buddies lose it and are told', async () => {
  const [laptop, bob] = await buddies(relay.url, 'alice.del', 'bob.del')
  const [phone, tablet] = [
    await headless(relay.url, 'alice.del', { existing: true }),
    await headless(relay.url, 'alice.del', { existing: true }),
  ]
  tablet.kill()
  await bob.db.notices.clear() // of her devices
  await expect(laptop.commands.deleteAccount(proofOf(laptop, 'a guess'))).rejects.toMatchObject({
    code: 'not-authorized',
  })

  await laptop.commands.deleteAccount(proofOf(laptop))
  await phone.until(() => isRefused(phone), 'refused')
  await bob.until(async () => (await bob.relationTo('alice.del')) === 'none', 'lost')
  await tablet.restart()
  await tablet.until(() => isRefused(tablet), 'refused')

  expect(await phone.connection()).toMatchObject({ reason: 'gone' })
  expect(await tablet.connection()).toMatchObject({ reason: 'gone' })
  expect(await bob.db.notices.toArray()).toMatchObject([{ peer: 'alice.del', what: 'account-deleted' }])
  expect(await laptop.connection()).toMatchObject({ state: 'signed-out' })
  expect(await laptop.db.account.count()).toBe(0)
  await expect(headless(relay.url, 'alice.del', { existing: true })).rejects.toMatchObject({
    code: 'not-authorized',
  })
  await expect(headless(relay.url, 'alice.del')).rejects.toMatchObject({ code: 'conflict' })
  await Promise.all([laptop, phone, tablet, bob].map((one) => one.stop()))
}, 60_000)
