/** Deliberate mistakes, made around the core: a simulator that finds none of them finds nothing. */
import type { Epoch, UserId } from '#shared/ids'
import type { Batch } from '../../relay/core/batch.ts'
import type { ConnectionState, RoomMessage, RoomReply, Tx } from '../../relay/core/ports.ts'
import { keys, type DeviceRow, type PackagesRow, type Meta, type PeerRow } from '../../relay/core/rows.ts'
import type { Relay } from './room.ts'

export interface Mutant {
  /** Effects are performed without waiting for the commit. */
  effectsFirst?: true
  tx?(batch: Batch, user: UserId, relay: Relay): Tx
  /** What a device says is changed before the room hears it. */
  frame?(text: string, rows: ReadonlyMap<string, string>, state: ConnectionState): string
  /** Made up where a call has no answer. */
  answer?(message: RoomMessage, epoch: Epoch): RoomReply | null
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

const readingPeers = (change: (peer: PeerRow) => void) => reading('peer:', change)

export const mutants = {
  none: {},
  'effects before the commit': { effectsFirst: true },
  'no dedupe in the lane': { tx: readingPeers((peer) => (peer.in.ring = [])) },
  'no order guard': {
    frame(text, rows, { device }) {
      const frame = JSON.parse(text) as { type: string; previous?: string | null }
      if (frame.type !== 'send' || !device) return text
      const { last } = JSON.parse(rows.get(keys.device(device))!) as DeviceRow
      return JSON.stringify({ ...frame, previous: last })
    },
  },
  'no answer is taken for yes': {
    answer(message, epoch) {
      if (message.type !== 'deliver') return null
      // With a true `ts` the base check would find what is lacking, and the log would heal it.
      return { type: 'confirmed', epoch, lane: message.lane, n: message.items.at(-1)?.n ?? 0, ts: 0 }
    },
  },
  'a block is forgotten': { tx: readingPeers((peer) => (peer.blocked = false)) },
  'the gate stands open': { tx: reading<Meta>('meta', ({ policy }) => (policy.reach = 'everyone')) },
  'read marks are always shown': { tx: reading<Meta>('meta', ({ policy }) => (policy.reads = true)) },
  'a package that was given away stays': {
    tx: (batch) => ({
      ...batch,
      // What a device uploads is stored; that something of it was given away is not.
      put: (key, row) =>
        (key.startsWith('keys:') && (row as PackagesRow).given.length > 0) || batch.put(key, row),
      delete: (key) => key.startsWith('package:') || batch.delete(key),
    }),
  },
  'what is due is forgotten': {
    tx: (batch) => ({ ...batch, put: (key, row) => key !== keys.due && batch.put(key, row) }),
  },
} satisfies Record<string, Mutant>

export type MutantName = keyof typeof mutants
