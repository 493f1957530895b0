/**
 * The one socket of this device: it opens, stays alive, and comes back by the rules of R-45. It knows frames but not
 * what they mean: the engine hands it those it wants sent and takes those that come.
 *
 * partysocket opens and reopens; its waiting is not used, because it has no random part: all waiting is in
 * `waitForTurn`, which it awaits before each try. What it says of a close that it made up itself is not believed
 * either (in browsers its code is the word "close"): only `shouldReconnectOnClose` sees the true code.
 */
import { PartySocket } from 'partysocket'
import { closeCodes } from '#shared/errors'
import { parseServerFrame, pingText, type ClientFrame, type ServerFrame } from '#shared/frames'
import type { Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { reconnectWaitMs } from './backoff.ts'
import type { Timers } from './ports.ts'

/**
 * Codes after which the same try would end the same way. 4401 is not among them: it comes also when the challenge
 * was answered too late, and the `error` before it says which it was.
 */
const finalCodes = new Set<number>([closeCodes.disabled, closeCodes.gone, closeCodes.version])

/** Another copy of this device is connected: whoever comes back at once would only throw that one out. */
const replacedWaitMs = 30_000
/** A tick that comes this late means that the machine slept: the socket cannot be trusted. */
const sleptMs = 2 * limits.heartbeatMs
const stableMs = 60_000
/** A relay that is there hears in milliseconds; nobody who signs out should wait for one that is not. */
const leaveMs = 2000

export type Closed =
  | {
      type: 'waiting'
      nextTryAt: Millis
      reason: 'unreachable' | 'replaced'
      failures: number
      failingSince: Millis
    }
  | { type: 'refused'; code: number }

/** Where an earlier background was in its waiting when it was put away. */
export interface Failing {
  failures: number
  failingSince: Millis
  nextTryAt: Millis
}

/**
 * One opening of the socket. An answer belongs to the opening that it answers: the next one begins with a challenge
 * of its own, and whatever else came first there would be refused as a wrong proof.
 */
export interface Link {
  readonly openedAt: Millis
  isOpen(): boolean
  /** False when it is gone: whoever calls tries again after the next `welcome`. */
  send(frame: ClientFrame): boolean
}

export interface ConnectionOptions {
  relay: string
  user: UserId
  timers: Timers
  random: () => number
  failing?: Failing | undefined
  /** In place of the platform's. */
  WebSocket?: unknown
  /** Called on the same tick as each ping (Platform.heartbeat). */
  heartbeat(): void
  onFrame(frame: ServerFrame, link: Link): void
  onClosed(closed: Closed): void
}

export interface Connection {
  /** The handshake is done: from here on a long uptime resets the backoff. */
  established(link: Link): void
  /** Does not wait out the backoff. */
  now(): void
  /** Something went wrong with that link: begins anew, with the backoff of a failure. */
  again(link: Link, retryAfterMs?: number): void
  /** The alarm rang: if the timers were lost with a sleep or a stopped background, go on at once. */
  check(): void
  close(): void
  /** Signs off and closes: resolves when the room has heard it, or gives no sign of it. Nothing is told any more. */
  leave(): Promise<void>
}

export function createConnection(options: ConnectionOptions): Connection {
  const { timers, random } = options
  let failures = options.failing?.failures ?? 0
  let failingSince: Millis | null = options.failing?.failingSince ?? null
  let tried = false
  let retryAfterMs: number | undefined
  let replaced = false
  let link: Link | null = null
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
    minReconnectionDelay: 0,
    maxReconnectionDelay: 0,
    maxEnqueuedMessages: 0, // the outbox in the database is the only buffer
    connectionTimeout: 10_000,
    WebSocket: options.WebSocket,
    shouldReconnectOnClose({ code }) {
      if (code === closeCodes.replaced) replaced = true
      if (!finalCodes.has(code)) return true
      if (!ended) options.onClosed({ type: 'refused', code })
      return false
    },
  })

  // --- Waiting ------------------------------------------------------------------------------------------------

  /**
   * Awaited before each try, so tries are counted here: not every failed one ends with a `close` (in Firefox
   * `new WebSocket` may throw), and one may end with two.
   */
  function waitForTurn(): Promise<Record<string, string>> {
    if (ended) return new Promise(() => {})
    const ms = tried ? nextWaitMs() : restOfWaitMs()
    tried = true
    return new Promise((resolve) => {
      const go = () => {
        wait?.cancel()
        wait = null
        resolve({})
      }
      wait = { cancel: timers.after(ms, go), go, at: timers.now() + ms }
    })
  }

  function nextWaitMs(): number {
    failures++
    failingSince ??= timers.now()
    let ms = reconnectWaitMs({
      failures,
      failingForMs: timers.now() - failingSince,
      retryAfterMs,
      random,
    })
    if (replaced) ms = Math.max(ms, replacedWaitMs)
    options.onClosed({
      type: 'waiting',
      nextTryAt: timers.now() + ms,
      reason: replaced ? 'replaced' : 'unreachable',
      failures,
      failingSince,
    })
    retryAfterMs = undefined
    replaced = false
    return ms
  }

  /** The background is put away while it waits, and the alarm brings it back: that does not shorten the wait. */
  function restOfWaitMs(): number {
    const ms = (options.failing?.nextTryAt ?? 0) - timers.now()
    return ms > 0 && ms <= limits.reconnectLongMaxMs ? ms : 0 // or the clock was changed
  }

  // --- Being alive ----------------------------------------------------------------------------------------------

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

  function openLink(): Link {
    const opened: Link = {
      openedAt: timers.now(),
      isOpen: () => link === opened && socket.readyState === PartySocket.OPEN,
      send(frame) {
        if (!opened.isOpen()) return false
        socket.send(JSON.stringify(frame))
        return true
      },
    }
    return opened
  }

  socket.addEventListener('open', () => {
    link = openLink()
    stopTimers()
    lastTickAt = timers.now()
    cancelTick = timers.after(limits.heartbeatMs, tick)
  })
  socket.addEventListener('message', ({ data }) => {
    cancelAnswer()
    if (typeof data !== 'string' || !link) return
    let frame: ServerFrame
    try {
      frame = parseServerFrame(data)
    } catch (error) {
      console.error('a frame that cannot be read', error) // a newer relay says more than we know
      return
    }
    if (frame.type === 'bye') retryAfterMs = frame.retryAfterMs
    options.onFrame(frame, link)
  })
  socket.addEventListener('close', () => {
    link = null
    stopTimers()
  })
  socket.addEventListener('error', () => {}) // a `close` or the next try follows and says the same

  function close() {
    ended = true
    link = null
    stopTimers()
    wait?.cancel()
    wait = null
    socket.close(1000, 'signed out')
  }

  /**
   * The room closes the socket when it has stored that we left. Closing it from here at once may overtake the word: a
   * room that is busy drops what still waits from a socket that has gone, and would show us for the 45 s of grace.
   */
  async function leave() {
    ended = true // its close is what we wait for, and no reason to come back
    if (link?.send({ type: 'leave' })) {
      await new Promise<void>((heard) => {
        const cancel = timers.after(leaveMs, heard)
        socket.addEventListener('close', () => (cancel(), heard()), { once: true })
      })
    }
    close()
  }

  return {
    established(of) {
      if (!of.isOpen()) return
      cancelStable()
      cancelStable = timers.after(stableMs, () => {
        failures = 0
        failingSince = null
      })
    },
    now() {
      if (wait) wait.go()
    },
    again(of, retryAfter) {
      if (ended || !of.isOpen()) return // it is being replaced already
      if (retryAfter !== undefined) retryAfterMs = retryAfter
      socket.reconnect(4000, 'again')
    },
    check() {
      if (wait && timers.now() > wait.at) wait.go()
      else if (timers.now() - lastTickAt > sleptMs && socket.readyState === PartySocket.OPEN) lost()
    },
    close,
    leave,
  }
}
