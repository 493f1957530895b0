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

export function partySockets(room: Party.Room): Sockets {
  function* all(): Generator<[Attachment, Connection]> {
    for (const connection of room.getConnections<Attachment>()) {
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
