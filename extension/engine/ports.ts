/** What the engine needs of the world around it: a browser, or in tests and loads plain Node. */
import type { ViewState } from '../bus/commands.ts'
import type { EnvelopeId, Millis, UserId } from '#shared/ids'
import type { FileNote } from '../db/db.ts'

/** A message has come in and is stored; what may happen now is decided in alert.ts. */
export interface Incoming {
  peer: UserId
  id: EnvelopeId
  ts: Millis
  text: string
  /** Of a message with a file, whose caption is `text`. */
  file?: FileNote
  kind: 'message' | 'knock'
  /** It was waiting for us: no live news. */
  late: boolean
}

/** What alert.ts decided. The platform does it and decides nothing. */
export type Alert =
  | { type: 'window'; peer: UserId }
  /** Shows the prompt window, unfocused, unless it is open: it finds in the database what it asks. */
  | { type: 'prompt' }
  | { type: 'attention'; peer: UserId }
  /** Replaces the one of the same person. `about` decides which buttons it has, where a browser has buttons. */
  | {
      type: 'notification'
      peer: UserId
      title: string
      text: string
      about: 'message' | 'prompt' | 'knock' | 'presence'
    }
  /** Another device came into the account: leads to the list of devices. */
  | { type: 'sign-in'; title: string; text: string }
  | { type: 'sound' }

/** The words of a notification. `name` is the nickname, or else the user name. */
export interface Words {
  title(name: string): string
  many(count: number): string
  knock(name: string): string
  /** Somebody has followed my invite link. */
  joined(name: string): string
  /** Of a prompt. */
  asks(name: string): string
  online(name: string): string
  /** Of another device of mine. */
  signIn(device: string): string
  notYou(): string
  /** In place of a name and a text that shall not be seen. */
  somebody(): string
  aMessage(): string
  /** A file without a caption. */
  photo(): string
  file(name: string): string
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
  /** Opens the small window about this person: their knock, their prompt, or a line to answer with. It was asked for. */
  openPrompt(peer: UserId): Promise<void>
  /** The conversation is over: its window goes. */
  closeChat(peer: UserId): Promise<void>
  /** Somebody fills the screen with something: they shall not be disturbed. */
  isFullScreen(): Promise<boolean>
  /** Told when the person has closed a conversation's window, and not when the browser or the page only went away. */
  onChatClosed(listener: (peer: UserId) => void): void
  /** After so many minutes without input, `onActivity` tells of idleness; 0 is never. */
  setIdleAfter(minutes: number): void
  /** Runs one at a time, whatever other background of this profile may still be there. */
  exclusively<T>(what: 'seal' | 'open', run: () => Promise<T>): Promise<T>
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
