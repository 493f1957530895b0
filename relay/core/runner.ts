/**
 * Runs a room for a host: one event at a time, commit, then effects. "Acknowledge only what is durable" is a property
 * of this file and of no handler. The same on every host and in the simulator.
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
import { handle } from './room.ts'

type Reply = RoomReply | AccountReply
/** What happened, or text that has yet to become an event. */
type Incoming =
  | Exclude<RoomEvent, { type: 'frame' }>
  | { type: 'text'; connection: ConnectionId; text: string }

/** More unsent bytes than this, and what may be lost is not sent. */
const bufferedBytesMax = 64 * 1024
const overloaded = { type: 'error', code: 'resource-constraint', retryAfterMs: 1000 } as const

export function createRoom(host: RoomHost): Room {
  const memory: Memory = new Map()
  const mailbox: { incoming: Incoming; resolve(reply: Reply | undefined): void }[] = []
  let isRunning = false
  let posts = 0
  let idlers: (() => void)[] = []

  const isBusy = () => isRunning || posts > 0
  const isFull = () => mailbox.length >= limits.mailboxEventsMax

  function enqueue(incoming: Incoming): Promise<Reply | undefined> {
    return new Promise((resolve) => {
      mailbox.push({ incoming, resolve })
      if (!isRunning) void run()
    })
  }

  async function run() {
    isRunning = true
    for (let next = mailbox.shift(); next; next = mailbox.shift()) next.resolve(await step(next.incoming))
    isRunning = false
    tellIdlers()
  }

  function tellIdlers() {
    if (isBusy()) return
    const waiting = idlers
    idlers = []
    for (const resolve of waiting) resolve()
  }

  /** One event: commit, then effects. Whatever goes wrong is answered here; nothing is thrown. */
  async function step(incoming: Incoming): Promise<Reply | undefined> {
    let effects: Effect[]
    let event: RoomEvent | null = null
    try {
      event = incoming.type === 'text' ? read(incoming) : incoming
      if (!event) return undefined
      const happened = event
      effects = await host.store.transact((tx) => handle(happened, tx, environment()))
    } catch (error) {
      effects = refuse(incoming, event, error)
    }
    let reply: Reply | undefined
    for (const effect of effects) {
      if (effect.type === 'reply') reply = effect.reply
      else perform(effect)
    }
    return reply
  }

  function environment(): Env {
    const { self, random, verify, settings, log, metric } = host
    return {
      self,
      now: host.clock(),
      random,
      verify,
      settings,
      connections: host.sockets.states(),
      memory,
      log,
      metric,
    }
  }

  /** @throws ProtocolError for what is no frame, or comes too early. */
  function read({ connection, text }: { connection: ConnectionId; text: string }): RoomEvent | null {
    const state = host.sockets.states().get(connection)
    if (!state) return null // closed while the text was waiting
    if (state.device === undefined && text.length > limits.frameBeforeAuthBytesMax) {
      throw new ProtocolError('not-authorized', '`auth` is smaller')
    }
    const frame = parseClientFrame(text)
    host.metric('frames', { direction: 'in', type: frame.type })
    return { type: 'frame', connection, frame }
  }

  function perform(effect: Exclude<Effect, { type: 'reply' }>) {
    const { sockets, link, self } = host
    switch (effect.type) {
      case 'send':
        if (effect.ephemeral && sockets.buffered(effect.connection) > bufferedBytesMax) return
        host.metric('frames', { direction: 'out', type: effect.frame.type })
        return sockets.send(effect.connection, textOf(effect.frame))
      case 'close':
        return sockets.close(effect.connection, effect.code, effect.reason)
      case 'remember':
        return sockets.remember(effect.connection, effect.state)
      case 'post': {
        const { to, message, tag } = effect
        // Detached: the mailbox is never held during a call, or two rooms could wait for each other.
        posts++
        const call = link.post(to, message, { from: self, timeoutMs: limits.laneTimeoutMs })
        void call.then(
          (reply) => answered(tag, reply),
          () => answered(tag, null),
        )
      }
    }
  }

  function answered(tag: PostTag, reply: RoomReply | null) {
    void enqueue({ type: 'result', tag, reply })
    posts--
  }

  /** The one place where a refusal becomes an answer. Nothing of the event was stored. */
  function refuse(incoming: Incoming, event: RoomEvent | null, error: unknown): Effect[] {
    const refusal = error instanceof ProtocolError ? error : null
    if (!refusal) {
      // Our mistake or the disk's: what memory says may not be what is stored.
      memory.clear()
      host.log('error', 'an event failed', { event: incoming.type, error: String(error) })
      host.metric('room_failures')
    }
    host.metric('refusals', { code: refusal?.code ?? 'internal-server-error', event: incoming.type })
    switch (incoming.type) {
      case 'text': {
        const { connection } = incoming
        const state = host.sockets.states().get(connection)
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
        state: { ...state, bad, seenAt: state.device ? host.clock() : state.seenAt },
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

const textOf = (frame: ServerFrame): string => (frame.type === 'pong' ? pongText : JSON.stringify(frame))
