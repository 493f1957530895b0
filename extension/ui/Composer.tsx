import { SendHorizontal } from 'lucide'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { IconButton } from './Button.tsx'
import './Composer.css'
import { number } from './format.ts'
import { say } from './text.ts'

interface Props {
  name: string
  draft: string
  canSend: boolean
  /** How many characters more fit; null while that is no question. */
  left: number | null
  /** The window opened by itself: nothing typed may land here until the person acts in it. */
  isGuarded: boolean
  /** The person opened this window to write. */
  takesFocus: boolean
  onType(text: string): void
  onSend(): void
}

/** While a word is being composed, Enter chooses it. 229 is what older input methods send instead of saying so. */
const isComposing = (event: KeyboardEvent) => event.isComposing || event.keyCode === 229

export function Composer({ name, draft, canSend, left, isGuarded, takesFocus, onType, onSend }: Props) {
  const field = useRef<HTMLTextAreaElement>(null)

  useEffect(() => {
    if (takesFocus) field.current?.focus()
  }, [])

  // It grows with its text, up to what the style allows.
  useLayoutEffect(() => {
    const element = field.current!
    element.style.blockSize = 'auto'
    element.style.blockSize = `${element.scrollHeight}px`
  }, [draft])

  return (
    <form
      class={isGuarded ? 'composer guarded' : 'composer'}
      onSubmit={(event) => {
        event.preventDefault()
        onSend()
        field.current?.focus()
      }}
    >
      <textarea
        ref={field}
        rows={1}
        readOnly={isGuarded}
        aria-label={say('message')}
        aria-describedby={left === null ? undefined : 'characters-left'}
        placeholder={isGuarded ? say('guarded') : say('messageTo', name)}
        dir="auto"
        value={draft}
        onInput={({ currentTarget }) => onType(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return
          event.preventDefault()
          onSend()
        }}
      />
      {left !== null && (
        <span id="characters-left" class={left < 0 ? 'composer-left over' : 'composer-left'}>
          {number(left)}
        </span>
      )}
      <IconButton
        icon={SendHorizontal}
        label={say('send')}
        kind="primary"
        mirrors
        type="submit"
        disabled={!canSend}
      />
    </form>
  )
}
