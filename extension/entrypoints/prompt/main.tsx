import { signal, useModel } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { browser } from 'wxt/browser'
import type { UserId } from '#shared/ids'
import { isUserName } from '#shared/names'
import { commandClient, viewReporter } from '../../bus/client.ts'
import { openDb } from '../../db/db.ts'
import { claim } from '../../platform/only-one.ts'
import { systemClock } from '../../stores/clock.ts'
import { DatabaseStore } from '../../stores/database-store.ts'
import { PromptStore, type Asked } from '../../stores/prompt-store.ts'
import { DatabaseGate } from '../../ui/DatabaseProblem.tsx'
import { drawPage, slowTime } from '../../ui/page.tsx'
import { Prompt } from '../../ui/Prompt.tsx'
import { growBy, keepPlace } from './prompt-place.ts'

const db = openDb()
const commands = commandClient()
const clock = systemClock()
const time = slowTime()

/** `?with=<name>&by=user|network`; what comes later over `#with=<name>` is always the person's wish. */
function readAddress({ search, hash }: Location): Asked {
  const first = new URLSearchParams(search)
  const later = new URLSearchParams(hash.slice(1))
  const peer = later.get('with') ?? first.get('with') ?? ''
  const by = later.has('with') || first.get('by') === 'user' ? 'user' : 'network'
  return { peer: isUserName(peer) ? peer : null, by }
}
const asked = signal(readAddress(location))
window.addEventListener('hashchange', () => (asked.value = readAddress(location)))

let isClosing = false
async function closeSelf() {
  isClosing = true
  const tab = await browser.tabs.getCurrent()
  if (tab?.id !== undefined) await browser.tabs.remove(tab.id)
}

/** Never more than one: one that the browser has brought back beside ours goes. */
function Page() {
  const [isMine, setMine] = useState<boolean | null>(null)
  useEffect(() => void claim('prompt').then(setMine), [])
  useEffect(() => {
    if (isMine === false) void closeSelf()
  }, [isMine])
  return isMine ? <OpenPrompt /> : null
}

function OpenPrompt() {
  const store = useModel(() => new PromptStore(db, commands, clock, asked.peek()))
  const { peer, by } = asked.value
  useEffect(() => {
    void keepPlace(db).catch(console.error)
    void commands.wake().catch(console.error)
    // Closing the window is an answer: "not now". A page that is done, or loses its window to the browser's end, has
    // nothing left to say or nobody to say it to.
    window.addEventListener('pagehide', () => {
      if (!isClosing) store.putAway()
    })
  }, [])
  useEffect(() => {
    if (peer) store.show(peer)
  }, [asked.value])
  useEffect(() => reportView(store.current.value?.peer), [store.current.value?.peer])
  return (
    <Prompt
      key={by}
      store={store}
      now={time.value}
      by={by}
      onOver={() => void closeSelf()}
      onCramped={(px) => void growBy(px).catch(console.error)}
    />
  )
}

const report = viewReporter()
/** Keeps the background informed that this window is open and whether somebody is at it. */
function reportView(peer: UserId | undefined) {
  const tell = () =>
    report({
      page: 'prompt',
      ...(peer && { peer }),
      focused: document.hasFocus(),
      active: document.hasFocus(),
    })
  window.addEventListener('focus', tell)
  window.addEventListener('blur', tell)
  tell()
  return () => {
    window.removeEventListener('focus', tell)
    window.removeEventListener('blur', tell)
  }
}

const database = new DatabaseStore(db)
drawPage(<DatabaseGate store={database}>{() => <Page />}</DatabaseGate>, 'window')
