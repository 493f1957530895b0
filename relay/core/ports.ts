/**
 * What the core is given and what it gives back. A host (PartyKit, Node, the simulator) brings a store, sockets
 * and a link to the other rooms; everything else is the same everywhere.
 */
import type {
  ClaimedPackage,
  DeviceList,
  KeyPackageUp,
  LoggedInPart,
  Register,
  Slot,
  SlotName,
  Vault,
  Verify,
} from './account-types.ts'
import type { ErrorCode } from '#shared/errors'
import type { AccountId, BlobId, DeviceId, EnvelopeId, Epoch, LaneId, Millis, Seq, UserId } from '#shared/ids'
import type { ClientFrame, Kind, Lead, Lists, ServerFrame, Show } from '#shared/frames'
import type { AnnouncedLimits } from '#shared/limits'

export type { DeviceList, LoggedInPart, Register, SlotName, Verify }

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined }

// --- Storage ---------------------------------------------------------------------------------------------

/** Reads see the batch's own writes. Nothing is durable before the runner has committed. Keys: UTF-8 order. */
export interface Tx {
  get<T>(key: string): Promise<T | undefined>
  /** At most 128 keys. */
  getMany<T>(keys: readonly string[]): Promise<Map<string, T>>
  /** `after` and `end` are exclusive and are whole keys. */
  list<T>(range: {
    prefix: string
    after?: string
    end?: string
    limit: number
    reverse?: boolean
  }): Promise<[key: string, value: T][]>
  /** A value is at most 128 KiB as JSON; a batch has at most 128 writes. */
  put(key: string, value: unknown): void
  delete(key: string): void
  /** Durable, at least once. The earliest of all wishes wins; a wish is gone once the alarm has rung. */
  wakeAt(at: Millis): void
}

/** One room's storage. */
export interface Store {
  /**
   * Resolves only when the batch and the wake-up are durable as one, with everything that `run` has read; rejects:
   * nothing of it happened. `inOrder` is called before that, once the batch has its place: whatever is written from
   * then on, by this room or by one that it calls, becomes durable after it, or is lost with it. When something is
   * lost after that, the host ends every room that was busy: memory and sockets say what never was.
   */
  transact<R>(run: (tx: Tx) => Promise<R>, inOrder?: (result: R) => void): Promise<R>
}

// --- Sockets ---------------------------------------------------------------------------------------------

/** The host's own name for a socket; never one that a client chose. */
export type ConnectionId = string

/** What is remembered about a socket, at most 300 bytes, kept where it survives hibernation. */
export interface ConnectionState {
  version: 1
  /** Until `auth`: the challenge, and when it was given. */
  nonce?: string
  device?: DeviceId
  /** Highest entry sent, and highest acknowledged. */
  sent: Seq
  acked: Seq
  /** Has the backlog been sent, and `live` after it? */
  live: boolean
  watching: boolean
  activity: 'active' | 'idle'
  since: Millis
  /** When a person last did something there; and which device leads, as it was told (lead.ts). */
  usedAt?: Millis
  lead?: Lead
  /** When the socket last said anything; before `auth`, when it opened. */
  seenAt: Millis
  /** Since when something is under way that the device has not acknowledged. */
  waitingSince?: Millis
  /** Frames in a row that could not be read. */
  bad: number
  /** The device's pass over its outbox of which a send was refused: what else is new in it comes too early. */
  refused?: number
}

export interface Sockets {
  states(): ReadonlyMap<ConnectionId, ConnectionState>
  send(id: ConnectionId, text: string): void
  close(id: ConnectionId, code: number, reason: string): void
  remember(id: ConnectionId, state: ConnectionState): void
  /** Bytes not yet handed to the network; 0 where nobody knows. */
  buffered(id: ConnectionId): number
}

// --- Room to room ----------------------------------------------------------------------------------------

/** Up to which ts the sender of this has stored (and read) what the other sent; `show`: may people see it. */
export interface Receipts {
  delivered: Millis
  read: Millis
  /** Ranges below `delivered` that were dropped under a block, both ends included. */
  except: [from: Millis, to: Millis][]
  show: boolean
}

export interface Item {
  n: number
  id: EnvelopeId
  kind: Kind | 'withdraw' | 'remove' | 'devices' | 'gone'
  ts: Millis
  device?: DeviceId
  payload?: string
  lists?: Lists
  devices?: { version: number; hash: string }
  /** With a knock: the token of an invite link. */
  invite?: string
}

export interface PresencePost {
  show: Show
  since?: Millis
  presenceVersion: number
  until: Millis
  status?: string
  /** Invisible, but there: the receiver's room goes on telling its news. Not for any device. */
  listening?: true
}

/** From `ts` on an earlier epoch than this one went another way: a position in it says nothing about what is later. */
export interface Fork {
  epoch: Epoch
  ts: Millis
}

export type RoomMessage =
  | {
      type: 'deliver'
      version: 1
      epoch: Epoch
      lane: LaneId
      /** Everything up to this ts is confirmed, as far as the sender knows. */
      base?: Millis
      items: Item[]
      receipts: Receipts
      /** The sender was restored from a backup and has the receiver's messages only up to this ts. */
      sync?: Millis
      /** In which epoch of the receiver `sync` counts. */
      of?: Epoch
      /** Of what the sender said in an earlier epoch, it still has what is up to this ts. */
      fork?: Fork
      /** The receiver has answered with an older epoch than this, which it once had. */
      knows?: Epoch
    }
  | ({ type: 'presence'; version: 1 } & PresencePost)
  | { type: 'typing'; version: 1; state: 'composing' | 'paused' }
  | { type: 'claim'; version: 1; after: number; packages: boolean; invite?: string }

/** What a claim is answered with. */
export interface KeysAnswer {
  acct: AccountId
  lists: DeviceList[]
  packages: ClaimedPackage[]
  more?: true
}

export type RoomReply =
  | {
      type: 'confirmed'
      epoch: Epoch
      lane: LaneId
      n: number
      ts: Millis
      failed?: { id: EnvelopeId; code: ErrorCode }[]
      devices?: { version: number; hash: string }
    }
  | { type: 'stale'; epoch: Epoch; lane: LaneId }
  | { type: 'lane' | 'gap'; epoch: Epoch; have: Millis }
  | ({ type: 'presence' } & PresencePost)
  | ({ type: 'keys' } & KeysAnswer)
  | { type: 'done' }
  | { type: 'error'; code: ErrorCode; retryAfterMs?: number }

/** Unreliable, unordered, may duplicate. Rejects on time-out, unreachable, overloaded. */
export interface RoomLink {
  /** So many calls one room may have under way at once; absent = as few as a Durable Object may (limits.ts). */
  readonly parallelMax?: number
  post(to: UserId, message: RoomMessage, options: { from: UserId; timeoutMs: number }): Promise<RoomReply>
}

// --- Files -----------------------------------------------------------------------------------------------

/** Bytes that nobody wants any more. Until `uploadUntil` there is a token that could bring them back. */
export interface DroppedBlob {
  blob: BlobId
  uploadUntil: Millis
  until: Millis
}

/** Deletes the bytes of files, as well as it can: what it misses goes at its time. */
export interface BlobBin {
  drop(blobs: readonly DroppedBlob[]): void
}

// --- Accounts --------------------------------------------------------------------------------------------

/** What relay/http asks of a room. Tickets and proofs of work are checked there, signatures of the account here. */
export type AccountOperation =
  | { type: 'register'; body: Register }
  | { type: 'login'; slot: SlotName; nonce: string; ts: Millis; signature: string }
  /** `change`: how often the ways in had been changed when the ticket was given. */
  | {
      type: 'put-devices'
      list: DeviceList
      change?: number
      keys?: KeyPackageUp[] | undefined
      vault?: Vault | undefined
    }
  | { type: 'delete'; ticket: string; change: number; signature: string }
  | { type: 'put-slot'; slot: Slot; change: number; signature: string }
  | { type: 'get-devices'; acct: AccountId | null; after: number }
  /** A file of the account is whole. */
  | { type: 'uploaded'; blob: BlobId }
  /** The operator's word, which needs no proof: hosts let nobody else say it. Barred accounts cannot sign in. */
  | { type: 'bar'; on: boolean }
  | { type: 'remove' }
  /** The store was put back to an older state (a backup). To be said before anything else happens in the room. */
  | { type: 'restored' }

export type AccountReply =
  | { type: 'registered'; acct: AccountId }
  | ({ type: 'logged-in' } & LoggedInPart)
  | { type: 'devices'; lists: DeviceList[] }
  | { type: 'ok'; version?: number; hash?: string }
  | { type: 'error'; code: ErrorCode; retryAfterMs?: number }

// --- The core --------------------------------------------------------------------------------------------

/** Why a post was made, so that its outcome finds its way. A lane's names what was in it. */
export type PostTag =
  | {
      type: 'lane'
      peer: UserId
      epoch: Epoch
      lane: LaneId
      n: number
      receipts: Receipts
      sync: Millis | null
    }
  | { type: 'presence'; peer: UserId; version: number }
  | { type: 'typing'; peer: UserId }
  | { type: 'claim'; peer: UserId; connection: ConnectionId; request: string }

export type RoomEvent =
  | { type: 'open'; connection: ConnectionId }
  | { type: 'frame'; connection: ConnectionId; frame: ClientFrame }
  | { type: 'close'; connection: ConnectionId; state: ConnectionState; code: number }
  | { type: 'peer'; from: UserId; message: RoomMessage }
  | { type: 'result'; tag: PostTag; reply: RoomReply | null }
  | { type: 'alarm' }
  | { type: 'account'; operation: AccountOperation }

export type Effect =
  | { type: 'send'; connection: ConnectionId; frame: ServerFrame; ephemeral?: true }
  | { type: 'close'; connection: ConnectionId; code: number; reason: string }
  | { type: 'remember'; connection: ConnectionId; state: ConnectionState }
  | { type: 'post'; to: UserId; message: RoomMessage; tag: PostTag }
  | { type: 'reply'; reply: RoomReply | AccountReply }
  | { type: 'drop'; blobs: readonly DroppedBlob[] }

export interface Random {
  /** 0 ≤ x < 1 */
  next(): number
  bytes(length: number): Uint8Array
}

/** What may be forgotten at any moment: calls in flight, backoff, token buckets. */
export type Memory = Map<string, unknown>

export type Metric = (name: string, labels?: Readonly<Record<string, string>>, value?: number) => void
export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  text: string,
  fields?: Readonly<Record<string, Json>>,
) => void

/** What an operator decided. */
export interface RelaySettings {
  relayId: string
  /** Signs the right to upload a file; hosts make it from their secret. */
  blobKey: Uint8Array
  announced: AnnouncedLimits
  /** For one account; those of limits.ts where the operator decided nothing. */
  quotas?: Quotas
}

export interface Quotas {
  sendsPerHourMax: number
  knocksPerDayMax: number
  logBytesMax: number
}

/** What a handler may look at besides its transaction. */
export interface Env {
  self: UserId
  now: Millis
  random: Random
  verify: Verify
  settings: RelaySettings
  connections: ReadonlyMap<ConnectionId, ConnectionState>
  /** Calls to other rooms that may be under way at once, for news of little weight. */
  postsParallelMax: number
  memory: Memory
  log: Log
  metric: Metric
}

/** What a host gives a room. */
export interface RoomHost {
  self: UserId
  store: Store
  link: RoomLink
  sockets: Sockets
  blobs: BlobBin
  settings: RelaySettings
  /** Milliseconds since 1970. */
  clock(): Millis
  random: Random
  verify: Verify
  log: Log
  metric: Metric
}

/** What the runner offers a host. Every method resolves when the event is stored and its effects are performed. */
export interface Room {
  /** A socket was opened: the room answers with `hello`. */
  opened(connection: ConnectionId): Promise<void>
  /** Text came in. Unreadable frames are answered here; the caller need not look at them. */
  received(connection: ConnectionId, text: string): Promise<void>
  /** `code` is the close code, 1006 when the connection was lost. */
  closed(connection: ConnectionId, state: ConnectionState, code: number): Promise<void>
  peer(from: UserId, message: RoomMessage): Promise<RoomReply>
  account(operation: AccountOperation): Promise<AccountReply>
  /** The store's wake-up is due (it may ring twice, and late). */
  alarm(): Promise<void>
  /** Resolves when nothing is being handled and no post is in flight: for hosts that put rooms away. */
  idle(): Promise<void>
  readonly busy: boolean
}
