/** What may be done with a message now. */
import type { Millis } from '#shared/ids'
import { limits } from '#shared/limits'
import { pendingTs } from '../db/db.ts'
import type { MessageItem } from './timeline.ts'

export interface Allowed {
  reply: boolean
  react: boolean
  copy: boolean
  edit: boolean
  retract: boolean
}

/** `now` is the relay's: nobody's own clock decides how long something may be changed. */
export function allowed(item: MessageItem, now: Millis, isBuddy: boolean): Allowed {
  const { direction, ts, tick, text, isText } = item
  const isThere = text !== null && tick !== 'failed' && tick !== 'expired' && tick !== 'held'
  const ageMs = ts === pendingTs ? 0 : now - ts
  const isMine = direction === 'out' && isThere && isBuddy && isText
  return {
    reply: isThere && isBuddy && isText,
    react: isThere && isBuddy && isText,
    copy: text !== null,
    edit: isMine && ageMs < limits.editMs,
    retract: isMine && ageMs < limits.retractMs,
  }
}
