import { EventEmitter } from 'node:events'
import type { WebSocket } from 'ws'
import { beforeEach, expect, test, vi } from 'vitest'
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

beforeEach(() => {
  now = 1_000_000
  overloaded = false
  all = createSockets({ clock: () => now, waitingPerAddressMax: 3, overloaded: () => overloaded })
  room = all.room()
})

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

test('one address has so many sockets that have not signed in, whichever way they end', () => {
  const [first, second, third] = ['a', 'b', 'c'].map((id) => open(id))
  expect(all.mayOpen('somewhere')).toBe(false)
  expect(all.mayOpen('elsewhere')).toBe(true)
  const fourth = open('d')
  expect(fourth.ws.closedWith?.[0]).toBe(1013)

  first!.signIn()
  first!.signIn()
  expect(all.mayOpen('somewhere')).toBe(true)
  second!.ws.emit('close', 1006)
  room.close('c', 4401, '')
  third!.ws.emit('close', 1006)
  first!.ws.emit('close', 1006)

  for (const id of ['e', 'f', 'g']) {
    expect(all.mayOpen('somewhere')).toBe(true)
    open(id)
  }
  expect(all.mayOpen('somewhere')).toBe(false)
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
