/**
 * A device that runs what ships: the engine's outbox and inbox over its own database, which is a fake IndexedDB. Left
 * out are cryptography (nothing of it is deterministic), pages and alerts; the socket is the simulator's. It dies at any
 * operation of its database.
 */
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb'
import type { Kind, PeerPresence, ServerFrame, ServerFrameOf } from '#shared/frames'
import type { DeviceId, EnvelopeId, Epoch, UserId } from '#shared/ids'
import { conversationOf } from '../../extension/db/conversations.ts'
import { openDb, pendingTs, type AccountRow, type Db } from '../../extension/db/db.ts'
import { applyEntries, pushAgain, startOver } from '../../extension/engine/inbox.ts'
import { createOutbox, type Outbox } from '../../extension/engine/outbox.ts'
import type { Signed } from '../../extension/engine/state.ts'
import { plainOpener, plainSealer } from '../extension/engine/plain.ts'
import { must } from './checks.ts'
import { actionsOf, contentOf, newId, type Device, type Ledger, type Stored } from './people.ts'
import type { Relay } from './room.ts'
import { createWire } from './wire.ts'

/** Of an operation of the database, in deaths that a frame brings. */
const deathsPerOperation = 0.1

/** From the start of a background to its death. */
interface Life {
  isOver: boolean
  db: Db
  outbox: Outbox
  signed: Signed
  chain: Promise<void>
}

export function createEngineDevice(relay: Relay, user: UserId, id: DeviceId, ledger: Ledger): Device {
  const { world } = relay
  const disk = { indexedDB: new IDBFactory(), IDBKeyRange }
  /** What pages do is done whether or not the background lives. */
  const page = openDb('parley', disk)
  const account = { key: 'me', user, device: id, generation: 0 } as AccountRow
  const written = new Map<EnvelopeId, { to: UserId; kind: Kind; index: number }>()
  let presence = new Map<UserId, PeerPresence>()
  let epoch: Epoch = '' as Epoch
  let life = start()
  const kept: Stored = {
    epoch: null,
    seq: 0,
    messages: new Map(),
    failed: new Map(),
    delivered: new Map(),
    relations: new Map(),
    outbox: [],
    marks: null,
  }

  // --- Life and death ------------------------------------------------------------------------------------

  function start(): Life {
    const db = openDb('parley', disk)
    const own = { isOver: false, db, chain: Promise.resolve() } as Life
    db.use({
      stack: 'dbcore',
      name: 'mortal',
      create: (core) => ({
        ...core,
        table(name) {
          const table = core.table(name)
          return {
            ...table,
            mutate: mortal(own, (request) => table.mutate(request)),
            get: mortal(own, (request) => table.get(request)),
            getMany: mortal(own, (request) => table.getMany(request)),
            query: mortal(own, (request) => table.query(request)),
            openCursor: mortal(own, (request) => table.openCursor(request)),
            count: mortal(own, (request) => table.count(request)),
          }
        },
      }),
    })
    own.signed = {
      account,
      db,
      timers: {
        now: () => world.now,
        after(ms, run) {
          let isWanted = true
          world.after(ms, () => isWanted && !own.isOver && run())
          return () => (isWanted = false)
        },
      },
      send(frame) {
        if (own.isOver || !isWelcome()) return false
        wire.say(frame)
        return true
      },
      isWelcome: () => !own.isOver && isWelcome(),
    }
    own.outbox = createOutbox(own.signed, plainSealer(db), async () => {})
    return own
  }

  function mortal<Request, Result>(own: Life, run: (request: Request) => Promise<Result>) {
    // A promise of Dexie's own, or its transaction would end.
    return (request: Request): Promise<Result> => {
      if (!own.isOver && world.chance(relay.faults.deviceCrash * deathsPerOperation)) {
        world.note('engine death', user, id)
        device.crash()
      }
      if (own.isOver) return Promise.reject(new Dead('dead'))
      const release = world.hold()
      const result = run(request)
      void result.then(release, release)
      return result
    }
  }

  const isWelcome = () => wire.session?.isWelcome === true

  /** One after the other, as frames come; nothing happens meanwhile. */
  function next(work: (own: Life) => Promise<void>) {
    const own = life
    const release = world.hold()
    own.chain = own.chain
      .then(() => (own.isOver ? undefined : work(own)))
      .catch((error: unknown) => {
        // A database that failed in the middle of its death is no news; everything else is.
        if (!own.isOver) relay.fail(error)
      })
      .finally(release)
  }

  // --- What comes in -------------------------------------------------------------------------------------

  const wire = createWire(relay, user, id, {
    opened: () => (presence = new Map()),
    closed: (code) => must(code !== 4409, 'S2', () => `${user} ${id} was replaced by itself`),
    take(frame) {
      if (world.chance(relay.faults.deviceCrash)) return device.crash()
      const { session } = wire
      next((own) => (session === wire.session ? on(own, frame) : Promise.resolve()))
    },
  })

  async function on(own: Life, frame: ServerFrame): Promise<void> {
    const { outbox, signed } = own
    if (frame.type === 'hello') return auth(own, frame)
    if (frame.type === 'welcome') return welcome(own, frame)
    if (frame.type === 'deliver') return store(own, frame)
    if (frame.type === 'live') {
      await pushAgain(signed)
      return outbox.flush()
    }
    if (frame.type === 'ok') {
      note(frame)
      return outbox.onOk(frame)
    }
    if (frame.type === 'error') {
      world.note(`error ${frame.code}`, user)
      return outbox.onError(frame)
    }
    if (frame.type === 'presence') presence.set(frame.peer, frame)
  }

  async function auth({ db }: Life, { nonce, now }: ServerFrameOf<'hello'>) {
    account.generation++
    const cursor = await db.cursor.get('cursor')
    const reads = await db.conversations.filter((row) => row.readTs > row.readSentTs).toArray()
    wire.say({
      type: 'auth',
      version: 1,
      device: id,
      generation: account.generation,
      at: now,
      cursor: cursor ? { epoch: cursor.epoch, seq: cursor.seq, mark: cursor.mark } : null,
      signature: `${'A'.repeat(64)}${nonce}`,
      reads: Object.fromEntries(reads.map(({ peer, readTs }) => [peer, readTs])),
      client: 'simulator',
    })
  }

  async function welcome({ signed, outbox }: Life, frame: ServerFrameOf<'welcome'>) {
    if (frame.resync) await startOver(signed, frame, async () => null)
    if (!wire.session) return
    wire.session.isWelcome = true
    epoch = frame.epoch
    presence = new Map(frame.presence.map((one) => [one.peer, one]))
    await outbox.welcomed(frame.last)
  }

  async function store({ signed }: Life, { entries }: ServerFrameOf<'deliver'>) {
    const opener = plainOpener()
    const openSettings = async () => null
    const now = signed.timers.now()
    const applied = await applyEntries(signed, entries, { epoch, now, late: false, opener, openSettings })
    world.note('engine stores', user, applied.seq)
    signed.send({ type: 'ack', seq: applied.seq })
  }

  function note({ id: envelope }: ServerFrameOf<'ok'>) {
    const send = envelope && written.get(envelope)
    if (!send) return
    world.note('stored', user, id, envelope)
    ledger.stored.set(envelope, { from: user, device: id, ...send })
  }

  // --- What people do ------------------------------------------------------------------------------------

  let writing = Promise.resolve()
  function onPage(work: () => Promise<unknown>) {
    const release = world.hold()
    writing = writing
      .then(work)
      .then(() => {}, relay.fail)
      .finally(release)
  }

  const device: Device = {
    user,
    id,
    wire,
    kept,
    ...actionsOf(wire),
    send(to, kind = 'message') {
      if (to === user) return // notes are about what only an engine with cryptography knows
      const index = written.size
      const envelope = newId(world, index)
      written.set(envelope, { to, kind, index })
      const content = contentOf(kind, `${id} ${index}`)
      onPage(() => page.outbox.add({ id: envelope, peer: to, kind, content, at: world.now }))
      next(({ outbox }) => writing.then(() => outbox.flush()))
    },
    read(peer) {
      onPage(async () => {
        const incoming = await page.messages.where({ peer, direction: 'in' }).toArray()
        const ts = Math.max(0, ...incoming.map((row) => row.ts))
        if (ts === 0) return
        const row = await conversationOf(page, peer)
        await page.conversations.put({ ...row, readTs: Math.max(row.readTs, ts) })
        if (isWelcome()) wire.say({ type: 'read', peer, ts })
      })
    },
    shows(peer) {
      const last = wire.session ? presence.get(peer) : undefined
      return last && last.until > world.now ? last.show : 'offline'
    },
    crash() {
      life.isOver = true
      life = start()
      if (wire.session) world.note('device crash', user, id)
      wire.cut()
    },
    async refresh() {
      const [messages, conversations, roster, outbox, cursor] = await Promise.all([
        page.messages.toArray(),
        page.conversations.toArray(),
        page.roster.toArray(),
        page.outbox.toArray(),
        page.cursor.get('cursor'),
      ])
      Object.assign(kept, { outbox, seq: cursor?.seq ?? 0, epoch: cursor?.epoch ?? null })
      for (const { from, id: envelope, peer, kind, ts, state } of messages) {
        if (state === 'failed') kept.failed.set(envelope, state)
        if (ts === pendingTs) continue
        kept.messages.set(`${from} ${envelope}`, { id: envelope, from, peer, kind, ts, payload: '' })
      }
      for (const { peer, delivered, read } of conversations) kept.delivered.set(peer, { delivered, read })
      for (const { peer, relation } of roster) kept.relations.set(peer, relation)
    },
  }
  return device
}

class Dead extends Error {}

/** Who dies while nobody waits for it says so on the console: that is no news here. */
export async function withoutLastWords<T>(run: () => Promise<T>): Promise<T> {
  const { error } = console
  console.error = (...said: unknown[]) => {
    if (!(said[0] instanceof Dead)) error(...said)
  }
  try {
    return await run()
  } finally {
    console.error = error
  }
}
