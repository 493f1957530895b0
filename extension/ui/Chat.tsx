import { CloudOff, Info } from 'lucide'
import { useSignalEffect } from '@preact/signals'
import { useMemo, useState } from 'preact/hooks'
import type { Millis, UserId } from '#shared/ids'
import type { ConversationStore, Fact, SessionLine } from '../stores/conversation-store.ts'
import type { MessageItem, SessionItem } from '../stores/timeline.ts'
import './Chat.css'
import { ChatHeader } from './ChatHeader.tsx'
import { useAttaching, useChatFiles } from './chat-files.tsx'
import { Composer } from './Composer.tsx'
import { DropTarget } from './DropTarget.tsx'
import type { FileActions } from './file-actions.ts'
import { withEmoji } from './emoji.ts'
import { fullTime, timeOfDay } from './format.ts'
import { useGuard } from './guard.ts'
import { HideSessionDialog } from './HideSessionDialog.tsx'
import { HistoryLine } from './HistoryLine.tsx'
import { Icon } from './Icon.tsx'
import { countBadge, Log } from './Log.tsx'
import type { MessageActions } from './message-actions.ts'
import { Name } from './Name.tsx'
import { Notice } from './Notice.tsx'
import { NotABuddy } from './NotABuddy.tsx'
import { OtherAccount } from './OtherAccount.tsx'
import { problemWords } from './problem-words.ts'
import { useReadWatch } from './read-watch.ts'
import { RetractDialog } from './RetractDialog.tsx'
import { say, sayCount, sayWith } from './text.ts'

interface Props {
  store: ConversationStore
  peer: UserId
  now: Millis
  /** Who opened this window: a message that came in, or the person. */
  by: 'user' | 'network'
}

export function Chat({ store, peer, now, by }: Props) {
  const isGuarded = useGuard(by === 'network')
  const watch = useReadWatch(store, isGuarded)
  const files = useChatFiles(store, now, (key) => actions.reveal(key))
  const { actions, target, isMissing, closeMissing, dialog } = useMessageActions(store, files.actions)
  const relation = store.relation.value
  const problem = store.problem.value

  useSignalEffect(() => {
    const unread = store.unread.value
    const name = store.name.value
    document.title = unread > 0 ? say('chatTitleUnread', countBadge(unread), name) : say('chatTitle', name)
  })

  if (!store.isReady.value) return <div class="chat" />
  return (
    <div class="chat">
      <ChatHeader store={store} peer={peer} now={now} onShared={files.openShared} />
      <HistoryLine history={store.history} />
      <main class="chat-main">
        <Log
          peer={peer}
          name={store.name.value}
          me={store.me.value}
          items={store.items.value}
          unread={store.unread.value}
          hasOlder={store.hasOlder.value}
          isTyping={store.isTyping.value}
          now={now}
          actions={actions}
          recentEmoji={store.emoji.recent.value}
          target={target}
          late={store.late.value}
          onLateSeen={store.seeLate}
          onOlder={store.showOlder}
          onEnd={watch.onEnd}
          onSight={watch.sight}
        />
        {isMissing && <Notice text={say('quotedNotHere')} onClose={closeMissing} />}
        {files.notice}
        {problem && <Notice text={problemWords(problem, 'knock')} onClose={store.clearProblem} />}
        {store.safety.isOther.value && relation !== 'asked' && relation !== 'blocked' && (
          <OtherAccount store={store} isBuddy={relation === 'buddies'} />
        )}
        {relation === 'buddies' ? (
          <>
            <FactLine fact={store.fact.value} name={store.name.value} />
            <Writing store={store} isGuarded={isGuarded} takesFocus={by === 'user'} />
          </>
        ) : (
          relation && <NotABuddy store={store} peer={peer} relation={relation} />
        )}
      </main>
      {dialog}
      {files.over}
    </div>
  )
}

/** By itself, so that a key that is typed draws nothing else anew. */
function Writing({
  store,
  isGuarded,
  takesFocus,
}: {
  store: ConversationStore
  isGuarded: boolean
  takesFocus: boolean
}) {
  const { attaching, isOver } = useAttaching(store, isGuarded || store.aim.value?.type === 'edit')
  return (
    <>
      {isOver && <DropTarget name={store.name.value} />}
      <Composer
        name={store.name.value}
        draft={store.draft.value}
        canSend={store.canSend.value}
        left={store.showsCounter.value ? store.left.value : null}
        isGuarded={isGuarded}
        takesFocus={takesFocus}
        aim={store.aim.value}
        attaching={attaching}
        isCaption={store.isCaption.value}
        recentEmoji={store.emoji.recent.value}
        onType={store.type}
        onSend={() => void store.send(withEmoji)}
        onDropAim={store.dropAim}
        onEditLast={store.editLast}
        onEmoji={(emoji) => void store.emoji.use(emoji)}
      />
    </>
  )
}

/** What the log asks for, and the questions that are put before some of it. */
function useMessageActions(store: ConversationStore, files: FileActions) {
  const [retracting, setRetracting] = useState<MessageItem | null>(null)
  const [hiding, setHiding] = useState<SessionItem | null>(null)
  const [target, setTarget] = useState<{ key: string } | null>(null)
  const [isMissing, setMissing] = useState(false)

  const actions = useMemo(
    (): MessageActions => ({
      allowed: store.allowed,
      reply: store.reply,
      edit: store.edit,
      react(message, emoji) {
        const isTaken = message.reactions.some((reaction) => reaction.isMine && reaction.emoji === emoji)
        if (!isTaken) void store.emoji.use(emoji)
        void store.react(message, emoji)
      },
      copy: ({ text }) => void navigator.clipboard.writeText(text ?? '').catch(console.error),
      retract: setRetracting,
      hide: (message) => void store.hide(message),
      retry: (id) => void store.retry(id),
      discard: (id) => void store.discard(id),
      takeBack: (message) => void store.takeBack(message),
      askAgain: (message) => void store.askAgain(message),
      files,
      reveal: (key) =>
        void store.reveal(key).then((isHere) => {
          setMissing(!isHere)
          if (isHere) setTarget({ key })
        }),
      collapse: ({ key, isCollapsed }) => store.collapse(key, !isCollapsed),
      copySession: (session) => void copySession(store, session).catch(console.error),
      hideSession: setHiding,
      write: () => document.querySelector<HTMLElement>('.composer textarea')?.focus(),
    }),
    [store, files],
  )

  const dialog = retracting ? (
    <RetractDialog onRetract={() => void store.retract(retracting)} onClose={() => setRetracting(null)} />
  ) : (
    hiding && (
      <HideSessionDialog onHide={() => void store.hideSession(hiding)} onClose={() => setHiding(null)} />
    )
  )
  return { actions, target, isMissing, closeMissing: () => setMissing(false), dialog }
}

async function copySession(store: ConversationStore, session: SessionItem) {
  const lines = await store.linesOf(session)
  await navigator.clipboard.writeText([fullTime(session.at), ...lines.map(lineOf)].join('\n'))
}

const lineOf = ({ from, at, text }: SessionLine): string => `[${timeOfDay(at)}] ${from}: ${text}`

/** The line above the composer. Its room opens only when there is something to know. */
function FactLine({ fact, name }: { fact: Fact | null; name: string }) {
  return (
    <output class="fact-line">
      {fact && (
        <span class="fact">
          <Icon of={fact.type === 'not-connected' ? CloudOff : Info} size={14} />
          <span>{factWords(fact, name)}</span>
        </span>
      )}
    </output>
  )
}

function factWords(fact: Fact, of: string) {
  const name = <Name of={of} />
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
