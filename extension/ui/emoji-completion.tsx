/** Emoji by their name while one types: `:sm` opens a small list above the composer. */
import { useEffect, useState } from 'preact/hooks'
import { completions, loadEmoji, nameBefore, type Emoji } from './emoji.ts'
import './emoji-completion.css'
import { say } from './text.ts'

const shownMax = 6

interface Offer {
  /** What has been typed of the name. */
  typed: string
  found: { name: string; emoji: Emoji }[]
  active: number
}

interface Surroundings {
  field: { current: HTMLTextAreaElement | null }
  /** Puts text in place of what stands there, the cursor behind it. */
  replace(from: number, to: number, text: string): void
}

export const optionId = (position: number) => `emoji-option-${position}`

export function useEmojiCompletion({ field, replace }: Surroundings) {
  const [offer, setOffer] = useState<Offer | null>(null)
  /** Esc closed it for this name: it stays closed until another one begins. */
  const [dropped, setDropped] = useState<string | null>(null)
  const [typed, setTyped] = useState<string | null>(null)

  useEffect(() => {
    if (typed === null || typed === dropped) {
      setOffer(null)
      return
    }
    let isWanted = true
    loadEmoji().then((list) => {
      const found = completions(list, typed, shownMax)
      if (isWanted) setOffer(found.length > 0 ? { typed, found, active: 0 } : null)
    }, console.error)
    return () => void (isWanted = false)
  }, [typed, dropped])

  function choose({ name, emoji }: Offer['found'][number]) {
    const cursor = field.current!.selectionStart
    const begun = nameBefore(field.current!.value, cursor)
    if (begun === null) return
    replace(cursor - begun.length - 1, cursor, emoji.emoji)
    setTyped(null)
    return name
  }

  return {
    offer,
    choose,
    /** After every change of the text or of the cursor. */
    look() {
      const { value = '', selectionStart = 0, selectionEnd = 0 } = field.current ?? {}
      const name = selectionStart === selectionEnd ? nameBefore(value, selectionStart) : null
      setTyped(name)
      if (name === null) setDropped(null)
      // What is sent a moment later needs them too.
      if (value.includes(':')) void loadEmoji().catch(console.error)
    },
    close: () => setTyped(null),
    /** True when the key was meant for the list. */
    onKeyDown(event: KeyboardEvent): boolean {
      if (!offer || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return false
      const { found, active } = offer
      if (event.key === 'Escape') setDropped(offer.typed)
      else if (event.key === 'Enter' || event.key === 'Tab') choose(found[active]!)
      else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
        const step = event.key === 'ArrowDown' ? 1 : -1
        setOffer({ ...offer, active: (active + step + found.length) % found.length })
      } else return false
      event.preventDefault()
      event.stopPropagation()
      return true
    },
  }
}

interface Props {
  offer: Offer
  onChoose(choice: Offer['found'][number]): void
}

export function CompletionList({ offer: { found, active }, onChoose }: Props) {
  return (
    // oxlint-disable-next-line prefer-tag-over-role -- a <select> cannot hang above a field that keeps the focus
    <div id="emoji-options" role="listbox" aria-label={say('emoji')} tabIndex={-1} class="completions">
      {found.map((choice, position) => (
        // oxlint-disable-next-line click-events-have-key-events -- the field has the focus and the keys
        <div
          key={choice.name}
          id={optionId(position)}
          role="option" // oxlint-disable-line prefer-tag-over-role -- outside of a <select> that is none
          tabIndex={-1}
          aria-selected={position === active}
          class="completion"
          // The field keeps the focus.
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onChoose(choice)}
        >
          <span class="completion-emoji">{choice.emoji.emoji}</span> :{choice.name}:
        </div>
      ))}
    </div>
  )
}
