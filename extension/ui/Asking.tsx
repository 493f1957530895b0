import { useId } from 'preact/hooks'
import type { UserId } from '#shared/ids'
import type { BuddyListStore, Prompt } from '../stores/buddy-list-store.ts'
import { Avatar } from './Avatar.tsx'
import { Button } from './Button.tsx'
import { Name } from './Name.tsx'
import { saidWords } from './said-words.ts'
import { say, sayCount } from './text.ts'
import { WaitingList } from './WaitingList.tsx'

interface Props {
  prompts: Prompt[]
  store: BuddyListStore
  /** Their messages are the only unread ones: here is where all can be marked read. */
  isOnlyUnread: boolean
  onAnswer(name: UserId, answer: 'accepted' | 'later' | 'rejected'): void
}

/** Buddies who write, and wait to be let in: the same question as the prompt window asks. */
export function Asking({ prompts, store, isOnlyUnread, onAnswer }: Props) {
  if (prompts.length === 0) return null
  return (
    <WaitingList
      title={say('asking')}
      action={
        isOnlyUnread && (
          <Button kind="link" onClick={() => void store.markAllRead()}>
            {say('markAllRead')}
          </Button>
        )
      }
    >
      {prompts.map((prompt) => (
        <AskingItem key={prompt.name} prompt={prompt} onAnswer={(answer) => onAnswer(prompt.name, answer)} />
      ))}
    </WaitingList>
  )
}

interface ItemProps {
  prompt: Prompt
  onAnswer(answer: 'accepted' | 'later' | 'rejected'): void
}

function AskingItem({ prompt: { name, nickname, count, said }, onAnswer }: ItemProps) {
  const who = useId()
  return (
    <li class="request">
      <Avatar name={name} />
      <div class="request-words">
        <p id={who}>
          <Name of={nickname || name} /> {nickname !== '' && <bdi class="request-hint">{name}</bdi>}
        </p>
        <p class="request-hint">{sayCount('asks', count)}</p>
        {said && saidWords(said) !== '' && (
          <p class="request-text short" dir="auto">
            {saidWords(said)}
          </p>
        )}
        <div class="request-buttons">
          <Button kind="primary" aria-describedby={who} onClick={() => onAnswer('accepted')}>
            {say('accept')}
          </Button>
          <Button aria-describedby={who} onClick={() => onAnswer('accepted')}>
            {say('reply')}
          </Button>
          <Button aria-describedby={who} onClick={() => onAnswer('later')}>
            {say('notNow')}
          </Button>
          <Button aria-describedby={who} onClick={() => onAnswer('rejected')}>
            {say('reject')}
          </Button>
        </div>
      </div>
    </li>
  )
}
