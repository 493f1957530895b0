import { Search, Settings, UserPlus, X } from 'lucide'
import { useEffect, useRef } from 'preact/hooks'
import type { UserId } from '#shared/ids'
import type { AccountStore } from '../stores/account-store.ts'
import type { BuddyListStore } from '../stores/buddy-list-store.ts'
import type { ConnectionStore } from '../stores/connection-store.ts'
import { AddBuddy } from './AddBuddy.tsx'
import { Asking } from './Asking.tsx'
import { BuddyList } from './BuddyList.tsx'
import { IconButton } from './Button.tsx'
import { ConnectionLine } from './ConnectionLine.tsx'
import { EmptyList } from './EmptyList.tsx'
import { HistoryLine } from './HistoryLine.tsx'
import { Icon } from './Icon.tsx'
import { MyStatus } from './MyStatus.tsx'
import { Notice } from './Notice.tsx'
import './Popup.css'
import { problemWords } from './problem-words.ts'
import { Requests } from './Requests.tsx'
import { useRoving } from './roving.ts'
import { SentKnocks } from './SentKnocks.tsx'
import { say } from './text.ts'

interface Props {
  store: BuddyListStore
  account: AccountStore
  connection: ConnectionStore
  now: number
  onOpenOptions(): void
  /** To where this browser becomes a device again. */
  onSignInAgain(): void
  /** A conversation was asked for: the toolbar's popup has done its work. */
  onOpened(): void
}

/** The toolbar popup: the list of buddies, and everything about them that takes one click. */
export function Popup({ store, account, connection, now, onOpenOptions, onSignInAgain, onOpened }: Props) {
  const field = useRef<HTMLInputElement>(null)
  const knockField = useRef<HTMLInputElement | null>(null)
  const roving = useRoving<HTMLUListElement>()
  const candidate = store.candidate.value
  const sections = store.sections.value
  const requests = store.requests.value
  const prompts = store.prompts.value
  const sentKnocks = store.sentKnocks.value
  const hasMatch = [sections, requests, prompts, sentKnocks].some(({ length }) => length > 0)
  const first = sections[0]?.buddies[0]
  const problem = store.problem.value ?? account.problem.value

  const open = async (name: UserId) => {
    if (await store.open(name)) onOpened()
  }
  const onAnswer = async (name: UserId, answer: 'accepted' | 'later' | 'rejected') => {
    if ((await store.answer(name, answer)) && answer === 'accepted') onOpened()
  }
  useEffect(() => field.current?.focus(), [])
  const onFieldKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' && roving.focusFirst()) event.preventDefault()
    if (event.key === 'Escape' && store.filter.value !== '') {
      event.preventDefault() // once to clear; a second time closes the popup, as the browser does
      store.filter.value = ''
    }
    if (event.key !== 'Enter' || event.isComposing) return
    if (first && store.filter.value !== '') void open(first.name)
    else if (candidate?.type === 'invite') void store.add()
    else knockField.current?.focus()
  }

  return (
    <div class="popup">
      <header class="popup-header">
        {store.me.value && <MyStatus store={store} me={store.me.value} account={account} />}
        <IconButton icon={Settings} label={say('settings')} onClick={onOpenOptions} />
      </header>
      <ConnectionLine store={connection} onSignInAgain={onSignInAgain} />
      <HistoryLine history={store.history} tellsProblems />
      <search class="popup-search">
        <span class="field-box">
          <Icon of={Search} size={16} />
          <input
            ref={field}
            type="text"
            aria-label={say('findOrAdd')}
            placeholder={say('findOrAdd')}
            autoComplete="off"
            autoCapitalize="none"
            spellcheck={false}
            value={store.filter}
            onInput={({ currentTarget }) => (store.filter.value = currentTarget.value)}
            onKeyDown={onFieldKey}
          />
          {store.filter.value !== '' && (
            <IconButton
              icon={X}
              label={say('clear')}
              size={16}
              onClick={() => {
                store.filter.value = ''
                field.current?.focus()
              }}
            />
          )}
        </span>
        {(candidate === null || candidate.type === 'problem') && (
          <IconButton icon={UserPlus} label={say('addBuddy')} onClick={() => field.current?.focus()} />
        )}
      </search>
      {problem && (
        <Notice
          text={problemWords(problem)}
          onClose={() => {
            store.clearProblem()
            account.clearProblem()
          }}
        />
      )}
      <main class="popup-people">
        {candidate && (candidate.type !== 'problem' || !hasMatch) && (
          <AddBuddy store={store} candidate={candidate} field={knockField} isAlone={!hasMatch} />
        )}
        <Asking
          prompts={prompts}
          store={store}
          isOnlyUnread={store.hasUnread.value && sections[0]?.type !== 'unread'}
          onAnswer={(name, answer) => void onAnswer(name, answer)}
        />
        <Requests requests={requests} store={store} />
        <BuddyList
          store={store}
          sections={sections}
          roving={roving}
          now={now}
          onOpen={(name) => void open(name)}
          onLeave={() => field.current?.focus()}
        />
        <SentKnocks knocks={sentKnocks} store={store} />
        {store.isEmpty.value && store.me.value && !candidate && <EmptyList me={store.me.value} />}
      </main>
    </div>
  )
}
