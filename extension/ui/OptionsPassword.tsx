import { useState } from 'preact/hooks'
import { passwordLengthMin, type PasswordProblem } from '../stores/password.ts'
import type { DevicesStore } from '../stores/devices-store.ts'
import { Button } from './Button.tsx'
import { Field } from './Field.tsx'
import { passwordProblems } from './password-words.ts'
import { ProveDialog } from './ProveDialog.tsx'
import { RecoveryCode } from './RecoveryCode.tsx'
import { say } from './text.ts'

/** The ways into the account: its password and its recovery code. */
export function OptionsPassword({ store }: { store: DevicesStore }) {
  const [asked, setAsked] = useState<'password' | 'code' | null>(null)
  const [isChanged, setChanged] = useState(false)
  const [code, setCode] = useState<string | null>(null)
  const account = store.account.value
  if (!account) return null
  const close = () => setAsked(null)
  return (
    <>
      <section class="options-action">
        <div>
          <h2>{say('changePassword')}</h2>
          <p>{say('changePasswordHint')}</p>
          <output>{isChanged && say('changePasswordDone')}</output>
        </div>
        <Button onClick={() => setAsked('password')}>{say('changePasswordAsk')}</Button>
      </section>
      <section class="options-action">
        <div>
          <h2>{say('newCode')}</h2>
          <p>{say('newCodeHint')}</p>
        </div>
        <Button onClick={() => setAsked('code')}>{say('newCodeAsk')}</Button>
      </section>
      {code !== null && (
        <RecoveryCode code={code} user={account.user} relay={account.relay} onSaved={() => setCode(null)} />
      )}
      {asked === 'password' && (
        <PasswordDialog store={store} onChanged={() => setChanged(true)} onClose={close} />
      )}
      {asked === 'code' && (
        <ProveDialog
          store={store}
          title={say('newCode')}
          confirm={say('newCodeMake')}
          onProve={async (secret) => {
            const made = await store.newRecoveryCode(secret)
            if (made !== undefined) setCode(made)
            return made !== undefined
          }}
          onClose={close}
        >
          <p>{say('newCodeHint')}</p>
        </ProveDialog>
      )}
    </>
  )
}

interface PasswordProps {
  store: DevicesStore
  onChanged(): void
  onClose(): void
}

function PasswordDialog({ store, onChanged, onClose }: PasswordProps) {
  const [typed, setTyped] = useState('')
  const [problem, setProblem] = useState<PasswordProblem | null>(null)
  return (
    <ProveDialog
      store={store}
      title={say('changePassword')}
      confirm={say('changePassword')}
      orCode
      passwordLabel="oldPassword"
      isFine={() => {
        const found = store.passwordProblem(typed)
        setProblem(found)
        return found === null
      }}
      onProve={async (secret) => {
        const done = await store.changePassword(secret, typed)
        if (done) onChanged()
        return done
      }}
      onClose={onClose}
      more={
        <Field
          label={say('newPassword')}
          type="password"
          autoComplete="new-password"
          autoCapitalize="none"
          spellcheck={false}
          value={typed}
          onInput={({ currentTarget }) => {
            setTyped(currentTarget.value)
            setProblem(null)
          }}
          hint={say('passwordHint', passwordLengthMin)}
          error={problem && say(passwordProblems[problem], passwordLengthMin)}
        />
      }
    />
  )
}
