import type { ComponentChildren } from 'preact'
import type { Relation } from '#shared/frames'
import type { ConversationStore } from '../stores/conversation-store.ts'
import { Button } from './Button.tsx'
import { nothingIsTaken, useDropping } from './dropping.ts'
import { Name } from './Name.tsx'
import './NotABuddy.css'
import { say, sayWith } from './text.ts'

interface Props {
  store: ConversationStore
  peer: string
  relation: Exclude<Relation, 'buddies'> | 'blocked'
}

/** In place of the composer: why one cannot write, and what one can do about it. */
export function NotABuddy({ store, peer, relation }: Props) {
  useDropping(nothingIsTaken)
  const name = <Name of={peer} />
  return (
    <div class="not-a-buddy">
      {relation === 'none' && (
        <>
          <p>{sayWith('notABuddy', name)}</p>
          <Button kind="primary" onClick={() => void store.sendKnock()}>
            {say('knock')}
          </Button>
        </>
      )}
      {relation === 'asking' && (
        <>
          <p>{sayWith('waitsForAnswer', name)}</p>
          <Button onClick={() => void store.withdraw()}>{say('withdraw')}</Button>
        </>
      )}
      {relation === 'asked' && <Asked store={store} name={name} />}
      {relation === 'blocked' && (
        <>
          <p>{sayWith('youBlocked', name)}</p>
          <Button onClick={() => void store.unblock()}>{say('unblock')}</Button>
        </>
      )}
    </div>
  )
}

/** What they wrote when they knocked. A page is named and leads nowhere. */
function Asked({ store, name }: { store: ConversationStore; name: ComponentChildren }) {
  const knock = store.knock.value
  return (
    <>
      <p>{sayWith('asksToBeBuddy', name)}</p>
      {store.safety.isOther.value && <p class="not-a-buddy-warning">{sayWith('otherAccountKnocks', name)}</p>}
      {knock?.name && <p class="knock-text">{sayWith('knockName', <Name of={knock.name} />)}</p>}
      {[knock?.reason, knock?.text, knock?.page].map(
        (part, place) =>
          part && (
            <p key={place} class="knock-text" dir="auto">
              {part}
            </p>
          ),
      )}
      <Button kind="primary" onClick={() => void store.accept()}>
        {say('accept')}
      </Button>
      <Button onClick={() => void store.reject()}>{say('reject')}</Button>
      <Button onClick={() => void store.block()}>{say('rejectAndBlock')}</Button>
    </>
  )
}
