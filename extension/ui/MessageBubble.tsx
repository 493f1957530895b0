import { Copy, RotateCw, SendHorizontal, Trash2 } from 'lucide'
import type { MessageItem } from '../stores/timeline.ts'
import { Button } from './Button.tsx'
import { fullTime, timeOfDay } from './format.ts'
import './MessageBubble.css'
import { MessageText } from './MessageText.tsx'
import { problemWords } from './problem-words.ts'
import { say } from './text.ts'
import { TickMark } from './TickMark.tsx'

interface Props {
  message: MessageItem
  /** The other one's. */
  name: string
  onRetry(): void
  onDiscard(): void
}

export function MessageBubble({ message, name, onRetry, onDiscard }: Props) {
  const { direction, text, tick, at, written, failure, isFirst, isLast, showsTick } = message
  const side = direction === 'out' ? 'mine' : 'theirs'
  const ends = `${isFirst ? ' first' : ''}${isLast ? ' last' : ''}`
  const isStuck = tick === 'failed' || tick === 'held' || tick === 'expired'

  return (
    <article class={`message ${side}${ends}`} data-ts={direction === 'in' ? message.ts : undefined}>
      <span class="visually-hidden">{direction === 'out' ? say('youSay') : say('theySay', name)} </span>
      <div class="bubble" title={fullTime(at)}>
        {text === null ? (
          <p class="message-unopened">{say('unopened', name)}</p>
        ) : (
          <MessageText text={text} />
        )}
      </div>
      <div class={isLast || showsTick ? 'message-meta' : 'visually-hidden'}>
        {' '}
        {(isLast || showsTick) && <bdi class="message-time">{timeOfDay(at)}</bdi>}
        {written !== null && <span> {say('written', timeOfDay(written))}</span>}{' '}
        {tick && <TickMark tick={tick} isShown={showsTick} name={name} />}
      </div>
      {isStuck && (
        <div class="message-stuck">
          {failure
            ? problemWords({ code: failure })
            : say(tick === 'held' ? 'tickHeldMeans' : 'tickExpiredMeans', name)}
          <div class="message-actions">
            <Button kind="link" icon={tick === 'held' ? SendHorizontal : RotateCw} onClick={onRetry}>
              {say(tick === 'held' ? 'sendNow' : 'retry')}
            </Button>
            <Button kind="link" icon={Copy} onClick={() => void navigator.clipboard.writeText(text ?? '')}>
              {say('copy')}
            </Button>
            <Button kind="link" icon={Trash2} onClick={onDiscard}>
              {say('delete')}
            </Button>
          </div>
        </div>
      )}
    </article>
  )
}
