import { expect, test } from 'vitest'
import { TestClient, testRelay } from '../../support/test-relay.ts'

const leads = (client: TestClient) => client.received('lead').map(({ lead }) => lead)

/** Two devices of Alice: the phone was there first. */
async function twoDevices() {
  const relay = testRelay()
  const phone = await relay.connect('alice')
  await relay.connect('bob')
  await relay.advance(1000)
  const laptop = await relay.connect('alice', { device: 1 })
  await relay.advance(1000)
  return { relay, phone, laptop }
}

test('[PR9] each device is told between `welcome` and `live`; a sole one leads', async () => {
  const relay = testRelay()
  const [phone] = await relay.pair()
  await phone.close()

  const again = await relay.connect('alice')

  expect(again.frames.map(({ type }) => type).filter((type) => type !== 'presence')).toEqual([
    'hello',
    'welcome',
    'lead',
    'live',
  ])
  expect(leads(again)).toEqual(['here'])
})

test('[PR9] the device that comes last leads, and the others are told', async () => {
  const { phone, laptop } = await twoDevices()

  expect([leads(phone), leads(laptop)]).toEqual([['here', 'active'], ['here']])
})

const uses: [string, (client: TestClient) => Promise<void>][] = [
  ['saying that somebody is there', (client) => client.say('presence', { activity: 'active' })],
  ['a knock', (client) => client.send('bob', 'k', { kind: 'knock' })],
  ['a note to oneself', (client) => client.send('alice', 'n', { kind: 'control' })],
  ['reading', (client) => client.read('bob', 1)],
  ['typing', (client) => client.say('typing', { to: 'bob' as never, state: 'composing' })],
]
test.each(uses)('[PR9] %s makes a device the one used last', async (_, use) => {
  const { phone, laptop } = await twoDevices()

  await use(phone)

  expect([leads(phone), leads(laptop)]).toEqual([
    ['here', 'active', 'here'],
    ['here', 'active'],
  ])
})

test('[PR9] what no person does leads nowhere, and neither does what was refused', async () => {
  const { relay, phone, laptop } = await twoDevices()

  await phone.text('{"type":"ping"}')
  await phone.say('watch', { on: false })
  await phone.mode('away')
  await phone.roster('mute', 'bob')
  await phone.send('bob', 'e1') // no buddy
  await relay.advance(20_000)

  expect([leads(phone), leads(laptop)]).toEqual([['here', 'active'], ['here']])
})

test('[PR9] a device with somebody at it leads before one that was left alone, whenever it was used', async () => {
  const { relay, phone, laptop } = await twoDevices()

  await laptop.say('presence', { activity: 'idle' })
  await relay.advance(3000)
  await laptop.read('bob', 1)
  await relay.advance(3000)
  await phone.say('presence', { activity: 'idle' })

  expect([leads(phone), leads(laptop)]).toEqual([
    ['here', 'active', 'here', 'idle'],
    ['here', 'active', 'here'],
  ])
})

test('[PR9] left alone, the one used last leads, whichever comes back last', async () => {
  const { relay, phone, laptop } = await twoDevices()
  await phone.close()
  await laptop.close()

  const first = await relay.connect('alice', { device: 1 })
  await first.say('presence', { activity: 'idle', since: relay.now - 10_000 })
  await relay.advance(5000)
  const second = new TestClient(relay, phone.user, phone.person, phone.device)
  await second.open()
  await second.auth({ activity: 'idle', since: relay.now - 60_000 })

  expect([leads(first), leads(second)]).toEqual([['here'], ['idle']])
})

test('[PR9] when the leading device goes, another takes over', async () => {
  const { phone, laptop } = await twoDevices()

  await laptop.close()

  expect(leads(phone)).toEqual(['here', 'active', 'here'])
})

test('[PR9] a room that was asleep still knows, and says nothing that was said', async () => {
  const { relay, phone, laptop } = await twoDevices()

  await relay.hibernate('alice')
  await relay.advance(1000)
  await phone.text('{"type":"ping"}')
  const afterwards = [leads(phone), leads(laptop)]
  await relay.hibernate('alice')
  await phone.read('bob', 1)

  expect(afterwards).toEqual([['here', 'active'], ['here']])
  expect([leads(phone), leads(laptop)]).toEqual([
    ['here', 'active', 'here'],
    ['here', 'active'],
  ])
})
