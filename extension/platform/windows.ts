/** Chat windows: one for each conversation, at the place where it was last. */
import { browser } from 'wxt/browser'
import type { UserId } from '#shared/ids'
import type { Db } from '../db/db.ts'

/** Inner size in Chrome; Firefox takes its address bar out of it. */
const defaultSize = { width: 380, height: 560 }
const smallest = { width: 300, height: 320 }

/** A rectangle in screen pixels. */
interface Area {
  left: number
  top: number
  width: number
  height: number
}

/** Where a window was, and the usable part of the screen it was on. The chat page writes it as a view. */
export interface WindowPlace extends Area {
  screen: Area
}

const isArea = (value: unknown): value is Area =>
  typeof value === 'object' &&
  value !== null &&
  (['left', 'top', 'width', 'height'] as const).every((side) => Number.isFinite((value as Area)[side]))

const isPlace = (value: unknown): value is WindowPlace =>
  isArea(value) && isArea((value as WindowPlace).screen)

export const placeKey = (peer: UserId) => `window:${peer}`

const within = (value: number, from: number, to: number) => Math.round(Math.max(from, Math.min(value, to)))

/** Keeps a remembered place usable: in whole pixels, not too small, and all of it on the screen it was on. */
export function clampPlace({ left, top, width, height, screen }: WindowPlace): Area {
  const clamped = {
    width: within(width, smallest.width, Math.max(smallest.width, screen.width)),
    height: within(height, smallest.height, Math.max(smallest.height, screen.height)),
  }
  return {
    left: within(left, screen.left, Math.max(screen.left, screen.left + screen.width - clamped.width)),
    top: within(top, screen.top, Math.max(screen.top, screen.top + screen.height - clamped.height)),
    ...clamped,
  }
}

/** The window that shows the conversation, if one is open. Asked of the browser: the background may be newborn. */
export async function findChatWindow(peer: UserId): Promise<{ windowId: number; tabId: number } | null> {
  const contexts = await browser.runtime.getContexts({ contextTypes: ['TAB'] })
  const shown = contexts.find(({ documentUrl }) => {
    if (!documentUrl) return false
    const url = new URL(documentUrl)
    return url.pathname === '/chat.html' && url.searchParams.get('with') === peer
  })
  return shown ? { windowId: shown.windowId, tabId: shown.tabId } : null
}

/**
 * Opens the conversation's window. By `network` it does not take the focus, and the page guards its keys;
 * the page learns from its address who opened it.
 */
export async function openChatWindow(db: Db, peer: UserId, by: 'user' | 'network'): Promise<void> {
  const url = browser.runtime.getURL('/chat.html') + `?with=${peer}${by === 'network' ? '&by=network' : ''}`
  const saved = (await db.views.get(placeKey(peer)))?.value
  const place: Partial<Area> = isPlace(saved) ? clampPlace(saved) : defaultSize
  const options = { url, type: 'popup', focused: by === 'user', incognito: false } as const
  try {
    await browser.windows.create({ ...options, ...place })
  } catch {
    // Chrome refuses a place that is mostly off the screen, as after a monitor was unplugged: then it may choose.
    await browser.windows.create({ ...options, width: place.width, height: place.height })
  }
}

/** Brings an open window to the front, or opens one: the person asked for it. */
export async function showChatWindow(db: Db, peer: UserId): Promise<void> {
  const open = await findChatWindow(peer)
  if (!open) return openChatWindow(db, peer, 'user')
  await browser.windows.update(open.windowId, { focused: true })
  await browser.tabs.update(open.tabId, { active: true })
}

/** Lets an open window ask for attention in the task bar, and takes no focus. */
export async function drawAttention(peer: UserId): Promise<void> {
  const open = await findChatWindow(peer)
  if (open) await browser.windows.update(open.windowId, { drawAttention: true })
}
