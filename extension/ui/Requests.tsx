import { useId } from 'preact/hooks'
import type { BuddyListStore, Request, SentKnock } from '../stores/buddy-list-store.ts'
import { Avatar } from './Avatar.tsx'
import { Button } from './Button.tsx'
import { Name } from './Name.tsx'
import { problemWords } from './problem-words.ts'
import './Requests.css'
import { say } from './text.ts'

/** People who knock. Their words are plain text: no links until one has let them in. */
export function Requests({ requests, store }: { requests: Request[]; store: BuddyListStore }) {
  const heading = useId()
  if (requests.length === 0) return null
  return (
    <section class="requests">
      <h2 id={heading} class="list-heading">
        {say('requests')}
      </h2>
      <ul aria-labelledby={heading}>
        {requests.map((request) => (
          <RequestItem
            key={request.name}
            {...request}
            onAccept={() => void store.accept(request.name)}
            onReject={() => void store.reject(request.name)}
          />
        ))}
      </ul>
    </section>
  )
}

interface RequestProps {
  name: string
  text: string
  onAccept(): void
  onReject(): void
}

function RequestItem({ name, text, onAccept, onReject }: RequestProps) {
  const who = useId()
  return (
    <li class="request">
      <Avatar name={name} />
      <div class="request-words">
        <p id={who}>
          <Name of={name} />
        </p>
        {text === '' ? (
          <p class="request-hint">{say('knockWithoutText')}</p>
        ) : (
          <p class="request-text" dir="auto">
            {text}
          </p>
        )}
        <div class="request-buttons">
          <Button kind="primary" aria-describedby={who} onClick={onAccept}>
            {say('accept')}
          </Button>
          <Button aria-describedby={who} onClick={onReject}>
            {say('reject')}
          </Button>
        </div>
      </div>
    </li>
  )
}

/** My own knocks. Nothing is known of the other until they answer. */
export function SentKnocks({ knocks, store }: { knocks: SentKnock[]; store: BuddyListStore }) {
  const heading = useId()
  const button = useId()
  if (knocks.length === 0) return null
  return (
    <section class="requests">
      <h2 id={heading} class="list-heading">
        {say('knocksSent')}
      </h2>
      <ul aria-labelledby={heading}>
        {knocks.map(({ name, failure }) => (
          <li key={name} class="request">
            <Avatar name={name} />
            <div class="request-words">
              <p id={`${button} ${name}`.replaceAll(' ', '-')}>
                <Name of={name} />
              </p>
              <p class={failure ? 'request-failure' : 'request-hint'}>
                {failure ? problemWords(failure, 'knock') : say('knockSent')}
              </p>
            </div>
            <Button
              aria-describedby={`${button} ${name}`.replaceAll(' ', '-')}
              onClick={() => void store.withdraw(name)}
            >
              {say(failure ? 'dismiss' : 'withdraw')}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  )
}
