/** What the engine needs of the world around it: a browser, or in tests and loads plain Node. */
import type { ViewState } from '../bus/commands.ts'
import type { EnvelopeId, Millis, UserId } from '#shared/ids'

/** A message has come in and is stored; what may happen now is decided in alert.ts. */
export interface Incoming {
  peer: UserId
  id: EnvelopeId
  ts: Millis
  text: string
  kind: 'message' | 'knock'
  /** It was waiting for us: no live news. */
  late: boolean
}

/** What alert.ts decided. The platform does it and decides nothing. */
export type Alert =
  | { type: 'window'; peer: UserId }
  | { type: 'attention'; peer: UserId }
  | { type: 'notification'; peer: UserId; title: string; text: string }

/** The words of a notification. */
export interface Words {
  title(peer: string): string
  many(count: number): string
  knock(peer: string): string
  /** After an absence. */
  missed(messages: number, people: number): string
}

/** The browser, as the engine sees it. All methods may be called at any time and more than once. */
export interface Platform {
  /** What the browser can: unfocused windows are Chrome's, not on macOS. */
  readonly canOpenUnfocused: boolean
  alert(alert: Alert): Promise<void>
  /** Takes back what was shown about this conversation: it was read here or elsewhere. */
  clear(peer: UserId): Promise<void>
  /** `requests`: only knocks are waiting. 0 clears the badge. */
  badge(state: { unread: number; requests: number; connected: boolean }): Promise<void>
  /** Opens or focuses the conversation's window because the person asked for it. */
  openChat(peer: UserId): Promise<void>
  /** Pages that are open now. */
  views(): readonly ViewState[]
  /** Told at once, and whenever the person comes or goes. `since`: when it began, by this device's clock. */
  onActivity(listener: (activity: 'active' | 'idle', since: Millis) => void): void
  /** Called every 20 s while signed in: what keeps this browser from putting the background away. */
  heartbeat(): void
  /** The watchdog: rings about every 30 s while on, also after the background has died. */
  watchdog(on: boolean): Promise<void>
  /** "Chrome on Linux": how this device names itself. */
  readonly deviceName: string
}

export interface Timers {
  now(): Millis
  /** Returns what cancels it. */
  after(ms: number, run: () => void): () => void
}
