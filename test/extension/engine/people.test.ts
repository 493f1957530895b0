/** People, their devices and what they see of each other: engines against a real relay. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { ClientFrame } from '#shared/frames'
import type { EnvelopeId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { buddies, headless, type Headless } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { tapped } from './wire.ts'

let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env: { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' } })
}, 40_000)
afterAll(() => relay.stop())

const id = (name: string) => name as UserId
const becomes = (person: Headless, peer: string, relation: string) =>
  person.until(async () => (await person.relationTo(peer)) === relation, `${relation} with ${peer}`)
const hears = (person: Headless, peer: string, text: string) =>
  person.until(async () => (await person.textsWith(peer)).includes(text), `“${text}” of ${peer}`)
const comesTo = (person: Headless, message: EnvelopeId, state: string) =>
  person.until(async () => (await person.stateOf(message)) === state, state)

// --- Two devices of one person -------------------------------------------------------------------------------

test('[SN4] [RC3] [RO10] two devices of a person have one history, one list and one read mark', async () => {
  const [laptop, bob] = await buddies(relay.url, 'alice.duo', 'bob.duo')
  await laptop.send('bob.duo', 'before the second device')
  await hears(bob, 'alice.duo', 'before the second device')

  const phone = await headless(relay.url, 'alice.duo', { existing: true })
  await becomes(phone, 'bob.duo', 'buddies')
  await laptop.send('bob.duo', 'from the laptop')
  await phone.send('bob.duo', 'from the phone')
  await bob.send('alice.duo', 'to both')
  for (const device of [laptop, phone]) {
    for (const text of ['from the laptop', 'from the phone', 'to both']) await hears(device, 'bob.duo', text)
  }
  await hears(bob, 'alice.duo', 'from the phone')

  const shape = async (person: Headless, peer: string) =>
    (await person.history(peer)).map(({ from, id: of, ts, content }) => ({ from, id: of, ts, content }))
  const history = await shape(laptop, 'bob.duo')
  expect(await shape(phone, 'bob.duo')).toEqual(history)
  expect(await shape(bob, 'alice.duo')).toEqual(history)

  expect(await phone.unread('bob.duo')).toBe(1)
  await laptop.read('bob.duo')
  await phone.until(async () => (await phone.unread('bob.duo')) === 0, 'read on the laptop')
  const last = (await bob.history('alice.duo')).findLast(({ from }) => from === 'bob.duo')!
  await comesTo(bob, last.id, 'read')
  await Promise.all([laptop.stop(), phone.stop(), bob.stop()])
})

test('[PR6] what one device chooses, the other shows', async () => {
  const laptop = await headless(relay.url, 'alice.mode')
  const phone = await headless(relay.url, 'alice.mode', { existing: true })
  await laptop.commands.setPresence({ mode: 'dnd', status: 'writing' })
  await phone.until(async () => {
    const self = await phone.ownPresence()
    return self?.mode === 'dnd' && self.status === 'writing'
  }, 'the same mode')

  expect(await phone.ownPresence()).toMatchObject({ mode: 'dnd', show: 'dnd', status: 'writing' })
  await Promise.all([laptop.stop(), phone.stop()])
})

test('[R-24] a read mark that was made offline is told at the next connect', async () => {
  let offline = false
  const [alice, bob] = await buddies(relay.url, 'alice.mark', 'bob.mark', {
    WebSocket: tapped({ isCut: () => offline }),
    random: () => 0.05,
  })
  const message = await bob.send('alice.mark', 'read me')
  await hears(alice, 'bob.mark', 'read me')
  offline = true
  await alice.restart()
  await alice.read('bob.mark')
  expect(await alice.unread('bob.mark')).toBe(0)
  expect(await bob.stateOf(message)).not.toBe('read')

  offline = false
  await alice.connected()
  await comesTo(bob, message, 'read')
  await alice.until(async () => {
    const row = await alice.db.conversations.get(id('bob.mark'))
    return row!.readSentTs === row!.readTs
  }, 'confirmed')
  await Promise.all([alice.stop(), bob.stop()])
})

/** Marks that the room will never confirm: nobody wrote to them. */
const unconfirmed = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    peer: id(`someone.with.a.long.name.${i}`),
    readTs: 1_700_000_000_000,
    readSentTs: 0,
    delivered: 0,
    read: 0,
    except: [],
    unread: 0,
  }))

test('[HS2] however many read marks are unconfirmed, the challenge is answered within 4 KiB', async () => {
  const alice = await headless(relay.url, 'alice.marks')
  await alice.db.conversations.bulkPut(unconfirmed(400))
  await alice.restart()
  await alice.connected()

  expect(await alice.connection()).toMatchObject({ state: 'connected' })
  await alice.stop()
})

test('however many read marks are unconfirmed, they do not fill the mailbox of the room', async () => {
  const sent: string[] = []
  const alice = await headless(relay.url, 'alice.many', {
    WebSocket: tapped({ sent: (text) => sent.push(text) }),
  })
  await alice.db.conversations.bulkPut(unconfirmed(600))
  sent.length = 0
  await alice.restart()
  await alice.connected()

  const [first] = sent.map((text) => JSON.parse(text) as ClientFrame).filter(({ type }) => type === 'auth')
  const inAuth = first?.type === 'auth' ? Object.keys(first.reads).length : 0
  const later = sent.filter((text) => text.includes('"type":"read"')).length
  expect(inAuth).toBeGreaterThan(0)
  expect(later).toBeGreaterThan(0)
  expect(inAuth + later).toBeLessThan(limits.mailboxEventsMax / 2) // others write to the room as well
  await alice.stop()
})

test('[R-22] a read mark goes no further than there is something to read', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.far', 'bob.far')
  await bob.send('alice.far', 'one')
  await hears(alice, 'bob.far', 'one')
  await alice.commands.read(id('bob.far'), 8_640_000_000_000_000)
  await bob.send('alice.far', 'two')
  await alice.until(async () => (await alice.unread('bob.far')) === 1, 'one unread')

  await alice.until(() => alice.badge.unread === 1, 'the badge')
  expect(await alice.unread('bob.far')).toBe(1)
  await Promise.all([alice.stop(), bob.stop()])
})

// --- Becoming buddies, and ceasing to be ---------------------------------------------------------------------------

test('[RO1] [R-13] a knock waits with its words, shows on the button, and is answered', async () => {
  const [alice, bob] = await Promise.all([
    headless(relay.url, 'alice.knock'),
    headless(relay.url, 'bob.knock'),
  ])
  await alice.knock('bob.knock', 'we met at the fair')
  await becomes(bob, 'alice.knock', 'asked')
  await becomes(alice, 'bob.knock', 'asking')
  const row = await bob.db.roster.get(id('alice.knock'))
  expect(row).toMatchObject({ knock: { text: 'we met at the fair' } })
  await bob.until(() => bob.badge.requests === 1, 'the badge')
  expect(bob.badge).toEqual({ unread: 0, requests: 1, connected: true })
  await bob.until(() => bob.alerts.length > 0, 'told')
  expect(bob.alerts).toMatchObject([
    { type: 'notification', about: 'knock', peer: 'alice.knock' },
    { type: 'sound' },
  ])

  await bob.accept('alice.knock')
  await Promise.all([becomes(alice, 'bob.knock', 'buddies'), becomes(bob, 'alice.knock', 'buddies')])
  await bob.until(() => bob.badge.requests === 0, 'the badge')
  await Promise.all([alice.stop(), bob.stop()])
})

test('[RO2] crossing knocks make buddies', async () => {
  const [alice, bob] = await Promise.all([
    headless(relay.url, 'alice.cross'),
    headless(relay.url, 'bob.cross'),
  ])
  await Promise.all([alice.knock('bob.cross'), bob.knock('alice.cross')])
  await Promise.all([becomes(alice, 'bob.cross', 'buddies'), becomes(bob, 'alice.cross', 'buddies')])
  await alice.send('bob.cross', 'hello')
  await hears(bob, 'alice.cross', 'hello')

  expect(await bob.textsWith('alice.cross')).toEqual(['hello'])
  await Promise.all([alice.stop(), bob.stop()])
})

test('[RO3] a knock that is withdrawn is gone', async () => {
  const [alice, bob] = await Promise.all([
    headless(relay.url, 'alice.withdraw'),
    headless(relay.url, 'bob.withdraw'),
  ])
  await alice.knock('bob.withdraw', 'hi')
  await becomes(bob, 'alice.withdraw', 'asked')
  await alice.until(async () => (await alice.relationTo('bob.withdraw')) === 'asking', 'asking')
  await alice.commands.roster(id('bob.withdraw'), 'withdraw')
  await Promise.all([becomes(alice, 'bob.withdraw', 'none'), becomes(bob, 'alice.withdraw', 'none')])

  expect(await bob.db.roster.get(id('alice.withdraw'))).not.toHaveProperty('knock')
  await Promise.all([alice.stop(), bob.stop()])
})

test('[RO4] a rejection is silent: the asker goes on asking', async () => {
  const [alice, bob] = await Promise.all([
    headless(relay.url, 'alice.reject'),
    headless(relay.url, 'bob.reject'),
  ])
  await alice.knock('bob.reject', 'hi')
  await becomes(bob, 'alice.reject', 'asked')
  await bob.commands.roster(id('alice.reject'), 'reject')
  await becomes(bob, 'alice.reject', 'none')
  await alice.restart()
  await alice.connected()

  expect(await alice.relationTo('bob.reject')).toBe('asking')
  expect((await alice.history('bob.reject')).map(({ state }) => state)).toEqual(['stored'])
  await Promise.all([alice.stop(), bob.stop()])
})

test('[RO5] [SN5] removing ends it on both sides; the history stays, and the next message fails', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.remove', 'bob.remove')
  await alice.send('bob.remove', 'hello')
  await hears(bob, 'alice.remove', 'hello')
  await bob.commands.roster(id('alice.remove'), 'remove')
  await Promise.all([becomes(alice, 'bob.remove', 'none'), becomes(bob, 'alice.remove', 'none')])
  const late = await alice.send('bob.remove', 'are you there?')
  await comesTo(alice, late, 'failed')

  expect(await alice.presenceOf('bob.remove')).toBe('offline')
  expect(await bob.textsWith('alice.remove')).toEqual(['hello'])
  expect((await alice.history('bob.remove')).find((row) => row.id === late)).toMatchObject({
    failure: 'forbidden',
  })
  await alice.commands.discard(late)
  expect(await alice.textsWith('bob.remove')).toEqual(['hello'])
  await Promise.all([alice.stop(), bob.stop()])
})

test('[RO6] a second knock is told as refused, and the first stands', async () => {
  const [alice, bob] = await Promise.all([
    headless(relay.url, 'alice.twice'),
    headless(relay.url, 'bob.twice'),
  ])
  await alice.knock('bob.twice', 'one')
  await becomes(alice, 'bob.twice', 'asking')
  await alice.knock('bob.twice', 'two')
  await alice.until(
    async () => (await alice.history('bob.twice')).some((row) => row.failure === 'not-allowed'),
    'refused',
  )

  expect(await alice.relationTo('bob.twice')).toBe('asking')
  await becomes(bob, 'alice.twice', 'asked')
  expect(await bob.db.roster.get(id('alice.twice'))).toMatchObject({ knock: { text: 'one' } })
  await Promise.all([alice.stop(), bob.stop()])
})

test('[R-13] a knock of more than 500 characters is refused before it leaves', async () => {
  const alice = await headless(relay.url, 'alice.long')

  await expect(alice.knock('bob', 'x'.repeat(501))).rejects.toMatchObject({ code: 'too-large' })
  expect(await alice.db.outbox.count()).toBe(0)
  await alice.stop()
})

// --- Presence --------------------------------------------------------------------------------------------------------

test('[PR2] [R-6] buddies see each other; invisible, nothing is seen: no presence, no receipts, no typing', async () => {
  const typed: string[] = []
  const [alice, bob] = await Promise.all([
    headless(relay.url, 'alice.ghost', {
      WebSocket: tapped({ out: (text) => (text.includes('"typing"') && typed.push(text), text) }),
    }),
    headless(relay.url, 'bob.ghost'),
  ])
  await alice.knock('bob.ghost')
  await becomes(bob, 'alice.ghost', 'asked')
  await bob.accept('alice.ghost')
  await bob.until(async () => (await bob.presenceOf('alice.ghost')) === 'online', 'online')
  bob.look([{ page: 'chat', peer: id('alice.ghost'), focused: true, active: true }])
  await alice.commands.typing(id('bob.ghost'), 'composing')
  await bob.until(async () => (await bob.db.typing.get(id('alice.ghost'))) !== undefined, 'typing')
  expect(typed).toHaveLength(1)

  await alice.commands.setPresence({ mode: 'invisible' })
  await bob.until(async () => (await bob.presenceOf('alice.ghost')) === 'offline', 'offline')
  await alice.until(async () => (await alice.ownPresence())?.mode === 'invisible', 'invisible')
  await alice.commands.typing(id('bob.ghost'), 'composing')
  const message = await bob.send('alice.ghost', 'are you there?')
  await hears(alice, 'bob.ghost', 'are you there?')
  await alice.read('bob.ghost')
  await alice.send('bob.ghost', 'boo')
  await hears(bob, 'alice.ghost', 'boo')

  expect(typed).toHaveLength(1)
  expect(await bob.db.typing.get(id('alice.ghost'))).toBeUndefined()
  expect(await bob.stateOf(message)).toBe('stored')
  expect(await bob.presenceOf('alice.ghost')).toBe('offline')
  await Promise.all([alice.stop(), bob.stop()])
})

test('[PR4] signing off shows at once', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.bye', 'bob.bye')
  await bob.until(async () => (await bob.presenceOf('alice.bye')) === 'online', 'online')
  await alice.commands.signOut()
  await bob.until(async () => (await bob.presenceOf('alice.bye')) === 'offline', 'offline', 5000)

  expect(await bob.isConnected()).toBe(true)
  await Promise.all([alice.stop(), bob.stop()])
})

test('[R-5] while the relay is heard, the pages can tell; the database is not written at every frame', async () => {
  let writes = 0
  const alice = await headless(relay.url, 'alice.heard', {
    speed: 40, // a ping every half second
    prepare(db) {
      db.status.hook('updating', () => void writes++)
    },
  })
  const first = (await alice.connection())!.heardAt
  await alice.until(async () => (await alice.connection())!.heardAt >= first + 40_000, 'heard again')

  expect(writes).toBeLessThan(12)
  await alice.stop()
})

test('[R-41] a browser that cannot show an alert still gets every message', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  const fails = async () => {
    throw new Error('no windows here')
  }
  let tries = 0
  const bob = await headless(relay.url, 'bob.blind', {
    platform: {
      alert: async () => {
        tries++
        await fails()
      },
      badge: fails,
      clear: fails,
    },
  })
  const alice = await headless(relay.url, 'alice.blind')
  await alice.knock('bob.blind')
  await becomes(bob, 'alice.blind', 'asked')
  await bob.accept('alice.blind')
  await becomes(alice, 'bob.blind', 'buddies')
  const before = (await bob.db.account.get('me'))!.generation
  for (const text of ['one', 'two', 'three']) await alice.send('bob.blind', text)
  await hears(bob, 'alice.blind', 'three')
  await bob.until(() => tries > 1, 'tried to tell')
  await bob.read('alice.blind')

  expect(await bob.isConnected()).toBe(true)
  expect((await bob.db.account.get('me'))!.generation).toBe(before) // it never had to connect again
  said.mockRestore()
  await Promise.all([alice.stop(), bob.stop()])
})

test('[R-41] what came while I was away is one summary', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.away', 'bob.away')
  bob.kill()
  for (const text of ['one', 'two', 'three']) await alice.send('bob.away', text)
  await alice.until(async () => (await alice.db.outbox.count()) === 0, 'stored')
  const before = bob.alerts.length
  await bob.restart()
  await bob.connected()
  await bob.until(() => bob.alerts.length > before, 'told')

  expect(bob.alerts.slice(before)).toEqual([
    {
      type: 'notification',
      about: 'message',
      peer: 'alice.away',
      title: 'alice.away',
      text: '3 new messages',
    },
  ])
  await Promise.all([alice.stop(), bob.stop()])
})
