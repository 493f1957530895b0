/**
 * Which tab shows which conversation, so that its closing can be told. The pages say so themselves over their
 * ports, and after a restart the browser knows those that are open.
 */
import { browser } from 'wxt/browser'
import type { UserId } from '#shared/ids'
import { viewPort } from '../bus/commands.ts'
import { openPages } from './pages.ts'
import { findChatWindow, peerOf } from './windows.ts'

/** When a whole browser ends, its windows go one after the other, and the background with them: only then is it known. */
const quitMs = 1000
/** A page that goes without its tab was loaded anew, or left for another. */
const leftMs = 300

export interface ChatTabs {
  onClosed(listener: (peer: UserId) => void): void
  /** Closes the conversation's window, and tells nobody. */
  close(peer: UserId): Promise<void>
}

/** Must be called while the background starts, or nothing of it wakes the background. */
export function watchChatTabs(): ChatTabs {
  const peers = new Map<number, UserId>()
  /** How many ports a tab has opened: one that goes when another has come was of the page before. */
  const ports = new Map<number, number>()
  /** Closed by us. */
  const dismissed = new Set<number>()
  let listener: ((peer: UserId) => void) | null = null

  const known = openPages()
    .then((pages) => {
      for (const { tabId, url } of pages) {
        const peer = peerOf(url)
        if (peer) peers.set(tabId, peer)
      }
    })
    .catch(console.error)

  browser.runtime.onConnect.addListener((port) => {
    const { tab, url } = port.sender ?? {}
    const peer = url ? peerOf(new URL(url)) : null
    if (port.name !== viewPort || tab?.id === undefined || !peer) return
    const tabId = tab.id
    peers.set(tabId, peer)
    ports.set(tabId, (ports.get(tabId) ?? 0) + 1)
    port.onDisconnect.addListener(() => void forgetIfLeft(tabId))
  })
  async function forgetIfLeft(tabId: number): Promise<void> {
    const before = ports.get(tabId)
    await new Promise((over) => setTimeout(over, leftMs))
    const isThere = await browser.tabs.get(tabId).then(
      () => true,
      () => false, // closed: onRemoved tells
    )
    if (isThere && ports.get(tabId) === before) peers.delete(tabId)
  }

  browser.tabs.onRemoved.addListener((tabId, { isWindowClosing }) =>
    removed(tabId, isWindowClosing).catch(console.error),
  )

  async function removed(tabId: number, isWindowClosing: boolean): Promise<void> {
    await known
    const peer = peers.get(tabId)
    peers.delete(tabId)
    ports.delete(tabId)
    const isOurs = dismissed.delete(tabId)
    if (isOurs || !peer) return
    if (isWindowClosing) {
      await new Promise((over) => setTimeout(over, quitMs))
      if ((await browser.windows.getAll()).length === 0) return
    }
    // A second window about the same person has closed itself.
    if (await findChatWindow(peer)) return
    listener?.(peer)
  }

  return {
    onClosed(tell) {
      listener = tell
    },
    async close(peer) {
      const open = await findChatWindow(peer)
      if (!open) return
      dismissed.add(open.tabId)
      await browser.tabs.remove(open.tabId)
    },
  }
}
