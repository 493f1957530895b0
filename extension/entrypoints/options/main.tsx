import { useModel } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { browser } from 'wxt/browser'
import { deriveRoot } from '../../account/derive.ts'
import { commandClient, viewReporter } from '../../bus/client.ts'
import { openDb } from '../../db/db.ts'
import { canOpenUnfocused, deviceName } from '../../platform/browser-name.ts'
import { AccountStore } from '../../stores/account-store.ts'
import { systemClock } from '../../stores/clock.ts'
import { DatabaseStore } from '../../stores/database-store.ts'
import { DevicesStore } from '../../stores/devices-store.ts'
import { SettingsStore } from '../../stores/settings-store.ts'
import { WelcomeStore } from '../../stores/welcome-store.ts'
import { DatabaseGate } from '../../ui/DatabaseProblem.tsx'
import { Options } from '../../ui/Options.tsx'
import { drawPage } from '../../ui/page.tsx'
import { Welcome } from '../../ui/Welcome.tsx'

const db = openDb()
const commands = commandClient()
const clock = systemClock()

function Page() {
  const account = useModel(() => new AccountStore(db, commands))
  const welcome = useModel(
    () => new WelcomeStore(db, commands, deriveRoot, deviceName(navigator.userAgent), __RELAY__),
  )
  // The popup sends people here with what they chose there.
  useEffect(() => {
    if (location.hash === '#create' || location.hash === '#sign-in') {
      welcome.switchTo(location.hash === '#create' ? 'create' : 'sign-in')
    }
  }, [])
  if (account.account.value === undefined) return null
  if (account.account.value === null || welcome.newAccount.value !== null) return <Welcome store={welcome} />
  return <SignedIn account={account} />
}

function SignedIn({ account }: { account: AccountStore }) {
  const settings = useModel(
    () => new SettingsStore(db, commands, clock, canOpenUnfocused(navigator.userAgent)),
  )
  useEffect(() => void commands.wake().catch(console.error), [])
  const devices = useModel(() => new DevicesStore(db, commands, deriveRoot, clock))
  const { version } = browser.runtime.getManifest()
  return <Options store={account} settings={settings} devices={devices} version={version} />
}

viewReporter()({ page: 'options', focused: false, active: false })
const database = new DatabaseStore(db)
drawPage(<DatabaseGate store={database}>{() => <Page />}</DatabaseGate>, 'window')
