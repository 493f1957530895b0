import { useModel } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { browser } from 'wxt/browser'
import { deriveRoot } from '../../account/derive.ts'
import { commandClient, viewReporter } from '../../bus/client.ts'
import { openDb } from '../../db/db.ts'
import { deviceName } from '../../platform/browser-name.ts'
import { AccountStore } from '../../stores/account-store.ts'
import { BuddyListStore } from '../../stores/buddy-list-store.ts'
import { systemClock } from '../../stores/clock.ts'
import { ConnectionStore } from '../../stores/connection-store.ts'
import { DatabaseStore } from '../../stores/database-store.ts'
import { WelcomeStore } from '../../stores/welcome-store.ts'
import { DatabaseGate } from '../../ui/DatabaseProblem.tsx'
import { drawPage, onlineSignal, slowTime } from '../../ui/page.tsx'
import { Popup } from '../../ui/Popup.tsx'
import { Welcome, WelcomeInPopup } from '../../ui/Welcome.tsx'

const db = openDb()
const commands = commandClient()
const clock = systemClock()
const isOnline = onlineSignal()
const time = slowTime()

/** The toolbar's own popup closes when it loses the focus; this page in a tab does not. */
const isToolbarPopup = browser.extension.getViews({ type: 'popup' }).includes(window)

const openOptions = () => void browser.runtime.openOptionsPage().then(() => isToolbarPopup && window.close())
const openSection = (mode: string) =>
  void browser.tabs
    .create({ url: `${browser.runtime.getURL('/options.html')}#${mode}` })
    .then(() => window.close())

function Page() {
  const account = useModel(() => new AccountStore(db, commands))
  const welcome = useModel(
    () => new WelcomeStore(db, commands, deriveRoot, deviceName(navigator.userAgent), __RELAY__),
  )
  if (account.account.value === undefined) return null
  if (account.account.value !== null && welcome.newAccount.value === null)
    return <BuddyList account={account} />
  return isToolbarPopup ? <WelcomeInPopup onOpen={openSection} /> : <Welcome store={welcome} />
}

function BuddyList({ account }: { account: AccountStore }) {
  const store = useModel(() => new BuddyListStore(db, commands, clock))
  const connection = useModel(() => new ConnectionStore(db, commands, clock, isOnline))
  useEffect(() => void commands.wake().catch(console.error), [])
  return (
    <Popup
      store={store}
      account={account}
      connection={connection}
      now={time.value}
      onOpenOptions={openOptions}
      onSignInAgain={() => openSection('account')}
      onOpened={() => isToolbarPopup && window.close()}
    />
  )
}

viewReporter()({ page: 'popup', focused: true, active: true })
const database = new DatabaseStore(db)
drawPage(<DatabaseGate store={database}>{() => <Page />}</DatabaseGate>, isToolbarPopup ? 'popup' : 'window')
