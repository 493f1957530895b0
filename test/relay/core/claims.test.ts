import { expect, test } from 'vitest'
import { hashOf } from '#shared/account'
import { toBase64 } from '#shared/bytes'
import type { ClientFrameOf, ServerFrame } from '#shared/frames'
import type { DeviceId } from '#shared/ids'
import { limits } from '#shared/limits'
import { day, numbered, uploadOf } from '../../support/packages.ts'
import { testRelay, textOf, type TestClient, type TestRelay } from '../../support/test-relay.ts'

const token = toBase64(new Uint8Array(16).fill(1))
const otherToken = toBase64(new Uint8Array(16).fill(2))
const invite = hashOf(new Uint8Array(16).fill(1))
const knock = { kind: 'knock' } as const

type Claim = Omit<ClientFrameOf<'claim'>, 'type' | 'request'>

const ask = (client: TestClient, peer: string, fields: Partial<Claim> = {}) =>
  client.ask({ type: 'claim', peer, after: 0, packages: true, ...fields })

/** The packages as texts, or the code of a refusal. */
function shortOf(answer: ServerFrame): string[] | string {
  if (answer.type === 'error') return answer.code
  if (answer.type !== 'keys') return answer.type
  return answer.packages.map((one) => textOf({ payload: one.package }))
}
const claim = async (client: TestClient, peer: string, fields?: Partial<Claim>) =>
  shortOf(await ask(client, peer, fields))

async function stock(client: TestClient, names: readonly string[], exp?: number, device?: DeviceId) {
  const { own } = client.device
  const options = { lastResort: 'last', ...(exp && { exp }), ...(device && { device }) }
  const up = await uploadOf(client.person!.acct, own, names, options)
  expect(await client.ask({ type: 'keys', up, replace: false })).toMatchObject({ type: 'ok' })
}

/** Alice, and Bob with packages; they do not know each other. */
async function strangers(relay: TestRelay, names = ['b1', 'b2', 'b3']): Promise<[TestClient, TestClient]> {
  const bob = await relay.connect('bob')
  await stock(bob, names)
  return [await relay.connect('alice'), bob]
}

// --- What comes back -------------------------------------------------------------------------------------

test('[KY7] a claim brings the lists after the known one, and a package for each device', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  const first = bob.person!.list
  await relay.addMailbox('bob')
  await stock(bob, ['m1'], undefined, '@' as DeviceId)
  const second = bob.person!.list

  const all = await ask(alice, 'bob')
  const later = await ask(alice, 'bob', { after: 1, packages: false })
  const newest = await ask(alice, 'bob', { after: 2, packages: false })
  const future = await ask(alice, 'bob', { after: 99, packages: false })

  expect(all).toMatchObject({ type: 'keys', peer: 'bob', acct: bob.person!.acct, lists: [first, second] })
  expect(shortOf(all)).toEqual(['b1', 'm1'])
  for (const answer of [later, newest, future]) {
    expect(answer).toMatchObject({ type: 'keys', lists: [second], packages: [] })
    expect(answer).not.toHaveProperty('more')
  }
})

test('[KY7] of oneself all devices but the claiming one, in the same event', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  const phone = await relay.connect('bob', { device: 1 })
  await relay.addMailbox('bob')
  await stock(bob, ['b1'])
  await stock(phone, ['p1'])
  await stock(phone, ['m1'], undefined, '@' as DeviceId)

  const answer = await ask(bob, 'bob')

  expect(shortOf(answer)).toEqual(['p1', 'm1'])
  expect(answer).toMatchObject({ lists: [{ ver: 1 }, { ver: 2 }, { ver: 3 }], peer: 'bob' })
  expect(relay.posts).toEqual([])
})

test('[KY7] a long chain comes in portions, oldest first, and packages only with the last', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  for (let i = 0; i < 90; i++) await relay.putDevices('bob', bob.person!.devices)

  const versions: number[][] = []
  const packages: unknown[] = []
  for (let after = 0; after < 91; after = versions.at(-1)!.at(-1)!) {
    const answer = await ask(alice, 'bob', { after })
    if (answer.type !== 'keys') throw new Error(answer.type)
    versions.push(answer.lists.map(({ ver }) => ver))
    packages.push([answer.more, shortOf(answer)])
  }

  expect(versions.flat()).toEqual(Array.from({ length: 91 }, (_, i) => i + 1))
  expect(packages).toEqual([
    [true, []],
    [true, []],
    [undefined, ['b1']],
  ])
})

test('[KY7] lists and packages as large as may be fit into a frame', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  while (bob.person!.devices.length < limits.devicesMax) await relay.addDevice('bob')
  await relay.addMailbox('bob')
  const big = { rkpub: 'x'.repeat(3000), suite: 'ÿ'.repeat(80) }
  const pad = 'A'.repeat(limits.keyPackageCharsMax)
  for (let ver = 1; ver <= 9; ver++) {
    const key = `list:${String(ver).padStart(9, '0')}`
    const list = relay.row<{ devices: object[] }>('bob', key)
    const { devices } = relay.row<{ devices: object[] }>('bob', 'list:000000009')
    relay.rows('bob').set(key, JSON.stringify({ ...list, ...big, devices }))
    for (let copy = 1; copy < 5; copy++) {
      const other = `list:${String(ver + copy * 9).padStart(9, '0')}`
      relay.rows('bob').set(other, JSON.stringify({ ...list, ver: ver + copy * 9, ...big, devices }))
    }
  }
  const meta = relay.row<{ devices: object }>('bob', 'meta')
  relay.rows('bob').set('meta', JSON.stringify({ ...meta, devices: { version: 45, hash: 'A'.repeat(43) } }))
  for (const { own } of bob.person!.devices)
    relay
      .rows('bob')
      .set(`keys:${own.id}`, JSON.stringify({ lastResort: pad, waiting: [], accepted: [], given: [] }))

  const sizes: number[] = []
  const got: unknown[] = []
  for (let after = 0; after < 45;) {
    const answer = await ask(alice, 'bob', { after })
    if (answer.type !== 'keys') throw new Error(answer.type)
    sizes.push(Buffer.byteLength(alice.texts.at(-1)!))
    got.push(answer.packages.length)
    after = answer.lists.at(-1)!.ver
  }

  expect(Math.max(...sizes)).toBeLessThan(limits.claimBytesMax)
  expect(Math.max(...sizes)).toBeGreaterThan(limits.claimBytesMax / 2)
  expect(got.at(-1)).toBe(9)
})

// --- Which packages --------------------------------------------------------------------------------------

test('[KY8] nobody uses up the packages of another: one in ten minutes, then always the last resort', async () => {
  const relay = testRelay()
  await strangers(relay, numbered('b', 20))

  const got: (string[] | string)[] = []
  for (let minute = 0; minute < 25; minute++) {
    got.push(await claim(await relay.connect('alice'), 'bob'))
    await relay.advance(60_000)
    if (minute === 12) await relay.hibernate('bob') // it is not forgotten
    if (minute === 15) await relay.kill('bob')
  }
  const hers = await claim(await relay.connect('carol'), 'bob')

  const oneTime = got.flat().filter((name) => name !== 'last')
  expect(got.flat()).toHaveLength(25)
  expect(oneTime).toEqual(['b1', 'b2', 'b3'])
  expect(hers).toEqual(['b4'])
})

test('[KY8] a crowd gets what there is, and then the last resort: never an error, never nothing', async () => {
  const relay = testRelay()
  await strangers(relay, ['b1', 'b2'])

  const got = []
  for (const name of ['carol', 'dave', 'erin', 'frank'])
    got.push(await claim(await relay.connect(name), 'bob'))

  expect(got).toEqual([['b1'], ['b2'], ['last'], ['last']])
})

test('[KY8] what has expired is passed over and dropped; the last resort is given also then', async () => {
  const relay = testRelay()
  const [, bob] = await strangers(relay, [])
  await stock(bob, numbered('old', 20), relay.now + day)
  await stock(bob, ['new'], relay.now + 3 * day)
  await relay.advance(2 * day)

  const first = await claim(await relay.connect('alice'), 'bob')
  await relay.advance(2 * day)
  const second = await claim(await relay.connect('carol'), 'bob')
  await relay.advance(1000)

  expect([first, second]).toEqual([['new'], ['last']])
  expect(relay.rowsLike('bob', 'package:')).toEqual([])
})

test('[KY8] a device that has never brought any is left out', async () => {
  const relay = testRelay()
  const [alice] = await strangers(relay)
  await relay.addDevice('bob')

  const answer = await ask(alice, 'bob')

  expect(shortOf(answer)).toEqual(['b1'])
  expect(answer).toMatchObject({ lists: [{}, { devices: [{}, {}] }] })
})

// --- Who may ask -----------------------------------------------------------------------------------------

const fields = { wrong: { invite: otherToken }, right: { invite: token }, none: {} }
const yes = ['last']
const expected = {
  everyone: { none: yes, wrong: yes, right: yes },
  buddies: { none: 'forbidden', wrong: 'forbidden', right: yes },
  invite: { none: 'item-not-found', wrong: 'item-not-found', right: yes },
}

test.each(['everyone', 'buddies', 'invite'] as const)(
  '[KY9] with reach `%s` a stranger may ask who may knock',
  async (reach) => {
    const relay = testRelay()
    const [, bob] = await strangers(relay, [])
    await bob.policy({ reach, invite })

    for (const which of ['none', 'wrong', 'right'] as const) {
      const alice = await relay.connect('alice')
      expect([which, await claim(alice, 'bob', fields[which])]).toEqual([which, expected[reach][which]])
      expect(await claim(alice, 'bob', { ...fields[which], packages: false })).toEqual(
        expected[reach][which] === yes ? [] : expected[reach][which],
      )
    }
  },
)

test.each(['buddies', 'invite'] as const)(
  '[KY9] with reach `%s` whoever is on the roster may still ask, from either side',
  async (reach) => {
    const relay = testRelay()
    const [alice, bob] = await strangers(relay, [])
    const [carol, dave] = [await relay.connect('carol'), await relay.connect('dave')]
    await relay.befriend(alice, bob)
    await carol.send('bob', 'k1', knock)
    await bob.send('dave', 'k2', knock)

    await bob.policy({ reach })

    for (const client of [alice, carol, dave]) expect(await claim(client, 'bob')).toEqual(['last'])
  },
)

test.each(['everyone', 'buddies', 'invite'] as const)(
  '[KY9] with reach `%s` who waits, was rejected or is blocked gets the same answers',
  async (reach) => {
    const happenings: ((bob: TestClient) => Promise<unknown>)[] = [
      async () => {},
      (bob) => bob.roster('reject', 'alice'),
      (bob) => bob.roster('block', 'alice'),
    ]
    const seen = []
    for (const early of [false, true]) {
      for (const happen of happenings) {
        const relay = testRelay()
        const [alice, bob] = await strangers(relay)
        if (early) await happen(bob)
        await alice.send('bob', 'k1', knock)
        if (!early) await happen(bob)
        await bob.policy({ reach })

        const answers = [await claim(alice, 'bob'), await claim(alice, 'bob', { packages: false })]
        await alice.roster('withdraw', 'bob')
        answers.push(await claim(alice, 'bob'))
        await alice.send('bob', 'k2', knock)
        answers.push(await claim(alice, 'bob', { invite: otherToken }))
        seen.push(answers)
      }
    }

    expect(seen[0]![0]).toEqual(['b1'])
    for (const answers of seen) expect(answers).toEqual(seen[0])
  },
)

test('[KY9] a knock that only a link would let in takes the right to ask with it, also when it was swallowed', async () => {
  const seen = []
  for (const happen of ['reject', 'block', null] as const) {
    const relay = testRelay()
    const [alice, bob] = await strangers(relay)
    await alice.send('bob', 'k1', knock)
    if (happen) await bob.roster(happen, 'alice')
    await bob.policy({ reach: 'invite', invite })

    await alice.send('bob', 'k2', { ...knock, invite: otherToken })

    seen.push([alice.entries('failed').map(({ code }) => code), await claim(alice, 'bob')])
  }

  expect(seen[0]).toEqual([['item-not-found'], 'item-not-found'])
  for (const one of seen) expect(one).toEqual(seen[0])
})

test('[KY9] a buddy who is blocked gets what a buddy gets, and an earlier buddy what a stranger gets', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await relay.befriend(alice, bob)
  await bob.policy({ reach: 'buddies' })

  await bob.roster('block', 'alice')
  const blocked = await claim(alice, 'bob')
  await bob.roster('unblock', 'alice')
  await bob.roster('remove', 'alice')

  expect(blocked).toEqual(['b1'])
  expect(await claim(alice, 'bob')).toBe('forbidden')
})

test('[KY9] a closed door answers like a name that nobody has, and writes as little', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await bob.policy({ reach: 'invite' })
  const before = relay.backup('bob')
  alice.forget()

  await ask(alice, 'bob')
  await ask(alice, 'zoe')

  const [hidden, unknown] = alice.texts.map((text) => text.replace(/"request":"\w+"/, ''))
  expect(hidden).toBe(unknown)
  expect(JSON.parse(hidden!.replace(',,', ','))).toEqual({
    type: 'error',
    code: 'item-not-found',
    action: 'cancel',
  })
  expect(relay.rows('bob')).toEqual(before)
  expect(relay.rows('zoe').size).toBe(0)
})

test('[KY9] unknown names count like those of knocks, and hidden ones like unknown ones', async () => {
  const relay = testRelay()
  const [alice, bob] = await strangers(relay)
  await bob.policy({ reach: 'invite' })

  const codes = []
  for (let i = 0; i < limits.unknownNamesPerHourMax; i++) {
    codes.push(await claim(alice, i % 2 === 0 ? 'bob' : `zoe${i}`))
    await relay.advance(1000)
  }
  const refused = await ask(alice, 'somebody')
  await alice.send('carol', 'k1', knock)

  expect(new Set(codes)).toEqual(new Set(['item-not-found']))
  expect(refused).toMatchObject({ type: 'error', code: 'policy-violation', action: 'wait' })
  expect((refused as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(60_000)
  expect(alice.last('error').code).toBe('policy-violation')
})

test('[KY9] an address that is none, or is elsewhere, is refused by its code', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')

  expect(await claim(alice, 'Not A Name')).toBe('bad-request')
  expect(await claim(alice, 'bob@elsewhere.example')).toBe('remote-server-not-found')
})

// --- How often, and what gets lost -----------------------------------------------------------------------

test('[FR6] [KY10] a device that claims too often is told when to go on', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const other = await relay.connect('alice', { device: 1 })

  const answers = []
  for (let i = 0; i <= limits.deviceClaimsBurst; i++) answers.push((await ask(alice, 'bob')).type)
  const { code, retryAfterMs } = alice.last('error')
  const others = await ask(other, 'bob')
  await relay.advance(retryAfterMs!)

  expect(answers.filter((type) => type === 'keys')).toHaveLength(limits.deviceClaimsBurst)
  expect([code, retryAfterMs]).toEqual(['policy-violation', 1000 / limits.deviceClaimsPerSecond])
  expect([others.type, (await ask(alice, 'bob')).type]).toEqual(['keys', 'keys'])
  expect(bob.received('error')).toEqual([])
})

test('[KY10] strangers are looked up sixty times an hour', async () => {
  const relay = testRelay()
  const [alice] = await strangers(relay)

  for (let i = 0; i < limits.lookupsPerHourMax; i++) {
    expect((await ask(alice, 'bob')).type).toBe('keys')
    await relay.advance(500)
  }

  expect(await claim(alice, 'bob')).toBe('policy-violation')
})

test('[KY10] when the other room cannot be reached the device is to ask again', async () => {
  const relay = testRelay()
  const [alice] = await strangers(relay)
  relay.fault = () => 'request'

  const refused = await ask(alice, 'bob')
  relay.fault = () => null

  expect(refused).toMatchObject({ type: 'error', code: 'resource-constraint', action: 'wait' })
  expect(await claim(alice, 'bob')).toEqual(['b1'])
})

test('[KY10] an answer that comes when the device is gone is nobody else’s', async () => {
  const relay = testRelay()
  const [alice] = await strangers(relay)
  const other = await relay.connect('alice', { device: 1 })
  relay.fault = (_, __, message) => {
    if (message.type === 'claim') void alice.close()
    return null
  }

  await alice.say('claim', { request: 'x', peer: 'bob', after: 0, packages: true })

  expect([...alice.received('keys'), ...other.received('keys')]).toEqual([])
})
