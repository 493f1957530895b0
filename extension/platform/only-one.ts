/** One page of a kind: whoever holds the lock of its name shows it. */

/** The page before a reload gives its lock back a moment after the new one asks. */
const patienceMs = 700

/** True when this page is the one; it stays so until it goes. */
export function claim(name: string, locks: LockManager = navigator.locks): Promise<boolean> {
  return new Promise((done) => {
    const held = locks.request(
      name,
      { signal: AbortSignal.timeout(patienceMs) },
      () => (done(true), new Promise<never>(() => {})),
    )
    // Not had within the time: another page has it.
    held.catch(() => done(false))
  })
}
