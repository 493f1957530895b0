/** Notifications: one for each conversation, replaced and never stacked. A click opens the conversation. */
import { browser } from 'wxt/browser'
import type { UserId } from '#shared/ids'
import { isUserName } from '#shared/names'

const prefix = 'chat:'

/** Firefox shows nothing at all when an option is unknown to it, so only what both know is set. */
export async function notify(peer: UserId, title: string, message: string): Promise<void> {
  await browser.notifications.create(prefix + peer, {
    type: 'basic',
    iconUrl: browser.runtime.getURL('/icon/128.png'),
    title,
    message,
  })
}

export async function clearNotification(peer: UserId): Promise<void> {
  await browser.notifications.clear(prefix + peer)
}

/** Must be called while the background starts, or the browser does not wake it for a click. */
export function onNotificationClick(open: (peer: UserId) => void): void {
  browser.notifications.onClicked.addListener((id) => {
    const peer = id.slice(prefix.length)
    if (!id.startsWith(prefix) || !isUserName(peer)) return
    void browser.notifications.clear(id)
    open(peer)
  })
}
