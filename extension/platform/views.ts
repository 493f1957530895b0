/** Which pages are open and what they show, told by themselves over a port and forgotten with it. */
import { browser, type Browser } from 'wxt/browser'
import { viewPort, type ViewState } from '../bus/commands.ts'

const isViewState = (value: unknown): value is ViewState =>
  typeof value === 'object' && value !== null && 'page' in value && 'focused' in value

/** Must be called while the background starts. Returns the list as it is at the time of the call. */
export function watchViews(changed: () => void): () => readonly ViewState[] {
  const views = new Map<Browser.runtime.Port, ViewState>()
  browser.runtime.onConnect.addListener((port) => {
    if (port.name !== viewPort) return
    port.onMessage.addListener((message: unknown) => {
      if (!isViewState(message)) return
      views.set(port, message)
      changed()
    })
    port.onDisconnect.addListener(() => {
      views.delete(port)
      changed()
    })
  })
  return () => [...views.values()]
}
