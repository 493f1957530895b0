/**
 * What a page may ask of the background. Everything is JSON: the browsers differ in what else they carry.
 * Pages learn the outcome twice: the promise of the command, and the database.
 */
import type { SlotName } from '#shared/account'
import type { Info } from '#shared/api'
import type { Target } from '#shared/content'
import type { AccountId, DeviceId, EnvelopeId, Millis, UserId } from '#shared/ids'
import type { Mode } from '#shared/frames'
import type { PolicyRow } from '../db/db.ts'
import type { SettingsChange } from '../db/settings.ts'

export interface Commands {
  /** Starts the background if it slept, and the connection if there is none. */
  wake(): Promise<void>
  /** "Try now": connect at once instead of waiting out the backoff. */
  connectNow(): Promise<void>
  /**
   * Asks a relay who it is, before anything is typed into it.
   * Codes: `address-invalid`, `address-insecure`, `unreachable`, `not-a-relay`, `unsupported-version`.
   */
  relayInfo(relay: string): Promise<Info>
  /**
   * Makes the account. `root` is what Argon2id made of the password in the page, base64url: the password itself
   * stays there. Answers with the recovery code, which exists nowhere else. `invite`: the code that the relay asks for
   * when its `Info` says so. Codes: `conflict` (taken), `forbidden` (no invitation), `item-not-found` (a wrong one),
   * `gone` (a spent one) and others.
   */
  signUp(input: {
    relay: string
    relayId: string
    user: UserId
    root: string
    deviceName: string
    invite?: string
  }): Promise<{ recoveryCode: string }>
  /** Adds this browser to an account. `slot` tells what `root` was made of. Codes: `not-authorized` and others. */
  signIn(input: {
    relay: string
    relayId: string
    user: UserId
    root: string
    slot: SlotName
    deviceName: string
  }): Promise<void>
  /** This browser was thrown out or found to be a copy: it becomes a new device, and keeps its history. */
  signInAgain(proof: Proof): Promise<void>
  /** Deletes the account at the relay, for all of my devices and for good, and forgets it here. */
  deleteAccount(proof: Proof): Promise<void>
  /** Signs off, and forgets account, keys and history on this device. */
  signOut(): Promise<void>
  /** When each of my devices was last here, and which are now. Needs a connection. */
  devices(): Promise<DeviceState[]>
  /**
   * Takes a device out of the account, for good. `root` as in `signIn`: it is asked for anew. Codes: `not-authorized`,
   * `item-not-found` and others.
   */
  removeDevice(device: DeviceId, proof: Proof): Promise<void>
  /** The person has looked at the new devices. */
  devicesSeen(): Promise<void>
  /** `newRoot` is made of the new password. All devices stay signed in; the recovery code stays as it is. */
  changePassword(proof: Proof, newRoot: string): Promise<void>
  /** The old one opens nothing any more. */
  newRecoveryCode(proof: Proof): Promise<{ recoveryCode: string }>
  /** There are new rows in the outbox. */
  nudge(): Promise<void>
  /** Sends what failed or is held once more, under a new id where the old one is spent. */
  retry(id: EnvelopeId): Promise<void>
  /** Forgets a message that was never stored. */
  discard(id: EnvelopeId): Promise<void>
  /** "May I be your buddy?" Codes: those of the room; `conflict` when the link was made for another account. */
  knock(peer: UserId, knock: Knock): Promise<void>
  accept(peer: UserId): Promise<void>
  /** Answers the prompt about a session. `accepted` opens the conversation, `rejected` may say why. */
  answer(peer: UserId, answer: 'accepted' | 'later' | 'rejected', note?: string): Promise<void>
  /** Ends the session for me, tells the peer if I let them know such things, and closes the window. */
  endConversation(peer: UserId): Promise<void>
  /** "Delete for me", on all my devices. */
  hide(peer: UserId, targets: Target[]): Promise<void>
  markUnread(peer: UserId, on: boolean): Promise<void>
  /** At once here, and on my other devices as soon as the relay can be reached. */
  changeSettings(change: SettingsChange): Promise<void>
  /** What the relay enforces: needs a connection. */
  setPolicy(policy: { reach?: PolicyRow['reach']; reads?: boolean }): Promise<void>
  /** Makes a new invite link, which ends the one before. Codes: those of the room, `unreachable`. */
  newInvite(): Promise<void>
  dropInvite(): Promise<void>
  /**
   * What both can compare to know that nobody sits between them. `acct` is whose it is: where another account has
   * taken the name, that one's (`isOther`). Codes: those of the room, `unreachable`, `inconsistent-keys`.
   */
  safetyNumber(peer: UserId): Promise<SafetyNumber & { acct: AccountId; isOther: boolean }>
  /** Another account has taken the name, and the person goes on with it. False when it is another one again. */
  trustAccount(peer: UserId, acct: AccountId): Promise<boolean>
  /** Asks for a message once more that could not be opened. */
  askForMessage(peer: UserId, id: EnvelopeId): Promise<void>
  roster(
    peer: UserId,
    operation: 'withdraw' | 'reject' | 'remove' | 'block' | 'unblock' | 'mute' | 'unmute',
  ): Promise<void>
  setPresence(presence: { mode?: Mode; status?: string; until?: Millis | null }): Promise<void>
  /**
   * What a person does with a file; `key` as in the database (`fileKey` for one that is only offered). `fetch` begins,
   * goes on and tries again, in either direction; `cancel` forgets one that is not sent, or stops fetching; `free` drops
   * the bytes here, which can be fetched again while the relay has them. What makes no sense in its state does nothing.
   * Codes: `item-not-found`; `forbidden` for what somebody sent who is no buddy.
   */
  file(key: string, operation: 'fetch' | 'pause' | 'cancel' | 'decline' | 'free'): Promise<void>
  /** The person has read their messages up to `ts` (R-21 is the page's to judge). */
  read(peer: UserId, ts: Millis): Promise<void>
  typing(peer: UserId, state: 'composing' | 'paused'): Promise<void>
  /** Opens the conversation's window, or brings the open one to the front: the person asked for it. */
  openChat(peer: UserId): Promise<void>
}

/** What somebody proves again who they are with: by password or recovery code. */
export interface Proof {
  root: string
  slot: SlotName
}

export interface DeviceState {
  id: DeviceId
  /** By the relay's clock. */
  seen: Millis
  connected: boolean
}

/** What goes with a knock. All of it is optional, all of it is sealed, but for `bare` and `invite`. */
export interface Knock {
  text?: string
  reason?: string
  page?: string
  /** Without a word: for those who take words from buddies only. */
  bare?: boolean
  /** From an invite link: completes both sides, if it still holds. `acct` is whose link it is. */
  invite?: { token: string; acct: AccountId }
}

export interface SafetyNumber {
  /** Twelve groups of five digits. */
  digits: string[]
  /** Ten words for reading aloud. */
  words: string[]
  /** What the QR code holds. */
  qr: string
}

export type CommandName = keyof Commands

/** Beside the protocol's codes, what a command may fail with. Each has words in `_locales`. */
export type CommandCode =
  | import('#shared/errors').ErrorCode
  | 'address-invalid'
  | 'address-insecure'
  | 'unreachable'
  | 'not-a-relay'
  | 'wrong-relay'
  | 'inconsistent-keys'
  | 'signed-out'
  | 'database'

export class CommandError extends Error {
  readonly code: CommandCode
  readonly retryAfterMs: number | undefined

  constructor(code: CommandCode, detail?: string, retryAfterMs?: number) {
    super(detail ?? code)
    this.name = 'CommandError'
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

/** On the wire between page and background. */
export interface Request<Name extends CommandName = CommandName> {
  command: Name
  args: Parameters<Commands[Name]>
}
export type Response<T = unknown> =
  | { ok: true; value: T }
  | { ok: false; code: CommandCode; detail: string; retryAfterMs?: number }

/**
 * A page that is open holds a port of this name and says what it shows. The background needs to know who looks
 * at what, and nothing of it is worth storing. The port ends whenever the background does: that is normal.
 */
export const viewPort = 'view'
export interface ViewState {
  page: 'popup' | 'chat' | 'options' | 'prompt'
  /** With `chat`: whose conversation. */
  peer?: UserId
  focused: boolean
  /** Has the person done anything in this window in the last minute? */
  active: boolean
  /** Not on screen at all. */
  minimised?: boolean
}
