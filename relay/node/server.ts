/**
 * The relay on Node: `npm run relay`. One process, one folder. Settings: config.ts, or --help. What is done beside it,
 * such as backups: commands.ts.
 */
import { statfsSync, statSync } from 'node:fs'
import type { Server } from 'node:http'
import { resolve } from 'node:path'
import { serve, upgradeWebSocket, type HttpBindings } from '@hono/node-server'
import type { Context, Hono } from 'hono'
import { WebSocketServer, type WebSocket } from 'ws'
import { toBase64 } from '#shared/bytes'
import { ProtocolError } from '#shared/errors'
import type { UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { forwardedFor, limitKey } from '../http/address.ts'
import { createApp } from '../http/app.ts'
import { partWithinMs } from '../http/blobs.ts'
import { isExtension } from '../http/origins.ts'
import { createInvites } from '../http/invites.ts'
import { sameText } from '../http/proofs.ts'
import { roomOf } from '../http/paths.ts'
import { ConfigError, httpSettings } from '../http/settings.ts'
import { random, verify } from '../http/web-crypto.ts'
import { isLoopbackAddress, isWithin } from './addresses.ts'
import { nodeBlobs } from './blobs.ts'
import { limitConnections } from './connections.ts'
import { buildsIn } from './builds.ts'
import { help, isLoopback, readConfig, unknownVariables, type Config } from './config.ts'
import { openDataFolder } from './data-folder.ts'
import { countLimits, jsonLog } from './log.ts'
import { refuseBroken, ToldWebSocket } from './refused.ts'
import { createRooms } from './rooms.ts'
import { createSockets } from './sockets.ts'
import { createMetrics } from './metrics.ts'
import { createOperator, openDoor } from './operator.ts'
import { databaseFile, invitesRoom, openDatabase } from './store.ts'

const sweepMs = 250
const checkpointMs = 30_000
const oldFilesMs = 10 * 60_000
const probeMs = 2000
const tellMs = 60_000
/** Whatever hangs: the relay is gone by then. Nothing depends on an orderly end. */
const endsWithinMs = 25_000
/** Two signals within so short a time are one. */
const sameWishMs = 1000
/** A writer that is this far behind cannot keep up. */
const queuedMax = 10_000
const behindMsMax = 2000
const aliveWithinMs = 5000
const freeBytesMin = 256 * 1024 * 1024

async function start(config: Config) {
  const clock = Date.now
  const log = jsonLog(config.PARLEY_LOG)
  const metrics = createMetrics({ on: config.PARLEY_METRICS !== 'no' })
  const limitHits = countLimits(metrics.metric, log)
  const { metric } = limitHits
  const folder = resolve(config.PARLEY_DATA)
  const data = openDataFolder(folder, config.PARLEY_SECRET)
  const database = await openDatabase({
    folder,
    clock,
    newRelayId: () => toBase64(random.bytes(32)),
    onFatal: (error) => die('the database cannot be written any more', error),
    onCommit: metrics.committed,
  }).catch((error: Error) => {
    throw new ConfigError(
      `The data in ${folder} cannot be used (${error.message}): use the version of Parley that wrote them, ` +
        'bring back a backup, or set PARLEY_DATA to another folder.',
    )
  })
  const behindMs = () => (database.waitingSince === null ? 0 : clock() - database.waitingSince)

  const settings = httpSettings(config, database.relayId, data.secret)
  const sockets = createSockets({
    clock,
    metric,
    perAddressMax: config.PARLEY_SOCKETS_PER_ADDRESS,
    waitingPerAddressMax: config.PARLEY_WAITING_SOCKETS,
    socketsMax: config.PARLEY_SOCKETS,
    waitingMax: config.PARLEY_WAITING_IN_ALL,
    framesPerSecond: config.PARLEY_FRAMES_PER_SECOND,
    overloaded: () => database.queued > queuedMax || behindMs() > behindMsMax,
  })
  const blobs = nodeBlobs({ folder, clock, log })
  const invites = createInvites(database.room(invitesRoom), clock, random)
  const rooms = createRooms({ database, sockets, blobs, settings, clock, random, verify, log, metric })

  let draining = false
  let isProxyTold = false
  const peerOf = (c: Context) => (c.env as HttpBindings).incoming.socket.remoteAddress ?? 'unknown'
  const addressOf = (c: Context) => {
    const peer = peerOf(c)
    const isProxy = isWithin(config.PARLEY_TRUST_PROXY, peer)
    if (!isProxy && !isProxyTold && isLoopbackAddress(peer) && c.req.header('x-forwarded-for')) {
      isProxyTold = true
      log('warn', 'a proxy is not believed, so all people count as one: see PARLEY_TRUST_PROXY')
    }
    return (isProxy && forwardedFor(c.req.header('x-forwarded-for'))) || peer
  }
  const isReady = () =>
    !draining && !database.failing && behindMs() < behindMsMax && freeBytes(folder) > freeBytesMin
  const app = createApp({
    rooms,
    blobs,
    settings,
    secret: data.secret,
    clock,
    random,
    log,
    addressOf,
    builds: () => buildsIn(resolve(config.PARLEY_BUILDS)),
    health: { alive: () => behindMs() < aliveWithinMs, ready: isReady },
    metric,
    ...(config.PARLEY_INVITE_ONLY && { invites }),
  })
  openSockets(app)
  metrics.watch({
    connections: () => sockets.size,
    waitingConnections: () => sockets.waiting,
    rooms: () => rooms.size,
    queuedRows: () => database.queued,
    databaseBytes: () => bytesOf(databaseFile(folder)),
    walBytes: () => bytesOf(`${databaseFile(folder)}-wal`),
    freeBytes: () => freeBytes(folder),
    ready: isReady,
  })
  app.get('/metrics', async (c) => {
    if (!mayReadMetrics(c)) throw new ProtocolError('item-not-found', 'no such page')
    const { text, type } = await metrics.read()
    return c.text(text, 200, { 'content-type': type })
  })

  function mayReadMetrics(c: Context): boolean {
    if (config.PARLEY_METRICS === 'no') return false
    // What a proxy passes on comes from this machine too, and is not meant.
    if (config.PARLEY_METRICS === 'loopback')
      return isLoopbackAddress(peerOf(c)) && c.req.header('x-forwarded-for') === undefined
    return sameText(c.req.header('authorization') ?? '', `Bearer ${config.PARLEY_METRICS}`)
  }

  /**
   * Node-server puts listeners of its own on the socket as soon as this returns, and with them keeps the whole request
   * for as long as the socket is open: several kilobytes for each. Before anything can arrive they go.
   */
  function takeOver(ws: WebSocket, user: UserId, key: string) {
    queueMicrotask(() => {
      ws.removeAllListeners()
      rooms.accept(user, ws, key)
    })
  }

  function openSockets(to: Hono) {
    const upgrade = upgradeWebSocket((c) => {
      const user = roomOf(new URL(c.req.url))!
      const key = limitKey(addressOf(c))
      return { onOpen: (_, { raw }) => takeOver(raw as unknown as WebSocket, user, key) }
    })
    to.get('/parties/*', async (c, next) => {
      const origin = c.req.header('origin')
      if (roomOf(new URL(c.req.url)) === null) throw new ProtocolError('item-not-found', 'no such room')
      if (origin !== undefined && !isExtension(origin))
        throw new ProtocolError('forbidden', 'not from a web page')
      if (draining) throw new ProtocolError('resource-constraint', 'stopping', { retryAfterMs: 10_000 })
      sockets.mayOpen(limitKey(addressOf(c)))
      return (await upgrade(c, next)) ?? c.notFound()
    })
  }

  const server = serve({
    fetch: app.fetch,
    port: config.PARLEY_PORT,
    hostname: config.PARLEY_HOST,
    serverOptions: {
      headersTimeout: 10_000,
      requestTimeout: partWithinMs + 10_000, // nothing takes longer than a part of a file
      connectionsCheckingInterval: 2000, // how often those two are looked at
      keepAliveTimeout: 30_000,
      maxHeaderSize: 8192,
    },
    websocket: {
      server: new WebSocketServer({
        noServer: true,
        WebSocket: ToldWebSocket,
        maxPayload: limits.frameInBytesMax,
        autoPong: false, // sockets.ts counts what it answers
        perMessageDeflate: false, // a quarter of a megabyte for each connection, and sealed bytes do not shrink
        clientTracking: false,
      }),
    },
  })
  await new Promise<void>((done, fail) => {
    server.once('listening', done)
    server.once('error', (error: NodeJS.ErrnoException) => fail(new ConfigError(cannotListen(config, error))))
  })

  limitConnections(server as Server, config, (limit) => metric('limits_hit', { limit }))
  refuseBroken(server as Server)

  const startedAt = clock()
  const live = () => ({
    connections: sockets.size,
    waitingConnections: sockets.waiting,
    roomsLoaded: rooms.size,
    queuedRows: database.queued,
    ready: isReady(),
    upSeconds: Math.round((clock() - startedAt) / 1000),
  })
  const door = await openDoor(folder, createOperator({ rooms, invites, log, live }))

  const sweeping = setInterval(() => {
    sockets.sweep()
    rooms.sweep()
  }, sweepMs)
  const checkpoints = setInterval(() => void database.checkpoint(), checkpointMs)
  const oldFiles = setInterval(() => void blobs.sweep(), oldFilesMs)
  void blobs.sweep()
  // Not ready, it gets no requests that would find out that the disk works again.
  const telling = setInterval(limitHits.tell, tellMs)
  const probing = setInterval(() => void (database.failing && database.probe()), probeMs)

  let askedAt = 0
  async function stop() {
    // Ctrl-C reaches all of a group, and who leads it tells the others once more: that is one wish.
    if (draining && Date.now() - askedAt < sameWishMs) return
    if (draining) process.exit(1) // asked twice: somebody is in a hurry
    askedAt = Date.now()
    draining = true
    setTimeout(() => process.exit(1), endsWithinMs).unref()
    log('info', 'stopping', { connections: sockets.size })
    await sockets.drain(sockets.size > 0 ? config.PARLEY_DRAIN_MS : 0)
    clearInterval(sweeping)
    clearInterval(checkpoints)
    clearInterval(oldFiles)
    clearInterval(probing)
    clearInterval(telling)
    limitHits.tell()
    server.close()
    door.close()
    await rooms.idle()
    await database.close()
    data.release()
    log('info', 'stopped')
    process.exit(0)
  }
  process.on('SIGTERM', () => void stop())
  process.on('SIGINT', () => void stop())

  const address =
    settings.publicUrl ??
    `http://${config.PARLEY_HOST.includes(':') ? `[${config.PARLEY_HOST}]` : config.PARLEY_HOST}:${config.PARLEY_PORT}`
  console.log(`Parley's relay is ready: ${address}  (its data: ${folder})`)
  log('info', 'started')
}

const bytesOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

function cannotListen(
  { PARLEY_HOST: host, PARLEY_PORT: port }: Config,
  { code, message }: NodeJS.ErrnoException,
) {
  if (code === 'EADDRINUSE') {
    return `Port ${port} of ${host} is taken, perhaps by another relay: stop that one, or set PARLEY_PORT to another port.`
  }
  if (code === 'EACCES') return `This user may not listen on port ${port}: set PARLEY_PORT to one above 1023.`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `${host} is no address of this machine: set PARLEY_HOST to 127.0.0.1, or to 0.0.0.0 for all of them.`
  }
  return `The relay cannot listen on ${host}, port ${port}: ${message}.`
}

/** Nothing may be promised any more. What was promised is on the disk, so the next start goes on from there. */
function die(text: string, error: unknown): never {
  jsonLog('error')('error', text, { error: String(error instanceof Error ? error.stack : error) })
  process.exit(1)
}

process.on('uncaughtException', (error) => die('an unexpected error', error))
process.on('unhandledRejection', (error) => die('an unexpected error', error))

const [command, ...args] = process.argv.slice(2)
if (command === '--help' || (command !== 'admin' && args.includes('--help'))) {
  console.log(help())
} else {
  try {
    const config = readConfig(process.env)
    if (command !== undefined) {
      await (await import('./commands.ts')).runCommand([command, ...args], config)
      process.exit(0)
    }
    for (const name of unknownVariables(process.env))
      console.error(`${name} is no setting of the relay: see --help.`)
    if (!isLoopback(config.PARLEY_HOST) && config.PARLEY_PUBLIC_URL === undefined) {
      console.error(
        `The relay listens on ${config.PARLEY_HOST} without TLS: people reach it from other machines only through ` +
          'a proxy that adds TLS (then set PARLEY_PUBLIC_URL and PARLEY_TRUST_PROXY).',
      )
    }
    await start(config)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    process.exit(2)
  }
}
