/** Whether somebody is at this computer: the system's own measure. Firefox knows no `locked`. */
import { browser } from 'wxt/browser'

/** No browser measures less. */
const leastSeconds = 15

/** With 0 minutes nobody is ever idle, but a locked screen still says that nobody is there. */
let idleAfterMinutes = 5
let tellNow: (() => void) | null = null

const seconds = () => Math.max(leastSeconds, idleAfterMinutes * 60)

/** Tells the present state at once, and every change. `since` is when the last input was, as far as is known. */
export function watchActivity(listener: (activity: 'active' | 'idle', since: number) => void): void {
  const tell = (state: string) => {
    const isIdle = state === 'locked' || (state === 'idle' && idleAfterMinutes > 0)
    const idleForMs = state === 'idle' && isIdle ? seconds() * 1000 : 0
    listener(isIdle ? 'idle' : 'active', Date.now() - idleForMs)
  }
  tellNow = () => void browser.idle.queryState(seconds()).then(tell)
  browser.idle.setDetectionInterval(seconds())
  browser.idle.onStateChanged.addListener(tell)
  tellNow()
}

export function setIdleAfter(minutes: number): void {
  if (minutes === idleAfterMinutes) return
  idleAfterMinutes = minutes
  browser.idle.setDetectionInterval(seconds())
  tellNow?.()
}
