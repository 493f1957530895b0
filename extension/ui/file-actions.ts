/** What can be done with a file in the log, in one piece. */
import type { ReadonlySignal } from '@preact/signals'
import type { FileItem, OpenedFile, Transfer } from '../stores/conversation-files.ts'

export interface FileActions {
  /** By the key of the file; a signal, for it changes with every part that moves. */
  transfers: ReadonlySignal<ReadonlyMap<string, Transfer>>
  save(file: FileItem): void
  fetch(key: string): void
  pause(key: string): void
  cancel(key: string): void
  decline(key: string): void
  open(key: string): Promise<OpenedFile>
  /** In the image viewer. */
  view(key: string): void
}

/** Larger ones are opened when they are asked for. */
export const inlineBytesMax = 8 * 1024 * 1024
