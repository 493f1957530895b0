import { useId } from 'preact/hooks'
import type { BuddyListStore, SentKnock } from '../stores/buddy-list-store.ts'
import { Avatar } from './Avatar.tsx'
import { Button } from './Button.tsx'
import { knockWords } from './knock-words.tsx'
import { Name } from './Name.tsx'
import { say } from './text.ts'
import { WaitingList } from './WaitingList.tsx'

/** My own knocks. Nothing is known of the other until they answer. */
export function SentKnocks({ knocks, store }: { knocks: SentKnock[]; store: BuddyListStore }) {
  if (knocks.length === 0) return null
  return (
    <WaitingList title={say('knocksSent')}>
      {knocks.map((knock) => (
        <SentKnockItem key={knock.name} knock={knock} store={store} />
      ))}
    </WaitingList>
  )
}

function SentKnockItem({ knock, store }: { knock: SentKnock; store: BuddyListStore }) {
  const { name, state, failure, failed } = knock
  const who = useId()
  return (
    <li class="request">
      <Avatar name={name} />
      <div class="request-words">
        <p id={who}>
          <Name of={name} />
        </p>
        {failure ? (
          <p class="request-failure">{knockWords(failure, name)}</p>
        ) : (
          <p class="request-hint">{say(state === 'leaving' ? 'knockLeaving' : 'knockSent')}</p>
        )}
        {failure?.code === 'forbidden' && (
          <div class="request-buttons">
            <Button aria-describedby={who} onClick={() => void store.knockBare(name, failed)}>
              {say('knockBare')}
            </Button>
          </div>
        )}
      </div>
      {failure ? (
        <Button aria-describedby={who} onClick={() => void store.dismiss(failed)}>
          {say('dismiss')}
        </Button>
      ) : (
        state === 'sent' && (
          <Button aria-describedby={who} onClick={() => void store.withdraw(name)}>
            {say('withdraw')}
          </Button>
        )
      )}
    </li>
  )
}
