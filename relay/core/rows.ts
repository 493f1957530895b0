/**
 * What a room keeps, and under which key. Numbers in keys are padded, so that the order of keys is the order of
 * numbers; a user name has no colon, so `outbox:bob:` holds Bob's rows and nobody else's.
 */
import type { Device, DeviceList, Slot } from '#shared/account'
import type { SealedSegment, SegmentItem } from '#shared/archive'
import type { Entry, Mode, Policy, Relation, Show } from '#shared/frames'
import type { AccountId, BlobId, DeviceId, EnvelopeId, Epoch, LaneId, Millis, Seq, UserId } from '#shared/ids'
import { padded } from './ids.ts'
import type { Fork, Item, Receipts } from './ports.ts'

export const keys = {
  meta: 'meta',
  due: 'due',
  account: 'account',
  presence: 'presence',
  preferences: 'preferences',
  quota: 'quota',
  logins: 'logins',
  vault: 'vault',
  drops: 'drops',
  archive: 'archive',
  index: (n: number) => `index:${padded(n, 9)}`,
  segment: (id: string) => `segment:${id}`,
  blob: (blob: BlobId) => `blob:${blob}`,
  list: (version: number) => `list:${padded(version, 9)}`,
  device: (device: DeviceId) => `device:${device}`,
  packages: (device: DeviceId) => `keys:${device}`,
  package: (n: number) => `package:${padded(n, 12)}`,
  peer: (user: UserId) => `peer:${user}`,
  seen: (user: UserId) => `seen:${user}`,
  work: (user: UserId) => `work:${user}`,
  spread: (what: SpreadRow['what']) => `spread:${what}`,
  log: (seq: Seq) => `log:${padded(seq, 12)}`,
  outbox: (user: UserId, ts: Millis) => `outbox:${user}:${padded(ts, 15)}`,
} as const

/** `meta`: read at every event. */
export interface Meta {
  /** Of this schema. */
  version: 1
  name: UserId
  acct: AccountId
  created: Millis
  /** When the account was deleted (farewell.ts). */
  gone?: Millis
  /** With it: its devices, so that they, and nobody else, are told when they come. */
  goneDevices?: Pick<Device, 'id' | 'dak'>[]
  /** Since when the operator keeps the account out. */
  barred?: Millis
  epoch: Epoch
  /** Counts restores: a peer row of an earlier one is revived before it is used (outbox.ts). */
  incarnation: number
  head: Seq
  /** The last entry that was trimmed, and its mark. */
  floor: Seq
  floorMark: number
  /** Of the retained log, roughly. */
  bytes: number
  /** Some device has stored everything up to here, and receipts say so. */
  acked: Seq
  /** Looked at for expiry up to here. */
  expired: Seq
  /** The newest device list. */
  devices: { version: number; hash: string }
  /** The chosen mode is invisible. */
  invisible: boolean
  /** The ts of the last note to oneself; absent before the first. */
  notedAt?: Millis
  policy: Policy
  /** The number of the last key package; absent before the first. */
  packages?: number
  buddies: number
  asking: number
  asked: number
  blocks: number
}

/** What holds until somebody chooses. */
export const firstPolicy: Policy = { reach: 'everyone', invite: null, reads: true }

/** `due`: when which work is to be done at the latest; whatever happens first does it. */
export const jobs = ['lanes', 'presence', 'receipts', 'spread', 'expiry', 'trim', 'packages', 'wipe'] as const
export type Job = (typeof jobs)[number]
export type Due = Partial<Record<Job, Millis>>

/** `log:<seq>` */
export interface LogRow {
  at: Millis
  entry: Entry
  /** Goes with an own knock to the other room, and to no device. */
  invite?: string
}

/** `account` */
export interface AccountRow {
  aik: string
  minProto: number
  slots: Slot[]
  /** How often these were changed; absent before the first time. */
  change?: number
}

/** `list:<version>` */
export type ListRow = DeviceList

/** `device:<id>` */
export interface DeviceRow {
  id: DeviceId
  dak: Device['dak']
  seen: Millis
  generation: number
  /** The last send that was accepted. */
  last: EnvelopeId | null
  /** The latest accepted sends and what they were answered with, oldest first. */
  ring: readonly (readonly [key: string, ts: Millis, seq: Seq])[]
  /** At least up to here the device has stored the log. Written now and then: the device knows better. */
  cursor: Seq
}

/** `keys:<device>`: the packages of that device. The text of a one-time one is at `package:<n>`. */
export interface PackagesRow {
  lastResort: string
  /** One-time ones, in the order in which they are given away; `print` tells them apart. */
  waiting: [n: number, exp: Millis, print: string][]
  /** The prints of the latest that were accepted, given away or not. */
  accepted: string[]
  /** Who got a one-time one lately. */
  given: [user: UserId, at: Millis][]
}

/** `drops`: packages that wait no longer, and whose rows are still to go. */
export type DropsRow = number[]

/** A watermark of either direction. */
export interface Marks {
  delivered: Millis
  read: Millis
}
export type Range = [from: Millis, to: Millis]

/** `peer:<name>`: everything about the pair. */
export interface PeerRow {
  user: UserId
  relation: Relation
  muted: boolean
  blocked: boolean
  /** Of the roster item. */
  version: number
  /** Their knocks are swallowed until then. */
  rejectedUntil: Millis
  /**
   * The gate has let their knock in and they have not taken it back: as far as they know, it waits here. Outlives
   * blocks and rejections, of which they are not to know.
   */
  knocked?: true
  /** My knock that waits for an answer. */
  knock: EnvelopeId | null
  /** The pair's hybrid clock: the greatest ts given or seen. */
  ts: Millis
  incarnation: number
  /** The lane to the peer's room. */
  out: {
    lane: LaneId
    /** The outbox row that is first in order has the number after this one. */
    confirmed: number
    waiting: number
    /** Up to here the peer's room has everything, as far as is known. */
    base: Millis | null
    /** This room was restored: where the epochs before went another way. */
    fork?: Fork
    /** After a restore: tells the peer up to where its messages are here. */
    sync: Millis | null
    /** The peer was restored: entries after this ts are fetched from the log again, from `seq` downwards. */
    heal: { after: Millis; seq: Seq } | null
    /** There is a `work:` row. */
    marked: boolean
  }
  /** The lane from the peer's room. */
  in: {
    epoch: Epoch | ''
    lane: LaneId | ''
    n: number
    /** Up to here this room has everything. */
    ts: Millis
    /** The epoch of the peer's room in which `ts` counts. */
    since?: Epoch
    ring: readonly string[]
  }
  /** What my devices have of the peer's messages. */
  mine: Marks & {
    /** Dropped under a block or by the gate for strangers, newest last. */
    dropped: Range[]
    /** The last item was dropped: the next one dropped belongs to the same range. */
    dropping: boolean
    /** What the peer's room has confirmed to know. */
    told: Receipts | null
  }
  /** What the peer's devices have of mine. */
  theirs: {
    /** Shown or not: what decides about expiry and trimming. */
    settled: Millis
    except: Range[]
    /** What may be shown, and what has been. */
    may: Marks
    shown: Marks
  }
  /** The peer's newest device list, as far as my devices were told. */
  devices: string | null
}

/** `outbox:<name>:<ts>`: in the order of the lane. With a payload it only points to the log. */
export type OutboxRow =
  | { id: EnvelopeId; seq: Seq }
  | { id: EnvelopeId; item: Pick<Item, 'kind' | 'devices'> }

/** `seen:<name>`: a buddy's presence; there is one for each buddy, and for nobody else. */
export interface SeenRow {
  show: Show
  since?: Millis
  version: number
  until: Millis
  status?: string
  /** There, but not to be seen: wants to hear of changes all the same. Never told to a device. */
  listening?: true
  /** I have blocked them: the version with which they were sent offline, and whether they know. */
  blocked?: { version: number; told: boolean }
}

/** `presence`: my own. */
export interface PresenceRow {
  mode: Mode
  /** When the mode ends. */
  until?: Millis
  status: string
  /** What was published last. */
  told: { show: Show; since?: Millis; status: string; listening?: true }
  version: number
  publishedAt: Millis
  /** The version that everybody concerned has confirmed. */
  announced: number
  /** When the last connection is taken for gone. */
  offlineAt?: Millis
}

/** `preferences` */
export interface PreferencesRow {
  version: number
  payload: string
}

/** `archive`: how much there is of it, and the number of its newest line. */
export interface ArchiveRow {
  last: number
  segments: number
  chars: number
}

/** `index:<n>` */
export type IndexRow = SegmentItem

/** `segment:<id>`: `n` is its line in the index. */
export interface SegmentRow {
  n: number
  segment: SealedSegment
}

/** `blob:<id>`: room that a file takes until it goes, which is late when it is whole. */
export interface BlobRow {
  /** Sealed. */
  bytes: number
  goesAt: Millis
  uploadUntil: Millis
  until: Millis
}

/** `quota` */
export interface QuotaRow {
  day: number
  knocks: number
}

/** `logins`: nonces that were used and have not expired. */
export type LoginsRow = [nonce: string, ts: Millis][]

/** `spread:<what>`: something that all buddies (or all peers) are to be told, some at a time. */
export interface SpreadRow {
  what: 'devices' | 'receipts' | 'restored' | 'gone'
  after: string
}
