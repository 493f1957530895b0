/** Deliberate mistakes, made around the core: a simulator that finds none of them finds nothing. */
import type { UserId } from '#shared/ids'
import type { Batch } from '../../relay/core/batch.ts'
import type { ConnectionState, RoomMessage, RoomReply, Tx } from '../../relay/core/ports.ts'
import {
  firstPolicy,
  keys,
  type DeviceRow,
  type LogRow,
  type Meta,
  type PackagesRow,
  type PeerRow,
  type PresenceRow,
} from '../../relay/core/rows.ts'
import type { Faults } from './faults.ts'
import type { Mode } from './modes.ts'
import type { Relay } from './room.ts'

type Rows = ReadonlyMap<string, string>
type Deliver = Extract<RoomMessage, { type: 'deliver' }>

export interface Mutant {
  /** Which rule finds it; some mistakes show in several ways, and what happens first depends on the history. */
  rule: string | readonly string[]
  /** In which histories; everywhere when left out. */
  mode?: Mode
  /** Only where all rooms are in one process. */
  shared?: true
  /** What makes it show sooner. */
  faults?: Partial<Faults>
  /** It shows so seldom that the hunt begins with this seed. */
  from?: number
  /** Effects are performed without waiting for the commit. */
  effectsFirst?: true
  /** Of one process: what is answered does not wait for what it follows from. */
  noFollow?: true
  /** When something is lost, what came after it is written all the same; and rooms that know of it go on. */
  laterStays?: true
  busyStay?: true
  tx?(batch: Batch, user: UserId, relay: Relay): Tx
  /** What a device says is changed before the room hears it. */
  frame?(text: string, rows: Rows, state: ConnectionState): string
  /** What a room says to another, as that one hears it. */
  call?(message: RoomMessage): RoomMessage
  reply?(reply: RoomReply, message: RoomMessage): RoomReply
  /** Made up where a call has no answer. */
  noAnswer?(message: RoomMessage, rows: Rows): RoomReply | null
}

/** Changes rows as they are read. */
const reading =
  <Row>(prefix: string, change: (row: Row) => void): NonNullable<Mutant['tx']> =>
  (batch) => {
    const changed = <T>(key: string, row: T): T => {
      if (key.startsWith(prefix) && row) change(row as unknown as Row)
      return row
    }
    return {
      ...batch,
      put: batch.put,
      get: async (key) => changed(key, await batch.get(key)),
      getMany: async <T>(wanted: readonly string[]) =>
        new Map(Array.from(await batch.getMany<T>(wanted), ([key, row]) => [key, changed(key, row)])),
      wakeAt: (at) => batch.wakeAt(at),
    }
  }

/** Changes rows as they are written; a row that is undefined is not written. */
const writing =
  <Row>(prefix: string, change: (row: Row) => Row | undefined): NonNullable<Mutant['tx']> =>
  (batch) => ({
    ...batch,
    put(key, row) {
      const changed = key.startsWith(prefix) ? change(row as Row) : row
      if (changed !== undefined) batch.put(key, changed)
    },
    wakeAt: (at) => batch.wakeAt(at),
  })

const keeping =
  (prefix: string): NonNullable<Mutant['tx']> =>
  (batch) => ({
    ...batch,
    delete: (key) => key.startsWith(prefix) || batch.delete(key),
    wakeAt: (at) => batch.wakeAt(at),
  })

const readingPeers = (change: (peer: PeerRow) => void) => reading('peer:', change)

/** Changes frames of one type from devices that are signed in, or are about to be. */
const hearing =
  (wanted: string, change: (frame: Record<string, unknown>, rows: Rows, state: ConnectionState) => object) =>
  (text: string, rows: Rows, state: ConnectionState) => {
    const frame = JSON.parse(text) as Record<string, unknown>
    return frame['type'] === wanted ? JSON.stringify({ ...frame, ...change(frame, rows, state) }) : text
  }

const metaIn = (rows: Rows) => JSON.parse(rows.get(keys.meta)!) as Meta
/** What one would say who looks at nothing. With a true `ts` the base check would find what is lacking. */
const yes = ({ lane, items }: Deliver, { epoch }: { epoch: RoomReplyEpoch }): RoomReply => ({
  type: 'confirmed',
  epoch,
  lane,
  n: items.at(-1)?.n ?? 0,
  ts: 0,
})
type RoomReplyEpoch = Extract<RoomReply, { type: 'confirmed' }>['epoch']

export const mutants = {
  'effects before the commit': { rule: 'S1', effectsFirst: true },
  'effects before the commit, in one process': { rule: 'S1', effectsFirst: true, shared: true },
  'what follows from another room does not wait for it': { rule: 'S10', noFollow: true, shared: true },
  'what came after something lost is written': {
    rule: ['S3', 'S7', 'S10'],
    laterStays: true,
    shared: true,
    faults: { diskFull: 0.02, commitDelayMs: 200 },
  },
  'rooms that know of something lost go on': {
    rule: ['S2', 'L2'],
    busyStay: true,
    shared: true,
    faults: { diskFull: 0.02, commitDelayMs: 20 },
  },
  'no dedupe of a device': { rule: 'S3', tx: reading<DeviceRow>('device:', (device) => (device.ring = [])) },
  'no dedupe in the lane': { rule: 'S3', tx: readingPeers((peer) => (peer.in.ring = [])) },
  'no order guard': {
    rule: 'S4',
    frame: hearing('send', (frame, rows, { device }) =>
      device ? { previous: (JSON.parse(rows.get(keys.device(device))!) as DeviceRow).last } : frame,
    ),
  },
  'no answer is taken for yes': {
    rule: 'L1',
    noAnswer: (message, rows) => (message.type === 'deliver' ? yes(message, metaIn(rows)) : null),
  },
  'a refusal is taken for yes': {
    rule: 'L1',
    reply: (reply, message) =>
      message.type === 'deliver' && (reply.type === 'gap' || reply.type === 'lane' || reply.type === 'stale')
        ? yes(message, reply)
        : reply,
    mode: 'restores',
  },
  'what was lost is not missed': {
    rule: 'L1',
    from: 200,
    mode: 'restores',
    call(message) {
      if (message.type !== 'deliver') return message
      const { base: _, sync: __, ...rest } = message
      return rest
    },
  },
  'a cursor is believed to be at the head': {
    rule: 'S2',
    frame: hearing('auth', ({ cursor }, rows) => {
      const { head, epoch } = metaIn(rows)
      const row = rows.get(keys.log(head))
      const at = row && { epoch, seq: head, mark: (JSON.parse(row) as LogRow).entry.mark }
      return { cursor: cursor && (at ?? cursor) }
    }),
  },
  'a cursor of another history is believed': {
    rule: 'S2',
    mode: 'restores',
    frame: hearing('auth', ({ cursor }, rows) => {
      const { head, epoch } = metaIn(rows)
      const seq = Math.min((cursor as { seq: number } | null)?.seq ?? 0, head)
      const row = rows.get(keys.log(seq))
      return { cursor: cursor && { epoch, seq, mark: row && (JSON.parse(row) as LogRow).entry.mark } }
    }),
  },
  'receipts are assigned': {
    rule: 'S7',
    tx: readingPeers(({ theirs }) => {
      theirs.may = { delivered: 0, read: 0 }
      theirs.shown = { delivered: 0, read: 0 }
    }),
  },
  'the clock of a pair is forgotten': { rule: 'S8', tx: readingPeers((peer) => (peer.ts = 0)) },
  'a ring without end': {
    rule: 'S9',
    tx: writing<PeerRow>('peer:', ({ in: lane, ...peer }) => ({
      ...peer,
      in: { ...lane, ring: [...lane.ring, ...lane.ring] },
    })),
  },
  'a block is forgotten': { rule: 'S5', tx: readingPeers((peer) => (peer.blocked = false)) },
  'the gate stands open': {
    rule: 'S6',
    mode: 'knocks',
    tx: reading<Meta>(
      'meta',
      (meta) => (meta.policy = { ...firstPolicy, ...meta.policy, reach: 'everyone' }),
    ),
  },
  'strangers are taken for buddies': {
    rule: 'S6',
    mode: 'knocks',
    tx: readingPeers((peer) => {
      if (peer.relation === 'none') peer.relation = 'buddies'
    }),
  },
  'read marks are always shown': {
    rule: 'RC6',
    tx: reading<Meta>('meta', (meta) => (meta.policy = { ...firstPolicy, ...meta.policy, reads: true })),
  },
  'a package that was given away stays': {
    rule: 'KY6',
    tx: (batch) => ({
      ...batch,
      // What a device uploads is stored; that something of it was given away is not.
      put: (key, row) =>
        (key.startsWith('keys:') && (row as PackagesRow).given.length > 0) || batch.put(key, row),
      delete: (key) => key.startsWith('package:') || batch.delete(key),
    }),
  },
  'what is due is forgotten': { rule: 'L4', tx: writing('due', () => undefined) },
  'a version of presence goes back': {
    rule: 'S7',
    tx: reading<PresenceRow>('presence', (own) => (own.version = Math.max(0, own.version - 60_000))),
  },
  'the outbox is never emptied': { rule: 'L3', tx: keeping('outbox:') },
  'what was trimmed stays': { rule: 'L5', tx: keeping('log:') },
  'an account that is gone is not mourned': {
    rule: 'S11',
    mode: 'farewell',
    call(message) {
      if (message.type !== 'deliver') return message
      const items = message.items.map((item) =>
        item.kind === 'gone' ? { ...item, kind: 'devices' as const } : item,
      )
      return { ...message, items }
    },
  },
  'a name is free at once': {
    rule: 'S11',
    mode: 'farewell',
    tx: reading<Meta>('meta', (meta) => {
      if (meta.gone !== undefined) meta.gone -= 400 * 86_400_000
    }),
  },
} satisfies Record<string, Mutant>

export type MutantName = keyof typeof mutants
