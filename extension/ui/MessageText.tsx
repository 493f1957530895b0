import { useState } from 'preact/hooks'
import { Button } from './Button.tsx'
import { partsOf, type Part } from './links.ts'
import './MessageText.css'
import { say } from './text.ts'

/** More than about a window full: shown when asked for, so that one message cannot bury a conversation. */
const isLong = (text: string) => text.length > 1600 || text.split('\n', 26).length > 25

/** What somebody wrote, as they wrote it: their lines, their direction, and links that lead where they say. */
export function MessageText({ text }: { text: string }) {
  const [isOpen, setOpen] = useState(false)
  const isCut = isLong(text) && !isOpen
  return (
    <>
      <p class={isCut ? 'message-text cut' : 'message-text'} dir="auto">
        {partsOf(text).map((part, position) => (
          <PartOfText key={position} part={part} />
        ))}
      </p>
      {isCut && (
        <Button kind="link" onClick={() => setOpen(true)}>
          {say('showAll')}
        </Button>
      )}
    </>
  )
}

function PartOfText({ part }: { part: Part }) {
  if (part.type === 'text') return <>{part.text}</>
  return (
    <>
      <a
        class="message-link"
        href={part.href}
        target="_blank"
        rel="noopener noreferrer"
        dir="ltr"
        title={part.href}
      >
        {part.text}
      </a>
      {part.host !== null && (
        <span class="message-host" dir="ltr">
          {' '}
          ({part.host})
        </span>
      )}
    </>
  )
}
