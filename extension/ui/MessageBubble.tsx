import { Copy, EllipsisVertical, Pencil, Reply, RotateCw, SendHorizontal, Trash2 } from 'lucide'
import { useRef, useState } from 'preact/hooks'
import type { MessageItem, Quote } from '../stores/timeline.ts'
import { Button, IconButton } from './Button.tsx'
import { FilePart } from './FilePart.tsx'
import { fullTime, timeOfDay } from './format.ts'
import { Popover } from './Menu.tsx'
import './MessageBubble.css'
import type { MessageActions } from './message-actions.ts'
import { isAction, MessageText } from './MessageText.tsx'
import { problemWords } from './problem-words.ts'
import { Reactions } from './Reactions.tsx'
import { say } from './text.ts'
import { TickMark } from './TickMark.tsx'

interface Props {
  message: MessageItem
  /** The other one's. */
  name: string
  /** Mine: what an action of mine begins with. */
  me: string
  /** Offers to ask for what could not be opened. */
  mayAsk: boolean
  actions: MessageActions
  onMenu(message: MessageItem, anchor: HTMLElement): void
}

export function MessageBubble({ message, name, me, mayAsk, actions, onMenu }: Props) {
  const { direction, text, file, isUnsent, tick, at, written, earlier, isFirst, isLast, showsTick, quote } =
    message
  const side = direction === 'out' ? 'mine' : 'theirs'
  const ends = `${isFirst ? ' first' : ''}${isLast ? ' last' : ''}`
  const isStuck = tick === 'failed' || tick === 'held' || tick === 'expired'
  const isSaid = text !== null && !(file && text === '')
  const words = isSaid ? <MessageText text={text} by={direction === 'out' ? me : name} /> : null
  const does = text !== null && !file && isAction(text) ? ' action' : ''

  return (
    // oxlint-disable-next-line no-noninteractive-element-interactions -- the same menu has its button
    <article
      class={`message ${side}${ends}${does}${file ? ' with-file' : ''}`}
      data-ts={direction === 'in' ? message.ts : undefined}
      data-key={message.key}
      data-roving={message.key}
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.target !== event.currentTarget) return
        const isMenuKey = event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)
        if ((!isMenuKey && event.key !== 'Enter') || isUnsent) return
        event.preventDefault()
        onMenu(message, event.currentTarget)
      }}
    >
      <span class="visually-hidden">{direction === 'out' ? say('youSay') : say('theySay', name)} </span>
      <div class="bubble" title={fullTime(at)}>
        {quote && <QuotePart quote={quote} name={name} onReveal={() => actions.reveal(quote.key)} />}
        {file ? (
          <FilePart file={file} caption={text ?? ''} actions={actions.files}>
            {words}
          </FilePart>
        ) : (
          (words ?? <p class="message-unopened">{closedWords(message, name)}</p>)
        )}
      </div>
      {mayAsk && (
        <div class="message-meta">
          <Button kind="link" icon={RotateCw} onClick={() => actions.askAgain(message)}>
            {say('askAgain', name)}
          </Button>
        </div>
      )}
      <Reactions message={message} name={name} onReact={(emoji) => actions.react(message, emoji)} />
      <div class={isLast || showsTick || earlier ? 'message-meta' : 'visually-hidden'}>
        {' '}
        {(isLast || showsTick) && <bdi class="message-time">{timeOfDay(at)}</bdi>}
        {written !== null && <span> {say('written', timeOfDay(written))}</span>}{' '}
        {earlier && <Edited earlier={earlier} />}{' '}
        {tick && <TickMark tick={tick} isShown={showsTick} name={name} />}
      </div>
      {isStuck && <Stuck message={message} name={name} actions={actions} />}
      {!isStuck && !isUnsent && (
        <div class="message-bar">
          {actions.allowed(message).reply && (
            <IconButton
              icon={Reply}
              size={16}
              label={say('reply')}
              mirrors
              tabIndex={-1}
              onClick={() => actions.reply(message)}
            />
          )}
          <IconButton
            icon={EllipsisVertical}
            size={16}
            label={say('messageMenu')}
            aria-haspopup="menu"
            tabIndex={-1}
            onClick={({ currentTarget }) => onMenu(message, currentTarget)}
          />
        </div>
      )}
    </article>
  )
}

/** In place of a text. */
function closedWords({ isRetracted, isUnknown, direction }: MessageItem, name: string): string {
  if (isRetracted) return say('messageDeleted')
  if (isUnknown) return say('unknownContent')
  return direction === 'out' ? say('unopenedOwn') : say('unopened', name)
}

/** What is answered, as it is now; leads to it. */
function QuotePart({ quote, name, onReveal }: { quote: Quote; name: string; onReveal(): void }) {
  return (
    <blockquote class="quote">
      <button type="button" onClick={onReveal}>
        <span class="visually-hidden">{say('inReplyTo')} </span>
        <bdi class="quote-name">{quote.direction === 'out' ? say('you') : name}</bdi>
        <span class={quote.text === null ? 'quote-text deleted' : 'quote-text'} dir="auto">
          {quote.text ?? say('messageDeleted')}
        </span>
      </button>
    </blockquote>
  )
}

/** "edited" leads to what it said before: for both, since both have it. */
function Edited({ earlier }: { earlier: NonNullable<MessageItem['earlier']> }) {
  const place = useRef<HTMLSpanElement>(null)
  const [isOpen, setOpen] = useState(false)
  return (
    <span ref={place}>
      <Button kind="link" aria-expanded={isOpen} aria-haspopup="dialog" onClick={() => setOpen(!isOpen)}>
        {say('edited')}
      </Button>
      {isOpen && (
        <Popover
          anchor={place.current!.querySelector('button')!}
          dialogLabel={say('earlierVersions')}
          onClose={() => setOpen(false)}
        >
          <ol class="earlier">
            {earlier.map(({ text, at }) => (
              <li key={`${at} ${text}`}>
                <time>{timeOfDay(at)}</time>
                <span dir="auto">{text}</span>
              </li>
            ))}
          </ol>
        </Popover>
      )}
    </span>
  )
}

/** It was not sent, or not fetched: why, and what can be done. */
function Stuck({ message, name, actions }: Pick<Props, 'message' | 'name' | 'actions'>) {
  const { id, tick, failure, isText } = message
  return (
    <div class="message-stuck">
      {failure
        ? problemWords({ code: failure })
        : say(tick === 'held' ? 'tickHeldMeans' : 'tickExpiredMeans', name)}
      <div class="message-actions">
        <Button
          kind="link"
          icon={tick === 'held' ? SendHorizontal : RotateCw}
          onClick={() => actions.retry(id)}
        >
          {say(tick === 'held' ? 'sendNow' : 'retry')}
        </Button>
        {isText && (
          <Button kind="link" icon={Pencil} onClick={() => actions.takeBack(message)}>
            {say('edit')}
          </Button>
        )}
        {message.text !== '' && (
          <Button kind="link" icon={Copy} onClick={() => actions.copy(message)}>
            {say('copy')}
          </Button>
        )}
        <Button kind="link" icon={Trash2} onClick={() => actions.discard(id)}>
          {say('delete')}
        </Button>
      </div>
    </div>
  )
}
