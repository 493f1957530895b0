import type { Server } from 'node:http'
import { limitKey } from '../http/address.ts'
import { isWithin } from './addresses.ts'
import type { Config } from './config.ts'
import { refuseBare } from './refused.ts'

/** Connections that are no sockets: requests, and whoever says nothing at all. In all, and of one address. */
const besidesMax = 1000
const ofOneAddressMax = 100

/**
 * Whoever only connects is refused when there are too many of that address, before anything was asked. Those that a proxy
 * brings are counted where they open sockets.
 */
export function limitConnections(server: Server, config: Config, hit: (limit: string) => void) {
  const open = new Map<string, number>()
  // Node drops them without a word.
  server.maxConnections = config.PARLEY_SOCKETS + besidesMax
  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? 'unknown'
    if (isWithin(config.PARLEY_TRUST_PROXY, address)) return
    const key = limitKey(address)
    const count = (open.get(key) ?? 0) + 1
    if (count > config.PARLEY_SOCKETS_PER_ADDRESS + ofOneAddressMax) {
      hit('connections of an address')
      return refuseBare(socket, 429, 'policy-violation')
    }
    open.set(key, count)
    socket.once('close', () => {
      const left = open.get(key)! - 1
      if (left > 0) open.set(key, left)
      else open.delete(key)
    })
    return undefined
  })
}
