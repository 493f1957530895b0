/** The browser as the engine sees it (engine/ports.ts): it does what was decided and decides nothing. */
import type { ViewState } from '../bus/commands.ts'
import type { Db } from '../db/db.ts'
import type { Alert, Platform } from '../engine/ports.ts'
import { setIdleAfter, watchActivity } from './activity.ts'
import { showBadge } from './badge.ts'
import { canOpenUnfocused, deviceName } from './browser-name.ts'
import type { ChatTabs } from './chat-tabs.ts'
import { keepAlive, setWatchdog } from './keepalive.ts'
import { clearNotification, notify, notifySignIn } from './notify.ts'
import { openPromptUnfocused, showPrompt } from './prompt-window.ts'
import { playSound } from './sound.ts'
import { drawAttention, isFullScreen, openChatUnfocused, showChatWindow } from './windows.ts'

export interface BrowserParts {
  /** `watchViews` and `watchChatTabs`, which must have been called while the background starts. */
  views: () => readonly ViewState[]
  chatTabs: ChatTabs
}

export function browserPlatform(db: Db, { views, chatTabs }: BrowserParts): Platform {
  async function perform(alert: Alert): Promise<void> {
    switch (alert.type) {
      case 'window':
        return openChatUnfocused(db, alert.peer)
      case 'prompt':
        return openPromptUnfocused(db)
      case 'attention':
        return drawAttention(alert.peer)
      case 'notification':
        return notify(alert)
      case 'sign-in':
        return notifySignIn(alert)
      case 'sound':
        return playSound()
    }
  }

  return {
    canOpenUnfocused: canOpenUnfocused(navigator.userAgent),
    deviceName: deviceName(navigator.userAgent),
    alert: perform,
    clear: clearNotification,
    badge: showBadge,
    openChat: (peer) => showChatWindow(db, peer),
    openPrompt: (peer) => showPrompt(db, peer),
    closeChat: chatTabs.close,
    isFullScreen,
    onChatClosed: chatTabs.onClosed,
    exclusively: (what, run) => navigator.locks.request(`background:${what}`, run),
    views,
    onActivity: watchActivity,
    setIdleAfter,
    heartbeat: keepAlive,
    watchdog: setWatchdog,
  }
}
