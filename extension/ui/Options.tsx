import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { AccountStore } from '../stores/account-store.ts'
import { Button } from './Button.tsx'
import { Logo } from './Logo.tsx'
import { Name } from './Name.tsx'
import { Notice } from './Notice.tsx'
import './Options.css'
import { problemWords } from './problem-words.ts'
import { SignOutDialog } from './SignOutDialog.tsx'
import { say, type TextKey } from './text.ts'

const sections: { id: string; title: TextKey }[] = [
  { id: 'account', title: 'optionsAccount' },
  { id: 'about', title: 'optionsAbout' },
]

interface Props {
  store: AccountStore
  version: string
}

/** Settings: a side list of sections, and each setting one line and one sentence. */
export function Options({ store, version }: Props) {
  const current = useHash(sections[0]!.id)
  const account = store.account.value
  const problem = store.problem.value
  if (!account) return null
  return (
    <div class="options">
      <nav aria-label={say('settings')}>
        <p class="options-brand">
          <Logo size={24} />
          {say('appName')}
        </p>
        <ul>
          {sections.map(({ id, title }) => (
            <li key={id}>
              <a href={`#${id}`} aria-current={id === current ? 'page' : undefined}>
                {say(title)}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <main>
        {problem && <Notice text={problemWords(problem)} onClose={store.clearProblem} />}
        {current === 'about' ? (
          <About version={version} />
        ) : (
          <Account
            store={store}
            user={account.user}
            relay={account.relay}
            deviceName={store.deviceName.value}
          />
        )}
      </main>
    </div>
  )
}

/** Which section: kept in the address, so Back and a bookmark work. */
function useHash(fallback: string): string {
  const read = () => sections.find(({ id }) => `#${id}` === location.hash)?.id ?? fallback
  const [id, setId] = useState(read)
  useEffect(() => {
    const onChange = () => setId(read())
    window.addEventListener('hashchange', onChange)
    return () => window.removeEventListener('hashchange', onChange)
  }, [])
  return id
}

interface AccountProps {
  store: AccountStore
  user: string
  relay: string
  deviceName: string
}

function Account({ store, user, relay, deviceName }: AccountProps) {
  const [isLeaving, setLeaving] = useState(false)
  return (
    <>
      <h1>{say('optionsAccount')}</h1>
      <dl class="facts">
        <FactRow title={say('userName')} hint={say('userNameFact')}>
          <Name of={user} />
        </FactRow>
        <FactRow title={say('relay')} hint={say('relayFact')}>
          <bdi dir="ltr">{relay}</bdi>
        </FactRow>
        <FactRow title={say('thisDevice')} hint={say('thisDeviceFact')}>
          <bdi>{deviceName}</bdi>
        </FactRow>
      </dl>
      <section class="options-action">
        <div>
          <h2>{say('signOut')}</h2>
          <p>{say('signOutHint')}</p>
        </div>
        <Button onClick={() => setLeaving(true)}>{say('signOutAsk')}</Button>
      </section>
      {isLeaving && <SignOutDialog store={store} user={user} onClose={() => setLeaving(false)} />}
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

const ticks: [name: TextKey, means: TextKey][] = [
  ['tickPending', 'tickPendingMeans'],
  ['tickStored', 'tickStoredMeans'],
  ['tickDelivered', 'tickDeliveredMeans'],
  ['tickRead', 'tickReadMeans'],
]

function About({ version }: { version: string }) {
  return (
    <>
      <h1>{say('optionsAbout')}</h1>
      <p>{say('aboutVersion', version)}</p>
      <h2>{say('aboutRelayHeading')}</h2>
      <p>{say('aboutNotEncrypted')}</p>
      <p>{say('aboutRelaySees')}</p>
      <ul class="bullets">
        <li>{say('aboutSeesWho')}</li>
        <li>{say('aboutSeesWhen')}</li>
        <li>{say('aboutSeesPresence')}</li>
        <li>{say('aboutSeesAddress')}</li>
      </ul>
      <p>{say('aboutNeverSees')}</p>
      <h2>{say('aboutTicksHeading')}</h2>
      <dl class="facts">
        {ticks.map(([name, means]) => (
          <div key={name}>
            <dt>{say(name)}</dt>
            <dd>{say(means, say('yourBuddy'))}</dd>
          </div>
        ))}
      </dl>
    </>
  )
}
