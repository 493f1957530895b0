/**
 * Which of the owner's devices alerts first: the one that a person used last, and of those that somebody is at
 * before those that were left alone. It follows from what is remembered of the sockets, so it outlives hibernation.
 */
import type { ClientFrame, Lead } from '#shared/frames'
import type { DeviceId, Millis } from '#shared/ids'
import type { ConnectionId, ConnectionState } from './ports.ts'
import { send, signedIn, touch, type Turn } from './turn.ts'

/** A frame that the room has acted on: did a person do something at that device? */
export function noteUse(turn: Turn, connection: ConnectionId, frame: ClientFrame) {
  const state = turn.sockets.get(connection)
  if (!state) return // it has just signed off
  const usedAt = usedAtBy(frame, turn.env.now)
  if (usedAt > (state.usedAt ?? 0)) touch(turn, connection)!.usedAt = usedAt
}

function usedAtBy(frame: ClientFrame, now: Millis): Millis {
  switch (frame.type) {
    case 'send':
    case 'read':
    case 'typing':
      return now
    case 'auth':
      // Left alone since then, so used until then: whoever comes back last is not the one used last.
      return frame.activity === 'active' ? now : Math.min(frame.since ?? 0, now)
    case 'presence':
      return frame.activity === 'active' ? now : 0
    default:
      return 0
  }
}

type Device = ConnectionState & { device: DeviceId }

/** Whether `a` leads before `b`. Equal times are decided by the id: any order will do, if it is always the same. */
function comesBefore(a: Device, b: Device): boolean {
  if (a.activity !== b.activity) return a.activity === 'active'
  const [first, second] = [a.usedAt ?? 0, b.usedAt ?? 0]
  return first === second ? a.device < b.device : first > second
}

/** Tells each device that does not know it yet: before `live`, and whenever its own changes (PR9). */
export function tellLead(turn: Turn) {
  const sockets = signedIn(turn)
  let first: Device | undefined
  for (const device of sockets.values()) if (!first || comesBefore(device, first)) first = device
  for (const [connection, { device, lead: told }] of sockets) {
    const lead: Lead = device === first!.device ? 'here' : first!.activity
    if (lead === told) continue
    touch(turn, connection)!.lead = lead
    send(turn, connection, { type: 'lead', lead })
  }
}
