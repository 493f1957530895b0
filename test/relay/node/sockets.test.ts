import { EventEmitter } from 'node:events'
import type { WebSocket } from 'ws'
import { beforeEach, expect, test, vi } from 'vitest'
import type { ProtocolError } from '#shared/errors'
import type { ConnectionState } from '../../../relay/core/ports.ts'
import {
  createSockets,
  type AllSockets,
  type RoomSockets,
  type Visitor,
} from '../../../relay/node/sockets.ts'

/** What ws would do, without a network. */
class FakeSocket extends EventEmitter {
  sent: string[] = []
  writes: string[][] = []
  closedWith: [number, string] | null = null
  isTerminated = false
  isPaused = false
  bufferedAmount = 0
  corked: string[] = []
  _socket = {
    cork: () => (this.corked = []),
    uncork: () => this.writes.push(this.corked),
  }

  send(text: string) {
    this.sent.push(text)
    this.corked.push(text)
  }
  close(code: number, reason: string) {
    this.closedWith = [code, reason]
  }
  terminate() {
    this.isTerminated = true
    this.emit('close', 1006)
  }
  ponged = 0
  pong() {
    this.ponged++
  }
  pause() {
    this.isPaused = true
  }
  resume() {
    this.isPaused = false
  }
}

let now: number
let overloaded: boolean
let all: AllSockets
let room: RoomSockets
let limitsHit: string[]

beforeEach(() => {
  now = 1_000_000
  overloaded = false
  limitsHit = []
  all = createSockets({
    clock: () => now,
    overloaded: () => overloaded,
    metric: (name, labels) => limitsHit.push(`${name}: ${labels?.limit}`),
    perAddressMax: 6,
    waitingPerAddressMax: 3,
    socketsMax: 10,
    waitingMax: 5,
    framesPerSecond: 50,
  })
  room = all.room()
})

/** The code with which somebody from there is refused, or null. */
function refusalOf(key: string) {
  try {
    all.mayOpen(key)
    return null
  } catch (error) {
    const { code, extra } = error as ProtocolError
    return extra.retryAfterMs ? code : 'without a hint'
  }
}
const framesOf = ({ sent }: FakeSocket) => sent.map((text) => JSON.parse(text))
const wait = { action: 'wait', retryAfterMs: 5000 }

const endOfTurn = () => new Promise((resolve) => setImmediate(resolve))
const signedIn = (state: ConnectionState): ConnectionState => ({ ...state, device: 'AAAAAAAAAAA' as never })

function open(id: string, key = 'somewhere') {
  const ws = new FakeSocket()
  const received = vi.fn<Visitor['received']>(() => Promise.resolve())
  const visitor = { key, received, closed: vi.fn<Visitor['closed']>() }
  room.add(id, ws as unknown as WebSocket, visitor)
  return { ws, ...visitor, signIn: () => room.remember(id, signedIn(room.states().get(id)!)) }
}

test('what a turn says to a socket goes out in one piece, in order', async () => {
  const { ws } = open('a')

  for (const text of ['1', '2', '3']) room.send('a', text)
  expect(ws.sent).toEqual([])
  expect(room.buffered('a')).toBe(3)
  await endOfTurn()

  expect(ws.writes).toEqual([['1', '2', '3']])
})

test('the last words are said before the goodbye, and nothing after it', async () => {
  const { ws } = open('a')

  room.send('a', 'error')
  room.close('a', 4401, 'why')
  room.send('a', 'more')
  await endOfTurn()

  expect(ws.sent).toEqual(['error'])
  expect(ws.closedWith).toEqual([4401, 'why'])
  expect(room.states().size).toBe(0)
})

test('[HS2] a socket that has not signed in within five seconds is told and sent away', async () => {
  const stranger = open('a')
  const friend = open('b')
  friend.signIn()

  now += 5001
  all.sweep()
  await endOfTurn()

  expect(JSON.parse(stranger.ws.sent[0]!)).toEqual({ type: 'error', code: 'not-authorized', action: 'auth' })
  expect(stranger.ws.closedWith?.[0]).toBe(4401)
  expect(friend.ws.closedWith).toBeNull()
})

test('[PR4] a socket that is silent for 65 s is dead; whatever it says keeps it', () => {
  const silent = open('a')
  const lively = open('b')
  silent.signIn()
  lively.signIn()

  now += 40_000
  lively.ws.emit('message', Buffer.from('{"type":"ping"}'), false)
  now += 25_001
  all.sweep()

  expect(silent.ws.closedWith?.[0]).toBe(4408)
  expect(lively.ws.closedWith).toBeNull()
})

test('a socket that does not go when it is told to is cut off, and its room learns of it once', () => {
  const { ws, closed, signIn } = open('a')
  signIn()

  room.close('a', 4409, 'replaced')
  now += 2001
  all.sweep()

  expect(ws.isTerminated).toBe(true)
  expect(closed).toHaveBeenCalledOnce()
  expect(closed.mock.calls[0]![0]).toMatchObject({ device: 'AAAAAAAAAAA' })
  expect(all.size).toBe(0)
})

test('[HS10] one address has so many sockets that have not signed in, whichever way they end', () => {
  const [first, second, third] = ['a', 'b', 'c'].map((id) => open(id))
  expect(refusalOf('somewhere')).toBe('policy-violation')
  expect(refusalOf('elsewhere')).toBeNull()
  const fourth = open('d')
  expect(fourth.ws.closedWith?.[0]).toBe(1013)

  first!.signIn()
  first!.signIn()
  expect(refusalOf('somewhere')).toBeNull()
  second!.ws.emit('close', 1006)
  room.close('c', 4401, '')
  third!.ws.emit('close', 1006)
  first!.ws.emit('close', 1006)

  for (const id of ['e', 'f', 'g']) {
    expect(refusalOf('somewhere')).toBeNull()
    open(id)
  }
  expect(refusalOf('somewhere')).toBe('policy-violation')
})

test('a socket whose room cannot keep up is not read from until it can', async () => {
  const { ws, received } = open('a')
  const handled: (() => void)[] = []
  received.mockImplementation(() => new Promise<void>((resolve) => handled.push(resolve)))

  for (let i = 0; i < 64; i++) ws.emit('message', Buffer.from('x'), false)
  expect(ws.isPaused).toBe(true)
  for (const done of handled.splice(0, 40)) done()
  await endOfTurn()

  expect(ws.isPaused).toBe(false)
})

test('nobody is read from while the disk is behind, and everybody afterwards', async () => {
  const { ws, signIn } = open('a')
  signIn()
  overloaded = true

  ws.emit('message', Buffer.from('x'), false)
  await endOfTurn()
  now += 70_000
  all.sweep()
  expect(ws.isPaused).toBe(true)
  expect(ws.closedWith).toBeNull() // its silence is ours
  overloaded = false
  all.sweep()

  expect(ws.isPaused).toBe(false)
})

test('a reader that is far behind is cut off: what it misses is in the log', async () => {
  const { ws } = open('a')
  ws.bufferedAmount = 5 * 1024 * 1024

  room.send('a', 'more')
  await endOfTurn()

  expect(ws.isTerminated).toBe(true)
})

test('what is no text reaches the room as nothing it can read', async () => {
  const { ws, received } = open('a')

  ws.emit('message', Buffer.from([1, 2]), true)

  expect(received).toHaveBeenCalledWith('')
})

// --- Abuse --------------------------------------------------------------------------------------------------

test('[HS10] of too many that have not signed in, the one that has waited longest goes; who has stays', async () => {
  const friend = open('friend', 'friends')
  friend.signIn()
  const strangers = ['a', 'b', 'c', 'd', 'e'].map((id) => open(id, `from ${id}`))

  const last = open('f', 'from f')
  await endOfTurn()

  expect(framesOf(strangers[0]!.ws)).toEqual([{ type: 'error', code: 'resource-constraint', ...wait }])
  expect(strangers[0]!.ws.closedWith?.[0]).toBe(1013)
  for (const { ws } of [...strangers.slice(1), last, friend]) expect(ws.closedWith).toBeNull()
  expect(all.waiting).toBe(5)
  expect(limitsHit).toEqual(['limits_hit: waiting'])
})

test('one address has so many sockets, and so has the relay', () => {
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) open(id, 'here').signIn()
  expect(refusalOf('here')).toBe('policy-violation')
  for (const id of ['g', 'h', 'i']) open(id, 'there').signIn()
  expect(refusalOf('there')).toBeNull()
  const last = open('j', 'there')
  last.signIn()
  expect(refusalOf('nowhere yet')).toBe('resource-constraint')

  last.ws.emit('close', 1006)
  expect(refusalOf('nowhere yet')).toBeNull()
})

test('[FR7] who sends faster than is read waits, and is read again when the rate is kept', async () => {
  const { ws, received, signIn } = open('a')
  signIn()

  for (let i = 0; i < 501; i++) {
    ws.emit('message', Buffer.from('x'), false)
    if (i % 50 === 0) await endOfTurn()
  }
  await endOfTurn()
  expect(ws.isPaused).toBe(true)
  expect(received).toHaveBeenCalledTimes(501)
  all.sweep()
  expect(ws.isPaused).toBe(true)

  now += 1000
  all.sweep()
  expect(ws.isPaused).toBe(false)
  now += 20_000
  all.sweep()
  expect(ws.closedWith).toBeNull()
})

test('[FR7] who goes on like that is sent away with a typed refusal', async () => {
  const { ws, signIn } = open('a')
  signIn()

  for (let second = 0; second < 12; second++) {
    for (let i = 0; i < 501; i++) {
      ws.emit('message', Buffer.from('x'), false)
      if (i % 50 === 0) await endOfTurn()
    }
    now += 1000
    all.sweep()
  }
  await endOfTurn()

  expect(framesOf(ws)).toEqual([{ type: 'error', code: 'policy-violation', ...wait }])
  expect(ws.closedWith?.[0]).toBe(4429)
  expect(limitsHit).toEqual(['limits_hit: frames'])
})

test('[FR7] a flood in one piece, faster than its room handles it, ends the socket', async () => {
  const { ws, received } = open('a')
  received.mockImplementation(() => new Promise<void>(() => {}))

  for (let i = 0; i < 300; i++) ws.emit('message', Buffer.from('x'), false)
  await endOfTurn()

  expect(received).toHaveBeenCalledTimes(256)
  expect(framesOf(ws)).toEqual([{ type: 'error', code: 'policy-violation', ...wait }])
  expect(ws.closedWith?.[0]).toBe(4429)
})

test('pings count like frames, and who reads no answer gets none', () => {
  const { ws } = open('a')

  ws.emit('ping', Buffer.from('1'))
  expect(ws.ponged).toBe(1)
  ws.bufferedAmount = 100 * 1024
  ws.emit('ping', Buffer.from('2'))
  expect(ws.ponged).toBe(1)
  for (let i = 0; i < 501; i++) ws.emit('ping', Buffer.from('3'))

  expect(ws.isPaused).toBe(true)
})

test('when all together read too little, those that read least are cut off', () => {
  const [slowest, slow, good] = ['a', 'b', 'c'].map((id) => open(id, `from ${id}`))
  slowest!.ws.bufferedAmount = 200 * 1024 * 1024
  slow!.ws.bufferedAmount = 70 * 1024 * 1024
  good!.ws.bufferedAmount = 1024

  all.sweep()

  expect([slowest, slow, good].map((one) => one!.ws.isTerminated)).toEqual([true, false, false])
  expect(limitsHit).toEqual(['limits_hit: unread'])
})
