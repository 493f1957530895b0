import { Pencil, Reply, SendHorizontal, Smile, X } from 'lucide'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Aim } from '../stores/composing.ts'
import { AttachButton, Attachments, type Attaching } from './Attachments.tsx'
import { IconButton } from './Button.tsx'
import './Composer.css'
import { CompletionList, optionId, useEmojiCompletion } from './emoji-completion.tsx'
import { EmojiPicker } from './EmojiPicker.tsx'
import { number } from './format.ts'
import { Icon } from './Icon.tsx'
import { Name } from './Name.tsx'
import { say, sayWith } from './text.ts'

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
  /** What is answered or edited. */
  aim?: Aim | null
  /** Files that go with it; left out where none can. */
  attaching?: Attaching
  /** What is written is their caption. */
  isCaption?: boolean
  /** Used lately, the last one first. */
  recentEmoji?: readonly string[]
  onType(text: string): void
  onSend(): void
  /** Answers nothing any more, edits nothing any more. */
  onDropAim?(): void
  /** Up in an empty field; true when there was something to edit. */
  onEditLast?(): boolean
  onEmoji?(emoji: string): void
}

/** While a word is being composed, Enter chooses it. 229 is what older input methods send instead of saying so. */
const isComposing = (event: KeyboardEvent) => event.isComposing || event.keyCode === 229
const isPlain = (event: KeyboardEvent) => !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey

export function Composer(props: Props) {
  const { name, draft, canSend, left, isGuarded, takesFocus, aim = null, onType, onSend, onDropAim } = props
  const field = useRef<HTMLTextAreaElement>(null)
  const cursor = useRef<number | null>(null)

  function replace(from: number, to: number, text: string) {
    const { value } = field.current!
    cursor.current = from + text.length
    onType(value.slice(0, from) + text + value.slice(to))
  }
  const completion = useEmojiCompletion({ field, replace })

  useEffect(() => {
    if (takesFocus) field.current?.focus()
  }, [])

  // Who answers or edits wants to write. After the menu it was chosen from has given the focus back.
  const aimKey = aim && (aim.type === 'edit' ? `edit ${aim.id}` : aim.quote.key)
  useEffect(() => {
    if (aimKey === null || isGuarded) return
    const element = field.current!
    element.focus()
    element.setSelectionRange(element.value.length, element.value.length)
  }, [aimKey])

  useLayoutEffect(() => {
    const element = field.current!
    // It grows with its text, up to what the style allows.
    element.style.blockSize = 'auto'
    element.style.blockSize = `${element.scrollHeight}px`
    if (cursor.current === null) return
    element.setSelectionRange(cursor.current, cursor.current)
    cursor.current = null
  }, [draft])

  function onKeyDown(event: KeyboardEvent) {
    if (isComposing(event) || completion.onKeyDown(event)) return
    if (event.key === 'Enter' && !event.shiftKey) {
      completion.close()
      onSend()
    } else if (event.key === 'Escape' && aim && isPlain(event)) onDropAim?.()
    else if (!(event.key === 'ArrowUp' && draft === '' && !aim && isPlain(event) && props.onEditLast?.()))
      return
    event.preventDefault()
  }

  return (
    <div class="composer-area">
      {aim && <AimLine aim={aim} name={name} onDrop={() => onDropAim?.()} />}
      {props.attaching && <Attachments {...props.attaching} />}
      {completion.offer && <CompletionList offer={completion.offer} onChoose={completion.choose} />}
      <form
        class={isGuarded ? 'composer guarded' : 'composer'}
        onSubmit={(event) => {
          event.preventDefault()
          onSend()
          field.current?.focus()
        }}
      >
        {props.attaching && (
          <AttachButton
            isDisabled={isGuarded || aim?.type === 'edit'}
            bytesMax={props.attaching.bytesMax}
            onAdd={props.attaching.onAdd}
          />
        )}
        <textarea
          ref={field}
          rows={1}
          readOnly={isGuarded}
          aria-label={say('message')}
          aria-describedby={aim ? 'aim' : left === null ? undefined : 'characters-left'}
          aria-autocomplete="list"
          aria-controls={completion.offer ? 'emoji-options' : undefined}
          aria-activedescendant={completion.offer ? optionId(completion.offer.active) : undefined}
          placeholder={placeholder(props)}
          dir="auto"
          value={draft}
          onInput={({ currentTarget }) => {
            onType(currentTarget.value)
            completion.look()
          }}
          onClick={completion.look}
          onBlur={completion.close}
          onKeyDown={onKeyDown}
        />
        {left !== null && (
          <span id="characters-left" class={left < 0 ? 'composer-left over' : 'composer-left'}>
            {number(left)}
          </span>
        )}
        <EmojiButton
          isDisabled={isGuarded}
          recent={props.recentEmoji ?? []}
          onPick={(emoji) => {
            const { selectionStart, selectionEnd } = field.current!
            replace(selectionStart, selectionEnd, emoji)
            props.onEmoji?.(emoji)
            field.current!.focus()
          }}
        />
        <IconButton
          icon={SendHorizontal}
          label={say('send')}
          kind="primary"
          mirrors
          type="submit"
          disabled={!canSend}
        />
      </form>
    </div>
  )
}

const placeholder = ({ isGuarded, isCaption, name }: Props): string => {
  if (isGuarded) return say('guarded')
  return isCaption ? say('captionFor') : say('messageTo', name)
}

/** Above the field: what is answered or edited, and the way out of it. */
function AimLine({ aim, name, onDrop }: { aim: Aim; name: string; onDrop(): void }) {
  const text = aim.type === 'edit' ? aim.text : (aim.quote.text ?? '')
  const isOwn = aim.type === 'reply' && aim.quote.direction === 'out'
  return (
    <div class="aim-line">
      <Icon of={aim.type === 'edit' ? Pencil : Reply} size={14} mirrors={aim.type === 'reply'} />
      <p id="aim">
        <span class="aim-what">
          {aim.type === 'edit'
            ? say('editing')
            : isOwn
              ? say('replyToYourself')
              : sayWith('replyTo', <Name of={name} />)}
        </span>
        <span class="aim-text" dir="auto">
          {text}
        </span>
      </p>
      <IconButton
        icon={X}
        size={16}
        label={say(aim.type === 'edit' ? 'cancelEdit' : 'cancelReply')}
        onClick={onDrop}
      />
    </div>
  )
}

interface EmojiButtonProps {
  isDisabled: boolean
  recent: readonly string[]
  onPick(emoji: string): void
}

function EmojiButton({ isDisabled, recent, onPick }: EmojiButtonProps) {
  const place = useRef<HTMLSpanElement>(null)
  const [isOpen, setOpen] = useState(false)
  return (
    <span ref={place} class="menu-place">
      <IconButton
        icon={Smile}
        label={say('emoji')}
        aria-haspopup="dialog"
        aria-expanded={isOpen}
        disabled={isDisabled}
        onClick={() => setOpen(!isOpen)}
      />
      {isOpen && (
        <EmojiPicker
          anchor={place.current!.querySelector('button')!}
          recent={recent}
          onPick={(emoji) => {
            setOpen(false)
            onPick(emoji)
          }}
          onClose={() => setOpen(false)}
        />
      )}
    </span>
  )
}
