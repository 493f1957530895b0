import { newConnectionState } from '../../../relay/core/connection-state.ts'
import { expect, test } from 'vitest'
import type { UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { memoryStore } from '../../../relay/core/memory-store.ts'
import type { ConnectionState, RoomHost, Sockets, Store } from '../../../relay/core/ports.ts'
import { createRoom } from '../../../relay/core/runner.ts'
import { announcedLimits } from '../../../relay/http/announced.ts'
import { verify } from '../../../relay/http/web-crypto.ts'
import { mulberry32, seededRandom } from '../../support/seeded.ts'
import { testRelay } from '../../support/test-relay.ts'

const open = newConnectionState(0)

/** A host that writes down what it is told, in order. */
function recordingHost(store: Store = memoryStore()) {
  const done: string[] = []
  const states = new Map<string, ConnectionState>()
  const sockets: Sockets = {
    states: () => states,
    send: (id, text) => done.push(`send ${id} ${JSON.parse(text).type}`),
    close: (id, code) => {
      states.delete(id)
      done.push(`close ${id} ${code}`)
    },
    remember: (id, state) => {
      states.set(id, state)
      done.push(`remember ${id}`)
    },
    buffered: () => 0,
  }
  const host: RoomHost = {
    self: 'alice' as UserId,
    store,
    sockets,
    blobs: { drop: (blobs) => done.push(`drop ${blobs.length}`) },
    link: { post: () => Promise.reject(new Error('unreachable')) },
    settings: { relayId: 'A'.repeat(43), announced: announcedLimits(), blobKey: new Uint8Array(32) },
    clock: () => 1000,
    random: seededRandom(mulberry32(1)),
    verify,
    log: (level, text) => done.push(`${level} ${text}`),
    metric: () => {},
  }
  return { room: createRoom(host), done, states, host }
}

/** A store that does not answer before it is told to. */
function slowStore() {
  const inner = memoryStore()
  const { promise: gate, resolve: release } = Promise.withResolvers<void>()
  const store: Store = {
    ...inner,
    transact: (run, inOrder) =>
      inner.transact(async (tx) => {
        const result = await run(tx)
        await gate
        return result
      }, inOrder),
  }
  return { store, release }
}

/** A store where what is written has its place at once, and is durable when it is told so, or lost. */
function orderedStore() {
  const inner = memoryStore()
  const { promise: durable, resolve: release, reject: lose } = Promise.withResolvers<void>()
  const store: Store = {
    ...inner,
    async transact(run, inOrder) {
      const result = await inner.transact(run, inOrder)
      await durable
      return result
    },
  }
  return { store, release, lose }
}

test('nothing is performed before the commit', async () => {
  const { store, release } = slowStore()
  const { room, done } = recordingHost(store)

  const opened = room.opened('c1')
  await new Promise((resolve) => setImmediate(resolve))
  const early = [...done]
  release()
  await opened

  expect(early).toEqual([])
  expect(done).toEqual(['remember c1', 'send c1 hello'])
})

test('other rooms get their answer once a commit has its place, sockets get theirs when it is durable', async () => {
  const { store, release } = orderedStore()
  const { room, done, states } = recordingHost(store)
  const opened = room.opened('c1')
  states.set('c1', open)

  const reply = await room.peer('bob' as UserId, { type: 'typing', version: 1, state: 'paused' })
  const early = done.filter((line) => line.startsWith('send'))
  release()
  await opened

  expect(reply).toMatchObject({ code: 'item-not-found' })
  expect(early).toEqual([])
  expect(done).toContain('send c1 hello')
})

test('a commit that had its place and was lost confirms nothing', async () => {
  const { store, lose } = orderedStore()
  const { room, done } = recordingHost(store)

  const opened = room.opened('c1')
  await new Promise((resolve) => setImmediate(resolve))
  lose(new Error('the disk is full'))
  await opened

  expect(done).toEqual(['remember c1', 'error an event failed', 'close c1 1011'])
  expect(room.busy).toBe(false)
})

test('a commit that fails performs nothing and closes the socket', async () => {
  const failing: Store = { ...memoryStore(), transact: () => Promise.reject(new Error('the disk is full')) }
  const { room, done, states } = recordingHost(failing)
  states.set('c1', open)

  await room.received('c1', '{"type":"auth"}'.padEnd(20))
  await room.received('c1', JSON.stringify({ type: 'ack', seq: 1 }))

  expect(done.filter((line) => line.startsWith('send'))).toEqual(['send c1 error'])
  expect(done.filter((line) => line.startsWith('close'))).toEqual(['close c1 4401'])
})

test('our own mistake closes the socket with 1011 and is logged', async () => {
  const failing: Store = { ...memoryStore(), transact: () => Promise.reject(new Error('the disk is full')) }
  const { room, done, states } = recordingHost(failing)
  states.set('c1', { ...open, device: 'AAAAAAAAAAA' as never })

  await room.received('c1', JSON.stringify({ type: 'ack', seq: 1 }))

  expect(done).toEqual(['error an event failed', 'close c1 1011'])
})

test('beyond 256 waiting events a room refuses more, and goes on', async () => {
  const { store, release } = slowStore()
  const { room, done, states } = recordingHost(store)
  states.set('c1', open)
  const waiting = Array.from({ length: limits.mailboxEventsMax + 1 }, () => room.alarm())

  const reply = await room.peer('bob' as UserId, { type: 'typing', version: 1, state: 'paused' })
  const account = await room.account({ type: 'get-devices', acct: null, after: 0 })
  await room.received('c1', '{"type":"ping"}')
  release()
  await Promise.all(waiting)

  expect([reply, account]).toMatchObject([{ code: 'resource-constraint' }, { code: 'resource-constraint' }])
  expect(done).toContain('close c1 1013')
  expect(await room.peer('bob' as UserId, { type: 'typing', version: 1, state: 'paused' })).toMatchObject({
    code: 'item-not-found',
  })
})

test('a frame over 128 KiB ends its socket', async () => {
  const { room, done, states } = recordingHost()
  states.set('c1', open)

  await room.received('c1', 'x'.repeat(limits.frameInBytesMax + 1))

  expect(done).toEqual(['close c1 4413'])
})

test('what may be lost is not sent to a socket that is behind', async () => {
  const relay = testRelay()
  const [alice, bob] = await relay.pair()
  relay.buffered = 1024 * 1024
  alice.forget()

  await bob.say('typing', { to: 'alice' as UserId, state: 'composing' })
  await bob.send('alice', 'e1')

  expect(alice.received('typing')).toEqual([])
  expect(alice.inbox).toEqual(['e1'])
})

test('`idle` resolves when nothing is handled and no call is under way', async () => {
  const { room } = recordingHost()

  const opened = room.opened('c1')
  const busy = room.busy
  await room.idle()
  await opened

  expect([busy, room.busy]).toEqual([true, false])
})

test('what arrives during a commit is committed together', async () => {
  const inner = memoryStore()
  let commits = 0
  const { promise: gate, resolve: release } = Promise.withResolvers<void>()
  const store: Store = {
    ...inner,
    transact(run, inOrder) {
      commits++
      return inner.transact(async (tx) => {
        const found = await run(tx)
        if (commits === 1) await gate
        return found
      }, inOrder)
    },
  }
  const { room, done } = recordingHost(store)

  const opened = Array.from({ length: 4 }, (_, i) => room.opened(`c${i}`))
  await new Promise((resolve) => setImmediate(resolve))
  const later = ['c4', 'c5', 'c6'].map((id) => room.opened(id))
  release()
  await Promise.all([...opened, ...later])

  expect(done.filter((line) => line.startsWith('send'))).toHaveLength(7)
  expect(commits).toBe(2)
})
