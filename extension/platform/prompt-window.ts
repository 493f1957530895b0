/** The small window that says who wrote and asks what to do: never more than one. */
import type { UserId } from '#shared/ids'
import { browser } from 'wxt/browser'
import type { Db } from '../db/db.ts'
import { isFirefox } from './browser-name.ts'
import { bringToFront, findPage, openOnce, type OpenPage } from './pages.ts'
import { clampPlace, isPlace, openWindow, type Area } from './windows.ts'

/** 360 × 200 of content: Firefox keeps its address bar and takes it out of the height. */
export const promptSize = { width: 360, height: isFirefox ? 286 : 200 }

/** Of `views`: where the person has moved it. */
export const promptPlaceKey = 'window-prompt'

const isPrompt = (url: URL) => url.pathname === '/prompt.html'
const findPrompt = (): Promise<OpenPage | null> => findPage(isPrompt)

/** The lower right corner, where it covers the least; at the end of lines whichever way one reads. */
export const cornerOf = (
  { left, top, width, height }: Area,
  size: { width: number; height: number },
): Area => ({
  left: Math.max(left, left + width - size.width),
  top: Math.max(top, top + height - size.height),
  ...size,
})

/**
 * Where it was left, or in the corner of the window the person is at: what the screen is like, only a page can tell,
 * and the page moves on to the screen's own corner.
 */
async function placeOf(db: Db): Promise<Partial<Area>> {
  const saved = (await db.views.get(promptPlaceKey))?.value
  if (isPlace(saved)) return clampPlace({ ...saved, ...promptSize }, promptSize)
  const { left, top, width, height, state } = await browser.windows.getLastFocused()
  const isKnown = left !== undefined && top !== undefined && width !== undefined && height !== undefined
  return isKnown && state === 'normal' ? cornerOf({ left, top, width, height }, promptSize) : promptSize
}

const openOnePrompt = (db: Db, page: string, by: 'user' | 'network') =>
  openOnce(
    'prompt',
    async () => (await findPrompt()) !== null,
    async () => openWindow(page, by, await placeOf(db).catch(() => promptSize)),
  )

/** Somebody has written: it finds in the database what there is to ask. */
export async function openPromptUnfocused(db: Db): Promise<void> {
  await openOnePrompt(db, 'prompt.html?by=network', 'network')
}

/** About this person, because it was asked for: a new window, or the open one, which goes on with them. */
export async function showPrompt(db: Db, peer: UserId): Promise<void> {
  if (await openOnePrompt(db, `prompt.html?with=${peer}&by=user`, 'user')) return
  const open = await findPrompt()
  if (!open) return
  // What stands after # changes without loading the page anew, so what is being typed there stays. The same address
  // once more would load it: therefore the time.
  open.url.hash = `with=${peer}&at=${Date.now()}`
  await browser.tabs.update(open.tabId, { url: open.url.href })
  await bringToFront(open)
}
