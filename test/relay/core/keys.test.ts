import { expect, test } from 'vitest'
import { loginBytes } from '#shared/account'
import type { DeviceId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { PackagesRow } from '../../../relay/core/rows.ts'
import { day, numbered, uploadOf, type UploadOptions } from '../../support/packages.ts'
import { makeDevice, makeKeys, signUpBody } from '../../support/sign-up.ts'
import { payloadOf, testRelay, textOf, type TestClient, type TestRelay } from '../../support/test-relay.ts'

const mailbox = '@' as DeviceId
const noWork = { salt: 'A'.repeat(22), bits: 0, exp: 0, mac: 'A'.repeat(43), answer: 0 }

async function upload(
  client: TestClient,
  names: readonly string[],
  { replace = false, ...options }: UploadOptions & { replace?: boolean } = {},
) {
  const up = await uploadOf(client.person!.acct, client.device.own, names, options)
  const answer = await client.ask({ type: 'keys', up, replace })
  return answer.type === 'error' ? answer.code : answer.type
}

/** The packages that another person gets, by device; each claimer gets a one-time one only once in a while. */
async function claim(client: TestClient, peer: string) {
  const answer = await client.ask({ type: 'claim', peer, after: 0, packages: true })
  if (answer.type !== 'keys') throw new Error(`${answer.type} ${'code' in answer && answer.code}`)
  return answer.packages.map((one) => textOf({ payload: one.package }))
}

/** What strangers get one after the other. */
async function claimedBy(relay: TestRelay, claimers: readonly string[], peer: string) {
  const all: string[][] = []
  for (const claimer of claimers) all.push(await claim(await relay.connect(claimer), peer))
  return all.flat()
}

const waiting = (relay: TestRelay, user: string, device: DeviceId) =>
  relay.row<PackagesRow | null>(user, `keys:${device}`)?.waiting.length

async function welcomeOf(relay: TestRelay, name: string) {
  const { keysLeft, mailboxKeysLeft } = (await relay.connect(name)).last('welcome')
  return [keysLeft, mailboxKeysLeft]
}

// --- Uploading -------------------------------------------------------------------------------------------

test('[KY1] [KY3] a device brings packages for itself and for `@`, and learns how many are left', async () => {
  const relay = testRelay()
  await relay.addMailbox('bob')
  const bob = await relay.connect('bob')

  const answers = [
    await upload(bob, ['b1', 'b2', 'b3']),
    await upload(bob, ['m1', 'm2'], { device: mailbox }),
  ]

  expect(bob.last('welcome')).toMatchObject({ keysLeft: 0, mailboxKeysLeft: 0 })
  expect(answers).toEqual(['ok', 'ok'])
  expect(await welcomeOf(relay, 'bob')).toEqual([3, 2])
})

test('[KY1] packages of another device, or with another signature, are refused and not stored', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  const phone = await relay.connect('bob', { device: 1 })
  const alice = await relay.connect('alice')
  const before = relay.backup('bob')

  const answers = [
    await upload(bob, ['x'], { device: phone.device.own.id }),
    await upload(bob, ['x'], { device: mailbox }), // there is none
    await upload(bob, ['x'], { device: alice.device.own.id }),
    await upload(bob, ['x'], { signer: phone.device.own.dak }),
    await upload(bob, ['x'], { signer: bob.device.own.dsk }),
    await upload(bob, ['x'], { signer: await makeKeys() }),
  ]

  expect(answers).toEqual(Array.from({ length: 6 }, () => 'forbidden'))
  expect(relay.rows('bob')).toEqual(before)
})

test('[KY2] what has expired or is too large is refused with its code', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  const up = await uploadOf(bob.person!.acct, bob.device.own, ['b1'])
  const tooLong = 'A'.repeat(limits.keyPackageCharsMax + 1)

  const refusals = [await upload(bob, ['x'], { exp: relay.now })]
  for (const change of [
    { oneTime: [tooLong] },
    { lastResort: tooLong },
    { oneTime: numbered('p', limits.keyPackagesPerUploadMax + 1).map(payloadOf) },
  ]) {
    const answer = await bob.ask({ type: 'keys', up: { ...up, ...change }, replace: false })
    refusals.push(answer.type === 'error' ? answer.code : answer.type)
  }

  expect(refusals).toEqual(['bad-request', 'too-large', 'too-large', 'too-large'])
  expect(relay.rowsLike('bob', 'keys:')).toEqual([])
})

test('[KY2] at most 50 wait, the newest of them, and each has one row', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')

  for (const prefix of ['a', 'b', 'c']) await upload(bob, numbered(prefix, 20))
  await relay.advance(1000)

  expect(await welcomeOf(relay, 'bob')).toEqual([50, 0])
  expect(relay.rowsLike('bob', 'package:')).toHaveLength(50)
  expect(relay.rowsLike('bob', 'drops')).toEqual([])
  expect(await claimedBy(relay, ['alice'], 'bob')).toEqual(['a11'])
})

test('[KY2] `replace` drops those that waited', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  for (const prefix of ['a', 'b']) await upload(bob, numbered(prefix, 20))

  await upload(bob, ['c1', 'c2'], { replace: true, lastResort: 'new last' })
  await relay.advance(1000)

  expect(await claimedBy(relay, ['alice', 'carol', 'dave'], 'bob')).toEqual(['c1', 'c2', 'new last'])
  expect(relay.rowsLike('bob', 'package:')).toEqual([])
})

test('[KY2] an upload whose answer was lost may be repeated: nothing is there twice, nothing is lost', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  await upload(bob, ['a1'], { replace: true })
  await upload(bob, ['b1', 'b2', 'b3'], { replace: true })
  const first = await claimedBy(relay, ['alice'], 'bob')

  await upload(bob, ['b1', 'b2', 'b3'], { replace: true })
  await upload(bob, ['b1', 'b2', 'b3'])

  expect(first).toEqual(['b1'])
  expect(await welcomeOf(relay, 'bob')).toEqual([2, 0])
  expect(await claimedBy(relay, ['carol', 'dave', 'erin'], 'bob')).toEqual([
    'b2',
    'b3',
    `${bob.device.own.id}-last`,
  ])
})

test('[KY3] what has expired no longer counts', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  await upload(bob, ['a1', 'a2'], { exp: relay.now + day })
  await upload(bob, ['b1'], { exp: relay.now + 2 * day })

  await relay.advance(day)

  expect(await welcomeOf(relay, 'bob')).toEqual([1, 0])
})

// --- With a list -----------------------------------------------------------------------------------------

async function newcomer(relay: TestRelay) {
  const signUp = await signUpBody({ relayId: relay.relayId, user: 'carol', work: noWork, mailbox: true })
  const own = await uploadOf(signUp.acct, signUp.device, ['c1', 'c2'])
  const shared = await uploadOf(signUp.acct, signUp.device, ['m1'], { device: mailbox })
  return { signUp, keys: [own, shared] }
}

test('[KY4] [KY11] an account is made together with packages and a vault', async () => {
  const relay = testRelay()
  const { signUp, keys } = await newcomer(relay)
  const { login, body } = signUp
  const nonce = 'B'.repeat(21) + 'A'
  const signature = await login.sign(loginBytes(relay.relayId, 'carol', 'pw', nonce, relay.now))

  const reply = await relay.account('carol', { type: 'register', body: { ...body, keys, vault: 'sealed' } })

  expect(reply).toEqual({ type: 'registered', acct: signUp.acct })
  expect(await claimedBy(relay, ['alice'], 'carol')).toEqual(['c1', 'm1'])
  const proof = { slot: 'pw', nonce, ts: relay.now, signature } as const
  expect(await relay.account('carol', { type: 'login', ...proof })).toMatchObject({
    type: 'logged-in',
    vault: { version: 1, payload: 'sealed' },
  })
})

test('[KY4] with a package that is not of this list, or not signed by its devices, no account is made', async () => {
  const relay = testRelay()
  const { signUp, keys } = await newcomer(relay)
  const [own, shared] = keys as [(typeof keys)[0], (typeof keys)[0]]
  const stranger = await makeDevice()
  const { acct, device } = signUp
  const wrong = [
    await uploadOf(acct, stranger, ['x']),
    await uploadOf(acct, device, ['x'], { signer: stranger.dak }),
    await uploadOf(acct, device, ['x'], { device: mailbox, signer: stranger.dak }),
    { ...own, oneTime: shared.oneTime },
    await uploadOf(acct, device, ['x'], { exp: relay.now }),
  ]

  const codes = []
  for (const up of wrong) {
    const body = { ...signUp.body, keys: [own, up] }
    const reply = await relay.account('carol', { type: 'register', body })
    codes.push(reply.type === 'error' && reply.code)
  }

  expect(codes).toEqual(['bad-request', 'forbidden', 'forbidden', 'forbidden', 'bad-request'])
  expect(relay.rows('carol').size).toBe(0)
})

test('[KY4] a new device brings its packages with the list that it is in', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  const { devices, acct } = bob.person!
  await upload(bob, ['b1'])
  const phone = await makeDevice()
  const added = { own: phone, generation: 0, cursor: null, last: null, entries: [] }
  const forged = await uploadOf(acct, phone, ['x'], { signer: bob.device.own.dak })

  const refused = await relay.putDevices('bob', [...devices, added], [forged])
  const reply = await relay.putDevices('bob', [...devices, added], [await uploadOf(acct, phone, ['p1'])])

  expect(refused).toMatchObject({ type: 'error', code: 'forbidden' })
  expect(reply).toMatchObject({ type: 'ok', version: 2 })
  expect(await claimedBy(relay, ['alice'], 'bob')).toEqual(['b1', 'p1'])
})

test('[KY5] the packages of a device that leaves the list go, however many, and a namesake has none', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  const clients = [bob]
  for (let device = 1; device < limits.devicesMax; device++)
    clients.push(await relay.connect('bob', { device }))
  for (const client of clients) {
    for (const part of ['a', 'b', 'c']) await upload(client, numbered(`${client.device.own.id}${part}`, 20))
  }
  await relay.advance(1000)
  const namesake = { ...clients[1]!.device, own: { ...(await makeDevice()), id: clients[1]!.device.own.id } }

  await relay.putDevices('bob', [bob.device, namesake])
  await relay.advance(5000)

  expect(relay.rowsLike('bob', 'keys:')).toEqual([`keys:${bob.device.own.id}`])
  expect(relay.rowsLike('bob', 'package:')).toHaveLength(50)
  expect(relay.rowsLike('bob', 'drops')).toEqual([])
  expect(await claimedBy(relay, ['alice'], 'bob')).toHaveLength(1)
})

// --- Given away ------------------------------------------------------------------------------------------

test('[KY6] a one-time package is given away once, whatever is lost and whoever dies meanwhile', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  await upload(bob, numbered('b', 20))
  const people = numbered('person', 8)
  for (const name of people) await relay.connect(name)
  const answers: string[] = []
  relay.fault = () => (relay.posts.length % 3 === 0 ? 'answer' : null)

  for (const name of people) {
    const client = await relay.connect(name)
    const answer = await client.ask({ type: 'claim', peer: 'bob', after: 0, packages: true })
    if (answer.type === 'keys') answers.push(answer.packages[0]!.package)
    if (answers.length % 2 === 0) await relay.kill('bob')
  }

  const given = relay.posts.flatMap(({ reply }) =>
    reply?.type === 'keys' ? reply.packages.map((one) => one.package) : [],
  )
  expect(new Set(given).size).toBe(people.length)
  expect(given).toEqual(expect.arrayContaining(answers))
  expect(answers.length).toBeLessThan(people.length) // some answers were lost, and with them a package
  expect(waiting(relay, 'bob', bob.device.own.id)).toBe(20 - people.length)
})

test('[KY6] after a restore no one-time package of the backup is given away', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  await upload(bob, ['b1', 'b2'])
  const backup = relay.backup('bob')
  await claimedBy(relay, ['alice'], 'bob')

  await relay.restore('bob', backup)

  expect(await claimedBy(relay, ['carol'], 'bob')).toEqual([`${bob.device.own.id}-last`])
  bob.device.generation++
  expect(await welcomeOf(relay, 'bob')).toEqual([0, 0])
})
