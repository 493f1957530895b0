/** The sockets of this process: what the core sees of them, and what no room has to care about. */
import { newConnectionState } from '../core/connection-state.ts'
import type { Socket as NetSocket } from 'node:net'
import type { WebSocket } from 'ws'
import { closeCodes, errors, type ErrorCode } from '#shared/errors'
import type { ServerFrame } from '#shared/frames'
import type { Millis } from '#shared/ids'
import { limits } from '#shared/limits'
import type { ConnectionId, ConnectionState, Metric, Sockets } from '../core/ports.ts'
import { createCrowd, refusedForMs, type CrowdLimits } from './crowd.ts'

/** The sockets of one room. */
export interface RoomSockets extends Sockets {
  readonly size: number
  add(id: ConnectionId, ws: WebSocket, from: Visitor): void
  closeAll(code: number, reason: string): void
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
  /** What it has sent so far is worth this time at the rate that it may keep (GCRA). */
  paidUntil: Millis
  /** Since when it sends faster than that, all the time. */
  floodingSince: Millis | null
}

interface Options extends CrowdLimits {
  /** How fast one socket is read (FR7). */
  framesPerSecond: number
  clock(): Millis
  metric: Metric
  /** Is the disk behind? Then nobody is read from until it has caught up. */
  overloaded(): boolean
}

export interface AllSockets {
  room(): RoomSockets
  /** @throws ProtocolError when nobody else from there may open a socket now */
  mayOpen(key: string): void
  /** Ends what has been silent or unknown for too long; once a second is enough. */
  sweep(): void
  /** Sends everybody away, spread over the time given; resolves when all are gone. */
  drain(windowMs: number): Promise<void>
  readonly size: number
  /** How many have not signed in. */
  readonly waiting: number
}

/** One socket may have this many frames with its room before it is not read from any more. */
const handlingMax = 64
/** What had been read before reading stopped comes all the same; so much of it in one piece is a flood. */
const handlingAtOnceMax = 4 * handlingMax
/** A device that comes back has a lot to say at once: this many seconds' worth. */
const burstSeconds = 10
const floodsForMs = 10_000
/** A reader that is this far behind has no use for more: it comes back and goes on where it was. */
const bufferedBytesMax = 4 * 1024 * 1024
/** Of all of them together: then those that read least are cut off. */
const bufferedInAllBytesMax = 256 * 1024 * 1024
/** Who does not read gets no `pong` either. */
const pongsBufferedBytesMax = 64 * 1024
const goesWithinMs = 2000

/** ws's own name for it, of many years' standing; without it frames go out one by one. */
const netSocketOf = (ws: WebSocket) => (ws as unknown as Record<'_socket', NetSocket | undefined>)['_socket']

const refusal = (code: ErrorCode, extra: { retryAfterMs?: number } = {}) =>
  JSON.stringify({ type: 'error', code, action: errors[code].action, ...extra } satisfies ServerFrame)

export function createSockets(options: Options): AllSockets {
  const { clock, overloaded, metric } = options
  const frameMs = 1000 / options.framesPerSecond
  const all = new Set<Socket>()
  const paused = new Set<Socket>()
  const crowd = createCrowd<Socket>(options, limitHit)
  let written: Socket[] = []

  const isWaiting = ({ state }: Socket) => state.device === undefined

  function limitHit(limit: string) {
    metric('limits_hit', { limit })
  }

  function refuse(socket: Socket, code: ErrorCode, closeCode: number) {
    write(socket, refusal(code, { retryAfterMs: refusedForMs }))
    close(socket, closeCode, code)
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
    if (ws.bufferedAmount > bufferedBytesMax) cutOff(socket)
  }

  function cutOff({ ws }: Socket) {
    limitHit('unread')
    ws.terminate()
  }

  function close(socket: Socket, code: number, reason: string) {
    if (socket.closingAt !== null) return
    flush(socket)
    socket.closingAt = clock()
    crowd.signedIn(socket, socket.visitor.key)
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

  const mayBeRead = (socket: Socket) => socket.handling < handlingMax / 2 && !isAhead(socket) && !overloaded()
  const isAhead = ({ paidUntil }: Socket) => paidUntil - clock() > burstSeconds * 1000

  /** A frame of any kind has come. Who is ahead of their rate is not read from until it has caught up (FR7). */
  function count(socket: Socket) {
    const now = clock()
    socket.paidUntil = Math.max(now, socket.paidUntil) + frameMs
    if (!isAhead(socket)) return
    if (socket.floodingSince === null) limitHit('frames')
    socket.floodingSince ??= now
    pause(socket)
  }

  function endFlood(socket: Socket, now: Millis) {
    if (socket.floodingSince === null) return
    if (socket.paidUntil - now < (burstSeconds * 1000) / 2) socket.floodingSince = null
    else if (now - socket.floodingSince > floodsForMs) refuse(socket, 'policy-violation', closeCodes.flood)
  }

  function answerPing(socket: Socket, data: Buffer) {
    count(socket)
    if (socket.closingAt === null && socket.ws.bufferedAmount < pongsBufferedBytesMax) socket.ws.pong(data)
  }

  async function receive(socket: Socket, text: string) {
    socket.seenAt = clock()
    if (socket.closingAt !== null) return
    count(socket)
    if (socket.handling >= handlingAtOnceMax) {
      limitHit('frames')
      return refuse(socket, 'policy-violation', closeCodes.flood)
    }
    socket.handling += 1
    if (socket.handling >= handlingMax || overloaded()) pause(socket)
    try {
      await socket.visitor.received(text)
    } finally {
      socket.handling -= 1
      if (paused.has(socket) && mayBeRead(socket)) resume(socket)
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
      closeAll(code, reason) {
        states.clear()
        for (const socket of sockets.values()) close(socket, code, reason)
      },
      remember(id, state) {
        const socket = sockets.get(id)
        if (!socket || socket.closingAt !== null) return
        socket.state = state
        if (!isWaiting(socket)) crowd.signedIn(socket, socket.visitor.key)
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
        const rate = { paidUntil: now, floodingSince: null }
        const socket: Socket = { ws, visitor, state, ...times, ...rate, outgoing: [], handling: 0 }
        sockets.set(id, socket)
        states.set(id, state)
        all.add(socket)
        const excess = crowd.opened(socket, visitor.key)
        if (excess)
          refuse(
            excess,
            excess === socket ? 'policy-violation' : 'resource-constraint',
            closeCodes.overloaded,
          )
        ws.on('ping', (data: Buffer) => answerPing(socket, data))
        ws.on('pong', () => count(socket))
        // A frame that is not text cannot be read; the room says so.
        ws.on('message', (data: Buffer, isBinary: boolean) => {
          void receive(socket, isBinary ? '' : data.toString())
        })
        ws.on('error', () => undefined) // too long, not UTF-8 and the like: "close" follows with its code
        ws.on('close', (code: number) => {
          crowd.closed(socket, visitor.key)
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
    mayOpen: crowd.mayOpen,
    sweep() {
      const now = clock()
      let unread = 0
      for (const socket of all) {
        if (socket.closingAt !== null) {
          if (now - socket.closingAt > goesWithinMs) socket.ws.terminate()
        } else if (isWaiting(socket) && now - socket.openedAt > limits.authDeadlineMs) {
          write(socket, refusal('not-authorized'))
          close(socket, closeCodes.notAuthorized, 'not authorized in time')
        } else if (now - socket.seenAt > limits.silenceMs && !paused.has(socket)) {
          close(socket, closeCodes.silent, 'silent')
        }
        unread += socket.ws.bufferedAmount
        endFlood(socket, now)
      }
      if (unread > bufferedInAllBytesMax) cutOffSlowest(unread)
      for (const socket of paused) if (mayBeRead(socket)) resume(socket)
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
    get waiting() {
      return crowd.waiting
    },
  }

  function cutOffSlowest(bytes: number) {
    const slowest = [...all].toSorted((a, b) => b.ws.bufferedAmount - a.ws.bufferedAmount)
    let left = bytes
    for (const socket of slowest) {
      if (left < bufferedInAllBytesMax / 2) return
      left -= socket.ws.bufferedAmount
      cutOff(socket)
    }
  }
}
