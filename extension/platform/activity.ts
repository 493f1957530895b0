/** Whether somebody is at this computer: the system's own measure. Firefox knows no `locked`. */
import { browser } from 'wxt/browser'

const idleAfterSeconds = 300

/** Tells the present state at once, and every change. `since` is when the last input was, as far as is known. */
export function watchActivity(listener: (activity: 'active' | 'idle', since: number) => void): void {
  const tell = (state: string) => {
    const idleFor = state === 'idle' ? idleAfterSeconds * 1000 : 0
    listener(state === 'active' ? 'active' : 'idle', Date.now() - idleFor)
  }
  browser.idle.setDetectionInterval(idleAfterSeconds)
  browser.idle.onStateChanged.addListener(tell)
  void browser.idle.queryState(idleAfterSeconds).then(tell)
}
