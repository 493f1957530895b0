/** How many sockets there are and from where, and when that is too many (HS10). Addresses are kept while they are open. */
import { ProtocolError } from '#shared/errors'

export interface CrowdLimits {
  /** Of one address. */
  perAddressMax: number
  waitingPerAddressMax: number
  /** In all. */
  socketsMax: number
  waitingMax: number
}

export const refusedForMs = 5000

/** `hit` is told which limit somebody ran into. */
export function createCrowd<Socket>(limits: CrowdLimits, hit: (limit: string) => void) {
  /** Those that have not signed in, the oldest first. */
  const waiting = new Set<Socket>()
  const waitingOf = tally()
  const openOf = tally()

  function refuse(limit: string, code: 'policy-violation' | 'resource-constraint', text: string): never {
    hit(limit)
    throw new ProtocolError(code, text, { retryAfterMs: refusedForMs })
  }

  function signedIn(socket: Socket, key: string) {
    if (waiting.delete(socket)) waitingOf.add(key, -1)
  }

  return {
    get waiting() {
      return waiting.size
    },
    /** @throws ProtocolError when nobody else from there may open a socket now */
    mayOpen(key: string) {
      if (openOf.total() >= limits.socketsMax)
        refuse('sockets', 'resource-constraint', 'too many connections')
      if (openOf.count(key) >= limits.perAddressMax)
        refuse('sockets of an address', 'policy-violation', 'too many connections of this address')
      if (waitingOf.count(key) >= limits.waitingPerAddressMax)
        refuse('waiting of an address', 'policy-violation', 'too many connections that have not signed in')
    },
    /** The socket that has to go for it, if any: itself, or the one that has waited longest. */
    opened(socket: Socket, key: string): Socket | null {
      openOf.add(key, 1)
      waiting.add(socket)
      waitingOf.add(key, 1)
      // They were asked one by one whether they may, and have come together.
      if (waitingOf.count(key) > limits.waitingPerAddressMax) return socket
      if (waiting.size <= limits.waitingMax) return null
      // Whoever is somebody signs in at once: those that only wait make room.
      hit('waiting')
      return waiting.values().next().value!
    },
    /** It does not wait any more, whether it has signed in or is on its way out. */
    signedIn,
    closed(socket: Socket, key: string) {
      signedIn(socket, key)
      openOf.add(key, -1)
    },
  }
}

/** How many there are of each; nothing is kept of those of which there are none. */
function tally() {
  const counts = new Map<string, number>()
  let total = 0
  return {
    total: () => total,
    count: (key: string) => counts.get(key) ?? 0,
    add(key: string, change: 1 | -1) {
      total += change
      const count = (counts.get(key) ?? 0) + change
      if (count > 0) counts.set(key, count)
      else counts.delete(key)
    },
  }
}
