/**
 * The one store of a device: IndexedDB through Dexie. The background alone writes it, with exceptions that pages write:
 * `drafts`, `views`, new rows of `outbox`, `files` with their `parts` while they are sealed, and when a file was last
 * looked at. Pages read everything through `live()`.
 *
 * A new version of the schema is a new `version(n)` below, never a change of an old one.
 */
import { Dexie, type DexieOptions, type EntityTable, type Table } from 'dexie'
import type { DeviceList } from '#shared/account'
import type { Content, OfferedFile } from '#shared/content'
import type { ErrorCode } from '#shared/errors'
import type { Kind, Lists, Mode, Relation, Show } from '#shared/frames'
import type { AccountId, BlobId, DeviceId, EnvelopeId, Epoch, Millis, Seq, UserId } from '#shared/ids'
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

/** Why a message of mine was not sent: what the room said, or that its lists of keys cannot be right. */
export type Failure = ErrorCode | 'inconsistent-keys'

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
  /** Opened, and of a kind that only a newer Parley knows: kept for that one. */
  unknown?: unknown
  /** With `payload`: what else is needed to open it later. */
  lists?: Lists
  /** With `payload`: of the envelope, where that is not the message's own. */
  envelope?: EnvelopeId
  device?: DeviceId
  /** With `payload` or `unknown`: it waits for being opened. An index, for few of very many do. */
  waits?: 1
  /** How often it was asked for because it could not be opened, and how often it was sealed again. */
  asked?: number
  askedAt?: Millis
  resent?: number
  /** Of outgoing ones. */
  state?: SendState
  failure?: Failure
  /** By this device's clock, when it was written or came in. */
  at: Millis
  /** `content` is what the newest edit made of it; these are the texts before, oldest first. */
  edited?: { id: EnvelopeId; ts: Millis; before: { text: string; ts: Millis }[] }
  /** One for each of the two people; an empty one was taken away, and is kept for its time. */
  reactions?: Record<UserId, { id: EnvelopeId; ts: Millis; emoji: string }>
  /** Nothing is left of it but its place: its author took it back, or I wanted it gone here. */
  removed?: 'retracted' | 'hidden'
  /** Opened, or changed, only after the archive had passed its place: it is still to go there. */
  unarchived?: 1
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
  /** With it: the lists that it is sealed for, and the session. */
  lists?: Lists
  ratchet?: string
  /** It was sealed more than once: that the room has it says nothing about the newest session. */
  isResealed?: boolean
  /** The message that it repeats for a device that could not open it. */
  resendOf?: EnvelopeId
  /** By this device's clock. */
  at: Millis
  /** Older than a day; a person decides. */
  held?: boolean
  /** The room had it and has lost it: it goes again, however old it is. */
  lost?: boolean
  /** Of a knock: the token of the link by which the peer invited me. */
  invite?: string
  /** Of a knock: without any words, to somebody who takes words from buddies only. */
  bare?: boolean
}

// --- Sealing (engine/sealing) -----------------------------------------------------------------------------------

/** A session of MLS that this device has opened for a conversation, to speak in it (crypto/mls). */
export interface RatchetOutRow {
  peer: UserId
  /** Grows with every step: a step from an older state is never stored. */
  rev: number
  /** base64url of its 16 bytes. */
  ratchet: string
  state: Uint8Array
  /** Goes with every message until the room has stored one of them. */
  welcome?: Uint8Array
  /** The lists whose devices are in it. */
  lists: Lists
  sealed: number
  /** By this device's clock. */
  openedAt: Millis
  /** What this device says next in this conversation has this number, in whichever session. */
  n: number
  /** Whose mailbox devices are in it; absent: everybody's. */
  mailboxes?: { own: boolean; peer: boolean }
}

/** One that another device has opened, to hear it. */
export interface RatchetInRow {
  ratchet: string
  rev: number
  state: Uint8Array
  usedAt: Millis
}

/** How to join a session: only its first messages carry it, and who joins late needs it. */
export interface WelcomeRow {
  ratchet: string
  welcome: Uint8Array
  at: Millis
  /** Who is spoken with in it. */
  peer?: UserId
  /** Of the entry that brought it; absent where the archive did. */
  seq?: Seq
}

/** Private halves of key packages that were given out. */
export interface KeyPackageRow {
  ref: string
  /** `@`: the mailbox device's, of which every device of mine has a copy. */
  device: DeviceId
  public: Uint8Array
  secret: Uint8Array
  /** A last resort serves more than once. */
  isLastResort: boolean
  at: Millis
}

/** A device list that was checked, whosever it is. Envelopes name lists by their hashes. */
export interface ListRow {
  hash: string
  list: DeviceList
  at: Millis
}

/** Who is behind a name: the account, and the newest of its lists. Pinned at first sight. */
export interface IdentityRow {
  peer: UserId
  acct: AccountId
  ver: number
  hash: string
  /** They leave their own mailbox device out of their sessions: so it is left out of mine with them. */
  hasNoMailbox?: boolean
  /** Another account has taken the name: nothing is sent until a person has decided (§4.4). */
  other?: { acct: AccountId; ver: number; hash: string }
}

/** Something that happened to the keys or the account of a peer: a line that keeps its place in the conversation. */
export interface NoticeRow {
  /** Primary key [peer+ts+what]. */
  peer: UserId
  /** By the relay's clock. */
  ts: Millis
  what: 'device-added' | 'device-removed' | 'account-changed' | 'account-accepted' | 'account-deleted'
  /** Their safety number had been compared: it matters more then. */
  isLoud: boolean
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
  last?: { id: EnvelopeId; ts: Millis; direction: 'in' | 'out'; text: string; file?: FileNote }
  /** Unread messages; computed from the messages, never counted up. */
  unread: number
  /** A dot that I have set myself; it counts for nothing. */
  isMarked?: boolean
  /** When, by the room's clock; absent before it is there. */
  markedTs?: Millis
  /** The sitting of the last message. */
  session?: SessionRow
}

/** What is said of a file where it is not shown. `name` as its sender wrote it. */
export type FileNote = Pick<OfferedFile, 'name' | 'mime'>

/** One sitting: it follows from the messages, but for the answer. Over after an hour of quiet. */
export interface SessionRow {
  id: string
  /** By whom it was begun. */
  by: UserId
  startTs: Millis
  lastTs: Millis
  /** Somebody left, or did not want it. The next message begins another one. */
  end?: { by: UserId; ts: Millis; how: 'left' | 'rejected'; note?: string }
  /** What I said to the prompt; writing is accepting. Given on one device, it holds on all. */
  answer?: { what: 'accepted' | 'later'; at: Millis }
}

/** Somebody wrote and is to be asked about first: what the prompt shows. Gone once it is answered anywhere. */
export interface PromptRow {
  peer: UserId
  session: string
  /** Messages of theirs that wait. */
  count: number
  /** Of the newest. */
  text: string
  file?: FileNote
  at: Millis
  /** It was not answered in time: only the popup lists it still. */
  isFolded: boolean
}

export interface RosterRow {
  peer: UserId
  relation: Relation
  muted: boolean
  blocked: boolean
  version: number
  /** What they wrote when they knocked. `name` is what they call themselves; `via` is how they found me. */
  knock?: { text: string; at: Millis; reason?: string; page?: string; name?: string; via?: 'invite' }
  /** What they call themselves, as they said when we became buddies. */
  name?: string
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

/** Which devices of mine this one has heard of; `isNew` are those that a person has yet to look at. */
export interface DevicesRow {
  key: 'devices'
  known: DeviceId[]
  isNew: DeviceId[]
}

/** The archive is being read: there as long as it is not done, so a new background goes on with it. */
export interface RestoreRow {
  key: 'restore'
  done: number
  total: number
  /** Segments that are still to be read, in this order; absent until the index was. */
  left?: string[]
  /** Some were not there any more: another device has put them together anew, so the index is read again. */
  isStale?: boolean
  /** Segments that are not what this account's devices have put there. */
  unreadable?: number
  /** There was something of a conversation that is not kept: it has to go from there. */
  hasLeftOut?: boolean
  /** What the log says of messages of mine that are not here yet. */
  failed?: Record<EnvelopeId, ErrorCode>
}

/** What a person should know of the archive; absent while all is well. */
export interface ArchiveStatusRow {
  key: 'archive'
  /** The relay takes no more of it, does not know archives, or gave what could not be read. */
  problem: 'full' | 'unsupported' | 'unreadable'
  at: Millis
}

export type StatusRow =
  | ConnectionRow
  | SelfRow
  | RelayRow
  | PolicyRow
  | DevicesRow
  | RestoreRow
  | ArchiveStatusRow

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

/** Read and written through settings.ts alone. */
export interface SettingRow {
  key: string
  value: unknown
}

/** What the relay enforces for me, and so has to know. One row, key `policy`. */
export interface PolicyRow {
  key: 'policy'
  /** Who can reach me. */
  reach: 'everyone' | 'buddies' | 'invite'
  /** The hash of the token of my invite link; null without one. */
  invite: string | null
  /** Do others see that I have read, and do I see it of them? */
  reads: boolean
}

/**
 * What this device has of a file, and does with it. A file message without a row here is `offered`. Of one's own files
 * the page writes the row and the parts while it seals; from `queued` on everything is the background's.
 */
export interface FileRow {
  /** Primary key: `<from> <id>` of the message (`fileKey`), or random while it is not sent yet. */
  key: string
  peer: UserId
  direction: 'in' | 'out'
  state: FileState
  /** With `failed`: why. */
  failure?: FileFailure
  /** With `paused` and `failed` on an outgoing one: also before it was sent. */
  file: OfferedFile | SealedFile
  /** `key` of its parts, which stays when the file gets another one. */
  parts: string
  /** Of one that is not sent yet, and there then, if empty: what goes with it. With `file.blob`: the right to upload. */
  caption?: string
  token?: string
  /** Parts that are moved: up before it is sent, else down. */
  done: number
  /** By this device's clock: made; and last looked at, for what goes first when space is freed. */
  at: Millis
  usedAt: Millis
}

/**
 * A file of mine that is not sent yet. `blob` once room was reserved for it; while it is `sealing`, `sealedBytes` is 0
 * and `sha256` empty.
 */
export type SealedFile = Omit<OfferedFile, 'blob' | 'until'> & Partial<Pick<OfferedFile, 'blob' | 'until'>>

/**
 * - `sealing` a page is at it · `queued` waits for its turn or for a connection · `moving` its parts are on their way
 * - `paused` by the person · `failed` until the person tries again · `here` whole and checked on this device
 * - `declined` not wanted here · `freed` was here and made room · `gone` the relay has it no more
 * - `offered` is never stored: it is what no row means
 */
export type FileState =
  | 'offered'
  | 'sealing'
  | 'queued'
  | 'moving'
  | 'paused'
  | 'failed'
  | 'here'
  | 'declined'
  | 'freed'
  | 'gone'

/** `file-full`: the account's quota · `relay-full`: its disk · `disk-full`: this device's · `damaged`: the hash differs */
export type FileFailure =
  | ErrorCode
  | 'file-full'
  | 'relay-full'
  | 'disk-full'
  | 'incomplete'
  | 'damaged'
  | 'unreachable'

/** Sealed bytes of a file. */
export interface PartRow {
  /** Primary key [key+n]; `parts` of its file. */
  key: string
  n: number
  bytes: Uint8Array<ArrayBuffer>
}

/** A blob of mine that nobody needs any more: the room is still to be told. */
export interface ReleaseRow {
  blob: BlobId
}

export const fileKey = (from: UserId, id: EnvelopeId): string => `${from} ${id}`

export type Db = Dexie & {
  account: EntityTable<AccountRow, 'key'>
  cursor: EntityTable<CursorRow, 'key'>
  messages: Table<MessageRow, [UserId, EnvelopeId]>
  /** Edits, reactions and the like: applied to what they change, and kept because a restored room may need them. */
  changes: Table<MessageRow, [UserId, EnvelopeId]>
  prompts: EntityTable<PromptRow, 'peer'>
  ratchetsOut: EntityTable<RatchetOutRow, 'peer'>
  ratchetsIn: EntityTable<RatchetInRow, 'ratchet'>
  welcomes: EntityTable<WelcomeRow, 'ratchet'>
  keyPackages: EntityTable<KeyPackageRow, 'ref'>
  lists: EntityTable<ListRow, 'hash'>
  identities: EntityTable<IdentityRow, 'peer'>
  notices: Table<NoticeRow, [UserId, Millis, NoticeRow['what']]>
  outbox: EntityTable<OutboxRow, 'id'>
  files: EntityTable<FileRow, 'key'>
  parts: Table<PartRow, [string, number]>
  releases: EntityTable<ReleaseRow, 'blob'>
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
  db.version(2).stores({ changes: '[from+id]', prompts: 'peer' })
  db.version(3).stores({
    ratchetsOut: 'peer',
    ratchetsIn: 'ratchet, usedAt',
    welcomes: 'ratchet, at',
    keyPackages: 'ref, at',
    lists: 'hash, at',
    identities: 'peer',
  })
  db.version(4).stores({ notices: '[peer+ts+what]' })
  db.version(5)
    .stores({
      messages: '[from+id], [peer+ts+from+id], [peer+direction+ts], waits',
      changes: '[from+id], waits',
      identities: 'peer, other.acct',
    })
    .upgrade(async (was) => {
      for (const table of ['messages', 'changes']) {
        await was
          .table<MessageRow>(table)
          .filter((row) => row.content === null && (row.payload !== undefined || row.unknown !== undefined))
          .modify({ waits: 1 })
      }
    })
  db.version(6).stores({
    messages: '[from+id], [peer+ts+from+id], [peer+direction+ts], waits, seq, unarchived',
    changes: '[from+id], waits, seq, unarchived',
  })
  db.version(8).stores({ files: 'key, peer, state', parts: '[key+n]', releases: 'blob' })
  return db
}
