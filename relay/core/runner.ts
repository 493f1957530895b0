/**
 * Runs a room for a host: one event at a time, one commit for all that have arrived meanwhile, then their effects.
 * "Acknowledge only what is durable" is a property of this file and of no handler. The same on every host and in the
 * simulator.
 *
 * What stays among the rooms (calls, answers, the state of sockets) happens as soon as the commit has its place, for
 * whatever follows from it is stored after it. What leaves them (frames, closes, answers to HTTP) waits until it is
 * durable. On PartyKit, where rooms have nothing in common, the two moments are one.
 */
import { closeCodes, errors, ProtocolError } from '#shared/errors'
import { parseClientFrame, pongText, type ClientFrame, type ServerFrame } from '#shared/frames'
import type { UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { supportedVersions } from '#shared/version'
import type {
  AccountOperation,
  AccountReply,
  ConnectionId,
  ConnectionState,
  Effect,
  Env,
  Memory,
  PostTag,
  Room,
  RoomEvent,
  RoomHost,
  RoomMessage,
  RoomReply,
} from './ports.ts'
import { writesMax } from './batch.ts'
import { createParts, type Parts } from './parts.ts'
import { catchUp, conclude, handle } from './room.ts'
import { newRest, type Rest } from './turn.ts'

type Reply = RoomReply | AccountReply
type EffectOf<Type extends Effect['type']> = Extract<Effect, { type: Type }>
/** What happened, or text that has yet to become an event. */
type Incoming =
  | Exclude<RoomEvent, { type: 'frame' }>
  | { type: 'text'; connection: ConnectionId; text: string; frame?: ClientFrame }

interface Waiting {
  incoming: Incoming
  resolve(reply: Reply | undefined): void
  /** It has failed: its batch is its own. */
  alone?: true
}
interface Taken {
  waiting: Waiting
  effects: Effect[]
}

/** Of one batch; a commit of more would keep everybody else waiting for too long. */
const batchEventsMax = 64

/** More unsent bytes than this, and what may be lost is not sent. */
const bufferedBytesMax = 64 * 1024
const overloaded = { type: 'error', code: 'resource-constraint', retryAfterMs: 1000 } as const

export function createRoom(host: RoomHost): Room {
  const memory: Memory = new Map()
  const mailbox: Waiting[] = []
  /** Sockets that will be closed once it is durable why. */
  const leaving = new Set<ConnectionId>()
  let isRunning = false
  let posts = 0
  /** Batches that are not durable. */
  let unsettled = 0
  /** When the last of them is, and its frames have gone out. */
  let settled: Promise<void> = Promise.resolve()
  let idlers: (() => void)[] = []

  const isBusy = () => isRunning || posts > 0 || unsettled > 0
  const isFull = () => mailbox.length >= limits.mailboxEventsMax

  function enqueue(incoming: Incoming): Promise<Reply | undefined> {
    return new Promise((resolve) => {
      mailbox.push({ incoming, resolve })
      if (!isRunning) void run()
    })
  }

  async function run() {
    isRunning = true
    try {
      while (mailbox.length > 0) await runBatch()
    } finally {
      isRunning = false // whatever a host may throw, the room hears what comes next
    }
    tellIdlers()
  }

  function tellIdlers() {
    if (isBusy()) return
    const waiting = idlers
    idlers = []
    for (const resolve of waiting) resolve()
  }

  /**
   * What has arrived meanwhile, one event after the other: one commit for all, then the effects of all. Whatever goes
   * wrong is answered here; nothing is thrown. Resolves when the next batch may begin.
   */
  function runBatch(): Promise<void> {
    const states = createStates(host.sockets, leaving)
    if (!isReadable(mailbox[0]!, states)) return Promise.resolve()
    const taken: Taken[] = []
    const last: Effect[] = []
    return new Promise((next) => {
      const stored = host.store.transact(
        async (tx) => {
          const parts = createParts(tx)
          const rest = newRest()
          while (mailbox.length > 0 && taken.length < batchEventsMax && parts.size < writesMax) {
            const one = await take(parts, rest, states, taken.length === 0)
            if (!one) break
            taken.push(one)
            states.note(one.effects)
          }
          for (const finish of [catchUp, conclude]) {
            const effects = await parts.part((part) => finish(part, environment(states), rest))
            states.note(effects)
            last.push(...effects)
          }
          parts.flush()
        },
        () => {
          states.remember()
          for (const { waiting, effects } of taken) performWithin(effects, waiting)
          performWithin(last)
          next()
        },
      )
      unsettled++
      settled = stored.then(
        () => {
          for (const { waiting, effects } of taken) waiting.resolve(performOutside(effects))
          performOutside(last)
        },
        (error) => {
          failed(error, taken.length > 0 ? taken : [mailbox.shift()!])
          next()
        },
      )
      void settled.then(() => {
        unsettled--
        tellIdlers()
      })
    })
  }

  /** Handles the next event, unless it has to be one of its own: it failed, and shall fail alone. */
  async function take(parts: Parts, rest: Rest, states: States, isFirst: boolean): Promise<Taken | null> {
    const waiting = mailbox[0]!
    if (waiting.alone && !isFirst) return null
    let event: RoomEvent | null = null
    let effects: Effect[] = []
    try {
      event = read(waiting.incoming, states)
      const happened = event
      if (happened) effects = await parts.part((tx) => handle(happened, tx, environment(states), rest))
    } catch (error) {
      if (!(error instanceof ProtocolError)) {
        if (isFirst) throw error
        waiting.alone = true
        memory.clear()
        return null
      }
      effects = refuse(waiting.incoming, event, error, states)
    }
    mailbox.shift()
    return { waiting, effects }
  }

  /** What cannot be read is answered without a transaction. */
  function isReadable({ incoming }: Waiting, states: States): boolean {
    let effects: Effect[] = []
    try {
      if (read(incoming, states)) return true // or the socket was closed while the text was waiting
    } catch (error) {
      effects = refuse(incoming, null, error, states)
    }
    const { resolve } = mailbox.shift()!
    states.note(effects)
    states.remember()
    void settled.then(() => resolve(performOutside(effects))) // what was confirmed before it comes before it
    return false
  }

  /** Our mistake or the disk's: nothing of the batch is stored, and what memory says may not be so. */
  function failed(error: unknown, batch: (Waiting | Taken)[]) {
    memory.clear()
    const all = batch.map((one) => ('waiting' in one ? one.waiting : one))
    host.log('error', 'an event failed', {
      event: all[0]!.incoming.type,
      events: all.length,
      error: String(error),
    })
    host.metric('room_failures')
    const states = createStates(host.sockets, leaving)
    for (const { incoming, resolve } of all) resolve(performOutside(refuse(incoming, null, error, states)))
  }

  function performWithin(effects: readonly Effect[], waiting?: Waiting) {
    for (const effect of effects) {
      if (effect.type === 'post') post(effect)
      else if (effect.type === 'close') leaving.add(effect.connection)
      else if (effect.type === 'reply' && waiting?.incoming.type === 'peer') waiting.resolve(effect.reply)
    }
  }

  function performOutside(effects: readonly Effect[]): Reply | undefined {
    let reply: Reply | undefined
    for (const effect of effects) {
      if (effect.type === 'reply') reply = effect.reply
      else if (effect.type === 'send') send(effect)
      else if (effect.type === 'close') {
        leaving.delete(effect.connection)
        host.sockets.close(effect.connection, effect.code, effect.reason)
      } else if (effect.type === 'drop') host.blobs.drop(effect.blobs)
    }
    return reply
  }

  function environment(states: States): Env {
    const { self, random, verify, settings, log, metric } = host
    return {
      self,
      now: host.clock(),
      random,
      verify,
      settings,
      connections: states.all(),
      postsParallelMax: host.link.parallelMax ?? limits.presencePostsParallelMax,
      memory,
      log,
      metric,
    }
  }

  /** Null when the socket was closed meanwhile. @throws ProtocolError for what is no frame, or comes too early. */
  function read(incoming: Incoming, states: States): RoomEvent | null {
    if (incoming.type !== 'text') return incoming
    const { connection, text } = incoming
    const state = states.all().get(connection)
    if (!state) return null
    if (state.device === undefined && text.length > limits.frameBeforeAuthBytesMax) {
      throw new ProtocolError('not-authorized', '`auth` is smaller')
    }
    // One that is looked at again (it opens a batch, or failed in one) need not be read again.
    if (!incoming.frame) {
      incoming.frame = parseClientFrame(text)
      host.metric('frames', { direction: 'in', type: incoming.frame.type })
    }
    return { type: 'frame', connection, frame: incoming.frame }
  }

  function send({ connection, frame, ephemeral }: EffectOf<'send'>) {
    if (ephemeral && host.sockets.buffered(connection) > bufferedBytesMax) return
    host.metric('frames', { direction: 'out', type: frame.type })
    host.sockets.send(connection, textOf(frame))
  }

  /** Detached: the mailbox is never held during a call, or two rooms could wait for each other. */
  function post({ to, message, tag }: EffectOf<'post'>) {
    posts++
    const call = host.link.post(to, message, { from: host.self, timeoutMs: limits.laneTimeoutMs })
    void call.then(
      (reply) => answered(tag, reply),
      () => answered(tag, null),
    )
  }

  function answered(tag: PostTag, reply: RoomReply | null) {
    void enqueue({ type: 'result', tag, reply })
    posts--
  }

  /** The one place where a refusal becomes an answer. Nothing of the event was stored. */
  function refuse(incoming: Incoming, event: RoomEvent | null, error: unknown, states: States): Effect[] {
    const refusal = error instanceof ProtocolError ? error : null
    host.metric('refusals', { code: refusal?.code ?? 'internal-server-error', event: incoming.type })
    switch (incoming.type) {
      case 'text': {
        const { connection } = incoming
        const state = states.all().get(connection)
        if (!state) return []
        if (!refusal) return [{ type: 'close', connection, code: 1011, reason: 'internal error' }]
        return refuseFrame(connection, state, refusal, event?.type === 'frame' ? subjectOf(event.frame) : {})
      }
      case 'peer':
      case 'account': {
        const code = refusal?.code ?? 'internal-server-error'
        const { retryAfterMs } = refusal?.extra ?? {}
        const reply: Reply = { type: 'error', code, ...(retryAfterMs !== undefined && { retryAfterMs }) }
        return [{ type: 'reply', reply }]
      }
      case 'open': // it waits for a greeting that will not come
        return [{ type: 'close', connection: incoming.connection, code: 1011, reason: 'internal error' }]
      default:
        return []
    }
  }

  function refuseFrame(
    connection: ConnectionId,
    state: ConnectionState,
    { code, extra }: ProtocolError,
    subject: Subject,
  ): Effect[] {
    // Before `auth` everything else is one mistake (HS2).
    const isEarly = state.device === undefined && !endsBeforeAuth.has(code)
    const shown = isEarly ? 'not-authorized' : code
    const isUnread = code === 'bad-request'
    const bad = isUnread ? state.bad + 1 : 0
    const { closeCode, action } = errors[shown]
    const frame = {
      type: 'error',
      ...subject,
      code: shown,
      action,
      ...extra,
      ...(shown === 'unsupported-version' && { versions: [...supportedVersions] }),
    } as ServerFrame
    const effects: Effect[] = [
      {
        type: 'remember',
        connection,
        state: {
          ...state,
          bad,
          seenAt: state.device ? host.clock() : state.seenAt,
          ...(subject.attempt !== undefined && { refused: subject.attempt }),
        },
      },
      { type: 'send', connection, frame },
    ]
    const closes = closeCode !== null && (!isUnread || isEarly || bad >= limits.badFramesMax)
    if (closes) effects.push({ type: 'close', connection, code: closeCode, reason: shown })
    return effects
  }

  return {
    async opened(connection) {
      if (isFull()) return host.sockets.close(connection, closeCodes.overloaded, 'overloaded')
      await enqueue({ type: 'open', connection })
    },
    async received(connection, text) {
      if (text.length > limits.frameInBytesMax)
        return host.sockets.close(connection, closeCodes.tooLarge, 'too large')
      if (isFull()) return host.sockets.close(connection, closeCodes.overloaded, 'overloaded')
      await enqueue({ type: 'text', connection, text })
    },
    async closed(connection, state, code) {
      await enqueue({ type: 'close', connection, state, code })
    },
    async peer(from: UserId, message: RoomMessage) {
      if (isFull()) return overloaded
      return (await enqueue({ type: 'peer', from, message })) as RoomReply
    },
    async account(operation: AccountOperation) {
      if (isFull()) return overloaded
      return (await enqueue({ type: 'account', operation })) as AccountReply
    },
    async alarm() {
      await enqueue({ type: 'alarm' })
    },
    async idle() {
      if (isBusy()) await new Promise<void>((resolve) => idlers.push(resolve))
    },
    get busy() {
      return isBusy()
    },
  }
}

/** Refusals of `auth` itself, which say more than that something else was expected. */
const endsBeforeAuth = new Set([
  'not-authorized',
  'credentials-expired',
  'unsupported-version',
  'account-disabled',
])

/** What a refusal is about, so that the device knows which of its frames it was. */
interface Subject {
  id?: string
  /** The device's pass over its outbox: what refuses an older one is void. */
  attempt?: number
  request?: string
}

function subjectOf(frame: ClientFrame): Subject {
  if (frame.type === 'send') return { id: frame.id, attempt: frame.attempt }
  return 'request' in frame ? { request: frame.request } : {}
}

/** The sockets as they will be once the effects of a batch are performed: what its next event has to see. */
interface States {
  all(): ReadonlyMap<ConnectionId, ConnectionState>
  note(effects: readonly Effect[]): void
  /** The batch has its place. */
  remember(): void
}

function createStates(sockets: RoomHost['sockets'], leaving: ReadonlySet<ConnectionId>): States {
  /** Null: to be closed. */
  const changed = new Map<ConnectionId, ConnectionState | null>()
  return {
    all() {
      const now = sockets.states()
      if (changed.size === 0 && leaving.size === 0) return now
      const all = new Map(now)
      for (const id of leaving) all.delete(id)
      for (const [id, state] of changed) {
        if (!all.has(id)) continue // closed meanwhile
        if (state) all.set(id, state)
        else all.delete(id)
      }
      return all
    },
    note(effects) {
      for (const effect of effects) {
        if (effect.type === 'close') changed.set(effect.connection, null)
        if (effect.type === 'remember' && changed.get(effect.connection) !== null)
          changed.set(effect.connection, effect.state)
      }
    },
    remember() {
      for (const [id, state] of changed) if (state) sockets.remember(id, state)
    },
  }
}

const textOf = (frame: ServerFrame): string => (frame.type === 'pong' ? pongText : JSON.stringify(frame))
