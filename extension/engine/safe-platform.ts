/** A browser that cannot show something is no reason to stop talking to the relay: it is reported, and that is all. */
import type { Platform } from './ports.ts'

export function safePlatform(platform: Platform): Platform {
  const safely =
    <Args extends unknown[]>(run: (...args: Args) => Promise<void>) =>
    async (...args: Args) => {
      try {
        await run(...args)
      } catch (error) {
        console.error(error)
      }
    }
  return {
    canOpenUnfocused: platform.canOpenUnfocused,
    deviceName: platform.deviceName,
    alert: safely((alert) => platform.alert(alert)),
    clear: safely((peer) => platform.clear(peer)),
    badge: safely((state) => platform.badge(state)),
    openChat: (peer) => platform.openChat(peer), // the person waits for it: they are told
    openPrompt: (peer) => platform.openPrompt(peer),
    closeChat: safely((peer) => platform.closeChat(peer)),
    async isFullScreen() {
      try {
        return await platform.isFullScreen()
      } catch (error) {
        console.error(error)
        return false
      }
    },
    onChatClosed: (listener) => platform.onChatClosed(listener),
    setIdleAfter: (minutes) => platform.setIdleAfter(minutes),
    exclusively: (what, run) => platform.exclusively(what, run),
    views: () => platform.views(),
    onActivity: (listener) => platform.onActivity(listener),
    heartbeat: () => platform.heartbeat(),
    watchdog: safely((on) => platform.watchdog(on)),
  }
}
