import { expect, test } from 'vitest'
import type { UserId } from '#shared/ids'
import { testRelay, type TestClient } from '../../support/test-relay.ts'

/** The latest watermarks that a device was told, as `[delivered, read]`. */
function marks(client: TestClient) {
  const last = client.entries('receipts').at(-1)
  return last ? [last.delivered, last.read] : [0, 0]
}
/** Of the last message that it sent. */
const lastTs = (client: TestClient) => client.received('ok').findLast(({ ts }) => ts !== undefined)!.ts!

test('[RC1] delivered means that a device has stored the message', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.close()
  const back = await relay.connect('bob', { silent: true })
  alice.forget()

  await alice.send('bob', 'e1')
  const sent = marks(alice)
  await back.ack(back.entries('message')[0]!.seq)

  expect(sent).toEqual([0, 0])
  expect(alice.entries('receipts')).toMatchObject([
    { peer: 'bob', delivered: lastTs(alice), read: 0, except: [] },
  ])
})

test('[RC1] it follows from the cursor: a lost acknowledgement loses nothing', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.close()
  const back = await relay.connect('bob', { silent: true })
  await alice.send('bob', 'e1')
  const { seq, mark } = back.entries('message')[0]!

  await relay.kill('bob') // the device has stored the message, and nobody heard of it
  Object.assign(bob.device.cursor!, { seq, mark })
  await relay.connect('bob', { silent: true })

  expect(marks(alice)).toEqual([lastTs(alice), 0])
})

test('[RC1] what the room could not yet say is said when the other room is there again', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  relay.fault = (from) => (from === 'bob' ? 'request' : null)
  await alice.send('bob', 'e1')
  await bob.read('alice', lastTs(alice))
  await relay.kill('bob')
  expect(marks(alice)).toEqual([0, 0])

  relay.fault = () => null
  await relay.advance(10_000)

  expect(marks(alice)).toEqual([lastTs(alice), lastTs(alice)])
})

test('[RC1] many senders at once are all told', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  const senders = []
  for (let i = 0; i < 60; i++) {
    const sender = await relay.connect(`sender${i}`)
    await relay.befriend(sender, bob)
    senders.push(sender)
    await relay.advance(1000)
    if (i % 20 === 19) for (const one of [bob, ...senders]) await one.text('{"type":"ping"}')
  }
  await bob.close()
  const back = await relay.connect('bob', { silent: true })
  for (const sender of senders) await sender.send('bob', `from-${sender.user}`)

  await back.ack(back.received('deliver').at(-1)!.entries.at(-1)!.seq)
  await relay.advance(1000)

  expect(senders.map(marks)).toEqual(senders.map((sender) => [lastTs(sender), 0]))
})

test('[RC2] read reaches the peer as far as the reader said, and never goes back', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  const first = lastTs(alice)
  await alice.send('bob', 'e2')
  const second = lastTs(alice)

  await bob.read('alice', first)
  expect(marks(alice)).toEqual([second, first])
  await bob.read('alice', second)
  await bob.read('alice', first)

  expect(marks(alice)).toEqual([second, second])
  const all = alice.entries('receipts')
  expect(all.map(({ read }) => read)).toEqual(all.map(({ read }) => read).toSorted((a, b) => a - b))
})

test('[RC2] nobody can have read what has not come', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')

  await bob.read('alice', relay.now + 1_000_000)

  expect(marks(alice)).toEqual([lastTs(alice), lastTs(alice)])
})

test('[RC2] marks that a device could not send come with its next `auth`', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  await bob.close()

  const back = await relay.open('bob')
  await back.auth({ reads: { ['alice' as UserId]: lastTs(alice) } })

  expect(marks(alice)).toEqual([lastTs(alice), lastTs(alice)])
})

test("[RC3] a read mark reaches the reader's other devices, once", async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const laptop = await relay.connect('bob', { device: 1 })
  await alice.send('bob', 'e1')

  await bob.read('alice', lastTs(alice))
  await laptop.read('alice', lastTs(alice))

  expect(laptop.entries('read')).toMatchObject([{ peer: 'alice', ts: lastTs(alice) }])
})

test('[RC4] an asker sees nothing of what becomes of the knock', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const bob = await relay.connect('bob')

  await alice.send('bob', 'k', { kind: 'knock' })
  await bob.read('alice', lastTs(alice))

  expect(bob.inbox).toEqual(['k'])
  expect(alice.entries('receipts')).toEqual([])
})

test('[RC4] once they are buddies, they see it', async () => {
  const relay = testRelay()
  const alice = await relay.connect('alice')
  const bob = await relay.connect('bob')
  await alice.send('bob', 'k', { kind: 'knock' })

  await bob.send('alice', 'a', { kind: 'accept' })

  expect(marks(alice)).toEqual([lastTs(alice), 0])
})

test('[RC4] invisible, I show none; they catch up when I am seen again', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.mode('invisible')

  await alice.send('bob', 'e1')
  await bob.read('alice', lastTs(alice))
  const hidden = marks(alice)
  await relay.advance(20_000)
  await bob.mode('auto')

  expect(hidden).toEqual([0, 0])
  expect(marks(alice)).toEqual([lastTs(alice), lastTs(alice)])
})

test('[RC4] after a removal nothing more is shown', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  const delivered = marks(alice)

  await bob.roster('remove', 'alice')
  await bob.read('alice', lastTs(alice))

  expect(marks(alice)).toEqual(delivered)
})

test('[RC5] what was dropped under a block never becomes delivered', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'before')
  await bob.roster('block', 'alice')
  await alice.send('bob', 'dropped1')
  const from = lastTs(alice)
  await alice.send('bob', 'dropped2')
  const to = lastTs(alice)
  await bob.roster('unblock', 'alice')

  await alice.send('bob', 'after')

  expect(bob.inbox).toEqual(['before', 'after'])
  expect(alice.entries('receipts').at(-1)).toMatchObject({ delivered: lastTs(alice), except: [[from, to]] })
})

test('[RC5] each time of blocking is a range of its own', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const dropped = []
  for (let i = 0; i < 3; i++) {
    await bob.roster('block', 'alice')
    await alice.send('bob', `dropped${i}`)
    dropped.push([lastTs(alice), lastTs(alice)])
    await bob.roster('unblock', 'alice')
    await alice.send('bob', `seen${i}`)
  }

  expect(alice.entries('receipts').at(-1)!.except).toEqual(dropped)
})

test('[RC5] it ends as expired, like anything that nobody fetched', async () => {
  const relay = testRelay({ keepMs: 86_400_000 })
  const [alice, bob] = await relay.pair()
  await bob.roster('block', 'alice')
  await alice.send('bob', 'dropped')
  const ts = lastTs(alice)
  await bob.roster('unblock', 'alice')
  await alice.send('bob', 'after')

  await relay.advance(86_400_000)
  const again = await relay.connect('alice')

  expect(again.entries('failed')).toMatchObject([{ peer: 'bob', ts, code: 'expired' }])
})

test('receipts that come while the sender blocks the peer are shown when the block ends', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await bob.close()
  await alice.send('bob', 'e1')
  await alice.roster('block', 'bob')
  await relay.connect('bob')
  const hidden = marks(alice)

  await alice.roster('unblock', 'bob')

  expect(hidden).toEqual([0, 0])
  expect(marks(alice)).toEqual([lastTs(alice), 0])
})

test('[RC6] who shows no read marks is shown none either; both still see what is delivered', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  const laptop = await relay.connect('bob', { device: 1 })
  await bob.policy({ reads: false })
  laptop.forget()

  await alice.send('bob', 'e1')
  await bob.read('alice', lastTs(alice))
  await bob.send('alice', 'e2')
  await alice.read('bob', lastTs(bob))

  expect(marks(alice)).toEqual([lastTs(alice), 0])
  expect(marks(bob)).toEqual([lastTs(bob), 0])
  expect(laptop.entries('read')).toMatchObject([{ peer: 'alice', ts: lastTs(alice) }])
  const posts = relay.posts.filter(({ from, message }) => from === 'bob' && 'receipts' in message)
  expect(posts.map(({ message }) => 'receipts' in message && message.receipts.read)).not.toContain(
    lastTs(alice),
  )
})

test('[RC6] marks that were shown stay as they were, also on a new device', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  await alice.send('bob', 'e1')
  const first = lastTs(alice)
  await bob.read('alice', first)
  await relay.advance(1000)

  await bob.policy({ reads: false })
  await alice.send('bob', 'e2')
  await bob.read('alice', lastTs(alice))

  const laptop = await relay.connect('alice', { device: 1 })
  expect(marks(alice)).toEqual([lastTs(alice), first])
  expect(laptop.last('welcome').snapshot!.receipts).toMatchObject([{ peer: 'bob', read: first }])
})

test('[RC6] shown again, both catch up, however many buddies there are', async () => {
  const relay = testRelay()
  const names = Array.from({ length: 25 }, (_, i) => `buddy${i}`)
  const bob = await relay.connect('bob')
  const others: TestClient[] = []
  for (const name of names) {
    others.push(await relay.connect(name))
    await relay.befriend(others.at(-1)!, bob)
    await relay.advance(500)
    await bob.text('{"type":"ping"}')
  }
  await bob.policy({ reads: false })
  const marked: number[] = []
  for (const other of others) {
    await other.send('bob', `to-bob-${other.user}`)
    marked.push(lastTs(other))
    await bob.read(other.user, lastTs(other))
    await bob.send(other.user, `to-${other.user}`)
    await other.read(bob.user, lastTs(bob))
  }
  const before = others.map((other) => marks(other)[1])

  bob.forget()
  await bob.policy({ reads: true })
  await relay.advance(5000)

  expect(before.every((read) => read === 0)).toBe(true)
  expect(others.map((other) => marks(other)[1])).toEqual(marked)
  expect(new Set(bob.entries('receipts').map(({ peer }) => peer)).size).toBe(25)
})

test('[RC4] many buddies catch up after I was invisible', async () => {
  const relay = testRelay()
  const bob = await relay.connect('bob')
  const others: TestClient[] = []
  for (let i = 0; i < 70; i++) {
    const other = await relay.connect(`buddy${i}`)
    others.push(other)
    await relay.befriend(other, bob)
    await relay.advance(500)
    await bob.text('{"type":"ping"}')
  }
  await bob.mode('invisible')
  for (const other of others) await other.send('bob', `to-bob-${other.user}`)
  await relay.advance(10_000)
  const before = others.map((other) => marks(other)[0])

  await bob.mode('auto')
  await relay.advance(5000)

  expect(before.every((delivered) => delivered === 0)).toBe(true)
  expect(others.map((other) => marks(other)[0])).toEqual(others.map(lastTs))
})
