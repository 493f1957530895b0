import { ChevronDown, SendHorizontal, X } from 'lucide'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { limits } from '#shared/limits'
import type { PromptStore, Question } from '../stores/prompt-store.ts'
import { Button, IconButton } from './Button.tsx'
import { say, sayCount } from './text.ts'

interface Props {
  store: PromptStore
  question: Question
  isGuarded: boolean
  /** Has it been there long enough to be answered? */
  isSettled: boolean
  takesFocus: boolean
}

/** What may be said to the question. The answer that does nothing comes first. */
export function PromptAnswers({ store, question, isGuarded, isSettled, takesFocus }: Props) {
  const cannot = !isSettled || store.isBusy.value
  const mode = question.type === 'line' ? 'replying' : store.mode.value

  if (question.type === 'knock') {
    return (
      <div class="prompt-buttons">
        <Button disabled={cannot} onClick={() => void store.reject()}>
          {say('reject')}
        </Button>
        <Button disabled={cannot} onClick={() => void store.rejectAndBlock()}>
          {say('rejectAndBlock')}
        </Button>
        <span class="spring" />
        <Button kind="primary" disabled={cannot} onClick={() => void store.accept()}>
          {say('accept')}
        </Button>
      </div>
    )
  }
  if (mode === 'replying') {
    return (
      <Line
        store={store}
        isGuarded={isGuarded}
        takesFocus={takesFocus}
        canGoBack={question.type === 'prompt'}
      />
    )
  }
  if (mode === 'reasoning') return <Reasons store={store} />
  return (
    <div class="prompt-buttons">
      <Button disabled={cannot} onClick={() => void store.later()}>
        {say('notNow')}
      </Button>
      <span class="joined">
        <Button disabled={cannot} onClick={() => void store.reject()}>
          {say('reject')}
        </Button>
        <IconButton
          icon={ChevronDown}
          label={say('rejectWithReason')}
          size={16}
          disabled={cannot}
          onClick={() => (store.mode.value = 'reasoning')}
        />
      </span>
      <span class="spring" />
      <Button disabled={cannot} onClick={() => (store.mode.value = 'replying')}>
        {say('reply')}
      </Button>
      <Button kind="primary" disabled={cannot} onClick={() => void store.accept()}>
        {say('accept')}
      </Button>
    </div>
  )
}

/** While a word is being composed, Enter chooses it. 229 is what older input methods send instead of saying so. */
export const isComposing = (event: KeyboardEvent) => event.isComposing || event.keyCode === 229

interface LineProps extends Pick<Props, 'store' | 'isGuarded' | 'takesFocus'> {
  canGoBack: boolean
}

/** One line in: Enter sends it, and the window goes. */
function Line({ store, isGuarded, takesFocus, canGoBack }: LineProps) {
  const field = useRef<HTMLInputElement>(null)
  const note = useId()
  const tooLongBy = store.tooLongBy.value
  useEffect(() => {
    if (takesFocus) field.current?.focus()
  }, [])
  return (
    <>
      {tooLongBy > 0 && (
        <p id={note} class="prompt-hint" role="alert">
          {sayCount('tooLong', tooLongBy)}
        </p>
      )}
      <form
        class="prompt-line"
        onSubmit={(event) => {
          event.preventDefault()
          void store.send()
        }}
      >
        {canGoBack && <IconButton icon={X} label={say('back')} size={16} onClick={store.escape} />}
        <input
          ref={field}
          type="text"
          autoComplete="off"
          readOnly={isGuarded}
          aria-label={say('message')}
          aria-describedby={tooLongBy > 0 ? note : undefined}
          aria-invalid={tooLongBy > 0 ? true : undefined}
          placeholder={say(isGuarded ? 'guarded' : 'message')}
          dir="auto"
          value={store.text.value}
          onInput={({ currentTarget }) => (store.text.value = currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && isComposing(event)) event.preventDefault()
          }}
        />
        <IconButton
          icon={SendHorizontal}
          label={say('send')}
          kind="primary"
          mirrors
          type="submit"
          disabled={!store.canSend.value}
        />
      </form>
    </>
  )
}

/** What they are told, if one wants to tell them anything. */
function Reasons({ store }: { store: PromptStore }) {
  const [own, setOwn] = useState('')
  const field = useRef<HTMLInputElement>(null)
  const label = useId()
  const isBusy = store.isBusy.value
  useEffect(() => field.current?.focus(), [])
  return (
    <form
      class="prompt-answer"
      aria-labelledby={label}
      onSubmit={(event) => {
        event.preventDefault()
        void store.reject(own)
      }}
    >
      <div class="prompt-reasons">
        <span id={label} class="visually-hidden">
          {say('rejectSaying')}
        </span>
        {(['reasonNotNow', 'reasonLater', 'reasonMeeting'] as const).map((reason) => (
          <Button key={reason} disabled={isBusy} onClick={() => void store.reject(say(reason))}>
            {say(reason)}
          </Button>
        ))}
      </div>
      <div class="prompt-line">
        <IconButton icon={X} label={say('back')} size={16} onClick={store.escape} />
        <input
          ref={field}
          type="text"
          autoComplete="off"
          maxLength={limits.statusCharsMax}
          aria-label={say('reasonOwn')}
          placeholder={say('reasonOwn')}
          dir="auto"
          value={own}
          onInput={({ currentTarget }) => setOwn(currentTarget.value)}
        />
        <Button type="submit" disabled={isBusy}>
          {say('reject')}
        </Button>
      </div>
    </form>
  )
}
