/** Chat windows: one for each conversation, at the place where it was last. */
import { browser } from 'wxt/browser'
import type { UserId } from '#shared/ids'
import type { Db } from '../db/db.ts'
import { bringToFront, findPage, openOnce, type OpenPage } from './pages.ts'

/** Inner size in Chrome; Firefox takes its address bar out of it. */
const defaultSize = { width: 380, height: 560 }
const smallest = { width: 300, height: 320 }

/** A rectangle in screen pixels. */
export interface Area {
  left: number
  top: number
  width: number
  height: number
}

/** Where a window was, and the usable part of the screen it was on. The page in it writes it as a view. */
export interface WindowPlace extends Area {
  screen: Area
}

/** What a window of this page may cover; `availLeft` and `availTop` are in every browser and in no standard. */
export function workArea(): Area {
  const {
    availLeft = 0,
    availTop = 0,
    availWidth,
    availHeight,
  } = screen as Screen & {
    availLeft?: number
    availTop?: number
  }
  return { left: availLeft, top: availTop, width: availWidth, height: availHeight }
}

const isArea = (value: unknown): value is Area =>
  typeof value === 'object' &&
  value !== null &&
  (['left', 'top', 'width', 'height'] as const).every((side) => Number.isFinite((value as Area)[side]))

export const isPlace = (value: unknown): value is WindowPlace =>
  isArea(value) && isArea((value as WindowPlace).screen)

export const placeKey = (peer: UserId) => `window:${peer}`

const within = (value: number, from: number, to: number) => Math.round(Math.max(from, Math.min(value, to)))

/** Keeps a remembered place usable: in whole pixels, not too small, and all of it on the screen it was on. */
export function clampPlace({ left, top, width, height, screen }: WindowPlace, least = smallest): Area {
  const clamped = {
    width: within(width, least.width, Math.max(least.width, screen.width)),
    height: within(height, least.height, Math.max(least.height, screen.height)),
  }
  return {
    left: within(left, screen.left, Math.max(screen.left, screen.left + screen.width - clamped.width)),
    top: within(top, screen.top, Math.max(screen.top, screen.top + screen.height - clamped.height)),
    ...clamped,
  }
}

/** Whose conversation a page shows; null for every other page. */
export function peerOf(url: URL): UserId | null {
  return url.pathname === '/chat.html' ? (url.searchParams.get('with') as UserId | null) : null
}

/** The window that shows the conversation, if one is open. */
export const findChatWindow = (peer: UserId): Promise<OpenPage | null> =>
  findPage((url) => peerOf(url) === peer)

/**
 * Opens a window of ours. By `network` it does not take the focus, and the page guards its keys; the page
 * learns from its address who opened it. Returns the id of its tab.
 */
export async function openWindow(
  page: string,
  by: 'user' | 'network',
  place: Partial<Area>,
): Promise<number | undefined> {
  const url = browser.runtime.getURL('/') + page
  const options = { url, type: 'popup', focused: by === 'user', incognito: false } as const
  try {
    return (await browser.windows.create({ ...options, ...place }))?.tabs?.[0]?.id
  } catch {
    // Chrome refuses a place that is mostly off the screen, as after a monitor was unplugged: then it may choose.
    const { width, height } = place
    return (await browser.windows.create({ ...options, width, height }))?.tabs?.[0]?.id
  }
}

async function openChatWindow(db: Db, peer: UserId, by: 'user' | 'network'): Promise<number | undefined> {
  const saved = (await db.views.get(placeKey(peer)))?.value
  const page = `chat.html?with=${peer}${by === 'network' ? '&by=network' : ''}`
  return openWindow(page, by, isPlace(saved) ? clampPlace(saved) : defaultSize)
}

const openOneChatWindow = (db: Db, peer: UserId, by: 'user' | 'network') =>
  openOnce(
    `chat:${peer}`,
    async () => (await findChatWindow(peer)) !== null,
    () => openChatWindow(db, peer, by),
  )

/** A message opens it: behind what the person is doing, and only if it is not open. */
export async function openChatUnfocused(db: Db, peer: UserId): Promise<void> {
  await openOneChatWindow(db, peer, 'network')
}

/** Brings an open window to the front, or opens one: the person asked for it. */
export async function showChatWindow(db: Db, peer: UserId): Promise<void> {
  if (await openOneChatWindow(db, peer, 'user')) return
  const open = await findChatWindow(peer)
  if (open) await bringToFront(open)
}

/** Lets an open window ask for attention in the task bar, and takes no focus. */
export async function drawAttention(peer: UserId): Promise<void> {
  const open = await findChatWindow(peer)
  if (open) await browser.windows.update(open.windowId, { drawAttention: true })
}

/** Somebody fills the screen with the browser, and looks at it. */
export async function isFullScreen(): Promise<boolean> {
  const windows = await browser.windows.getAll()
  return windows.some(({ state, focused }) => focused && state === 'fullscreen')
}
