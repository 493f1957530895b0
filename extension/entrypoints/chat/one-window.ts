/** One window for each conversation: whoever holds its lock shows it. */
import type { UserId } from '#shared/ids'

/** The page before a reload gives its lock back a moment after the new one asks. */
const patienceMs = 700

/** True when this page is the one; it stays so until it goes. */
export function claimConversation(peer: UserId, locks: LockManager = navigator.locks): Promise<boolean> {
  return new Promise((done) => {
    const held = locks.request(
      `conversation:${peer}`,
      { signal: AbortSignal.timeout(patienceMs) },
      () => (done(true), new Promise<never>(() => {})),
    )
    // Not had within the time: another window has it.
    held.catch(() => done(false))
  })
}
