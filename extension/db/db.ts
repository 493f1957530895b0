/**
 * The one store of a device: IndexedDB through Dexie. The background alone writes it, with three exceptions that
 * pages write: `drafts`, `views`, and new rows of `outbox`. Pages read everything through `live()`.
 *
 * A new version of the schema is a new `version(n)` below, never a change of an old one.
 */
import { Dexie, type DexieOptions, type EntityTable, type Table } from 'dexie'
import type { DeviceList } from '#shared/account'
import type { Content } from '#shared/content'
import type { ErrorCode } from '#shared/errors'
import type { Kind, Mode, Relation, Show } from '#shared/frames'
import type { AccountId, DeviceId, EnvelopeId, Epoch, Millis, Seq, UserId } from '#shared/ids'
import type { AnnouncedLimits } from '#shared/limits'

/** Who this device is. One row, key `me`; none while signed out. */
export interface AccountRow {
  key: 'me'
  user: UserId
  acct: AccountId
  /** The relay's address as people type it: `https://relay.example`, `http://127.0.0.1:1999`. */
  relay: string
  /** Pinned at sign-up: another relay under the same address is not this one. */
  relayId: string
  device: DeviceId
  /** Ed25519; the private half cannot be exported. Signs the relay's challenge. */
  dak: CryptoKeyPair
  /** AES-GCM, cannot be exported; what follows in `sealed…` is encrypted under it. */
  lsk: CryptoKey
  sealedSecrets: { iv: string; ct: string }
  /** The newest list of own devices that was checked. */
  list: DeviceList
  /** Counts the starts of this profile; stored before each connect. A copied profile is found out by it. */
  generation: number
  createdAt: Millis
}

/** Where this device is in its room's log. One row, key `cursor`, written with the entries it covers. */
export interface CursorRow {
  key: 'cursor'
  epoch: Epoch
  seq: Seq
  mark: number
  /**
   * The room was restored from a backup, and what came after that has not been sent again yet: messages of mine
   * without a seq, and these blocks. Stored with the new cursor, so that it is done whatever happens in between.
   */
  restored?: { blocks: UserId[] }
}

/** What a message of mine has come to; `delivered` and `read` follow from the conversation's watermarks. */
export type SendState = 'pending' | 'stored' | 'failed' | 'expired'

/** A message that is not confirmed yet sorts behind everything that is. */
export const pendingTs = 8_640_000_000_000_000

export interface MessageRow {
  /** Primary key [from+id]. */
  from: UserId
  id: EnvelopeId
  /** The other person, whoever wrote it. Display order is [peer+ts+from+id]. */
  peer: UserId
  /** The sending room's clock; `pendingTs` until it is known. */
  ts: Millis
  /** In my room's log; absent until it is there, or when a restored room has lost it. */
  seq?: Seq
  direction: 'in' | 'out'
  kind: Kind
  /** What was inside; null while it cannot be opened: then `payload` is kept. */
  content: Content | null
  payload?: string
  device?: DeviceId
  /** Of outgoing ones. */
  state?: SendState
  failure?: ErrorCode
  /** By this device's clock, when it was written or came in. */
  at: Millis
}

/** An envelope on its way: made by a page (without `payload`), sealed and sent by the background. */
export interface OutboxRow {
  /** Primary key and order: UUIDv7 made by the page, monotonic on one device. */
  id: EnvelopeId
  peer: UserId
  kind: Kind
  content: Content
  /** The sealed bytes. Once they exist, exactly these are sent again. */
  payload?: string
  /** By this device's clock. */
  at: Millis
  /** Older than a day; a person decides. */
  held?: boolean
  /** The room had it and has lost it: it goes again, however old it is. */
  lost?: boolean
}

/** What is known of a conversation beside its messages. */
export interface ConversationRow {
  peer: UserId
  /** Up to which of their messages I have read, as ts: the pointer that unread follows from. */
  readTs: Millis
  /** My room has confirmed `readTs` up to here. */
  readSentTs: Millis
  /** Up to which of mine they have. */
  delivered: Millis
  read: Millis
  except: [from: Millis, to: Millis][]
  /** Last thing said, for the list; kept by the background. */
  last?: { id: EnvelopeId; ts: Millis; direction: 'in' | 'out'; text: string }
  /** Unread messages; computed from the messages, never counted up. */
  unread: number
}

export interface RosterRow {
  peer: UserId
  relation: Relation
  muted: boolean
  blocked: boolean
  version: number
  /** What they wrote when they knocked. */
  knock?: { text: string; at: Millis }
}

/** Presence as last heard. Believed until `until`, and only while the relay is being heard. */
export interface PresenceRow {
  peer: UserId
  show: Show
  since?: Millis
  until: Millis
  version: number
  status?: string
}

export interface TypingRow {
  peer: UserId
  until: Millis
}

/** The connection, in the words of the line in the popup. */
export interface ConnectionRow {
  key: 'connection'
  state: 'signed-out' | 'connecting' | 'connected' | 'waiting' | 'refused'
  /** With `waiting`: when the next try comes. */
  nextTryAt?: Millis
  /** With `waiting` and `refused`: why, as a code of errors.ts, `unreachable` or `replaced`. */
  reason?: string
  /** With `waiting`: how often in a row it failed, and since when. A new background goes on from there. */
  failures?: number
  failingSince?: Millis
  /** When the relay was last heard; while it is, at most half a minute old. */
  heardAt: Millis
  /** The relay's clock minus this device's, in milliseconds. */
  skew: number
  /** Is everything in that was waiting? */
  live: boolean
}

/** My own presence as chosen, the same on all my devices. */
export interface SelfRow {
  key: 'self'
  mode: Mode
  until?: Millis
  status: string
  show: Show
}

/** What the relay announced at the last welcome. */
export interface RelayRow {
  key: 'relay'
  limits: AnnouncedLimits
}

export type StatusRow = ConnectionRow | SelfRow | RelayRow

/** Written by pages: the text being typed, kept at most half a second after the last key (E10). */
export interface DraftRow {
  peer: UserId
  text: string
  at: Millis
}

/** Written by pages and the window opener: places of windows, folded groups. Local to this device. */
export interface ViewRow {
  key: string
  value: unknown
}

/** Settings. Opaque to the relay; `version` is the relay's compare-and-set number. */
export interface SettingRow {
  key: string
  value: unknown
}

export type Db = Dexie & {
  account: EntityTable<AccountRow, 'key'>
  cursor: EntityTable<CursorRow, 'key'>
  messages: Table<MessageRow, [UserId, EnvelopeId]>
  outbox: EntityTable<OutboxRow, 'id'>
  conversations: EntityTable<ConversationRow, 'peer'>
  roster: EntityTable<RosterRow, 'peer'>
  presence: EntityTable<PresenceRow, 'peer'>
  typing: EntityTable<TypingRow, 'peer'>
  status: Table<StatusRow, StatusRow['key']>
  drafts: EntityTable<DraftRow, 'peer'>
  views: EntityTable<ViewRow, 'key'>
  settings: EntityTable<SettingRow, 'key'>
}

/** Opens lazily at first use. `strict`: a transaction is done when it is on the disk, not before. */
export function openDb(name = 'parley', options: DexieOptions = {}): Db {
  const db = new Dexie(name, { chromeTransactionDurability: 'strict', ...options }) as Db
  db.version(1).stores({
    account: 'key',
    cursor: 'key',
    messages: '[from+id], [peer+ts+from+id], [peer+direction+ts]',
    outbox: 'id, peer',
    conversations: 'peer',
    roster: 'peer',
    presence: 'peer',
    typing: 'peer',
    status: 'key',
    drafts: 'peer',
    views: 'key',
    settings: 'key',
  })
  return db
}
