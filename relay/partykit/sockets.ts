/**
 * A room's sockets. PartyKit keeps them while the room sleeps, and with each what was attached to it; so everything
 * is read from there, and nothing is remembered here. A connection's own id comes from the client: it names nothing.
 */
import type * as Party from 'partykit/server'
import type { ConnectionId, ConnectionState, Sockets } from '../core/ports.ts'

export interface Attachment {
  id: ConnectionId
  state: ConnectionState
}
export type Connection = Party.Connection<Attachment>

export const attachmentOf = (connection: Connection): Attachment | null =>
  connection.state as Attachment | null

/** A device that comes back leaves one behind at the most; so many mean that the list itself cannot be had. */
const strangersMax = 1000

/**
 * Those that can be spoken to. Of a room that was thrown out of memory in the middle of its work, sockets may stay on
 * the list that none of its later instances may touch: whatever is asked of them throws. They are passed over, or no
 * event would ever be handled again; the device gives such a socket up when it gets no pong.
 */
export function* connectionsOf(room: Party.Room): Generator<Connection> {
  const connections = room.getConnections<Attachment>()[Symbol.iterator]()
  for (let strangers = 0; strangers < strangersMax;) {
    let found: Connection | null
    try {
      const next = connections.next()
      found = next.done ? null : next.value
      if (found) attachmentOf(found)
    } catch {
      strangers++
      continue
    }
    if (!found) return
    yield found
  }
}

export function partySockets(room: Party.Room): Sockets {
  function* all(): Generator<[Attachment, Connection]> {
    for (const connection of connectionsOf(room)) {
      const attachment = attachmentOf(connection)
      if (attachment) yield [attachment, connection]
    }
  }
  function find(id: ConnectionId): Connection | undefined {
    for (const [attachment, connection] of all()) if (attachment.id === id) return connection
    return undefined
  }

  return {
    states: () => new Map([...all()].map(([{ id, state }]) => [id, state])),
    send(id, text) {
      try {
        find(id)?.send(text)
      } catch {
        // closed meanwhile: what it misses is in the log
      }
    },
    close(id, code, reason) {
      find(id)?.close(code, reason)
    },
    remember(id, state) {
      find(id)?.setState({ id, state })
    },
    buffered: () => 0, // nobody knows
  }
}
