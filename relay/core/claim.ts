/**
 * Somebody's device lists, and packages to write to their devices. Those of others are asked of their room; the
 * question and its answer are two events, and nothing is kept meanwhile but what the call itself knows. If that is
 * lost, so is the answer, and the device asks again (KY10).
 */
import type { DeviceList } from '#shared/account'
import { utf8 } from '#shared/bytes'
import { errors, ProtocolError, type ErrorCode } from '#shared/errors'
import type { ClientFrameOf } from '#shared/frames'
import type { DeviceId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { addresseeOf } from './addressee.ts'
import { passageOf } from './gate.ts'
import { take, unknownNames, waitFor } from './limiter.ts'
import { takePackages } from './packages.ts'
import type { ConnectionId, KeysAnswer, PostTag, RoomMessage, RoomReply } from './ports.ts'
import { keys, type PeerRow } from './rows.ts'
import { peerOf, send, signedIn, type Turn } from './turn.ts'

type Claim = ClientFrameOf<'claim'>
type ClaimPost = Extract<RoomMessage, { type: 'claim' }>
type ClaimTag = Extract<PostTag, { type: 'claim' }>

// --- Asking ----------------------------------------------------------------------------------------------

export async function onClaim(frame: Claim, connection: ConnectionId, turn: Turn) {
  const { request, after, packages, invite } = frame
  const peer = addresseeOf(turn, frame.peer, { orSelf: true })
  const device = turn.sockets.get(connection)!.device!
  if (peer === turn.env.self) {
    keepRate(turn, device, null)
    const answer = await answerTo(turn, { after, packages }, peer, device)
    return send(turn, connection, { type: 'keys', request, peer, ...answer })
  }
  keepRate(turn, device, await peerOf(turn, peer))
  const message: ClaimPost = { type: 'claim', version: 1, after, packages, ...(invite && { invite }) }
  turn.effects.push({ type: 'post', to: peer, message, tag: { type: 'claim', peer, connection, request } })
}

const rates = {
  device: { everyMs: 1000 / limits.deviceClaimsPerSecond, burst: limits.deviceClaimsBurst },
  lookups: { everyMs: 3_600_000 / limits.lookupsPerHourMax, burst: limits.lookupsPerHourMax },
}

/** Strangers are looked up a few times an hour, and fewer still whom there is not. */
function keepRate({ env }: Turn, device: DeviceId, peer: PeerRow | null) {
  const isLookup = peer !== null && peer.relation !== 'buddies' && peer.relation !== 'asked'
  const unknown = isLookup ? waitFor(env.memory, env.now, [unknownNames]) : 0
  if (unknown > 0)
    throw new ProtocolError('policy-violation', 'too many unknown names', { retryAfterMs: unknown })
  const retryAfterMs = take(env.memory, env.now, [
    [`claim:${device}`, rates.device],
    ...(isLookup ? [['lookups', rates.lookups] as const] : []),
  ])
  if (retryAfterMs > 0) throw new ProtocolError('policy-violation', 'too many at once', { retryAfterMs })
}

const askAgainMs = 2000

/** The peer's room has answered, or not. The device may be gone by now. */
export async function onClaimResult(
  turn: Turn,
  { peer, connection, request }: ClaimTag,
  reply: RoomReply | null,
) {
  const refusal = reply?.type === 'error' ? reply : null
  if (refusal?.code === 'item-not-found') take(turn.env.memory, turn.env.now, [unknownNames])
  if (!signedIn(turn).has(connection)) return
  if (reply?.type === 'keys') return send(turn, connection, { ...reply, request, peer })
  const isFinal = refusal?.code === 'item-not-found' || refusal?.code === 'forbidden'
  const code: ErrorCode = isFinal ? refusal.code : 'resource-constraint'
  const wait = isFinal ? {} : { retryAfterMs: refusal?.retryAfterMs ?? askAgainMs }
  send(turn, connection, { type: 'error', request, code, action: errors[code].action, ...wait })
}

// --- Answering -------------------------------------------------------------------------------------------

/**
 * Another room asks for one of its owner's devices. Who may knock may ask, and whoever is or believes to be on the
 * roster. Blocks and rejections are not looked at: packages say nothing about them (KY9).
 */
export async function onClaimPost(turn: Turn, from: UserId, message: ClaimPost): Promise<RoomReply> {
  const { relation, knocked } = await peerOf(turn, from)
  if (relation === 'none' && !knocked) {
    const passage = passageOf(turn, { ...message, payload: 'to be read' })
    if (passage === 'unseen') return { type: 'error', code: 'item-not-found' }
    if (passage === 'forbidden') return { type: 'error', code: 'forbidden' }
  }
  return { type: 'keys', ...(await answerTo(turn, message, from, null)) }
}

const listsMax = 40
/** What packages may take is left free, so that nobody has to know in advance whether there are any. */
const listsBytesMax = limits.claimBytesMax - (limits.devicesMax + 1) * (limits.keyPackageCharsMax + 100)

/** @param own The claiming device, where it is one of the account's own: it needs no package of itself. */
async function answerTo(
  turn: Turn,
  { after, packages }: Pick<Claim, 'after' | 'packages'>,
  claimer: UserId,
  own: DeviceId | null,
): Promise<KeysAnswer> {
  const { acct, devices } = turn.meta
  const lists = await listsAfter(turn, Math.min(after, devices.version - 1))
  const newest = lists.at(-1)!
  // Packages would be for devices that the claimer cannot know yet.
  if (newest.ver < devices.version) return { acct, lists, packages: [], more: true }
  const wanted = newest.devices.map(({ id }) => id).filter((id) => id !== own)
  return { acct, lists, packages: packages ? await takePackages(turn, wanted, claimer) : [] }
}

/** Oldest first, as many as fit, at least one. */
async function listsAfter({ tx }: Turn, after: number): Promise<DeviceList[]> {
  const rows = await tx.list<DeviceList>({ prefix: 'list:', after: keys.list(after), limit: listsMax })
  const lists: DeviceList[] = []
  let bytes = 0
  for (const [, list] of rows) {
    bytes += utf8(JSON.stringify(list)).length
    if (lists.length > 0 && bytes > listsBytesMax) break
    lists.push(list)
  }
  return lists
}
