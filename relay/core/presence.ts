/**
 * Who is there. The room computes one presence of all devices and the chosen mode (PR1), publishes changes of it at
 * most once in 10 s (PR7), and tells buddies' rooms until each of them has confirmed the newest version (PR5). What a
 * buddy's room told is kept in `seen:` rows, with the time until which it may be believed (PR3).
 *
 * Durable: what was published, and whether everybody concerned has confirmed it. Who is still to be told, and who is
 * being told, may be forgotten: then everybody is told again.
 */
import type { ClientFrameOf, OwnPresence, PeerPresence } from '#shared/frames'
import { errors, ProtocolError } from '#shared/errors'
import type { Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { backoff } from './backoff.ts'
import { take } from './limiter.ts'
import type { ConnectionId, PostTag, PresencePost, RoomReply } from './ports.ts'
import { keys, type PeerRow, type PresenceRow, type SeenRow } from './rows.ts'
import { startSpread } from './spread.ts'
import { done, saveMeta, sendAll, signedIn, touch, wake, type Turn } from './turn.ts'

// --- My own ----------------------------------------------------------------------------------------------

const nobody: PresenceRow = {
  mode: 'auto',
  status: '',
  told: { show: 'offline', status: '' },
  version: 0,
  publishedAt: 0,
  announced: 0,
}

async function ownOf(turn: Turn): Promise<PresenceRow> {
  return (turn.presence ??= (await turn.tx.get<PresenceRow>(keys.presence)) ?? { ...nobody })
}

const save = (turn: Turn, own: PresenceRow) => turn.changed.set(keys.presence, own)

type Told = PresenceRow['told']

/** What buddies should see now, were there no grace and no rate. */
function compute({ mode, status }: PresenceRow, turn: Turn): Told {
  const devices = [...signedIn(turn).values()]
  if (devices.length === 0) return { show: 'offline', status: '' }
  if (mode === 'invisible') return { show: 'offline', status: '', listening: true }
  if (mode === 'dnd' || mode === 'away') return { show: mode, status }
  if (devices.some((device) => device.activity === 'active')) return { show: 'online', status }
  return { show: 'idle', since: Math.max(...devices.map((device) => device.since)), status }
}

const isSame = (a: Told, b: Told) =>
  a.show === b.show && a.since === b.since && a.status === b.status && a.listening === b.listening

/** Somebody is there, seen or not: buddies' rooms keep telling their news. */
const isUp = ({ show, listening }: Pick<SeenRow, 'show' | 'listening'>) =>
  show !== 'offline' || listening === true

export async function ownPresence(turn: Turn): Promise<OwnPresence> {
  return shown(await ownOf(turn), turn)
}

function shown(own: PresenceRow, turn: Turn): OwnPresence {
  const { mode, until, status } = own
  return { mode, ...(until !== undefined && { until }), status, show: compute(own, turn).show }
}

/** A person chose a mode or a status, or a device says whether somebody is there. */
export async function onPresence(frame: ClientFrameOf<'presence'>, connection: ConnectionId, turn: Turn) {
  const state = touch(turn, connection)!
  const rate = { everyMs: limits.presenceInIntervalMs, burst: 5 }
  const retryAfterMs = take(turn.env.memory, turn.env.now, [[`presence:${state.device}`, rate]])
  if (retryAfterMs > 0) throw new ProtocolError('policy-violation', 'too often', { retryAfterMs })

  const own = await ownOf(turn)
  const before = shown(own, turn)
  if (frame.activity) {
    state.activity = frame.activity
    state.since = Math.min(frame.since ?? turn.env.now, turn.env.now)
  }
  if (frame.mode) {
    own.mode = frame.mode
    delete own.until
    if (frame.until && frame.mode !== 'auto') own.until = frame.until
  }
  if (frame.status !== undefined) own.status = frame.status
  const after = shown(own, turn)
  if (JSON.stringify(before) !== JSON.stringify(after)) {
    if (frame.mode || frame.status !== undefined) save(turn, own)
    noteMode(turn, own)
    sendAll(turn, { type: 'self', ...after })
  }
  await refresh(turn, own)
}

/** Receipts are withheld while invisible; afterwards they catch up (RC4). */
function noteMode(turn: Turn, { mode }: PresenceRow) {
  const invisible = mode === 'invisible'
  if (turn.meta.invisible === invisible) return
  turn.meta.invisible = invisible
  saveMeta(turn)
  if (!invisible) startSpread(turn, 'receipts')
}

/** Sockets came or went, or time has passed: publishes what has changed and tells who does not know it. */
export async function refreshPresence(turn: Turn, { signedOff = false } = {}) {
  await refresh(turn, await ownOf(turn), signedOff)
}

async function refresh(turn: Turn, own: PresenceRow, signedOff = false) {
  const { now } = turn.env
  done(turn, 'presence')
  if (own.until !== undefined && own.until <= now) {
    own.mode = 'auto'
    delete own.until
    save(turn, own)
    noteMode(turn, own)
    sendAll(turn, { type: 'self', ...shown(own, turn) })
  }
  if (own.until !== undefined) wake(turn, 'presence', own.until)

  if (own.publishedAt > now) {
    own.publishedAt = now // a clock that was set back shall not keep it waiting
    save(turn, own)
  }
  const wanted = withGrace(turn, own, signedOff)
  const isLeaseOld = isUp(own.told) && now >= own.publishedAt + limits.presenceRenewMs
  if (!isSame(wanted, own.told) || isLeaseOld) {
    const mayPublishAt = own.publishedAt + limits.presenceOutIntervalMs
    if (wanted.show === 'offline' || now >= mayPublishAt) await publish(turn, own, wanted)
    else wake(turn, 'presence', mayPublishAt)
  }
  if (isUp(own.told)) wake(turn, 'presence', own.publishedAt + limits.presenceRenewMs)
  if (own.announced !== own.version) await announce(turn, own)
}

/** A lost connection shows nothing for 45 s (PR4): until then the last state is held. */
function withGrace(turn: Turn, own: PresenceRow, signedOff: boolean): Told {
  const holds = signedIn(turn).size === 0 && !signedOff && isUp(own.told)
  if (!holds) {
    if (own.offlineAt !== undefined) {
      delete own.offlineAt
      save(turn, own)
    }
    return compute(own, turn)
  }
  if (own.offlineAt === undefined) {
    own.offlineAt = turn.env.now + limits.presenceGraceMs
    save(turn, own)
  }
  if (turn.env.now >= own.offlineAt) {
    delete own.offlineAt
    return compute(own, turn)
  }
  wake(turn, 'presence', own.offlineAt)
  return own.told
}

// --- Telling buddies -------------------------------------------------------------------------------------

/** Who is still to be told about a version. May be forgotten. */
interface Round {
  version: number
  waiting: Set<UserId>
  flying: Set<UserId>
  failed: Set<UserId>
  failures: number
  retryAt: Millis
}

const roundOf = ({ env }: Turn) => env.memory.get('presence') as Round | undefined

async function publish(turn: Turn, own: PresenceRow, told: Told) {
  const { env } = turn
  const wasOffline = !isUp(own.told)
  const wasComplete = own.announced === own.version
  own.version = Math.max(env.now, own.version + 1)
  own.publishedAt = env.now
  own.told = told
  save(turn, own)
  // Coming online is news to all. Later changes concern those who are there: whoever comes asks by telling.
  const all = await buddies(turn)
  const last = roundOf(turn)
  const unsure = (user: UserId) => !wasComplete && (!last || isUnsure(last, user))
  const waiting = all.filter(([user, seen]) => wasOffline || isThere(seen, env.now) || unsure(user))
  startRound(turn, own, waiting)
}

const isUnsure = ({ waiting, flying, failed }: Round, user: UserId) =>
  waiting.has(user) || flying.has(user) || failed.has(user)

const isThere = (seen: SeenRow, now: Millis) => isUp(seen) && seen.until > now

function startRound({ env }: Turn, { version }: PresenceRow, buddiesToTell: [UserId, SeenRow][]): Round {
  // Whom I block is told once that I am offline, and nothing after that.
  const waiting = new Set(buddiesToTell.filter(([, { blocked }]) => !blocked?.told).map(([user]) => user))
  const round = {
    version,
    waiting,
    flying: new Set<UserId>(),
    failed: new Set<UserId>(),
    failures: 0,
    retryAt: 0,
  }
  env.memory.set('presence', round)
  return round
}

/** Tells those who wait, a few at a time; the answers start the next ones. */
async function announce(turn: Turn, own: PresenceRow) {
  const { env } = turn
  let round = roundOf(turn)
  if (round?.version !== own.version) round = startRound(turn, own, await buddies(turn))
  if (round.failed.size > 0 && env.now >= round.retryAt) {
    for (const user of round.failed) round.waiting.add(user)
    round.failed.clear()
  }
  for (const user of round.waiting) {
    if (round.flying.size >= env.postsParallelMax) break
    round.waiting.delete(user)
    const seen = await turn.tx.get<SeenRow>(keys.seen(user))
    if (!seen || seen.blocked?.told) continue
    round.flying.add(user)
    const message = { type: 'presence' as const, version: 1 as const, ...postFor(own, seen, env.now) }
    const tag: PostTag = { type: 'presence', peer: user, version: own.version }
    turn.effects.push({ type: 'post', to: user, message, tag })
  }
  if (round.waiting.size === 0 && round.flying.size === 0) {
    if (round.failed.size === 0) {
      own.announced = own.version
      return save(turn, own)
    }
    return wake(turn, 'presence', round.retryAt)
  }
  wake(turn, 'presence', env.now + announceRetryMs) // should the answers be lost with the memory of them
}

const announceRetryMs = 12_000

/** My presence as this buddy may see it. */
function postFor(own: PresenceRow, { blocked }: SeenRow, now: Millis): PresencePost {
  const until = now + limits.presenceLeaseMs
  if (blocked) return { show: 'offline', presenceVersion: blocked.version, until }
  const { show, since, status, listening } = own.told
  return {
    show,
    presenceVersion: own.version,
    until,
    ...(since !== undefined && { since }),
    ...(status !== '' && { status }),
    ...(listening && { listening }),
  }
}

/** A buddy's room has answered, or not. */
export async function onPresenceResult(
  turn: Turn,
  { peer, version }: Extract<PostTag, { type: 'presence' }>,
  reply: RoomReply | null,
) {
  // Whose answer is to wait, be it for a disk that is full, has not heard it.
  const reached = reply !== null && !(reply.type === 'error' && errors[reply.code].action === 'wait')
  if (reply?.type === 'presence') await learn(turn, peer, reply)
  const round = roundOf(turn)
  if (round?.version !== version || !round.flying.delete(peer)) return
  if (reached) {
    const seen = await turn.tx.get<SeenRow>(keys.seen(peer))
    if (seen?.blocked && !seen.blocked.told) {
      turn.tx.put(keys.seen(peer), { ...seen, blocked: { ...seen.blocked, told: true } })
    }
  } else {
    round.failed.add(peer)
    round.failures++
    round.retryAt = turn.env.now + backoff(round.failures, turn.env.random, announceBackoffMs)
  }
  const own = await ownOf(turn)
  if (own.announced !== own.version) await announce(turn, own)
}

const announceBackoffMs = 6_000

// --- Theirs ----------------------------------------------------------------------------------------------

/** A buddy's room tells its presence and gets mine: one call serves both ways. For everybody else I am offline. */
export async function onPresencePost(turn: Turn, from: UserId, post: PresencePost): Promise<RoomReply> {
  const seen = await turn.tx.get<SeenRow>(keys.seen(from))
  if (seen) await learn(turn, from, post)
  const own = await ownOf(turn)
  if (!seen) return { type: 'presence', show: 'offline', presenceVersion: 0, until: turn.env.now }
  return { type: 'presence', ...postFor(own, seen, turn.env.now) }
}

/** The newest version wins, and with the same version the longer lease. */
async function learn(turn: Turn, user: UserId, post: PresencePost) {
  const seen = await turn.tx.get<SeenRow>(keys.seen(user))
  if (!seen || seen.blocked) return
  const { show, since, presenceVersion: version, until, status, listening } = post
  if (version < seen.version || (version === seen.version && until <= seen.until)) return
  const row: SeenRow = {
    show,
    version,
    until,
    ...(since !== undefined && { since }),
    ...(status !== undefined && { status }),
    ...(listening && { listening }),
  }
  turn.tx.put(keys.seen(user), row)
  // Offline and offline again is no news; told, it would give away who is invisible.
  if (show !== 'offline' || seen.show !== 'offline')
    sendAll(turn, { type: 'presence', ...visible(user, row) }, true)
}

function visible(peer: UserId, { show, since, version, until, status }: SeenRow): PeerPresence {
  return {
    peer,
    show,
    version,
    until,
    ...(since !== undefined && { since }),
    ...(status !== undefined && { status }),
  }
}

/** What a device should show after it has connected. */
export async function presenceOfBuddies(turn: Turn): Promise<PeerPresence[]> {
  const all = await buddies(turn)
  return all
    .filter(([, { show, until, blocked }]) => show !== 'offline' && until > turn.env.now && !blocked)
    .map(([user, seen]) => visible(user, seen))
}

async function buddies({ tx }: Turn): Promise<[UserId, SeenRow][]> {
  const rows = await tx.list<SeenRow>({ prefix: 'seen:', limit: 2 * limits.rosterMax })
  return rows.map(([key, row]) => [key.slice('seen:'.length) as UserId, row])
}

// --- The roster changes ----------------------------------------------------------------------------------

export async function addBuddy(turn: Turn, { user, blocked }: PeerRow) {
  const row: SeenRow = { show: 'offline', version: 0, until: 0 }
  turn.tx.put(keys.seen(user), blocked ? { ...row, blocked: { version: 0, told: true } } : row)
  await tellAgain(turn, user)
}

export function removeBuddy(turn: Turn, user: UserId) {
  turn.tx.delete(keys.seen(user))
}

/** Blocked: they are told once that I am offline, and I no longer know how they are. */
export async function hideFrom(turn: Turn, user: UserId) {
  const own = await ownOf(turn)
  const version = Math.max(turn.env.now, own.version + 1)
  const told = own.told.show === 'offline' && own.announced === own.version
  turn.tx.put(keys.seen(user), {
    show: 'offline',
    version: 0,
    until: 0,
    blocked: { version, told },
  } satisfies SeenRow)
  await tellAgain(turn, user)
}

/** No longer blocked: a version that is newer than the one with which they were sent offline. */
export async function showAgain(turn: Turn, user: UserId) {
  const seen = await turn.tx.get<SeenRow>(keys.seen(user))
  const own = await ownOf(turn)
  own.version = Math.max(turn.env.now, own.version + 1, (seen?.blocked?.version ?? 0) + 1)
  save(turn, own)
  turn.tx.put(keys.seen(user), { show: 'offline', version: 0, until: 0 } satisfies SeenRow)
  await tellAgain(turn, user)
}

/** One more buddy has to learn the present version; those who have confirmed it are left alone. */
async function tellAgain(turn: Turn, user: UserId) {
  const own = await ownOf(turn)
  own.announced = 0
  save(turn, own)
  const round = roundOf(turn)
  if (round?.version === own.version) round.waiting.add(user)
  wake(turn, 'presence', turn.env.now)
}

/** After a restore the version may be one that was used already. */
export async function renewVersion(turn: Turn) {
  const own = await ownOf(turn)
  own.version = Math.max(turn.env.now, own.version + 1)
  own.announced = 0
  save(turn, own)
  wake(turn, 'presence', turn.env.now)
}
