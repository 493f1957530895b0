import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import type { DevicesStore, Secret } from '../stores/devices-store.ts'
import { Button } from './Button.tsx'
import './Dialog.css'
import { Field } from './Field.tsx'
import { useModal } from './modal.ts'
import { problemWords } from './problem-words.ts'
import './ProveDialog.css'
import { say, type TextKey } from './text.ts'

interface Props {
  store: DevicesStore
  title: ComponentChildren
  /** What it means; stands above the password. */
  children?: ComponentChildren
  /** What is asked for beside the password; stands below it. */
  more?: ComponentChildren
  /** What is done: said on the button. */
  confirm: string
  kind?: 'primary' | 'danger'
  /** Also the recovery code proves who one is. */
  orCode?: boolean
  passwordLabel?: TextKey
  /** What was typed below the password is fine. Asked when it is sent off. */
  isFine?(): boolean
  /** True when it is done: then the dialog closes. */
  onProve(secret: Secret): Promise<boolean>
  onClose(): void
}

/** Asks for the password before something that only its owner may do. Hashing it takes seconds, so it says how far it is. */
export function ProveDialog(props: Props) {
  const { store, title, children, more, confirm, kind = 'primary', orCode, onProve, onClose } = props
  const { passwordLabel = 'password', isFine = () => true } = props
  const [text, setText] = useState('')
  const [useCode, setUseCode] = useState(false)
  const [isEmpty, setEmpty] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  const heading = useId()
  const isBusy = store.progress.value !== null
  const failure = store.failure.value
  const close = () => {
    if (store.progress.value) return // what is under way would go on unseen
    store.clearFailure()
    onClose()
  }
  const modal = useModal(close)
  useEffect(() => field.current?.focus(), [useCode])

  async function submit() {
    const fine = isFine()
    setEmpty(text.trim() === '')
    if (text.trim() === '') field.current?.focus()
    if (!fine || text.trim() === '' || isBusy) return
    if (await onProve({ slot: useCode ? 'code' : 'pw', text })) onClose()
    else field.current?.focus()
  }

  return (
    // oxlint-disable-next-line no-noninteractive-element-interactions -- Esc of what is in it passes here
    <dialog {...modal} class="dialog" aria-labelledby={heading}>
      <form
        noValidate
        aria-busy={isBusy}
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        <h2 id={heading}>{title}</h2>
        <div class="dialog-body">
          {children}
          <fieldset class="prove-fields" disabled={isBusy}>
            <div>
              <Field
                label={say(useCode ? 'recoveryCode' : passwordLabel)}
                type={useCode ? 'text' : 'password'}
                autoComplete={useCode ? 'off' : 'current-password'}
                autoCapitalize="none"
                spellcheck={false}
                inputRef={field}
                value={text}
                onInput={({ currentTarget }) => {
                  setText(currentTarget.value)
                  setEmpty(false)
                  store.clearFailure()
                }}
                error={isEmpty && say(useCode ? 'recoveryCodeEmpty' : 'passwordEmpty')}
              />
              {orCode && (
                <Button
                  kind="link"
                  onClick={() => {
                    setUseCode(!useCode)
                    setText('')
                  }}
                >
                  {say(useCode ? 'usePassword' : 'useCode')}
                </Button>
              )}
            </div>
            {more}
          </fieldset>
          {failure && (
            <p class="prove-failure" role="alert">
              {problemWords(failure, useCode ? 'code' : 'proof')}
            </p>
          )}
          {isBusy && (
            <>
              <output>{say('stepPassword')}</output>
              <progress aria-label={say('stepPassword')} value={store.progress.value?.share} max={1} />
            </>
          )}
        </div>
        <div class="dialog-buttons">
          <Button disabled={isBusy} onClick={close}>
            {say('cancel')}
          </Button>
          <Button kind={kind} type="submit" disabled={isBusy}>
            {confirm}
          </Button>
        </div>
      </form>
    </dialog>
  )
}
