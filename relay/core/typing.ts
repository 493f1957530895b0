import type { ClientFrameOf } from '#shared/frames'
import type { UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { take } from './limiter.ts'
import type { ConnectionId, RoomReply } from './ports.ts'
import { peerOf, send, signedIn, type Turn } from './turn.ts'

type State = 'composing' | 'paused'

/** Told to buddies only, not while invisible, never stored (PR8). Too many of them are simply not passed on. */
export async function onTyping({ to, state }: ClientFrameOf<'typing'>, _: ConnectionId, turn: Turn) {
  const { relation, blocked } = await peerOf(turn, to)
  if (relation !== 'buddies' || blocked || turn.meta.invisible) return
  const rate = { everyMs: limits.typingIntervalMs, burst: 2 } // composing, and paused soon after
  if (take(turn.env.memory, turn.env.now, [[`typing:${to}`, rate]]) > 0) return
  const message = { type: 'typing', version: 1, state } as const
  turn.effects.push({ type: 'post', to, message, tag: { type: 'typing', peer: to } })
}

/** Shown to devices that have something on the screen. The answer is the same for everybody. */
export async function onTypingPost(turn: Turn, from: UserId, state: State): Promise<RoomReply> {
  const { relation, blocked } = await peerOf(turn, from)
  if (relation === 'buddies' && !blocked) {
    const until = state === 'composing' ? turn.env.now + limits.typingShownMs : turn.env.now
    for (const [connection, { watching }] of signedIn(turn)) {
      if (watching) send(turn, connection, { type: 'typing', peer: from, state, until }, true)
    }
  }
  return { type: 'done' }
}
