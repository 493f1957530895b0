/** Everything that crosses the socket between a device and its room. The rules are in PROTOCOL.md. */
import * as v from 'valibot'
import { DeviceList } from './account.ts'
import { SealedSegment, segmentId, segmentIds, SegmentItem } from './archive.ts'
import { ProtocolError } from './errors.ts'
import type { UserId } from './ids.ts'
import { ClaimedPackage, KeyPackageUp, Vault, VaultText } from './keys.ts'
import { limits, type AnnouncedLimits } from './limits.ts'
import {
  accountId,
  addressText,
  blob,
  blobId,
  bytes,
  count,
  deviceId,
  envelopeId,
  epoch,
  errorCode,
  hash,
  inviteToken,
  mark,
  millis,
  request,
  seq,
  statusText,
  userId,
} from './schema.ts'

// --- Words used in several frames ------------------------------------------------------------------------

export const shows = ['online', 'idle', 'away', 'dnd', 'offline'] as const
export const Show = v.picklist(shows)
export type Show = v.InferOutput<typeof Show>

/** What a person chose; `auto` leaves it to what their devices see. */
export const modes = ['auto', 'away', 'dnd', 'invisible'] as const
export const Mode = v.picklist(modes)
export type Mode = v.InferOutput<typeof Mode>

/** One relation, the same from both sides: `asking` = my knock is out, `asked` = theirs is waiting. */
export const relations = ['none', 'asking', 'asked', 'buddies'] as const
export const Relation = v.picklist(relations)
export type Relation = v.InferOutput<typeof Relation>

/** `message` counts as unread; `control` is everything sealed that is no new message. */
export const Kind = v.picklist(['message', 'control', 'knock', 'accept'])
export type Kind = v.InferOutput<typeof Kind>

/** A buddy's presence, and until when it may be believed. */
export const PeerPresence = v.object({
  peer: userId,
  show: Show,
  /** With `idle`: since when. */
  since: v.optional(millis),
  version: count,
  until: millis,
  status: v.optional(statusText),
})
export type PeerPresence = v.InferOutput<typeof PeerPresence>

/** My own: what all my devices should show as chosen, and what others see of it. */
export const OwnPresence = v.object({
  mode: Mode,
  until: v.optional(millis),
  status: v.string(),
  show: Show,
})
export type OwnPresence = v.InferOutput<typeof OwnPresence>

/** Who may reach me as a stranger; a buddy always may. `invite` = only with the token of my invite link. */
export const reaches = ['everyone', 'buddies', 'invite'] as const
export const Reach = v.picklist(reaches)
export type Reach = v.InferOutput<typeof Reach>

export const Policy = v.object({
  reach: Reach,
  /** SHA-256 of the token in my invite link; null while there is no link. */
  invite: v.nullable(hash),
  /** Do people see how far I have read, and I how far they have? */
  reads: v.boolean(),
})
export type Policy = v.InferOutput<typeof Policy>

const Lists = v.object({ own: hash, peer: v.union([hash, v.literal('')]) })
export type Lists = v.InferOutput<typeof Lists>
const ListHead = v.object({ version: count, hash })

export const RosterItem = v.object({
  peer: userId,
  relation: Relation,
  muted: v.boolean(),
  blocked: v.boolean(),
  version: count,
})
export type RosterItem = v.InferOutput<typeof RosterItem>

/** Up to which of my messages the peer's devices have them; `except` lists ranges that were dropped. */
export const Watermarks = v.object({
  peer: userId,
  delivered: millis,
  read: millis,
  except: v.array(v.tuple([millis, millis])),
})
export type Watermarks = v.InferOutput<typeof Watermarks>

// --- Entries: what a log holds ---------------------------------------------------------------------------

const base = { seq, mark }
export const Entry = v.variant('type', [
  v.object({
    ...base,
    type: v.literal('message'),
    peer: userId,
    direction: v.picklist(['in', 'out']),
    id: envelopeId,
    /** The sending room's hybrid clock; messages are shown in the order of (ts, from, id). */
    ts: millis,
    kind: Kind,
    payload: blob(limits.payloadBytesMax),
    device: v.optional(deviceId),
    lists: v.optional(Lists),
    /** Of a knock that came in: how they found me. Absent = by my name. */
    via: v.optional(v.literal('invite')),
  }),
  v.object({ ...base, type: v.literal('receipts'), ...Watermarks.entries }),
  /** My own read mark, for my other devices. */
  v.object({ ...base, type: v.literal('read'), peer: userId, ts: millis }),
  v.object({ ...base, type: v.literal('roster'), ...RosterItem.entries }),
  /** A device list changed: mine (no peer), or a peer's. Fetch it and check it; this is only a hint. */
  v.object({ ...base, type: v.literal('devices'), peer: v.optional(userId), version: count, hash }),
  v.object({ ...base, type: v.literal('failed'), peer: userId, id: envelopeId, ts: millis, code: errorCode }),
  v.object({ ...base, type: v.literal('gone'), peer: userId }),
  v.object({
    ...base,
    type: v.literal('preferences'),
    version: count,
    payload: blob(limits.preferencesBytesMax),
  }),
  v.object({ ...base, type: v.literal('policy'), ...Policy.entries }),
])
export type Entry = v.InferOutput<typeof Entry>
export type EntryOf<Type extends Entry['type']> = Extract<Entry, { type: Type }>

/** What a device needs to know when its log cannot be continued: the state behind the entries. */
export const Snapshot = v.object({
  roster: v.array(RosterItem),
  reads: v.array(v.object({ peer: userId, ts: millis })),
  receipts: v.array(Watermarks),
  devices: ListHead,
  preferences: v.optional(v.object({ version: count, payload: v.string() })),
  policy: Policy,
})
export type Snapshot = v.InferOutput<typeof Snapshot>

export const leads = ['here', 'active', 'idle'] as const
export const Lead = v.picklist(leads)
export type Lead = v.InferOutput<typeof Lead>

// --- Device → room ---------------------------------------------------------------------------------------

const Cursor = v.object({ epoch, seq, mark })
export type Cursor = v.InferOutput<typeof Cursor>
const Activity = v.picklist(['active', 'idle'])

export const ClientFrame = v.variant('type', [
  v.object({
    type: v.literal('auth'),
    version: count,
    device: deviceId,
    generation: count,
    at: millis,
    /** Null on a device that has nothing yet. */
    cursor: v.nullable(Cursor),
    signature: bytes(64),
    /** Read marks that the room may have missed; the greater wins. */
    reads: v.optional(v.record(userId, millis), {} as Record<UserId, number>),
    activity: v.optional(Activity, 'active'),
    since: v.optional(millis),
    client: v.pipe(v.string(), v.maxLength(80)),
    capabilities: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(40))), v.maxLength(20)), []),
  }),
  v.object({
    type: v.literal('send'),
    id: envelopeId,
    to: addressText,
    kind: Kind,
    payload: blob(limits.payloadBytesMax),
    lists: v.optional(Lists),
    /** The id this device sent before it, or null for its first: the chain that keeps the order. */
    previous: v.nullable(envelopeId),
    /** Numbers the device's passes over its outbox: answers to an older pass are void. */
    attempt: count,
    /** With a knock: the token of the invite link that led here. */
    invite: v.optional(inviteToken),
  }),
  v.object({ type: v.literal('ack'), seq }),
  v.object({ type: v.literal('read'), peer: userId, ts: millis }),
  v.object({
    type: v.literal('sync'),
    request,
    after: seq,
    limit: v.pipe(count, v.minValue(1), v.maxValue(200)),
  }),
  v.object({
    type: v.literal('roster'),
    request,
    peer: addressText,
    operation: v.picklist(['withdraw', 'reject', 'remove', 'block', 'unblock', 'mute', 'unmute']),
  }),
  v.object({
    type: v.literal('presence'),
    mode: v.optional(Mode),
    /** When the chosen mode ends by itself. */
    until: v.optional(v.nullable(millis)),
    activity: v.optional(Activity),
    since: v.optional(millis),
    status: v.optional(statusText),
  }),
  v.object({ type: v.literal('typing'), to: userId, state: v.picklist(['composing', 'paused']) }),
  /** Is anything of Parley on the screen? If not, the room may hold back presence and drops typing. */
  v.object({ type: v.literal('watch'), on: v.boolean() }),
  v.object({
    type: v.literal('preferences'),
    request,
    /** The version that these were made from, 0 before the first; they get the next one. */
    version: count,
    payload: blob(limits.preferencesBytesMax),
    /** Hash of my own newest list of devices, as it was known when this was sealed for them. */
    list: v.optional(hash),
  }),
  /** What is not given stays as it is. Another `invite`, or null, voids the old link. */
  v.object({
    type: v.literal('policy'),
    request,
    reach: v.optional(Reach),
    invite: v.optional(v.nullable(hash)),
    reads: v.optional(v.boolean()),
  }),
  /** Key packages for this device or for `@`. `replace`: those that wait and are not among these go. */
  v.object({ type: v.literal('keys'), request, up: KeyPackageUp, replace: v.boolean() }),
  /** Somebody's device lists (one's own too), and a key package for each of their devices. Answered by `keys`. */
  v.object({
    type: v.literal('claim'),
    request,
    peer: addressText,
    /** The version that is known already; 0 = from the first. The newest list comes in any case. */
    after: count,
    packages: v.boolean(),
    /** The token of the invite link that led here. */
    invite: v.optional(inviteToken),
  }),
  /**
   * Without a payload it reads; answered by `vault`. With one it writes what was made from `version` (0 before the
   * first), which gets the next version; answered by `ok`.
   */
  v.object({
    type: v.literal('vault'),
    request,
    version: v.optional(count),
    payload: v.optional(VaultText),
  }),
  /**
   * A segment of the archive, in the place of others; `list` as of `preferences`. Answered by `ok`, also when it is there
   * already.
   */
  v.object({
    type: v.literal('archive'),
    request,
    segment: SealedSegment,
    replaces: v.optional(segmentIds, []),
    list: v.optional(hash),
  }),
  /** The index of the archive, behind the line `after` (0 = from the first). Answered by `segments`. */
  v.object({ type: v.literal('segments'), request, after: count }),
  v.object({ type: v.literal('segment'), request, segId: segmentId }),
  v.object({ type: v.literal('unarchive'), request, segIds: segmentIds }),
  /** What the log holds up to `seq` is in the archive: a new device need not start before it. Answered by `ok`. */
  v.object({ type: v.literal('archived'), request, seq }),
  /** When each of my own devices was last here. Answered by `devices`. */
  v.object({ type: v.literal('devices'), request }),
  /** Room for a file of so many bytes, sealed. Answered by `reserved`. */
  v.object({ type: v.literal('reserve'), request, bytes: v.pipe(count, v.minValue(1)) }),
  /** The file is not wanted any more. */
  v.object({ type: v.literal('release'), request, blob: blobId }),
  /** Signing off for good: buddies see it at once, without the grace of a lost connection. */
  v.object({ type: v.literal('leave') }),
  v.object({ type: v.literal('ping') }),
])
export type ClientFrame = v.InferOutput<typeof ClientFrame>
export type ClientFrameOf<Type extends ClientFrame['type']> = Extract<ClientFrame, { type: Type }>

// --- Room → device ---------------------------------------------------------------------------------------

const announced: v.GenericSchema<AnnouncedLimits> = v.object({
  payloadBytesMax: count,
  messageCharsMax: count,
  knockCharsMax: count,
  statusCharsMax: count,
  rosterMax: count,
  devicesMax: count,
  keepMs: count,
  fileBytesMax: count,
  filesBytesMax: count,
  offline: v.picklist(['store', 'refuse']),
})

export const ServerFrame = v.variant('type', [
  v.object({
    type: v.literal('hello'),
    relayId: bytes(32),
    nonce: bytes(16),
    now: millis,
    versions: v.array(count),
  }),
  v.object({
    type: v.literal('welcome'),
    version: count,
    acct: accountId,
    epoch,
    /** The first entry that follows has `from + 1`. */
    from: seq,
    head: seq,
    /** Of the entry `from`; absent where there is none any more. */
    mark: v.optional(mark),
    /** How far the log is in the archive. */
    archived: v.optional(seq),
    /** The last send of this device that the room accepted, or null. */
    last: v.nullable(envelopeId),
    now: millis,
    /** Why the device could not simply go on; then `snapshot` comes too. */
    resync: v.optional(v.picklist(['new', 'epoch', 'mark', 'floor', 'ahead'])),
    snapshot: v.optional(Snapshot),
    self: OwnPresence,
    presence: v.array(PeerPresence),
    devices: ListHead,
    /** One-time key packages that are left for this device, and for `@`. */
    keysLeft: count,
    mailboxKeysLeft: count,
    heartbeatMs: count,
    limits: announced,
  }),
  v.object({
    type: v.literal('deliver'),
    entries: v.array(Entry),
    /** More is waiting in the log behind these. */
    more: v.boolean(),
    /** Set in the answer to `sync`. */
    request: v.optional(request),
  }),
  /** What was waiting has been sent: from here on it is news. */
  v.object({ type: v.literal('live'), seq }),
  v.object({
    type: v.literal('ok'),
    id: v.optional(envelopeId),
    request: v.optional(request),
    ts: v.optional(millis),
    seq: v.optional(seq),
  }),
  v.object({
    type: v.literal('error'),
    id: v.optional(envelopeId),
    request: v.optional(request),
    code: errorCode,
    action: v.picklist(['modify', 'auth', 'wait', 'cancel']),
    retryAfterMs: v.optional(count),
    last: v.optional(v.nullable(envelopeId)),
    attempt: v.optional(count),
    devices: v.optional(ListHead),
    versions: v.optional(v.array(count)),
    detail: v.optional(v.string()),
  }),
  v.object({ type: v.literal('presence'), ...PeerPresence.entries }),
  v.object({
    type: v.literal('keys'),
    request,
    peer: userId,
    acct: accountId,
    /** Oldest first. The last one is the newest there is, unless there are `more`: then ask for those after it. */
    lists: v.array(DeviceList),
    /** For the devices of the newest list that have any; none while there are more lists to come. */
    packages: v.array(ClaimedPackage),
    more: v.optional(v.literal(true)),
  }),
  v.object({ type: v.literal('vault'), request, ...Vault.entries }),
  v.object({
    type: v.literal('segments'),
    request,
    segments: v.array(SegmentItem),
    /** There are more: ask for those behind this line. */
    more: v.optional(count),
  }),
  v.object({ type: v.literal('segment'), request, segment: SealedSegment }),
  /** The log is in the archive up to here. */
  v.object({ type: v.literal('archived'), seq }),
  v.object({
    type: v.literal('devices'),
    request,
    devices: v.array(v.object({ id: deviceId, seen: millis, connected: v.boolean() })),
  }),
  v.object({
    type: v.literal('reserved'),
    request,
    blob: blobId,
    /** Allows uploading its parts, and nothing else. */
    token: v.pipe(v.string(), v.maxLength(200)),
    /** When it goes, if it is whole by then. */
    until: millis,
  }),
  /** Which of my devices alerts first: this one, or another with somebody at it, or another that is left alone. */
  v.object({ type: v.literal('lead'), lead: Lead }),
  v.object({ type: v.literal('self'), ...OwnPresence.entries }),
  v.object({
    type: v.literal('typing'),
    peer: userId,
    state: v.picklist(['composing', 'paused']),
    until: millis,
  }),
  v.object({ type: v.literal('bye'), reason: v.string(), retryAfterMs: count }),
  v.object({ type: v.literal('pong') }),
])
export type ServerFrame = v.InferOutput<typeof ServerFrame>
export type ServerFrameOf<Type extends ServerFrame['type']> = Extract<ServerFrame, { type: Type }>

/** Byte for byte, so that a platform may answer it without waking the room. */
export const pingText = '{"type":"ping"}'
export const pongText = '{"type":"pong"}'

// --- Reading ---------------------------------------------------------------------------------------------

type SchemaOf<T> = ReadonlyMap<unknown, v.GenericSchema<unknown, T>>

/** By type: looking for it in the whole variant costs more than checking the frame. */
const clientTypes: SchemaOf<ClientFrame> = new Map(
  ClientFrame.options.map((option) => [option.entries.type.literal, option]),
)
const serverTypes: SchemaOf<ServerFrame> = new Map(
  ServerFrame.options.map((option) => [option.entries.type.literal, option]),
)

/**
 * Reads one frame off a device's socket. Nothing past here sees unchecked input.
 * @throws ProtocolError `bad-request` for what is no frame, `feature-not-implemented` for an unknown type,
 *   `too-large` for a payload over its limit.
 */
export function parseClientFrame(text: string): ClientFrame {
  if (text === pingText) return { type: 'ping' }
  return parse(text, clientTypes)
}

/** Reads one frame off the relay's socket. @throws ProtocolError like `parseClientFrame`. */
export function parseServerFrame(text: string): ServerFrame {
  if (text === pongText) return { type: 'pong' }
  return parse(text, serverTypes)
}

function parse<T>(text: string, types: SchemaOf<T>): T {
  let input: unknown
  try {
    input = JSON.parse(text)
  } catch {
    throw new ProtocolError('bad-request', 'not JSON')
  }
  if (typeof input !== 'object' || input === null || !('type' in input)) {
    throw new ProtocolError('bad-request', 'not a frame')
  }
  const schema = types.get(input.type)
  if (!schema) throw new ProtocolError('feature-not-implemented', 'unknown type')
  const result = v.safeParse(schema, input, { abortEarly: true })
  if (result.success) return result.output
  const issue = result.issues[0]
  const code = issue.type === 'max_length' ? 'too-large' : 'bad-request'
  throw new ProtocolError(code, `${v.getDotPath(issue) ?? 'frame'}: ${issue.type}`, subjectOf(input))
}

/** Who sent it wants to know which frame was refused. */
function subjectOf(input: object): { id?: string; request?: string } {
  const { id, request: number } = input as { id?: unknown; request?: unknown }
  return {
    ...(v.is(envelopeId, id) && { id }),
    ...(v.is(request, number) && { request: number }),
  }
}
