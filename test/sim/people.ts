/** What a device is to the rest of the simulator, whether it is a model or the engine that ships. */
import type { Content } from '#shared/content'
import type { Kind, Policy, Relation } from '#shared/frames'
import type { DeviceId, EnvelopeId, Epoch, Millis, Seq, UserId } from '#shared/ids'
import type { KeyPackageUp } from '#shared/keys'
import type { Wire } from './wire.ts'
import type { World } from './world.ts'

export interface Message {
  id: EnvelopeId
  from: UserId
  peer: UserId
  kind: Kind
  ts: Millis
  payload: string
  /** Which of this device's sends it was; undefined for what others sent. */
  index?: number
  /** Its place in the log, as far as is known. */
  seq?: Seq
}

/** What it has stored. */
export interface Stored {
  epoch: Epoch | null
  seq: Seq
  messages: Map<string, Message>
  failed: Map<EnvelopeId, string>
  delivered: Map<UserId, { delivered: Millis; read: Millis }>
  relations: Map<UserId, Relation>
  outbox: readonly unknown[]
  /** Of the entries since the log last began anew; null where nobody keeps them. */
  marks: Map<Seq, number> | null
}

export interface Device extends Actions {
  readonly user: UserId
  readonly id: DeviceId
  readonly wire: Wire
  readonly kept: Stored
  send(to: UserId, kind?: Kind, fields?: { payload?: string; invite?: string }): void
  read(peer: UserId): void
  shows(peer: UserId): string
  /** Loses its memory and its connection. */
  crash(): void
  /** Brings `kept` up to date. */
  refresh(): Promise<void>
}

/** What the people outside know to be true, whatever the devices and rooms believe. */
export interface Ledger {
  /** Confirmed by `ok`. */
  stored: Map<EnvelopeId, { from: UserId; device: DeviceId; to: UserId; kind: Kind; index: number }>
}

export interface Actions {
  policy(change: Partial<Policy>): void
  roster(operation: 'block' | 'unblock' | 'remove' | 'withdraw' | 'reject', peer: UserId): void
  /** Asks for packages of the peer, or of the own other devices. */
  claim(peer: UserId): void
  mode(mode: 'auto' | 'away' | 'dnd' | 'invisible'): void
}

/** What a person does at a device that is connected, and forgets when it is not. */
export function actionsOf(wire: Wire): Actions {
  const say = (frame: object) => {
    if (wire.session?.isWelcome) wire.say(frame)
  }
  return {
    policy: (change) => say({ type: 'policy', request: 'r', ...change }),
    roster: (operation, peer) => say({ type: 'roster', request: 'r', peer, operation }),
    claim: (peer) => say({ type: 'claim', request: 'c', peer, after: 0, packages: true }),
    mode: (mode) => say({ type: 'presence', mode }),
  }
}

/** How packages that may be given away again and again begin. */
export const lastResort = 'last-'
export const portionSize = 2

/** Packages by name, so that each is known when it is met again. The simulator believes every signature. */
export const portionOf = (device: DeviceId, portion: number): KeyPackageUp => ({
  device,
  suite: 'none',
  oneTime: Array.from({ length: portionSize }, (_, i) => `one-${device}-${portion}-${i}`),
  lastResort: `${lastResort}${device}`,
  exp: Date.UTC(2100, 0, 1),
  sig: 'A'.repeat(86),
})

/** A UUIDv7; `index` orders those of one device that are made in the same moment. */
export function newId({ now, random }: World, index: number): EnvelopeId {
  const time = now.toString(16).padStart(12, '0')
  const end = Math.floor(random() * 2 ** 24)
  const tail = [index, end].map((half) => half.toString(16).padStart(6, '0')).join('')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail}` as EnvelopeId
}

/** What the engine can open without keys; who sends and who opens agree that there is nothing to hide. */
export function contentOf(kind: Kind, text: string): Content {
  if (kind === 'knock') return { type: 'knock', text }
  if (kind === 'accept') return { type: 'accept' }
  return { type: 'text', text }
}
