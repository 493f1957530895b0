/** The rooms of this process: loaded when something happens to them, put away when nothing does. */
import type { WebSocket } from 'ws'
import type { Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { copy } from '../core/copy.ts'
import { createRoom } from '../core/runner.ts'
import type { AccountOperation, AccountReply, Room, RoomHost, RoomLink, RoomMessage } from '../core/ports.ts'
import type { AllSockets, RoomSockets } from './sockets.ts'
import type { Database, RoomStore } from './store.ts'

interface Loaded {
  room: Room
  store: RoomStore
  sockets: RoomSockets
  usedAt: Millis
  /** Calls that are not finished: a room in use is not put away. */
  calls: number
}

type Options = Pick<RoomHost, 'settings' | 'blobs' | 'clock' | 'random' | 'verify' | 'log' | 'metric'> & {
  database: Database
  sockets: AllSockets
  /** In place of the way from room to room in this process. */
  link?: RoomLink
}

export interface Rooms {
  account(user: UserId, operation: AccountOperation): Promise<AccountReply>
  /** A socket was opened at the room. */
  accept(user: UserId, ws: WebSocket, addressKey: string): void
  /** Rings what is due and puts away what is not used; a few times a second. */
  sweep(): void
  /** Resolves when nothing is being handled any more. */
  idle(): Promise<void>
  readonly size: number
}

/** Long enough that what a room may forget (rates, backoff) is seldom forgotten. */
const keepLoadedMs = 5 * 60_000
/** The answers wait in the caller's mailbox, which must not be full of them. */
const postsParallelMax = limits.mailboxEventsMax / 2
/** So many calls between rooms in one turn of the loop; whatever they have to say to each other, sockets wait no longer. */
const callsInTurnMax = 500
const loadedMax = 10_000
const alarmsAtOnce = 200
const failedAlarmRestsMs = 2000

export function createRooms({ database, sockets, link: otherLink, ...shared }: Options): Rooms {
  const { clock, log } = shared
  const rooms = new Map<UserId, Loaded>()
  /** Rooms whose alarm is being handled, or rests after it failed. */
  const ringing = new Set<string>()
  let callsInTurn = 0
  let nextConnection = 0
  let nextTidyAt = 0

  function load(user: UserId): Loaded {
    const store = database.room(user)
    const own = sockets.room()
    const room = createRoom({ ...shared, self: user, store, link: otherLink ?? link, sockets: own })
    const loaded = { room, store, sockets: own, usedAt: clock(), calls: 0 }
    rooms.set(user, loaded)
    return loaded
  }

  async function use<R>(user: UserId, run: (loaded: Loaded) => Promise<R>): Promise<R> {
    const loaded = rooms.get(user) ?? load(user)
    loaded.calls += 1
    try {
      return await run(loaded)
    } finally {
      loaded.calls -= 1
      loaded.usedAt = clock()
    }
  }

  /** In one process a post is a call. Both sides get copies: what one of them changes is nobody else's. */
  const link: RoomLink = {
    parallelMax: postsParallelMax,
    async post(to, message, { from, timeoutMs }) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_, fail) => {
        timer = setTimeout(() => fail(new Error('no answer in time')), timeoutMs)
      })
      const own = copy(message)
      if (callsInTurn++ === 0) setImmediate(() => (callsInTurn = 0))
      if (callsInTurn > callsInTurnMax) await new Promise((resume) => setImmediate(resume))
      try {
        const reply = copy(await Promise.race([use(to, (called) => ask(called, from, own)), late]))
        rooms.get(from)?.store.follow()
        return reply
      } finally {
        clearTimeout(timer)
      }
    },
  }

  function ask({ room, store }: Loaded, from: UserId, message: RoomMessage) {
    store.follow()
    return room.peer(from, message)
  }

  /** As if the process had been started anew, for all rooms that what was lost may have reached. */
  database.onLost(() => {
    for (const [user, { room, store, sockets: own }] of rooms) {
      if (!room.busy) continue
      store.end()
      own.closeAll(1011, 'internal error')
      rooms.delete(user)
    }
  })

  async function ring(user: UserId) {
    ringing.add(user)
    try {
      await use(user, ({ room, store }) => store.ring(() => room.alarm()))
    } catch (error) {
      log('error', 'an alarm failed and will ring again', { error: String(error) })
      await new Promise((resolve) => setTimeout(resolve, failedAlarmRestsMs).unref())
    }
    ringing.delete(user)
  }

  function dueRooms(now: Millis): string[] {
    try {
      return database.due(now, alarmsAtOnce).map(({ room }) => room)
    } catch (error) {
      log('error', 'alarms cannot be looked up, and are when the disk is well again', {
        error: String(error),
      })
      return []
    }
  }

  const busyRooms = () => [...rooms.values()].filter(({ room, calls }) => room.busy || calls > 0)

  function tidy(now: Millis) {
    const crowded = rooms.size > loadedMax
    for (const [user, { room, calls, usedAt, sockets: own }] of rooms) {
      const unused = own.size === 0 && calls === 0 && !room.busy && !ringing.has(user)
      if (unused && (crowded || now - usedAt > keepLoadedMs)) rooms.delete(user)
    }
  }

  return {
    account: (user, operation) => use(user, ({ room }) => room.account(operation)),
    accept(user, ws, key) {
      const id = `c${++nextConnection}`
      const { room, sockets: own } = rooms.get(user) ?? load(user)
      const failed = (what: string) => (error: unknown) => {
        log('error', what, { error: String(error instanceof Error ? error.stack : error) })
        own.close(id, 1011, '')
      }
      own.add(id, ws, {
        key,
        received: (text) => room.received(id, text).catch(failed('a frame failed')),
        closed: (state, code) => {
          void use(user, ({ room: now }) => now.closed(id, state, code)).catch(failed('a close failed'))
        },
      })
      room.opened(id).catch(failed('a socket failed to open'))
    },
    sweep() {
      const now = clock()
      for (const room of dueRooms(now)) if (!ringing.has(room)) void ring(room as UserId)
      if (now < nextTidyAt) return
      nextTidyAt = now + 10_000
      tidy(now)
    },
    async idle() {
      while (busyRooms().length > 0) await Promise.all(busyRooms().map(({ room }) => room.idle()))
    },
    get size() {
      return rooms.size
    },
  }
}
