/** What is going on with a file, in words. */
import type { Refused } from '../stores/attaching.ts'
import type { FileItem, Transfer } from '../stores/conversation-files.ts'
import { fileSize, fullDate, number } from './format.ts'
import { problemWords } from './problem-words.ts'
import { say, type TextKey } from './text.ts'

type Failure = NonNullable<Transfer['failure']>

/** What is special about files; everything else is what it is anywhere. */
const failures: Partial<Record<Failure, TextKey>> = {
  'file-full': 'failureFileFull',
  'relay-full': 'failureRelayFull',
  'disk-full': 'failureDiskFull',
  incomplete: 'failureIncomplete',
  damaged: 'failureDamaged',
  unreachable: 'failureUnreachable',
  'too-large': 'failureTooLarge',
  'item-not-found': 'failureGone',
  expired: 'failureGone',
}

function failureWords(failure: Failure): string {
  const own = failures[failure]
  return own ? say(own) : problemWords({ code: failure as Parameters<typeof problemWords>[0]['code'] })
}

/** The state; empty where there is nothing to say. */
export function stateWords({ state, failure }: Transfer, { direction, until }: FileItem): string {
  const isMine = direction === 'out'
  switch (state) {
    case 'offered':
      return until === null || isMine ? '' : say('fileOffered', fullDate(until))
    case 'sealing':
      return say('fileSealing')
    case 'queued':
      return say(isMine ? 'fileWaitsOut' : 'fileWaitsIn')
    case 'moving':
      return say(isMine ? 'fileSending' : 'fileFetching')
    case 'paused':
      return say('filePaused')
    case 'failed':
      return failureWords(failure ?? 'internal-server-error')
    case 'here':
      return say(isMine ? 'fileSent' : 'fileHere')
    case 'declined':
      return say('fileDeclined')
    case 'freed':
      return say('fileFreed')
    case 'gone':
      return say('fileGone')
  }
}

/** Why a file was not taken: its name, what is wrong, and what to do. */
export function refusedWords(refused: Refused, chipsMax: number): string {
  const { name } = refused
  switch (refused.why) {
    case 'too-large':
      return say('fileTooLarge', isolated(name), fileSize(refused.bytes), fileSize(refused.bytesMax))
    case 'folder':
      return say('fileIsFolder', isolated(name))
    case 'unreadable':
      return say('fileUnreadable', isolated(name))
    case 'disk-full':
      return say('fileDiskFull', isolated(name))
    case 'too-many':
      return say('fileTooMany', isolated(name), number(chipsMax))
    case 'failed':
      return say('fileFailed', isolated(name))
  }
}

/** A name within a sentence that is no element: it turns nothing of the sentence round. */
export const isolated = (name: string): string => `\u2068${name}\u2069`
