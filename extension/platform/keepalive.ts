/** What keeps the background alive while it is signed in, and what brings it back when it died all the same. */
import { browser } from 'wxt/browser'
import { isFirefox } from './browser-name.ts'

const alarmName = 'watchdog'

/**
 * Chrome counts the messages of a socket as life, and asks extensions not to call an API just to stay alive.
 * Firefox counts nothing but calls that reach its parent process.
 */
export function keepAlive(): void {
  if (isFirefox) void browser.runtime.getPlatformInfo()
}

/** The alarm is made anew at every start (Firefox forgets it), but never while it runs, or it would never ring. */
export async function setWatchdog(on: boolean): Promise<void> {
  if (!on) {
    await browser.alarms.clear(alarmName)
    return
  }
  if (!(await browser.alarms.get(alarmName))) browser.alarms.create(alarmName, { periodInMinutes: 0.5 })
}

/** Must be called while the background starts, or the alarm does not wake it. */
export function onWatchdog(ring: () => void): void {
  browser.alarms.onAlarm.addListener((alarm) => {
    if (alarm.name === alarmName) ring()
  })
}
