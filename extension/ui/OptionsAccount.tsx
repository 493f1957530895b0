import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { AccountStore } from '../stores/account-store.ts'
import type { DevicesStore } from '../stores/devices-store.ts'
import { Button } from './Button.tsx'
import { DeleteAccount } from './DeleteAccount.tsx'
import { Name } from './Name.tsx'
import { OptionsPassword } from './OptionsPassword.tsx'
import { SignInAgain } from './SignInAgain.tsx'
import { SignOutDialog } from './SignOutDialog.tsx'
import { say, type TextKey } from './text.ts'

/** What it is found by in the search of settings. */
export const accountTexts: TextKey[] = [
  'optionsAccount',
  'userName',
  'userNameFact',
  'relay',
  'relayFact',
  'thisDevice',
  'thisDeviceFact',
  'changePassword',
  'changePasswordHint',
  'newCode',
  'newCodeHint',
  'deleteAccount',
  'deleteAccountHint',
  'signOut',
  'signOutHint',
]

export function OptionsAccount({ store, devices }: { store: AccountStore; devices: DevicesStore }) {
  const [isLeaving, setLeaving] = useState(false)
  const account = store.account.value
  if (!account) return null
  return (
    <>
      <SignInAgain store={devices} />
      <dl class="facts">
        <FactRow title={say('userName')} hint={say('userNameFact')}>
          <Name of={account.user} />
        </FactRow>
        <FactRow title={say('relay')} hint={say('relayFact')}>
          <bdi dir="ltr">{account.relay}</bdi>
        </FactRow>
        <FactRow title={say('thisDevice')} hint={say('thisDeviceFact')}>
          <bdi>{store.deviceName.value}</bdi>
        </FactRow>
      </dl>
      <OptionsPassword store={devices} />
      <section class="options-action">
        <div>
          <h2>{say('signOut')}</h2>
          <p>{say('signOutHint')}</p>
        </div>
        <Button onClick={() => setLeaving(true)}>{say('signOutAsk')}</Button>
      </section>
      <DeleteAccount store={devices} />
      {isLeaving && <SignOutDialog store={store} user={account.user} onClose={() => setLeaving(false)} />}
    </>
  )
}

function FactRow({ title, hint, children }: { title: string; hint: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>
        {children}
        <p>{hint}</p>
      </dd>
    </div>
  )
}
