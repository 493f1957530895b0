import { useModel } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { browser } from 'wxt/browser'
import type { UserId } from '#shared/ids'
import { isUserName } from '#shared/names'
import { commandClient, viewReporter } from '../../bus/client.ts'
import { openDb } from '../../db/db.ts'
import { claim } from '../../platform/only-one.ts'
import { AccountStore } from '../../stores/account-store.ts'
import { systemClock } from '../../stores/clock.ts'
import { ConversationStore } from '../../stores/conversation-store.ts'
import { DatabaseStore } from '../../stores/database-store.ts'
import { Chat } from '../../ui/Chat.tsx'
import { DatabaseGate } from '../../ui/DatabaseProblem.tsx'
import { ElsewhereOpen, NothingToShow } from '../../ui/ElsewhereOpen.tsx'
import { drawPage, slowTime } from '../../ui/page.tsx'
import { say } from '../../ui/text.ts'
import { rememberPlace } from './window-place.ts'

const db = openDb()
const commands = commandClient()
const clock = systemClock()
const time = slowTime()
const address = new URLSearchParams(location.search)
const peer = address.get('with') ?? ''
const by = address.get('by') === 'network' ? 'network' : 'user'

const openOptions = () => void browser.runtime.openOptionsPage()
const closeSelf = async () => {
  const tab = await browser.tabs.getCurrent()
  if (tab?.id !== undefined) await browser.tabs.remove(tab.id)
}

function Page() {
  const account = useModel(() => new AccountStore(db, commands))
  if (account.account.value === undefined) return null
  if (account.account.value === null)
    return <NothingToShow text={say('signedOutHere')} onOpenOptions={openOptions} />
  if (!isUserName(peer)) return <NothingToShow text={say('noSuchConversation')} onOpenOptions={openOptions} />
  return <Conversation peer={peer} />
}

function Conversation({ peer: user }: { peer: UserId }) {
  const [isMine, setMine] = useState<boolean | null>(null)
  useEffect(() => void claim(`conversation:${user}`).then(setMine), [])
  if (isMine === null) return null
  return isMine ? <OpenConversation peer={user} /> : <SecondWindow peer={user} />
}

function OpenConversation({ peer: user }: { peer: UserId }) {
  const store = useModel(() => new ConversationStore(user, db, commands, clock))
  useEffect(() => {
    reportView(user)
    rememberPlace(db, user)
    void commands.wake().catch(console.error)
  }, [])
  return <Chat store={store} peer={user} now={time.value} by={by} />
}

/** Brings the other window to the front if the person opened this one, and goes; a message brings nothing forward. */
function SecondWindow({ peer: user }: { peer: UserId }) {
  const show = () => commands.openChat(user).then(closeSelf)
  useEffect(() => void (by === 'user' ? show() : closeSelf()).catch(console.error), [])
  return <ElsewhereOpen peer={user} onShow={() => void show()} />
}

/** Keeps the background informed who looks at this conversation, and whether anybody is there at all. */
function reportView(user: UserId) {
  const report = viewReporter()
  let lastInputAt = by === 'user' ? Date.now() : 0
  const tell = () =>
    report({
      page: 'chat',
      peer: user,
      focused: document.hasFocus(),
      active: Date.now() - lastInputAt < 60_000,
      minimised: document.visibilityState === 'hidden',
    })
  const onInput = () => {
    const wasAway = Date.now() - lastInputAt >= 60_000
    lastInputAt = Date.now()
    if (wasAway) tell()
  }
  for (const type of ['pointerdown', 'keydown', 'wheel'])
    window.addEventListener(type, onInput, { passive: true })
  for (const type of ['focus', 'blur']) window.addEventListener(type, tell)
  document.addEventListener('visibilitychange', tell)
  setInterval(tell, 30_000) // that nobody did anything for a while happens without an event
  tell()
}

const database = new DatabaseStore(db)
drawPage(<DatabaseGate store={database}>{() => <Page />}</DatabaseGate>, 'window')
