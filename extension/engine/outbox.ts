/**
 * What is to be sent, in the order in which it was written. A row is sealed once and its bytes kept; whatever happens,
 * exactly those bytes go again until the room has confirmed them. The order is kept by a chain: each send names the one
 * before it, and the room refuses what does not follow (SN3).
 */
import { isChange, parseContent } from '#shared/content'
import { errors, isErrorCode, type ErrorCode } from '#shared/errors'
import type { ServerFrameOf } from '#shared/frames'
import type { EnvelopeId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { CommandError } from '../bus/commands.ts'
import { Refusal } from '../crypto/refusal.ts'
import { targetOf } from '../db/changes.ts'
import { pendingTs, type Failure, type MessageRow, type OutboxRow } from '../db/db.ts'
import { applyChange, removeTables, tableOf } from './changes.ts'
import { isOwn } from './own.ts'
import type { Sealer } from './sealer.ts'
import type { Signed } from './state.ts'

/** Older than this, a message is not sent without asking: a stale one may be worse than none. */
const heldAfterMs = 24 * 60 * 60_000
/** A relay that asks for more patience than this means "not today": the person is told instead. */
const patienceMs = 60_000

/** It is sealed anew before it goes. Whether the room has the first bytes, nobody knows. */
export function breakSeal(row: OutboxRow): void {
  if (row.payload === undefined) return
  delete row.payload
  delete row.lists
  delete row.ratchet
  row.isResealed = true
}

export interface Outbox {
  /** Sends what may be sent now. May be called at any time. */
  flush(): Promise<void>
  /** A new connection: the chain continues after `last`, and everything unconfirmed is sent again. */
  welcomed(last: EnvelopeId | null): Promise<void>
  onOk(frame: ServerFrameOf<'ok'>): Promise<void>
  onError(frame: ServerFrameOf<'error'>): Promise<void>
  /** Resolves when it is not at work any more. */
  stop(): Promise<void>
}

/** `renew`: the room knows a newer list of my own devices than this one sealed for. */
export function createOutbox(signed: Signed, sealer: Sealer, renew: () => Promise<unknown>): Outbox {
  const { db, account, timers } = signed
  /** Sent in this pass and not answered, in order. */
  let inFlight: { id: EnvelopeId; peer: UserId }[] = []
  let previous: EnvelopeId | null = null
  let accepted: EnvelopeId | null = null
  /** Numbers the passes: answers to an earlier one are void. */
  let attempt = 0
  /** Conversations that have to wait. The others do not wait for them. */
  const paused = new Map<UserId, { isOver: boolean; times: number; cancel: () => void }>()
  let running: Promise<void> | null = null
  let again = false

  // --- Sending ----------------------------------------------------------------------------------------------------

  async function flush(): Promise<void> {
    again = true
    running ??= (async () => {
      try {
        while (again) {
          again = false
          await sendAll()
        }
      } finally {
        running = null
      }
    })()
    return running
  }

  /** As it is at this moment: a pause that ends while the rows are being read must not let a later one go first. */
  function whatMayGo(): (row: OutboxRow) => boolean {
    const sent = new Set(inFlight.map(({ id }) => id))
    const waiting = new Set([...paused].filter(([, { isOver }]) => !isOver).map(([peer]) => peer))
    return ({ id, peer, held }) => !held && !sent.has(id) && !waiting.has(peer)
  }

  /** Nothing goes to whom a person has yet to decide about, and no change before what it changes. */
  async function nextRows(count: number): Promise<OutboxRow[]> {
    const mayGo = whatMayGo()
    const undecided = new Set(await db.identities.orderBy('other.acct').primaryKeys())
    const first = (fits: (row: OutboxRow) => boolean) =>
      db.outbox.orderBy('id').filter(fits).limit(count).toArray()
    const rows = await first((row) => mayGo(row) && !undecided.has(row.peer))
    if (!rows.some(({ content }) => isChange(content))) return rows
    const waiting = new Set(await db.outbox.toCollection().primaryKeys())
    return first((row) => mayGo(row) && !undecided.has(row.peer) && !isEarly(row, waiting))
  }

  async function sendAll(): Promise<void> {
    if (!signed.isWelcome()) return
    const pass = attempt
    const room = limits.sendsInFlightMax - inFlight.length
    /** Of these, one message has to be stored before the others go. */
    const opening = new Set<UserId>()
    for (const row of await nextRows(room)) {
      if (opening.has(row.peer)) continue
      if (isStale(row)) {
        await db.outbox.update(row.id, { held: true })
        again = true // in its place another may go
        continue
      }
      // A session's first message carries what the others join it with, and that is large: it travels once.
      if (inFlight.some(({ peer }) => peer === row.peer) && (await sealer.isOpening(row.peer))) {
        opening.add(row.peer)
        continue
      }
      const sealed = row.payload === undefined ? await seal(row) : row
      if (pass !== attempt || !signed.isWelcome()) return // whoever began the new pass sends everything again
      if (sealed === 'later') {
        opening.add(row.peer)
        continue
      }
      if (sealed?.payload === undefined) {
        again = true
        continue
      }
      const { id, peer, kind, invite, payload, lists } = sealed
      const frame = { id, to: peer, kind, payload, previous, attempt }
      if (!signed.send({ type: 'send', ...frame, ...(lists && { lists }), ...(invite && { invite }) })) return
      inFlight.push({ id, peer })
      previous = id
    }
  }

  /** A change of a message that is on its way itself would be about nothing yet. */
  function isEarly({ id, content }: OutboxRow, waiting: ReadonlySet<EnvelopeId>): boolean {
    const target = targetOf({ from: account.user, id, ts: pendingTs, content })
    return target !== null && target[0] === account.user && waiting.has(target[1])
  }

  /** An answer to a knock, or what was sent once already, is welcome at any time. */
  const isStale = ({ at, kind, lost }: OutboxRow) =>
    kind === 'message' && !lost && timers.now() - at > heldAfterMs

  /**
   * Makes the bytes, and shows the message in the log in the same transaction. Null when the row has gone meanwhile,
   * or could not be sealed: then it has failed. `later`: it has to wait, and so has what comes after it.
   */
  async function seal(row: OutboxRow): Promise<OutboxRow | 'later' | null> {
    if (!row.bare && parseContent(row.content) === null) return refuse(row, 'too-large')
    try {
      return await sealer.seal(row, async (sealed) => {
        const now = await db.outbox.get(row.id)
        if (!now) return null
        if (now.payload !== undefined) return now
        await show(row, { state: 'pending' })
        const after: OutboxRow = { ...now, ...sealed }
        await db.outbox.put(after)
        return after
      })
    } catch (error) {
      if (error instanceof Refusal) {
        if (error.reason === 'account') return 'later' // until a person has decided
        console.error(error)
        return refuse(row, error.reason === 'too-large' ? 'too-large' : 'inconsistent-keys')
      }
      if (!(error instanceof CommandError)) throw error
      if (error.code === 'unreachable' || !isErrorCode(error.code)) return 'later'
      const waitMs = waitFor(row.peer, error.code, error.retryAfterMs ?? patienceMs / 10)
      if (waitMs === null) return refuse(row, error.code)
      pause(row.peer, waitMs)
      return 'later'
    }
  }

  async function refuse(row: OutboxRow, failure: Failure): Promise<null> {
    await db.transaction('rw', [db.outbox, db.messages, db.changes], async () => {
      await db.outbox.delete(row.id)
      if (!isChange(row.content)) await show(row, { state: 'failed', failure })
    })
    return null
  }

  /** In the log, with its state; in the transaction of the caller. */
  async function show(
    { id, peer, kind, content, at, resendOf }: OutboxRow,
    state: Pick<MessageRow, 'state' | 'failure'>,
  ): Promise<void> {
    if (isOwn(content) || content.type === 'resend-request' || resendOf) return // nothing that is shown
    const table = tableOf(db, kind, content)
    const known = await table.get([account.user, id])
    const message: MessageRow = known ?? {
      from: account.user,
      id,
      peer,
      ts: pendingTs,
      direction: 'out',
      kind,
      content,
      at,
    }
    await table.put({ ...message, ...state })
  }

  // --- Answers ----------------------------------------------------------------------------------------------------

  async function onOk({ id, ts, seq }: ServerFrameOf<'ok'>): Promise<void> {
    if (id === undefined || ts === undefined) return
    inFlight = inFlight.filter((other) => other.id !== id)
    accepted = id
    const peer = await db.transaction(
      'rw',
      [db.outbox, db.changes, db.conversations, db.ratchetsOut, ...removeTables(db)],
      async () => {
        const waiting = await db.outbox.get(id)
        await db.outbox.delete(id)
        if (waiting) await welcomeStored(waiting)
        for (const table of [db.messages, db.changes]) {
          const known = await table.get([account.user, id])
          if (!known || known.state === 'failed' || known.state === 'expired') continue
          const row: MessageRow = {
            ...known,
            ts: Math.min(known.ts, ts),
            state: 'stored',
            ...(seq !== undefined && { seq }),
          }
          await table.put(row)
          if (table === db.changes) await applyChange(db, row)
        }
        return waiting?.peer
      },
    )
    if (peer !== undefined) resume(peer)
    await flush()
  }

  /** The room has a message of the session, and with it the way into it: it need not travel again. */
  async function welcomeStored({ peer, ratchet, isResealed }: OutboxRow): Promise<void> {
    const out = await db.ratchetsOut.get(peer)
    // What was sealed twice may be there in its first form, with another session.
    if (!out || out.ratchet !== ratchet || isResealed) return
    const { welcome: _, ...rest } = out
    await db.ratchetsOut.put(rest)
  }

  /** Another device has come or gone: what is sealed for the old list, nobody takes any more. */
  async function sealAgain(): Promise<void> {
    await renew()
    await db.transaction('rw', [db.outbox, db.ratchetsOut], async () => {
      await db.ratchetsOut.toCollection().modify({ openedAt: 0 }) // spent; the numbering goes on
      await db.outbox.filter(({ lists }) => lists !== undefined).modify(breakSeal)
    })
  }

  async function onError(frame: ServerFrameOf<'error'>): Promise<void> {
    const { id, code, last, retryAfterMs } = frame
    // Everything sent after something that was refused is refused too, and one of those answers is enough.
    if (id === undefined || (frame.attempt !== undefined && frame.attempt !== attempt)) return
    if (code === 'unexpected-request') startPass(last ?? null)
    else if (code === 'conflict') {
      await sealAgain()
      startPass(previousOf(id))
    } else {
      const row = await db.outbox.get(id)
      const waitMs = row ? waitFor(row.peer, code, retryAfterMs) : null
      if (row && waitMs !== null) pause(row.peer, waitMs)
      else await fail(id, code)
      startPass(previousOf(id))
    }
    await flush()
  }

  /** How long to wait before the same again; null when a person should know instead. */
  function waitFor(peer: UserId, code: ErrorCode, retryAfterMs: number | undefined): number | null {
    if (errors[code].action !== 'wait') return null
    // No time given: not a moment's congestion, but no room where it should go.
    if (code === 'resource-constraint' && retryAfterMs === undefined) return null
    const waitMs = retryAfterMs ?? Math.min(1000 * 2 ** (paused.get(peer)?.times ?? 0), patienceMs)
    return waitMs <= patienceMs ? waitMs : null
  }

  async function fail(id: EnvelopeId, failure: ErrorCode): Promise<void> {
    await db.transaction('rw', [db.outbox, db.messages, db.changes], async () => {
      await db.outbox.delete(id)
      await db.changes.delete([account.user, id]) // the message stays as it was
      const row = await db.messages.get([account.user, id])
      if (row?.state === 'pending') await db.messages.put({ ...row, state: 'failed', failure })
    })
  }

  /** What the room accepted before `id`, as far as this pass knows. */
  function previousOf(id: EnvelopeId): EnvelopeId | null {
    const place = inFlight.findIndex((other) => other.id === id)
    return place > 0 ? inFlight[place - 1]!.id : accepted
  }

  function startPass(after: EnvelopeId | null) {
    attempt++
    inFlight = []
    previous = accepted = after
  }

  function pause(peer: UserId, ms: number) {
    const before = paused.get(peer)
    before?.cancel()
    const now = { isOver: false, times: (before?.times ?? 0) + 1, cancel: () => {} }
    now.cancel = timers.after(ms, () => {
      now.isOver = true
      void flush().catch(console.error)
    })
    paused.set(peer, now)
  }

  function resume(peer: UserId) {
    paused.get(peer)?.cancel()
    paused.delete(peer)
  }

  return {
    flush,
    async welcomed(last) {
      for (const peer of paused.keys()) resume(peer)
      startPass(last)
      await flush()
    },
    onOk,
    onError,
    async stop() {
      for (const peer of paused.keys()) resume(peer)
      await running?.catch(() => {}) // it was told to whoever asked for it
    },
  }
}
