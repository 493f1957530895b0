/** The rooms of a relay that does not run, for the operator's commands: nobody connects, nothing rings. */
import { resolve } from 'node:path'
import { toBase64 } from '#shared/bytes'
import type { RoomLink } from '../core/ports.ts'
import { createInvites } from '../http/invites.ts'
import { httpSettings } from '../http/settings.ts'
import { random, verify } from '../http/web-crypto.ts'
import { nodeBlobs } from './blobs.ts'
import type { Config } from './config.ts'
import { openDataFolder } from './data-folder.ts'
import { jsonLog } from './log.ts'
import { createOperator, type Operate } from './operator.ts'
import { createRooms, type Rooms } from './rooms.ts'
import { createSockets } from './sockets.ts'
import { invitesRoom, openDatabase, type Database } from './store.ts'

/** @throws ConfigError when a relay is running there. */
export async function withoutRelay<R>(config: Config, run: (operate: Operate) => Promise<R>): Promise<R> {
  const folder = resolve(config.PARLEY_DATA)
  const data = openDataFolder(folder, config.PARLEY_SECRET)
  try {
    return await withRooms(config, { folder, secret: data.secret }, ({ rooms, database }) => {
      const invites = createInvites(database.room(invitesRoom), Date.now, random)
      return run(createOperator({ rooms, invites, log: jsonLog('error'), live: () => null }))
    })
  } finally {
    data.release()
  }
}

/** The rooms of the database in that folder; resolves when all that was done there is durable. */
export async function withRooms<R>(
  config: Config,
  { folder, secret, ...options }: { folder: string; secret: Uint8Array; link?: RoomLink },
  run: (parts: { rooms: Rooms; database: Database }) => Promise<R>,
): Promise<R> {
  const clock = Date.now
  const log = jsonLog('error')
  const metric = () => undefined
  const database = await openDatabase({
    folder,
    clock,
    newRelayId: () => toBase64(random.bytes(32)),
    onFatal(error) {
      throw error
    },
  })
  const nobody = {
    perAddressMax: 0,
    waitingPerAddressMax: 0,
    socketsMax: 0,
    waitingMax: 0,
    framesPerSecond: 1,
  }
  const sockets = createSockets({ ...nobody, clock, metric, overloaded: () => false })
  const settings = httpSettings(config, database.relayId, secret)
  const blobs = nodeBlobs({ folder, clock, log })
  const rooms = createRooms({
    database,
    sockets,
    blobs,
    settings,
    clock,
    random,
    verify,
    log,
    metric,
    ...options,
  })
  try {
    const result = await run({ rooms, database })
    await rooms.idle()
    return result
  } finally {
    await database.close()
  }
}
