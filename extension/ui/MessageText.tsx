import { useState } from 'preact/hooks'
import { Button } from './Button.tsx'
import { formatted, type Span } from './formatting.ts'
import './MessageText.css'
import { say } from './text.ts'

/** More than about a window full: shown when asked for, so that one message cannot bury a conversation. */
const isLong = (text: string) => text.length > 1600 || text.split('\n', 26).length > 25

/** "/me waves" tells what its writer does. */
const action = /^\/me\s+(?=\S)/
export const isAction = (text: string): boolean => action.test(text)

interface Props {
  text: string
  /** Who wrote it: what an action begins with. */
  by?: string
}

/** What somebody wrote, as they wrote it: their lines, their direction, and links that lead where they say. */
export function MessageText({ text, by = '' }: Props) {
  const [isOpen, setOpen] = useState(false)
  const isCut = isLong(text) && !isOpen
  return (
    <>
      <p class={isCut ? 'message-text cut' : 'message-text'} dir="auto">
        {isAction(text) ? (
          <em>
            <bdi>{by}</bdi> <Spans of={formatted(text.replace(action, ''))} />
          </em>
        ) : (
          <Spans of={formatted(text)} />
        )}
      </p>
      {isCut && (
        <Button kind="link" onClick={() => setOpen(true)}>
          {say('showAll')}
        </Button>
      )}
    </>
  )
}

function Spans({ of }: { of: readonly Span[] }) {
  return (
    <>
      {of.map((span, position) => (
        <OneSpan key={position} span={span} />
      ))}
    </>
  )
}

function OneSpan({ span }: { span: Span }) {
  switch (span.type) {
    case 'text':
      return <>{span.text}</>
    case 'bold':
      return (
        <strong>
          <Spans of={span.spans} />
        </strong>
      )
    case 'italic':
      return (
        <em>
          <Spans of={span.spans} />
        </em>
      )
    case 'code':
      return (
        <code class={span.isBlock ? 'message-code block' : 'message-code'} dir="ltr">
          {span.isBlock ? span.text.replace(/^\n|\n$/g, '') : span.text}
        </code>
      )
    case 'link':
      return <Link span={span} />
  }
}

function Link({ span: { text, href, host } }: { span: Extract<Span, { type: 'link' }> }) {
  return (
    <>
      <a class="message-link" href={href} target="_blank" rel="noopener noreferrer" dir="ltr" title={href}>
        {text}
      </a>
      {host !== null && (
        <span class="message-host" dir="ltr">
          {' '}
          ({host})
        </span>
      )}
    </>
  )
}
