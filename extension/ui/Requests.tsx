import { TriangleAlert } from 'lucide'
import { useId } from 'preact/hooks'
import type { BuddyListStore, Request } from '../stores/buddy-list-store.ts'
import { Avatar } from './Avatar.tsx'
import { Button } from './Button.tsx'
import { Icon } from './Icon.tsx'
import { Name } from './Name.tsx'
import { say, sayWith } from './text.ts'
import { WaitingList } from './WaitingList.tsx'

/** People who knock. Their words are plain text: no links until one has let them in. */
export function Requests({ requests, store }: { requests: Request[]; store: BuddyListStore }) {
  if (requests.length === 0) return null
  return (
    <WaitingList title={say('requests')}>
      {requests.map((request) => (
        <RequestItem
          key={request.name}
          request={request}
          onAccept={() => void store.accept(request.name)}
          onReject={() => void store.reject(request.name)}
          onBlock={() => void store.block(request.name)}
        />
      ))}
    </WaitingList>
  )
}

interface Props {
  request: Request
  onAccept(): void
  onReject(): void
  onBlock(): void
}

function RequestItem({ request, onAccept, onReject, onBlock }: Props) {
  const { name, ownName, text, reason, page, via, looksLike } = request
  const who = useId()
  return (
    <li class="request">
      <Avatar name={name} />
      <div class="request-words">
        <p id={who}>
          <Name of={name} />
        </p>
        {ownName !== '' && <p class="request-hint">{sayWith('knockName', <bdi>{ownName}</bdi>)}</p>}
        <p class="request-hint">{say(via === 'invite' ? 'knockFoundByLink' : 'knockFoundByName')}</p>
        {looksLike !== null && (
          <p class="request-warning">
            <Icon of={TriangleAlert} size={14} />
            <span>{sayWith('looksLike', <Name of={looksLike} />, <Name of={name} />)}</span>
          </p>
        )}
        {reason !== '' && (
          <p class="request-reason">
            <bdi>{reason}</bdi>
          </p>
        )}
        {text === '' ? (
          reason === '' && <p class="request-text">{say('knockWithoutText')}</p>
        ) : (
          <p class="request-text" dir="auto">
            {text}
          </p>
        )}
        {page !== '' && (
          <p class="request-page">
            {say('aboutPage')} <bdi dir="ltr">{page}</bdi>
          </p>
        )}
        <div class="request-buttons">
          <Button kind="primary" aria-describedby={who} onClick={onAccept}>
            {say('accept')}
          </Button>
          <Button aria-describedby={who} onClick={onReject}>
            {say('reject')}
          </Button>
          <Button aria-describedby={who} onClick={onBlock}>
            {say('rejectAndBlock')}
          </Button>
        </div>
      </div>
    </li>
  )
}
