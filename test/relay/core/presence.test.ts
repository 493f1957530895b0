import { expect, test } from 'vitest'
import type { UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { testRelay, type TestClient, type TestRelay } from '../../support/test-relay.ts'

const minute = 60_000

/** Lets time pass while people are at their devices. */
async function wait(relay: TestRelay, ms: number, ...clients: TestClient[]) {
  for (let waited = 0; waited < ms; waited += 20_000) {
    await relay.advance(Math.min(20_000, ms - waited))
    for (const client of clients) if (client.closed === null) await client.text('{"type":"ping"}')
  }
}

/** Two buddies who have been online for a while. */
async function atHome(relay: TestRelay): Promise<[TestClient, TestClient]> {
  const [alice, bob] = await relay.pair()
  await wait(relay, 20_000, alice, bob)
  alice.forget()
  bob.forget()
  return [alice, bob]
}

test('[PR1] one presence is computed of all devices and the chosen mode', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const laptop = await relay.connect('bob', { device: 1 })
  const seen: string[] = []
  const step = async (change: () => Promise<void>) => {
    await wait(relay, 20_000, alice, bob, laptop)
    await change()
    seen.push(alice.shows('bob'))
  }

  await step(async () => {})
  await step(() => bob.say('presence', { activity: 'idle', since: relay.now }))
  await step(() => laptop.say('presence', { activity: 'idle', since: relay.now }))
  await step(() => bob.mode('away'))
  await step(() => bob.say('presence', { activity: 'active' }))
  await step(() => bob.mode('dnd'))
  await step(() => bob.mode('invisible'))
  await step(() => bob.mode('auto'))

  expect(seen).toEqual(['online', 'online', 'idle', 'away', 'away', 'dnd', 'offline', 'online'])
})

test('[PR1] idle carries since when, by the device that was used last', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const laptop = await relay.connect('bob', { device: 1 })
  await wait(relay, 20_000, alice, bob, laptop)

  await bob.say('presence', { activity: 'idle', since: relay.now - 5000 })
  await laptop.say('presence', { activity: 'idle', since: relay.now - 9000 })

  expect(alice.last('presence')).toMatchObject({ show: 'idle', since: relay.now - 5000 })
})

test('[PR1] a chosen mode ends when it was meant to', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)

  await bob.mode('dnd', { until: relay.now + minute })
  const during = alice.shows('bob')
  await wait(relay, minute + 1000, alice, bob)

  expect([during, alice.shows('bob')]).toEqual(['dnd', 'online'])
  expect(bob.last('self')).toMatchObject({ mode: 'auto' })
})

test('[PR2] nobody but buddies sees it', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  await relay.connect('bob')

  await alice.send('bob', 'k', { kind: 'knock' })
  const reply = await relay.peer('bob', 'alice', {
    type: 'presence',
    version: 1,
    show: 'online',
    presenceVersion: relay.now,
    until: relay.now + minute,
  })

  expect(reply).toMatchObject({ type: 'presence', show: 'offline' })
  expect(alice.received('presence')).toEqual([])
})

test('[PR2] who is blocked sees offline at once and nothing more, until the block ends', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)

  await bob.roster('block', 'alice')
  const blocked = alice.shows('bob')
  await wait(relay, 20_000, alice, bob)
  await bob.mode('dnd')
  await alice.close()
  const again = await relay.connect('alice')
  const later = again.shows('bob')
  await wait(relay, 20_000, again, bob)
  await bob.roster('unblock', 'alice')

  expect([blocked, later, again.shows('bob')]).toEqual(['offline', 'offline', 'dnd'])
})

test('[PR2] the blocker sees nothing of the blocked', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)
  await bob.roster('block', 'alice')
  bob.forget()

  await alice.mode('dnd')

  expect(bob.received('presence')).toEqual([])
})

test('[PR2] after a removal it is no longer told', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)
  await alice.roster('remove', 'bob')
  alice.forget()
  bob.forget()

  await wait(relay, 20_000, alice, bob)
  await bob.mode('dnd')
  await alice.mode('dnd')

  expect([alice.received('presence'), bob.received('presence')]).toEqual([[], []])
})

test('[PR3] presence is a lease, and it is renewed while somebody is there', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const { until } = alice.buddies.get('bob')!
  const lease = until - relay.now

  await wait(relay, 40 * minute, alice, bob)

  expect(lease).toBe(limits.presenceLeaseMs)
  expect(alice.shows('bob')).toBe('online')
})

test('[PR3] a room that is never heard of again is offline when the lease is over', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)
  relay.fault = (from) => (from === 'bob' ? 'request' : null)
  await bob.close()

  await wait(relay, 10 * minute, alice)
  relay.fault = () => 'request'
  await wait(relay, 40 * minute, alice)

  expect(alice.shows('bob')).toBe('offline')
  expect((await relay.connect('alice')).last('welcome').presence).toEqual([])
})

test('[PR4] a lost connection is offline after 45 s', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)

  await bob.close()
  await wait(relay, 44_000, alice)
  const within = alice.shows('bob')
  await wait(relay, 1000, alice)

  expect([within, alice.shows('bob')]).toEqual(['online', 'offline'])
})

test('[PR4] a reconnect within that time shows nothing', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)

  await bob.close()
  await wait(relay, 40_000, alice)
  await relay.connect('bob')
  await wait(relay, 20_000, alice)

  expect(alice.received('presence')).toEqual([])
})

test('[PR4] signing off shows at once', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)

  await bob.say('leave', {})

  expect(alice.shows('bob')).toBe('offline')
  expect(bob.closed).toBe(1000)
})

test('[PR4] unless another device is still there', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)
  await relay.connect('bob', { device: 1 })

  await bob.say('leave', {})

  expect(alice.shows('bob')).toBe('online')
})

test('[PR4] the devices of a relay that was killed are offline two minutes later', async () => {
  const relay = testRelay()
  const [alice] = await atHome(relay)

  await relay.kill('bob')
  await wait(relay, 2 * minute, alice)

  expect(alice.shows('bob')).toBe('offline')
})

test('[PR5] who comes online learns who is there, and they learn it', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.close()
  await wait(relay, 2 * minute, alice)
  const before = alice.shows('bob')

  const back = await relay.connect('bob')

  expect(before).toBe('offline')
  expect(alice.shows('bob')).toBe('online')
  expect(back.shows('alice')).toBe('online')
})

test('[PR5] also when the first announcements are lost, and the room forgets that it has made them', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.close()
  await wait(relay, 2 * minute, alice)
  relay.fault = () => 'request'
  const back = await relay.connect('bob')
  await relay.hibernate('bob')
  const lost = alice.shows('bob')

  relay.fault = () => null
  await wait(relay, minute, alice, back)

  expect([lost, alice.shows('bob'), back.shows('alice')]).toEqual(['offline', 'online', 'online'])
})

test('[PR5] nor does a room whose disk is full know it already', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.close()
  await wait(relay, 2 * minute, alice)
  relay.fault = (_from, to) => (to === 'alice' ? 'failure' : null)
  const back = await relay.connect('bob')

  relay.fault = () => null
  await wait(relay, minute, alice, back)

  expect([alice.shows('bob'), back.shows('alice')]).toEqual(['online', 'online'])
})

test('[PR5] a second device gets what is known in `welcome`', async () => {
  const relay = testRelay()
  const [, bob] = await relay.pair()
  await bob.mode('away', { status: 'at lunch' })
  await relay.advance(10_000)

  const laptop = await relay.connect('alice', { device: 1 })

  expect(laptop.last('welcome').presence).toMatchObject([{ peer: 'bob', show: 'away', status: 'at lunch' }])
})

test('[PR5] with many buddies each is told, a few at a time', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  const watchers = []
  for (let i = 0; i < 25; i++) {
    const watcher = await relay.connect(`watcher${i}`)
    await relay.befriend(watcher, bob)
    watchers.push(watcher)
  }
  await wait(relay, 20_000, bob, ...watchers)

  await bob.mode('dnd')

  expect(watchers.map((watcher) => watcher.shows('bob'))).toEqual(watchers.map(() => 'dnd'))
})

test('[PR6] mode and status belong to the account: all devices see them', async () => {
  const relay = testRelay()
  const [, bob] = await relay.pair()
  const laptop = await relay.connect('bob', { device: 1 })

  await bob.mode('dnd', { status: 'busy' })
  const phone = await relay.connect('bob', { device: 2 })

  const self = { mode: 'dnd', status: 'busy', show: 'dnd' }
  expect(laptop.last('self')).toMatchObject(self)
  expect(phone.last('welcome').self).toMatchObject(self)
})

test('[PR6] also after the relay was killed', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  await bob.mode('away', { status: 'out' })

  await relay.kill('bob')
  const back = await relay.connect('bob')

  expect(back.last('welcome').self).toMatchObject({ mode: 'away', status: 'out' })
})

test('[PR7] changes go out at most once in 10 s, and the newest always arrives', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)

  await bob.mode('away')
  await bob.mode('dnd')
  await relay.advance(3000)
  await bob.mode('auto')
  await bob.mode('away', { status: 'really' })
  const early = alice.received('presence').map(({ show }) => show)
  await wait(relay, 10_000, alice, bob)

  expect(early).toEqual(['away'])
  expect(alice.received('presence')).toHaveLength(2)
  expect(alice.last('presence')).toMatchObject({ show: 'away', status: 'really' })
})

test('[PR7] when the clock is set back, a change does not wait for the time that it was', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)
  await bob.mode('away')

  await relay.advance(-3_600_000)
  await bob.mode('dnd')
  await wait(relay, 15_000, alice, bob)

  expect(alice.last('presence').show).toBe('dnd')
})

test('[PR7] a device that says it too often is told to wait', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')

  for (let i = 0; i < 10; i++) await bob.mode(i % 2 ? 'away' : 'dnd')

  expect(bob.last('error')).toMatchObject({ code: 'policy-violation', action: 'wait' })
  expect(bob.last('error').retryAfterMs).toBeGreaterThan(0)
})

test('[PR8] typing reaches buddies with an end, and is stored nowhere', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)
  await alice.say('watch', { on: true })
  const stored = [relay.backup('alice'), relay.backup('bob')]

  await bob.say('typing', { to: 'alice' as UserId, state: 'composing' })

  expect(alice.received('typing')).toEqual([
    { type: 'typing', peer: 'bob', state: 'composing', until: relay.now + limits.typingShownMs },
  ])
  expect([relay.backup('alice'), relay.backup('bob')]).toEqual(stored)
})

test.each([
  ['invisible, none is sent', (bob: TestClient) => bob.mode('invisible')],
  ['nor to somebody I blocked', (bob: TestClient) => bob.roster('block', 'alice')],
  ['nor after a removal', (bob: TestClient) => bob.roster('remove', 'alice')],
])('[PR8] %s', async (_, change) => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)
  await change(bob)

  await bob.say('typing', { to: 'alice' as UserId, state: 'composing' })

  expect(alice.received('typing')).toEqual([])
})

test('[PR8] a device with nothing on the screen is not told', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)
  await alice.say('watch', { on: false })

  await bob.say('typing', { to: 'alice' as UserId, state: 'composing' })

  expect(alice.received('typing')).toEqual([])
})

test('who is invisible still hears of the others, and nobody can tell', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)
  await bob.mode('invisible')
  await wait(relay, 20_000, alice, bob)
  alice.forget()

  await alice.mode('away')
  await wait(relay, 40 * minute, alice, bob)

  expect(bob.shows('alice')).toBe('away')
  expect(alice.received('presence')).toEqual([])
  expect(alice.texts.join('')).not.toContain('listening')
})

test('a room whose alarms never ring does its work when a ping comes', async () => {
  const relay = testRelay()
  const [alice, bob] = await atHome(relay)
  const laptop = await relay.connect('bob', { device: 1 })
  await bob.mode('away')
  await bob.mode('dnd')

  relay.rows('bob').set('due', JSON.stringify({ presence: relay.now }))
  await relay.advance(9_999)
  await laptop.text('{"type":"ping"}')
  await relay.advance(1)
  await laptop.text('{"type":"ping"}')

  expect(alice.shows('bob')).toBe('dnd')
})
