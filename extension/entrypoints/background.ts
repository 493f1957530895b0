/** Wiring only: the browser's events on one side, the engine on the other. */
import { browser } from 'wxt/browser'
import { defineBackground } from 'wxt/utils/define-background'
import { answer, isRequest } from '../bus/server.ts'
import { openDb } from '../db/db.ts'
import { createEngine } from '../engine/engine.ts'
import { browserPlatform } from '../platform/browser-platform.ts'
import { isFirefox } from '../platform/browser-name.ts'
import { watchChatTabs } from '../platform/chat-tabs.ts'
import { onWatchdog } from '../platform/keepalive.ts'
import { onNotification, onSignInNotification } from '../platform/notify.ts'
import { alertWords } from '../platform/words.ts'
import { watchViews } from '../platform/views.ts'

/** Every listener is registered before the first `await`: only those wake a background that was put away. */
export default defineBackground(() => {
  const db = openDb()
  const views = watchViews(() => engine.viewsChanged())
  const chatTabs = watchChatTabs()
  const engine = createEngine({
    db,
    platform: browserPlatform(db, { views, chatTabs }),
    timers: {
      now: () => Date.now(),
      after(ms, run) {
        const timer = setTimeout(run, ms)
        return () => clearTimeout(timer)
      },
    },
    words: alertWords,
    fetch: (...request) => fetch(...request),
    client: `parley/${browser.runtime.getManifest().version} ${isFirefox ? 'firefox' : 'chrome'}`,
  })
  const run = (work: Promise<unknown>) => void work.catch(console.error)

  browser.runtime.onMessage.addListener((message: unknown, sender, respond: (response: unknown) => void) => {
    if (sender.id !== browser.runtime.id || !isRequest(message)) return false
    void answer(engine.commands, message).then(respond)
    return true // the answer comes later
  })
  browser.runtime.onStartup.addListener(() => run(engine.start()))
  browser.runtime.onInstalled.addListener(({ reason }) => {
    // Not openOptionsPage: that takes over a blank tab the person has just opened.
    if (reason === 'install') run(browser.tabs.create({ url: browser.runtime.getURL('/options.html') }))
  })
  onWatchdog(() => run(engine.ring()))
  onNotification((peer, what) => run(engine.onNotification(peer, what)))
  onSignInNotification(() =>
    run(browser.tabs.create({ url: browser.runtime.getURL('/options.html') + '#devices' })),
  )
  run(engine.start())
})
