import { Bell, BellOff, CloudOff, Info, UserMinus } from 'lucide'
import { useSignalEffect } from '@preact/signals'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { Millis, UserId } from '#shared/ids'
import type { ConversationStore, Fact } from '../stores/conversation-store.ts'
import { Avatar } from './Avatar.tsx'
import './Chat.css'
import { Composer } from './Composer.tsx'
import { Icon } from './Icon.tsx'
import { countBadge, Log } from './Log.tsx'
import { MenuButton } from './Menu.tsx'
import { Name } from './Name.tsx'
import { Notice } from './Notice.tsx'
import { NotABuddy } from './NotABuddy.tsx'
import { presenceWords } from './presence-words.ts'
import { problemWords } from './problem-words.ts'
import { readJudge } from './read-judge.ts'
import { RemoveDialog } from './RemoveDialog.tsx'
import { say, sayCount, sayWith } from './text.ts'
import { useGuard } from './guard.ts'

interface Props {
  store: ConversationStore
  peer: UserId
  now: Millis
  /** Who opened this window: a message that came in, or the person. */
  by: 'user' | 'network'
}

export function Chat({ store, peer, now, by }: Props) {
  const isGuarded = useGuard(by === 'network')
  const judge = useReadJudge(store, isGuarded)
  const relation = store.relation.value
  const problem = store.problem.value

  useSignalEffect(() => {
    const unread = store.unread.value
    document.title = unread > 0 ? say('chatTitleUnread', countBadge(unread), peer) : say('chatTitle', peer)
  })

  if (!store.isReady.value) return <div class="chat" />
  return (
    <div class="chat">
      <ChatHeader store={store} peer={peer} now={now} />
      <Log
        name={peer}
        items={store.items.value}
        unread={store.unread.value}
        hasOlder={store.hasOlder.value}
        isTyping={store.isTyping.value}
        now={now}
        onOlder={store.showOlder}
        onEnd={judge.onEnd}
        onSight={judge.sight}
        onRetry={(id) => void store.retry(id)}
        onDiscard={(id) => void store.discard(id)}
      />
      {problem && <Notice text={problemWords(problem, 'knock')} onClose={store.clearProblem} />}
      {relation === 'buddies' ? (
        <>
          <FactLine fact={store.fact.value} peer={peer} />
          <Composer
            name={peer}
            draft={store.draft.value}
            canSend={store.canSend.value}
            left={store.showsCounter.value ? store.left.value : null}
            isGuarded={isGuarded}
            takesFocus={by === 'user'}
            onType={store.type}
            onSend={() => void store.send()}
          />
        </>
      ) : (
        relation && <NotABuddy store={store} peer={peer} relation={relation} />
      )}
    </div>
  )
}

function ChatHeader({ store, peer, now }: Pick<Props, 'store' | 'peer' | 'now'>) {
  const [isMenuOpen, setMenuOpen] = useState(false)
  const [isRemoving, setRemoving] = useState(false)
  const presence = store.presence.value
  const isBuddy = store.relation.value === 'buddies'
  const isMuted = store.isMuted.value

  return (
    <header class="chat-header">
      <Avatar name={peer} show={isBuddy ? presence.show : undefined} />
      <div class="chat-who">
        <h1>
          <Name of={peer} />
          {isMuted && <Icon of={BellOff} size={12} />}
        </h1>
        {isBuddy && (
          <p title={presence.status}>
            {presenceWords(presence, now)}
            {presence.status !== '' && (
              <>
                {' · '}
                <bdi>{presence.status}</bdi>
              </>
            )}
          </p>
        )}
      </div>
      {isBuddy && (
        <MenuButton
          label={say('more')}
          isOpen={isMenuOpen}
          onToggle={setMenuOpen}
          entries={[
            {
              label: say(isMuted ? 'unmute' : 'mute'),
              icon: isMuted ? Bell : BellOff,
              onSelect: () => void store.mute(!isMuted),
            },
            {
              label: say('removeBuddy'),
              icon: UserMinus,
              isDangerous: true,
              onSelect: () => setRemoving(true),
            },
          ]}
        />
      )}
      {isRemoving && (
        <RemoveDialog name={peer} onRemove={() => void store.remove()} onClose={() => setRemoving(false)} />
      )}
    </header>
  )
}

/** The line above the composer. Its room opens only when there is something to know. */
function FactLine({ fact, peer }: { fact: Fact | null; peer: string }) {
  return (
    <output class="fact-line">
      {fact && (
        <span class="fact">
          <Icon of={fact.type === 'not-connected' ? CloudOff : Info} size={14} />
          <span>{factWords(fact, peer)}</span>
        </span>
      )}
    </output>
  )
}

function factWords(fact: Fact, peer: string) {
  const name = <Name of={peer} />
  switch (fact.type) {
    case 'too-long':
      return sayCount('tooLong', fact.by)
    case 'not-connected':
      return say('factNotConnected')
    case 'offline-kept':
      return sayWith('factOfflineKept', name, sayCount('days', fact.days))
    case 'offline-refused':
      return sayWith('factOfflineRefused', name)
    case 'dnd':
      return sayWith('factDnd', name)
  }
}

/** Watches eyes and hands as far as a page can, and tells the store what has been read. */
function useReadJudge(store: ConversationStore, isGuarded: boolean) {
  const judge = useMemo(() => {
    const clock = {
      now: () => Date.now(),
      after(ms: number, run: () => void) {
        const timer = setTimeout(run, ms)
        return () => clearTimeout(timer)
      },
    }
    return readJudge({
      ...clock,
      hasFocus: () => document.hasFocus(),
      onRead: (ts) => void store.markRead(ts),
    })
  }, [store])
  const state = useMemo(() => ({ isAtEnd: true }), [])

  useEffect(() => {
    if (isGuarded) return
    const watch = () => (store.isWatching.value = state.isAtEnd && document.hasFocus())
    const onInput = () => judge.input()
    const onFocus = () => {
      judge.focusChanged()
      watch()
    }
    const onBlur = () => {
      onFocus()
      void store.leave()
    }
    const inputs = ['pointerdown', 'pointermove', 'keydown', 'wheel'] as const
    for (const type of inputs) window.addEventListener(type, onInput, { passive: true })
    window.addEventListener('focus', onFocus)
    window.addEventListener('blur', onBlur)
    window.addEventListener('pagehide', onBlur)
    // Whoever opened this window, or has just acted in it, is here.
    onInput()
    watch()
    return () => {
      for (const type of inputs) window.removeEventListener(type, onInput)
      window.removeEventListener('focus', onFocus)
      window.removeEventListener('blur', onBlur)
      window.removeEventListener('pagehide', onBlur)
      judge.stop()
    }
  }, [judge, isGuarded])

  return {
    sight: judge.sight,
    onEnd(isAtEnd: boolean) {
      state.isAtEnd = isAtEnd
      store.isWatching.value = isAtEnd && !isGuarded && document.hasFocus()
    },
  }
}
