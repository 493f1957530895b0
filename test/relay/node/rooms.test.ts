import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { UserId } from '#shared/ids'
import type { Log } from '../../../relay/core/ports.ts'
import { announcedLimits } from '../../../relay/http/announced.ts'
import { random, verify } from '../../../relay/http/web-crypto.ts'
import { createRooms } from '../../../relay/node/rooms.ts'
import { createSockets } from '../../../relay/node/sockets.ts'
import { openDatabase } from '../../../relay/node/store.ts'
import { signUpBody } from '../../support/sign-up.ts'
import { memoryBlobs } from '../../support/memory-blobs.ts'
import { temporaryFolder } from './start.ts'

const relayId = 'A'.repeat(43)

const wide = {
  perAddressMax: 100,
  waitingPerAddressMax: 5,
  socketsMax: 100,
  waitingMax: 100,
  framesPerSecond: 1000,
}

async function relay() {
  let now = 1_800_000_000_000
  const clock = () => now
  const folder = temporaryFolder()
  const database = await openDatabase({ folder, clock, newRelayId: () => relayId, onFatal: () => undefined })
  onTestFinished(() => database.close())
  const sockets = createSockets({ ...wide, clock, metric: () => undefined, overloaded: () => false })
  const settings = { relayId, announced: announcedLimits(), blobKey: new Uint8Array(32) }
  const log = vi.fn<Log>()
  const rooms = createRooms({
    database,
    sockets,
    settings,
    blobs: memoryBlobs(clock),
    clock,
    random,
    verify,
    log,
    metric: () => undefined,
  })
  return { database, folder, rooms, log, pass: (ms: number) => (now += ms), clock }
}

test('an alarm that is due is rung and then forgotten', async () => {
  const { database, rooms, clock } = await relay()
  await database.room('alice').transact(async (tx) => tx.wakeAt(clock() + 1))
  rooms.sweep()
  expect(database.due(Number.MAX_SAFE_INTEGER, 10)).toHaveLength(1)

  const later = await relay()
  await later.database.room('alice').transact(async (tx) => tx.wakeAt(later.clock() - 1))
  later.rooms.sweep()

  await vi.waitUntil(() => later.database.due(Number.MAX_SAFE_INTEGER, 10).length === 0)
})

test('an alarm whose event fails stays, and is rung again after a rest', async () => {
  const { database, rooms, log, clock } = await relay()
  await database.room('alice').transact(async (tx) => {
    tx.put('meta', { version: 1 })
    tx.put('due', { presence: 1 })
    tx.put('presence', 'nonsense') // no room can live with this
    tx.wakeAt(clock())
  })

  rooms.sweep()
  await vi.waitUntil(() => log.mock.calls.some(([, text]) => String(text).includes('will ring again')))
  rooms.sweep()
  rooms.sweep()

  expect(database.due(clock(), 10)).toEqual([{ room: 'alice', at: clock() }])
  expect(log.mock.calls.filter(([, text]) => String(text).includes('will ring again'))).toHaveLength(1)
})

test('alarms that cannot be read end nothing, and ring when they can be read again', async () => {
  const { database, folder, rooms, log, clock } = await relay()
  await database.room('alice').transact(async (tx) => tx.wakeAt(clock() - 1))
  const other = new DatabaseSync(join(folder, 'relay.sqlite'))
  other.exec('ALTER TABLE alarm RENAME TO alarm_away')

  rooms.sweep()

  expect(log.mock.calls.map(([, text]) => text)).toEqual([expect.stringContaining('cannot be looked up')])
  other.exec('ALTER TABLE alarm_away RENAME TO alarm')
  other.close()
  rooms.sweep()
  await vi.waitUntil(() => database.due(Number.MAX_SAFE_INTEGER, 10).length === 0)
})

test('rooms that nothing happens to are put away, and come back as they were', async () => {
  const { rooms, pass } = await relay()
  const work = { salt: 'A'.repeat(22), bits: 0, exp: 0, mac: relayId, answer: 0 }
  const { acct, body } = await signUpBody({ relayId, user: 'alice', work })
  await rooms.account('alice' as UserId, { type: 'register', body })
  expect(rooms.size).toBe(1)

  pass(6 * 60_000)
  rooms.sweep()
  expect(rooms.size).toBe(0)

  const reply = await rooms.account('alice' as UserId, { type: 'get-devices', acct, after: 0 })
  expect(reply).toEqual({ type: 'devices', lists: [body.list] })
})
