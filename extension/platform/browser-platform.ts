/** The browser as the engine sees it (engine/ports.ts): it does what was decided and decides nothing. */
import { browser } from 'wxt/browser'
import type { ViewState } from '../bus/commands.ts'
import type { Db } from '../db/db.ts'
import type { Alert, Platform } from '../engine/ports.ts'
import { watchActivity } from './activity.ts'
import { showBadge, type BadgeState } from './badge.ts'
import { canOpenUnfocused, deviceName } from './browser-name.ts'
import { keepAlive, setWatchdog } from './keepalive.ts'
import { clearNotification, notify } from './notify.ts'
import { drawAttention, findChatWindow, openChatWindow, showChatWindow } from './windows.ts'

/** `views` is `watchViews`, which must have been called while the background starts. */
export function browserPlatform(db: Db, views: () => readonly ViewState[]): Platform {
  const opening = new Set<string>()

  /** Two messages in one breath open one window: the second waits for the first to be there. */
  async function openUnfocused(peer: Extract<Alert, { type: 'window' }>['peer']): Promise<void> {
    if (opening.has(peer) || (await findChatWindow(peer))) return
    opening.add(peer)
    try {
      await openChatWindow(db, peer, 'network')
    } finally {
      opening.delete(peer)
    }
  }

  async function perform(alert: Alert): Promise<void> {
    switch (alert.type) {
      case 'window':
        return openUnfocused(alert.peer)
      case 'attention':
        return drawAttention(alert.peer)
      case 'notification':
        return notify(alert.peer, alert.title, alert.text)
    }
  }

  return {
    canOpenUnfocused: canOpenUnfocused(navigator.userAgent),
    deviceName: deviceName(navigator.userAgent),
    alert: perform,
    clear: clearNotification,
    badge: (state) => showBadge(state, badgeTitle(state)),
    openChat: (peer) => showChatWindow(db, peer),
    views,
    onActivity: watchActivity,
    heartbeat: keepAlive,
    watchdog: setWatchdog,
  }
}

function badgeTitle({ unread, requests, connected }: BadgeState): string {
  const { getMessage } = browser.i18n
  const parts = [
    unread > 0 ? getMessage(unread === 1 ? 'badgeUnreadOne' : 'badgeUnreadMany', String(unread)) : '',
    requests > 0
      ? getMessage(requests === 1 ? 'badgeRequestsOne' : 'badgeRequestsMany', String(requests))
      : '',
    connected ? '' : getMessage('badgeOffline'),
  ].filter((part) => part !== '')
  return parts.length === 0 ? getMessage('appName') : `${getMessage('appName')}: ${parts.join(', ')}`
}
