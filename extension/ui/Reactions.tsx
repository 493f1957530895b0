import type { MessageItem } from '../stores/timeline.ts'
import { number } from './format.ts'
import './Reactions.css'
import { say } from './text.ts'

interface Props {
  message: MessageItem
  /** The other one's. */
  name: string
  onReact(emoji: string): void
}

/** What both think of it; mine is pressed, and pressing it takes it away. */
export function Reactions({ message: { reactions }, name, onReact }: Props) {
  if (reactions.length === 0) return null
  return (
    <fieldset class="reactions" aria-label={say('reactions')}>
      {reactions.map(({ emoji, isMine, isTheirs }) => {
        const count = Number(isMine) + Number(isTheirs)
        const who = isMine && isTheirs ? say('youAnd', name) : isMine ? say('you') : name
        return (
          <button
            key={emoji}
            type="button"
            class="reaction"
            aria-pressed={isMine}
            aria-label={say('reactionBy', emoji, number(count), who)}
            title={who}
            onClick={() => onReact(emoji)}
          >
            <span>{emoji}</span>
            {count > 1 && <span class="reaction-count">{number(count)}</span>}
          </button>
        )
      })}
    </fieldset>
  )
}
