/**
 * The one socket of this device: it opens, proves itself, stays alive, and comes back by the rules of R-45. It knows
 * frames but not what they mean: the engine hands it those it wants sent and takes those that come.
 */
import { PartySocket } from 'partysocket'
import { closeCodes } from '#shared/errors'
import { parseServerFrame, pingText, type ClientFrame, type ServerFrame } from '#shared/frames'
import type { Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { reconnectWaitMs } from './backoff.ts'
import type { Timers } from './ports.ts'

/** Codes after which the same try would end the same way. */
const finalCodes = new Set<number>([
  closeCodes.notAuthorized,
  closeCodes.disabled,
  closeCodes.replaced,
  closeCodes.version,
])

export type Closed =
  | { type: 'waiting'; nextTryAt: Millis; reason: string }
  | { type: 'refused'; code: number; reason: string }

export interface ConnectionOptions {
  relay: string
  user: UserId
  timers: Timers
  random: () => number
  /** Called on the same tick as each ping (Platform.heartbeat). */
  heartbeat(): void
  onFrame(frame: ServerFrame): void
  onClosed(closed: Closed): void
}

export interface Connection {
  /** False when there is no open socket: then whoever calls tries again after the next `welcome`. */
  send(frame: ClientFrame): boolean
  /** The handshake is done: from here on a long uptime resets the backoff. */
  established(): void
  /** Does not wait out the backoff. */
  now(): void
  /** Something went wrong on this side: begins anew, with the backoff of a failure. */
  again(): void
  /** The alarm rang: if the timers were lost with a sleep or a stopped background, go on at once. */
  check(): void
  close(): void
}

/** A tick that comes this late means that the machine slept: the socket cannot be trusted. */
const sleptMs = 2 * limits.heartbeatMs
const stableMs = 60_000

export function createConnection(options: ConnectionOptions): Connection {
  const { timers, random } = options
  let failures = 0
  let failingSince: Millis | null = null
  let retryAfterMs: number | undefined
  let wait: { cancel: () => void; go: () => void; at: Millis } | null = null
  let lastTickAt = timers.now()
  let cancelTick = () => {}
  let cancelAnswer = () => {}
  let cancelStable = () => {}
  let ended = false

  const url = new URL(options.relay)
  const socket = new PartySocket({
    host: url.host,
    protocol: url.protocol === 'https:' ? 'wss' : 'ws',
    party: 'user',
    room: options.user,
    query: waitForTurn,
    // Its own waiting has no random part: all clients would come back in the same second. So it does not wait.
    minReconnectionDelay: 0,
    maxReconnectionDelay: 0,
    maxEnqueuedMessages: 0, // the outbox in the database is the only buffer
    connectionTimeout: 10_000,
    shouldReconnectOnClose: ({ code }) => !finalCodes.has(code),
  })

  /** Awaited before each try: the place where the backoff is. */
  function waitForTurn(): Promise<Record<string, string>> {
    const ms = reconnectWaitMs({ failures, failingForMs: failingForMs(), retryAfterMs, random })
    retryAfterMs = undefined
    if (failures > 0)
      options.onClosed({ type: 'waiting', nextTryAt: timers.now() + ms, reason: 'unreachable' })
    return new Promise((resolve) => {
      const go = () => {
        wait?.cancel()
        wait = null
        resolve({})
      }
      wait = { cancel: timers.after(ms, go), go, at: timers.now() + ms }
    })
  }

  const failingForMs = () => (failingSince === null ? 0 : timers.now() - failingSince)

  function tick() {
    const late = timers.now() - lastTickAt > sleptMs
    lastTickAt = timers.now()
    cancelTick = timers.after(limits.heartbeatMs, tick)
    if (late) return lost()
    options.heartbeat()
    socket.send(pingText)
    cancelAnswer()
    cancelAnswer = timers.after(limits.heartbeatAnswerMs, lost)
  }

  /** Whatever the socket says of itself: nobody answers at its other end. */
  function lost() {
    if (!ended) socket.reconnect(4000, 'no answer')
  }

  function stopTimers() {
    cancelTick()
    cancelAnswer()
    cancelStable()
  }

  socket.addEventListener('open', () => {
    lastTickAt = timers.now()
    cancelTick = timers.after(limits.heartbeatMs, tick)
  })
  socket.addEventListener('message', ({ data }) => {
    cancelAnswer()
    if (typeof data !== 'string') return
    let frame: ServerFrame
    try {
      frame = parseServerFrame(data)
    } catch (error) {
      console.error('a frame that cannot be read', error) // a newer relay says more than we know
      return
    }
    if (frame.type === 'bye') retryAfterMs = frame.retryAfterMs
    options.onFrame(frame)
  })
  socket.addEventListener('close', ({ code, reason }) => {
    stopTimers()
    if (ended) return
    failures++
    failingSince ??= timers.now()
    if (finalCodes.has(code)) options.onClosed({ type: 'refused', code, reason })
  })
  socket.addEventListener('error', () => {}) // `close` follows and says the same

  return {
    send(frame) {
      if (socket.readyState !== PartySocket.OPEN) return false
      socket.send(JSON.stringify(frame))
      return true
    },
    established() {
      cancelStable()
      cancelStable = timers.after(stableMs, () => {
        failures = 0
        failingSince = null
      })
    },
    now() {
      if (wait) wait.go()
      else if (socket.readyState === PartySocket.CLOSED) socket.reconnect()
    },
    again: lost,
    check() {
      if (wait && timers.now() > wait.at) wait.go()
      else if (timers.now() - lastTickAt > sleptMs && socket.readyState === PartySocket.OPEN) lost()
    },
    close() {
      ended = true
      stopTimers()
      wait?.cancel()
      socket.close(1000, 'signed out')
    },
  }
}
