/** What can be asked for in the log, in one piece: it is handed down through the list of messages. */
import type { EnvelopeId } from '#shared/ids'
import type { Allowed } from '../stores/allowed.ts'
import type { MessageItem, SessionItem } from '../stores/timeline.ts'
import type { FileActions } from './file-actions.ts'

export interface MessageActions {
  allowed(message: MessageItem): Allowed
  reply(message: MessageItem): void
  edit(message: MessageItem): void
  react(message: MessageItem, emoji: string): void
  copy(message: MessageItem): void
  /** "Delete for everyone", asked about before. */
  retract(message: MessageItem): void
  /** "Delete for me". */
  hide(message: MessageItem): void
  retry(id: EnvelopeId): void
  discard(id: EnvelopeId): void
  /** "Edit" of one that was not sent. */
  takeBack(message: MessageItem): void
  /** For one that could not be opened. */
  askAgain(message: MessageItem): void
  files: FileActions
  /** Goes to a message that may not be loaded. */
  reveal(key: string): void
  collapse(session: SessionItem): void
  copySession(session: SessionItem): void
  hideSession(session: SessionItem): void
  /** Esc in the log: back to writing. */
  write(): void
}
