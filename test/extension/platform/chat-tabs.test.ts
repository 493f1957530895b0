import { fakeBrowser } from 'wxt/testing/fake-browser'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { UserId } from '#shared/ids'
import { watchChatTabs } from '../../../extension/platform/chat-tabs.ts'

const origin = 'chrome-extension://parley'
const bob = 'bob' as UserId

/** What the browser has open, as far as the background can ask. */
let tabs: Map<number, string>
let windows: number
/** What the background does with the port of a page. */
let connected: Parameters<typeof fakeBrowser.runtime.onConnect.addListener>[0] | null

beforeEach(() => {
  vi.useFakeTimers()
  fakeBrowser.reset()
  connected = null
  vi.spyOn(fakeBrowser.runtime.onConnect, 'addListener').mockImplementation(
    (listener) => (connected = listener),
  )
  tabs = new Map()
  windows = 1
  fakeBrowser.runtime.getContexts = async () =>
    [...tabs].map(([tabId, documentUrl]) => ({ tabId, windowId: tabId, documentUrl })) as never
  fakeBrowser.tabs.get = async (tabId: number) => {
    if (!tabs.has(tabId)) throw new Error('no tab')
    return { id: tabId } as never
  }
  fakeBrowser.tabs.remove = async (tabId: number | number[]) => void tabs.delete(tabId as number)
  fakeBrowser.windows.getAll = async () => Array.from({ length: windows }, (_, id) => ({ id })) as never
})
afterEach(() => vi.useRealTimers())

async function start() {
  const watched = watchChatTabs()
  const told: string[] = []
  watched.onClosed((peer) => void told.push(peer))
  await vi.advanceTimersByTimeAsync(0)
  /** A page loads in a tab and says who it is; returns what ends its port. */
  function load(tabId: number, page: string) {
    const url = `${origin}/${page}`
    tabs.set(tabId, url)
    let disconnect = () => {}
    connected!({
      name: 'view',
      sender: { tab: { id: tabId }, url },
      onDisconnect: { addListener: (listener: () => void) => (disconnect = listener) },
    } as never)
    return () => disconnect()
  }
  async function close(tabId: number, isWindowClosing = true) {
    tabs.delete(tabId)
    void fakeBrowser.tabs.onRemoved.trigger(tabId, { windowId: tabId, isWindowClosing })
    await vi.advanceTimersByTimeAsync(2000)
  }
  return { ...watched, told, load, close }
}

test('[R-34] closing a conversation is told, in a window and in a tab', async () => {
  const { told, load, close } = await start()
  const leave = load(1, 'chat.html?with=bob')
  load(2, 'chat.html?with=carol')

  leave() // a page's port may end before its tab is told to be gone, or after
  await close(1)
  await close(2, false)

  expect(told).toEqual(['bob', 'carol'])
})

test('[R-34] closing any other page is not told', async () => {
  const { told, load, close } = await start()
  load(1, 'popup.html')

  await close(1)
  await close(2)

  expect(told).toEqual([])
})

test('[R-34] loading the page anew tells nothing, and leaving it for another page neither', async () => {
  const { told, load, close } = await start()
  const leave = load(1, 'chat.html?with=bob')
  leave()
  const leaveAgain = load(1, 'chat.html?with=bob')
  await vi.advanceTimersByTimeAsync(1000)
  expect(told).toEqual([])

  leaveAgain()
  tabs.set(1, 'https://example.org/')
  await vi.advanceTimersByTimeAsync(1000)
  await close(1)
  expect(told).toEqual([])
})

test('[R-34] the page after a reload is told when it is closed', async () => {
  const { told, load, close } = await start()
  load(1, 'chat.html?with=bob')()
  load(1, 'chat.html?with=bob')
  await vi.advanceTimersByTimeAsync(1000)

  await close(1)

  expect(told).toEqual(['bob'])
})

test('[R-34] a browser that ends has left no conversation', async () => {
  const { told, load, close } = await start()
  load(1, 'chat.html?with=bob')

  windows = 0
  await close(1)

  expect(told).toEqual([])
})

test('[R-34] a second window that goes because there is one already tells nothing', async () => {
  const { told, load, close } = await start()
  load(1, 'chat.html?with=bob')
  load(2, 'chat.html?with=bob')

  await close(2)

  expect(told).toEqual([])
})

test('[R-34] a background that has just been started knows the open conversations', async () => {
  tabs.set(7, `${origin}/chat.html?with=bob`)
  const { told, close } = await start()

  await close(7)

  expect(told).toEqual(['bob'])
})

test('[R-34] ending a conversation closes its window and tells nobody', async () => {
  tabs.set(7, `${origin}/chat.html?with=bob`)
  const watched = watchChatTabs()
  const told: string[] = []
  watched.onClosed((peer) => void told.push(peer))

  await watched.close(bob)
  void fakeBrowser.tabs.onRemoved.trigger(7, { windowId: 7, isWindowClosing: true })
  await vi.advanceTimersByTimeAsync(2000)

  expect(tabs.size).toBe(0)
  expect(told).toEqual([])
})
