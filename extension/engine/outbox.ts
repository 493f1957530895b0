/**
 * What is to be sent, in the order in which it was written. A row is sealed once and its bytes kept; whatever happens,
 * exactly those bytes go again until the room has confirmed them. The order is kept by a chain: each send names the one
 * before it, and the room refuses what does not follow (SN3).
 */
import { errors } from '#shared/errors'
import type { ServerFrameOf } from '#shared/frames'
import type { EnvelopeId, Millis } from '#shared/ids'
import { limits } from '#shared/limits'
import { sealPlainly } from '../crypto/placeholder-sealer.ts'
import { pendingTs, type OutboxRow } from '../db/db.ts'
import type { Signed } from './state.ts'

/** Older than this, a message is not sent without asking: a stale one may be worse than none. */
const heldAfterMs = 24 * 60 * 60_000
/** A relay that asks for more patience than this means "not today": the person is told instead. */
const patienceMs = 60_000

export interface Outbox {
  /** Sends what may be sent now. May be called at any time. */
  flush(): Promise<void>
  /** A new connection: the chain continues after `last`, and everything unconfirmed is sent again. */
  welcomed(last: EnvelopeId | null): Promise<void>
  onOk(frame: ServerFrameOf<'ok'>): Promise<void>
  onError(frame: ServerFrameOf<'error'>): Promise<void>
  stop(): void
}

export function createOutbox(signed: Signed): Outbox {
  const { db, account, timers } = signed
  /** Sent in this pass and not answered, in order. */
  let inFlight: EnvelopeId[] = []
  let previous: EnvelopeId | null = null
  /** Numbers the passes: answers to an earlier one are void. */
  let attempt = 0
  let waitUntil: Millis = 0
  let cancelWait = () => {}
  let running: Promise<void> | null = null
  let again = false

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

  async function sendAll(): Promise<void> {
    if (!signed.isWelcome() || timers.now() < waitUntil) return
    const pass = attempt
    for (const row of await db.outbox
      .orderBy('id')
      .limit(limits.sendsInFlightMax * 4)
      .toArray()) {
      if (row.held || inFlight.includes(row.id)) continue
      if (inFlight.length >= limits.sendsInFlightMax) return
      if (timers.now() - row.at > heldAfterMs) {
        await db.outbox.update(row.id, { held: true })
        continue
      }
      const payload = row.payload ?? (await seal(row))
      if (payload === null || pass !== attempt || !signed.isWelcome()) return void (again = payload === null)
      const { id, peer, kind } = row
      if (!signed.send({ type: 'send', id, to: peer, kind, payload, previous, attempt })) return
      inFlight.push(id)
      previous = id
    }
  }

  /**
   * Makes the bytes, and shows the message in the log in the same transaction. Null when the row has gone meanwhile,
   * or could not be sealed: then it has failed.
   */
  async function seal(row: OutboxRow): Promise<string | null> {
    let payload: string | null = null
    try {
      payload = sealPlainly(row.content)
    } catch {
      // too large for an envelope: told below
    }
    return db.transaction('rw', [db.outbox, db.messages], async () => {
      const { id, peer, kind, content, at } = row
      const now = await db.outbox.get(id)
      if (!now) return null
      if (now.payload !== undefined) return now.payload
      const known = await db.messages.get([account.user, id])
      const message = known ?? {
        from: account.user,
        id,
        peer,
        ts: pendingTs,
        direction: 'out' as const,
        kind,
        content,
        at,
      }
      if (payload === null) {
        await db.outbox.delete(id)
        await db.messages.put({ ...message, state: 'failed', failure: 'too-large' })
        return null
      }
      await db.outbox.put({ ...now, payload })
      await db.messages.put({ ...message, state: 'pending' })
      return payload
    })
  }

  async function onOk({ id, ts, seq }: ServerFrameOf<'ok'>): Promise<void> {
    if (id === undefined || ts === undefined) return
    inFlight = inFlight.filter((other) => other !== id)
    await db.transaction('rw', [db.outbox, db.messages, db.conversations], async () => {
      await db.outbox.delete(id)
      const row = await db.messages.get([account.user, id])
      if (!row || row.state === 'failed' || row.state === 'expired') return
      const placed = {
        ...row,
        ts: Math.min(row.ts, ts),
        state: 'stored' as const,
        ...(seq !== undefined && { seq }),
      }
      await db.messages.put(placed)
    })
    await flush()
  }

  async function onError({
    id,
    code,
    last,
    attempt: of,
    retryAfterMs,
  }: ServerFrameOf<'error'>): Promise<void> {
    if (id === undefined) return
    if (code === 'unexpected-request') {
      // Everything sent after something that was refused is refused too; one of those answers is enough.
      if (of === attempt) startPass(last ?? null)
      return flush()
    }
    const { action } = errors[code]
    const wait = retryAfterMs ?? 1000
    if (action === 'wait' && wait <= patienceMs) {
      startPass(previousOf(id))
      pause(wait)
      return
    }
    await db.transaction('rw', [db.outbox, db.messages], async () => {
      await db.outbox.delete(id)
      const row = await db.messages.get([account.user, id])
      if (row?.state === 'pending') await db.messages.put({ ...row, state: 'failed', failure: code })
    })
    startPass(previousOf(id))
    await flush()
  }

  /** What the room accepted before `id`, as far as this pass knows. */
  function previousOf(id: EnvelopeId): EnvelopeId | null {
    const place = inFlight.indexOf(id)
    return place > 0 ? inFlight[place - 1]! : accepted
  }
  let accepted: EnvelopeId | null = null

  function startPass(after: EnvelopeId | null) {
    attempt++
    inFlight = []
    previous = accepted = after
  }

  function pause(ms: number) {
    waitUntil = timers.now() + ms
    cancelWait()
    cancelWait = timers.after(ms, () => void flush())
  }

  return {
    flush,
    async welcomed(last) {
      waitUntil = 0
      startPass(last)
      await flush()
    },
    async onOk(frame) {
      if (frame.id !== undefined) accepted = frame.id
      await onOk(frame)
    },
    onError,
    stop: () => cancelWait(),
  }
}
