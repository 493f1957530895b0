/** A device's connection: frames come in order, and it breaks with what is on it. The room may notice much later. */
import type { ServerFrame } from '#shared/frames'
import type { DeviceId, Millis, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Relay } from './room.ts'

/** A socket and what is known only while it is open. */
export interface Session {
  id: string
  isOpen: boolean
  isWelcome: boolean
  heardAt: Millis
}

export interface Wire {
  readonly session: Session | null
  /** Whether it wants to be connected. */
  isOn: boolean
  turnOn(): void
  turnOff(): void
  say(frame: object): void
  /** Both ends lose what is under way. */
  cut(): void
}

export interface Holder {
  /** A new socket, of which nothing is known yet. */
  opened(): void
  take(frame: ServerFrame): void
  closed(code: number): void
}

export function createWire(relay: Relay, user: UserId, id: DeviceId, holder: Holder): Wire {
  const { world } = relay
  let session: Session | null = null
  let sockets = 0
  let lastArrival: Millis = 0
  let lastDeparture: Millis = 0
  const room = () => relay.rooms.get(user)!

  function connect() {
    if (!wire.isOn || session) return
    const own: Session = {
      id: `${user}-${id}-${++sockets}`,
      isOpen: true,
      isWelcome: false,
      heardAt: world.now,
    }
    session = own
    holder.opened()
    world.after(delay('out'), () => {
      if (!own.isOpen) return
      room().open(own.id, {
        take: (text) => world.after(delay('in'), () => own.isOpen && take(own, text)),
        closed: (code) => world.after(delay('in'), () => ended(own, code)),
      })
    })
    world.after(limits.heartbeatMs, () => beat(own))
  }

  /** The next thing on the wire never comes before the last. */
  function delay(direction: 'in' | 'out'): Millis {
    const last = direction === 'in' ? lastArrival : lastDeparture
    const at = Math.max(last, world.now + world.upTo(relay.faults.wireDelayMs))
    if (direction === 'in') lastArrival = at
    else lastDeparture = at
    return at - world.now
  }

  function take(own: Session, text: string) {
    if (own !== session) return
    own.heardAt = world.now
    holder.take(JSON.parse(text) as ServerFrame)
  }

  /** The room notices late, and the device may be back before that. */
  function breakOff(own: Session) {
    world.note('break', user, id)
    own.isOpen = false
    world.after(world.upTo(40_000), () => room().lost(own.id))
    if (own === session) ended(own, 1006)
  }

  function ended(own: Session, code: number) {
    own.isOpen = false
    if (own !== session) return
    world.note(`closed ${code}`, user, id)
    session = null
    holder.closed(code)
    world.after(500 + world.upTo(3000), connect)
  }

  function beat(own: Session) {
    if (own !== session || !own.isOpen) return
    if (world.now - own.heardAt > 2 * limits.heartbeatMs) return breakOff(own)
    wire.say({ type: 'ping' })
    world.after(limits.heartbeatMs, () => beat(own))
  }

  /** What a version that is to come says beside what is understood (FR1). */
  function newer(frame: object): object {
    if (!world.chance(relay.faults.newer)) return frame
    world.note('newer device')
    const isAuth = 'type' in frame && frame.type === 'auth'
    if (isAuth && world.chance(0.5)) return { ...frame, version: 2 }
    return { ...frame, later: { that: ['is', 'unknown'] } }
  }

  const wire: Wire = {
    get session() {
      return session
    },
    isOn: false,
    turnOn() {
      wire.isOn = true
      connect()
    },
    turnOff() {
      wire.isOn = false
      const own = session
      if (!own) return
      session = null
      holder.closed(1000)
      world.after(delay('out'), () => {
        own.isOpen = false
        room().lost(own.id)
      })
    },
    say(frame) {
      const own = session
      if (!own) return
      const text = JSON.stringify(newer(frame))
      if (world.chance(relay.faults.breakOff)) return breakOff(own)
      world.after(delay('out'), () => own.isOpen && room().received(own.id, text))
    },
    cut() {
      if (session) breakOff(session)
    },
  }
  return wire
}
