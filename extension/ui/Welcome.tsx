import { ChevronDown, ChevronRight, Eye, EyeOff } from 'lucide'
import { useEffect, useRef, useState } from 'preact/hooks'
import { userNameLengthMax, userNameLengthMin } from '#shared/names'
import { passwordLengthMin, type PasswordStrength } from '../stores/password.ts'
import type { NameProblem, Step, WelcomeStore } from '../stores/welcome-store.ts'
import { Button, IconButton } from './Button.tsx'
import { Field } from './Field.tsx'
import { Icon } from './Icon.tsx'
import { Logo } from './Logo.tsx'
import { passwordProblems } from './password-words.ts'
import { problemWords, type ProblemContext } from './problem-words.ts'
import { RecoveryCode } from './RecoveryCode.tsx'
import { say, type TextKey } from './text.ts'
import './Welcome.css'

const nameProblems: Record<NameProblem, TextKey> = {
  empty: 'nameEmpty',
  short: 'nameShort',
  long: 'nameLong',
  reserved: 'nameReserved',
  grammar: 'nameGrammar',
}
const strengths: Record<PasswordStrength, TextKey> = {
  weak: 'passwordWeak',
  fair: 'passwordFair',
  strong: 'passwordStrong',
}
/** Refusals that are about the address: they are told where it is typed. */
const aboutRelay = new Set([
  'address-invalid',
  'address-insecure',
  'unreachable',
  'not-a-relay',
  'unsupported-version',
])

/** Refusals of an invitation, on a relay that asks for one. */
const aboutInvite = new Set(['forbidden', 'item-not-found', 'gone'])

/** Making an account and signing in. Roomy in a tab and complete in 360 pixels. */
export function Welcome({ store }: { store: WelcomeStore }) {
  const account = store.newAccount.value
  return (
    <main class={store.mode.value === 'choice' && !account ? 'welcome centred' : 'welcome'}>
      {account ? (
        <RecoveryCode {...account} onSaved={store.codeSaved} />
      ) : (
        <>
          <Introduction />
          {store.mode.value === 'choice' ? (
            <Choice onChoose={store.switchTo} />
          ) : (
            <WelcomeForm store={store} />
          )}
        </>
      )}
    </main>
  )
}

function Introduction() {
  return (
    <header class="welcome-introduction">
      <Logo size={48} />
      <h1>{say('appName')}</h1>
      <p>{say('welcomeSentence')}</p>
    </header>
  )
}

function Choice({ onChoose }: { onChoose(mode: 'create' | 'sign-in'): void }) {
  return (
    <div class="welcome-choice">
      <Button kind="primary" onClick={() => onChoose('create')}>
        {say('createAccount')}
      </Button>
      <Button onClick={() => onChoose('sign-in')}>{say('signIn')}</Button>
    </div>
  )
}

/**
 * The toolbar popup closes with the first click elsewhere, and what it was doing with it: half an account, or a
 * recovery code that nobody has seen. So it only shows the way into a tab.
 */
export function WelcomeInPopup({ onOpen }: { onOpen(mode: 'create' | 'sign-in'): void }) {
  return (
    <main class="welcome centred">
      <Introduction />
      <Choice onChoose={onOpen} />
      <p class="welcome-note">{say('opensInTab')}</p>
    </main>
  )
}

function WelcomeForm({ store }: { store: WelcomeStore }) {
  const isNew = store.mode.value === 'create'
  const failure = store.failure.value
  const isRelayFailure = failure !== null && aboutRelay.has(failure.code)
  const isNameFailure = failure?.code === 'conflict' && isNew
  const isInviteShown = isNew && store.invite.value !== null
  const isInviteFailure = isInviteShown && failure !== null && aboutInvite.has(failure.code)
  const context: ProblemContext = isNew ? 'sign-up' : store.useCode.value ? 'code' : 'sign-in'
  const isBusy = store.step.value !== null
  const form = useRef<HTMLFormElement>(null)
  // What has to be corrected gets the focus; in a long form nobody should have to look for it.
  useEffect(() => {
    if (isBusy) return
    form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus()
  }, [isBusy, failure])

  const nameError = store.userProblem.value
    ? say(nameProblems[store.userProblem.value], userNameLengthMin, userNameLengthMax)
    : isNameFailure && problemWords(failure, context)

  return (
    <form
      ref={form}
      class="welcome-form"
      noValidate
      aria-busy={isBusy}
      onSubmit={(event) => {
        event.preventDefault()
        void store.submit()
      }}
    >
      <fieldset disabled={isBusy}>
        <Field
          label={say('userName')}
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellcheck={false}
          value={store.user}
          onInput={({ currentTarget }) => (store.user.value = currentTarget.value)}
          hint={isNew && say('userNameHint')}
          error={nameError}
        />
        {store.useCode.value ? <CodeField store={store} /> : <PasswordField store={store} isNew={isNew} />}
        {isInviteShown && (
          <Field
            label={say('inviteCode')}
            name="invite"
            autoComplete="off"
            autoCapitalize="none"
            spellcheck={false}
            dir="ltr"
            value={store.invite.value ?? ''}
            onInput={({ currentTarget }) => (store.invite.value = currentTarget.value)}
            hint={say('inviteCodeHint')}
            error={isInviteFailure && problemWords(failure, context)}
          />
        )}
        <RelayField store={store} error={isRelayFailure ? problemWords(failure, context) : undefined} />
      </fieldset>
      {failure && !isRelayFailure && !isNameFailure && !isInviteFailure && (
        <p class="welcome-failure" role="alert">
          {problemWords(failure, context)}
        </p>
      )}
      {store.step.value ? (
        <Progress step={store.step.value} isNew={isNew} />
      ) : (
        <div class="welcome-actions">
          <Button kind="primary" type="submit">
            {say(isNew ? 'createAccount' : 'signIn')}
          </Button>
          <p>
            {say(isNew ? 'haveAccount' : 'noAccount')}{' '}
            <Button kind="link" onClick={() => store.switchTo(isNew ? 'sign-in' : 'create')}>
              {say(isNew ? 'signIn' : 'createAccount')}
            </Button>
          </p>
        </div>
      )}
    </form>
  )
}

function PasswordField({ store, isNew }: { store: WelcomeStore; isNew: boolean }) {
  const [isShown, setShown] = useState(false)
  const strength = store.strength.value
  const problem = store.secretProblem.value
  const hint = strength ? (
    <>
      <span class={`strength ${strength}`} aria-hidden="true" />
      {say(strengths[strength])}
    </>
  ) : (
    say('passwordHint', passwordLengthMin)
  )
  return (
    <div>
      <Field
        label={say('password')}
        name="password"
        type={isShown ? 'text' : 'password'}
        autoComplete={isNew ? 'new-password' : 'current-password'}
        autoCapitalize="none"
        spellcheck={false}
        value={store.password}
        onInput={({ currentTarget }) => (store.password.value = currentTarget.value)}
        hint={isNew && hint}
        error={problem && say(passwordProblems[problem], passwordLengthMin)}
        action={
          <IconButton
            icon={isShown ? EyeOff : Eye}
            label={say(isShown ? 'hidePassword' : 'showPassword')}
            onClick={() => setShown(!isShown)}
          />
        }
      />
      {!isNew && (
        <Button kind="link" onClick={() => (store.useCode.value = true)}>
          {say('useCode')}
        </Button>
      )}
    </div>
  )
}

function CodeField({ store }: { store: WelcomeStore }) {
  return (
    <div>
      <Field
        label={say('recoveryCode')}
        name="recovery-code"
        autoComplete="off"
        autoCapitalize="none"
        spellcheck={false}
        value={store.code}
        onInput={({ currentTarget }) => (store.code.value = currentTarget.value)}
        hint={say('recoveryCodeHint')}
        error={store.secretProblem.value && say('recoveryCodeEmpty')}
      />
      <Button kind="link" onClick={() => (store.useCode.value = false)}>
        {say('usePassword')}
      </Button>
    </div>
  )
}

function RelayField({ store, error }: { store: WelcomeStore; error: string | undefined }) {
  const [isOpen, setOpen] = useState(false)
  const isShown = isOpen || error !== undefined
  return (
    <details
      class="welcome-relay"
      open={isShown}
      onToggle={({ currentTarget }) => setOpen(currentTarget.open)}
    >
      <summary>
        <Icon of={isShown ? ChevronDown : ChevronRight} size={16} mirrors />
        <span>{say('relay')}</span>
        {!isShown && <bdi class="welcome-host">{withoutScheme(store.relay.value)}</bdi>}
      </summary>
      <Field
        label={say('relayAddress')}
        name="relay"
        type="url"
        inputMode="url"
        autoCapitalize="none"
        spellcheck={false}
        dir="ltr"
        value={store.relay}
        onInput={({ currentTarget }) => (store.relay.value = currentTarget.value)}
        hint={say('relayHint')}
        error={error}
      />
    </details>
  )
}

const withoutScheme = (relay: string) => relay.replace(/^https?:\/\//, '')

const steps: Record<Step['type'], TextKey> = {
  relay: 'stepRelay',
  password: 'stepPassword',
  account: 'stepAccount',
}

/** Hashing takes seconds and can be measured; asking and answering cannot. */
function Progress({ step, isNew }: { step: Step; isNew: boolean }) {
  const words = say(step.type === 'account' && !isNew ? 'stepSignIn' : steps[step.type])
  return (
    <div class="welcome-progress">
      <output>{words}</output>
      <progress aria-label={words} value={step.type === 'password' ? step.share : undefined} max={1} />
      <p class="welcome-note">{say('stepNote')}</p>
    </div>
  )
}
