/**
 * Windows and tabs that show pages of ours. Asked of the browser, because the background may be newborn; what is just
 * being opened is remembered here, because the browser lists a page only once it has loaded.
 */
import { browser } from 'wxt/browser'

export interface OpenPage {
  windowId: number
  tabId: number
  url: URL
}

export async function openPages(): Promise<OpenPage[]> {
  const contexts = await browser.runtime.getContexts({ contextTypes: ['TAB'] })
  return contexts.flatMap(({ documentUrl, windowId, tabId }) =>
    documentUrl ? [{ windowId, tabId, url: new URL(documentUrl) }] : [],
  )
}

export const findPage = async (matches: (url: URL) => boolean): Promise<OpenPage | null> =>
  (await openPages()).find(({ url }) => matches(url)) ?? null

/** What is being opened, by what it will show. */
const opening = new Map<string, Promise<void>>()
/** The browser lists a page as soon as it loads; a very slow machine may take so long. */
const listedWithinMs = 5000

const isTabThere = (tabId: number): Promise<boolean> =>
  browser.tabs.get(tabId).then(
    () => true,
    () => false,
  )

/**
 * Opens what shows `key` unless it is open or about to be: two messages in one breath open one window. True when it
 * was opened now; what is open already is listed by then. `open` answers with the id of its tab.
 */
export async function openOnce(
  key: string,
  isOpen: () => Promise<boolean>,
  open: () => Promise<number | undefined>,
): Promise<boolean> {
  const before = opening.get(key)
  if (before) {
    await before.catch(() => {}) // told to whoever wanted it first
    // It may have failed, or had nothing to ask any more and gone.
    return openOnce(key, isOpen, open)
  }
  let hasOpened = false
  async function openNow() {
    if (await isOpen()) return
    const tabId = await open()
    hasOpened = true
    const giveUpAt = Date.now() + listedWithinMs
    while (!(await isOpen()) && Date.now() < giveUpAt) {
      if (tabId !== undefined && !(await isTabThere(tabId))) return
      await new Promise((over) => setTimeout(over, 50))
    }
  }
  const now = openNow()
  opening.set(key, now)
  try {
    await now
    return hasOpened
  } finally {
    opening.delete(key)
  }
}

export async function bringToFront({ windowId, tabId }: OpenPage): Promise<void> {
  await browser.windows.update(windowId, { focused: true })
  await browser.tabs.update(tabId, { active: true })
}
