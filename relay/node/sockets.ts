/** The sockets of this process: what the core sees of them, and what no room has to care about. */
import { newConnectionState } from '../core/connection-state.ts'
import type { Socket as NetSocket } from 'node:net'
import type { WebSocket } from 'ws'
import { closeCodes, errors } from '#shared/errors'
import type { ServerFrame } from '#shared/frames'
import type { Millis } from '#shared/ids'
import { limits } from '#shared/limits'
import type { ConnectionId, ConnectionState, Sockets } from '../core/ports.ts'

/** The sockets of one room. */
export interface RoomSockets extends Sockets {
  readonly size: number
  add(id: ConnectionId, ws: WebSocket, from: Visitor): void
}

/** Whoever opened a socket, and what is done with what comes over it. */
export interface Visitor {
  /** The part of their address that limits count by. */
  key: string
  received(text: string): Promise<void>
  closed(state: ConnectionState, code: number): void
}

interface Socket {
  ws: WebSocket
  visitor: Visitor
  state: ConnectionState
  openedAt: Millis
  seenAt: Millis
  /** Frames that wait for the end of the turn. */
  outgoing: string[]
  /** Frames that the room has not finished with. */
  handling: number
  /** When it was told to go: a socket that does not is cut off. */
  closingAt: Millis | null
}

interface Options {
  clock(): Millis
  waitingPerAddressMax: number
  /** Is the disk behind? Then nobody is read from until it has caught up. */
  overloaded(): boolean
}

export interface AllSockets {
  room(): RoomSockets
  /** May somebody else from there open a socket? */
  mayOpen(key: string): boolean
  /** Ends what has been silent or unknown for too long; once a second is enough. */
  sweep(): void
  /** Sends everybody away, spread over the time given; resolves when all are gone. */
  drain(windowMs: number): Promise<void>
  readonly size: number
}

/** One socket may have this many frames with its room before it is not read from any more. */
const handlingMax = 64
/** A reader that is this far behind has no use for more: it comes back and goes on where it was. */
const bufferedBytesMax = 4 * 1024 * 1024
const goesWithinMs = 2000

/** ws's own name for it, of many years' standing; without it frames go out one by one. */
const netSocketOf = (ws: WebSocket) => (ws as unknown as Record<'_socket', NetSocket | undefined>)['_socket']

const notAuthorized = JSON.stringify({
  type: 'error',
  code: 'not-authorized',
  action: errors['not-authorized'].action,
} satisfies ServerFrame)

export function createSockets({ clock, waitingPerAddressMax, overloaded }: Options): AllSockets {
  const all = new Set<Socket>()
  const paused = new Set<Socket>()
  const waiting = new Map<string, number>()
  let written: Socket[] = []

  const isWaiting = ({ state }: Socket) => state.device === undefined

  function countWaiting(key: string, change: 1 | -1) {
    const count = (waiting.get(key) ?? 0) + change
    if (count > 0) waiting.set(key, count)
    else waiting.delete(key)
  }

  // --- Out: what a turn says to a socket goes out in one piece --------------------------------------------

  function write(socket: Socket, text: string) {
    if (socket.closingAt !== null) return
    socket.outgoing.push(text)
    if (socket.outgoing.length > 1) return
    written.push(socket)
    if (written.length === 1) setImmediate(flushAll)
  }

  function flushAll() {
    const due = written
    written = []
    for (const socket of due) flush(socket)
  }

  function flush(socket: Socket) {
    const { ws, outgoing } = socket
    if (outgoing.length === 0) return
    socket.outgoing = []
    const net = netSocketOf(ws)
    net?.cork()
    for (const text of outgoing) ws.send(text)
    net?.uncork()
    if (ws.bufferedAmount > bufferedBytesMax) ws.terminate()
  }

  function close(socket: Socket, code: number, reason: string) {
    if (socket.closingAt !== null) return
    flush(socket)
    socket.closingAt = clock()
    if (isWaiting(socket)) countWaiting(socket.visitor.key, -1)
    socket.ws.close(code, reason)
    resume(socket) // or its own "close" would never be read
  }

  // --- In ---------------------------------------------------------------------------------------------------

  function pause(socket: Socket) {
    paused.add(socket)
    socket.ws.pause()
  }

  function resume(socket: Socket) {
    if (paused.delete(socket)) socket.ws.resume()
  }

  async function receive(socket: Socket, text: string) {
    socket.seenAt = clock()
    if (socket.closingAt !== null) return
    socket.handling += 1
    if (socket.handling >= handlingMax || overloaded()) pause(socket)
    try {
      await socket.visitor.received(text)
    } finally {
      socket.handling -= 1
      if (socket.handling < handlingMax / 2 && paused.has(socket) && !overloaded()) resume(socket)
    }
  }

  // --- One room ---------------------------------------------------------------------------------------------

  function room(): RoomSockets {
    const sockets = new Map<ConnectionId, Socket>()
    /** Those that may be spoken to: one that was told to go is no part of the room any more. */
    const states = new Map<ConnectionId, ConnectionState>()

    return {
      get size() {
        return sockets.size
      },
      states: () => states,
      send(id, text) {
        const socket = sockets.get(id)
        if (socket) write(socket, text)
      },
      close(id, code, reason) {
        states.delete(id)
        const socket = sockets.get(id)
        if (socket) close(socket, code, reason)
      },
      remember(id, state) {
        const socket = sockets.get(id)
        if (!socket || socket.closingAt !== null) return
        if (isWaiting(socket) && state.device !== undefined) countWaiting(socket.visitor.key, -1)
        socket.state = state
        states.set(id, state)
      },
      buffered(id) {
        const socket = sockets.get(id)
        if (!socket) return 0
        return socket.ws.bufferedAmount + socket.outgoing.reduce((bytes, text) => bytes + text.length, 0)
      },
      add(id, ws, visitor) {
        const now = clock()
        const state = newConnectionState(now)
        const times = { openedAt: now, seenAt: now, closingAt: null }
        const socket: Socket = { ws, visitor, state, ...times, outgoing: [], handling: 0 }
        sockets.set(id, socket)
        states.set(id, state)
        all.add(socket)
        countWaiting(visitor.key, 1)
        if (waiting.get(visitor.key)! > waitingPerAddressMax)
          close(socket, closeCodes.overloaded, 'too many at once')
        // A frame that is not text cannot be read; the room says so.
        ws.on('message', (data: Buffer, isBinary: boolean) => {
          void receive(socket, isBinary ? '' : data.toString())
        })
        ws.on('error', () => undefined) // too long, not UTF-8 and the like: "close" follows with its code
        ws.on('close', (code: number) => {
          if (isWaiting(socket) && socket.closingAt === null) countWaiting(visitor.key, -1)
          socket.closingAt ??= clock()
          paused.delete(socket)
          all.delete(socket)
          sockets.delete(id)
          states.delete(id)
          visitor.closed(socket.state, code)
        })
      },
    }
  }

  return {
    room,
    mayOpen: (key) => (waiting.get(key) ?? 0) < waitingPerAddressMax,
    sweep() {
      const now = clock()
      for (const socket of all) {
        if (socket.closingAt !== null) {
          if (now - socket.closingAt > goesWithinMs) socket.ws.terminate()
        } else if (isWaiting(socket) && now - socket.openedAt > limits.authDeadlineMs) {
          write(socket, notAuthorized)
          close(socket, closeCodes.notAuthorized, 'not authorized in time')
        } else if (now - socket.seenAt > limits.silenceMs && !paused.has(socket)) {
          close(socket, closeCodes.silent, 'silent')
        }
      }
      if (!overloaded()) for (const socket of paused) if (socket.handling < handlingMax / 2) resume(socket)
    },
    async drain(windowMs) {
      const leaving = [...all]
      await Promise.all(
        leaving.map(async (socket) => {
          await new Promise((resolve) => setTimeout(resolve, Math.random() * windowMs))
          const retryAfterMs = Math.round(Math.random() * 10_000)
          write(socket, JSON.stringify({ type: 'bye', reason: 'drain', retryAfterMs } satisfies ServerFrame))
          close(socket, closeCodes.drain, 'drain')
        }),
      )
      const giveUpAt = clock() + goesWithinMs
      while (all.size > 0 && clock() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 20))
      for (const socket of all) socket.ws.terminate()
      while (all.size > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    },
    get size() {
      return all.size
    },
  }
}
