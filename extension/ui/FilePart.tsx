import { Ban, Download, File, FileMusic, FileVideo, Pause, Play, RotateCw, X } from 'lucide'
import { useComputed } from '@preact/signals'
import { Fragment, type ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { transferOf, type FileItem, type Transfer } from '../stores/conversation-files.ts'
import { Button } from './Button.tsx'
import { inlineBytesMax, type FileActions } from './file-actions.ts'
import { stateWords } from './file-words.ts'
import './FilePart.css'
import { fileSize } from './format.ts'
import { Icon } from './Icon.tsx'
import { useNear, useOpened } from './opened-file.ts'
import { PicturePart } from './PicturePart.tsx'
import { say, sayWith } from './text.ts'
import { useSpeed } from './transfer-speed.ts'

interface Props {
  file: FileItem
  /** What a picture is called for who does not see it, if it says anything. */
  caption: string
  actions: FileActions
  /** The caption as it is shown. */
  children?: ComponentChildren
}

/** The file of a message: a picture in its place, or a row that says what it is; and what can be done with it. */
export function FilePart({ file, caption, actions, children }: Props) {
  const transfer = useComputed(() => transferOf(actions.transfers.value, file.key)).value
  const [isBroken, setBroken] = useState(false)
  const { state, isHere } = transfer
  const words = stateWords(transfer, file)
  const isPicture = file.picture !== null && !isBroken && state !== 'failed'
  return (
    <div class="file">
      {isPicture ? (
        <PicturePart
          file={file}
          picture={file.picture!}
          alt={caption === '' ? file.name : caption}
          isHere={isHere}
          actions={actions}
          onBroken={() => setBroken(true)}
        />
      ) : (
        <FileRow file={file} />
      )}
      {!isPicture && isHere && state === 'here' && mayPlay(file) && <Player file={file} actions={actions} />}
      {children}
      {state !== 'here' && <Progress file={file} transfer={transfer} words={words} hasRow={!isPicture} />}
      {/* What has changed is said once, and not with every part that moves. */}
      <output class="visually-hidden">{words}</output>
      <FileButtons file={file} transfer={transfer} actions={actions} />
    </div>
  )
}

export function FileRow({ file: { name, bytes, mime } }: { file: FileItem }) {
  const icon = mime.startsWith('audio/') ? FileMusic : mime.startsWith('video/') ? FileVideo : File
  return (
    <p class="file-row">
      <Icon of={icon} size={24} />
      <span class="file-name">
        {sayWith('fileWithSize', <bdi>{name}</bdi>, <bdi>{fileSize(bytes)}</bdi>)}
      </span>
    </p>
  )
}

/** The state, how far it has come, and how fast. */
function Progress({
  file,
  transfer,
  words,
  hasRow,
}: {
  file: FileItem
  transfer: Transfer
  words: string
  hasRow: boolean
}) {
  const { state, done, total } = transfer
  const isMoving = state === 'moving' || state === 'sealing'
  const perSecond = useSpeed(done, isMoving)
  const isShown = total > 0 && (isMoving || state === 'paused' || (state === 'queued' && done > 0))
  const parts = [
    // How large a picture is should be known before it is fetched.
    !hasRow && !isShown && fileSize(file.bytes),
    words,
    isShown && say('fileMoved', fileSize(done), fileSize(total)),
    isShown && perSecond !== null && say('fileSpeed', fileSize(perSecond)),
  ].filter((part) => part !== false && part !== '')
  if (parts.length === 0) return null
  return (
    <div class={state === 'failed' ? 'file-state failed' : 'file-state'}>
      {isShown && <progress max={total} value={done} aria-label={say('fileProgress', file.name)} />}
      <p aria-hidden="true">
        {parts.map((part, place) => (
          <Fragment key={place}>
            {place > 0 && ' · '}
            <bdi>{part}</bdi>
          </Fragment>
        ))}
      </p>
    </div>
  )
}

type Act = 'save' | 'decline' | 'pause' | 'resume' | 'cancel' | 'retry' | 'anyway'

/** Which buttons there are in which state. */
function actsOf({ state }: Transfer, isMine: boolean): Act[] {
  switch (state) {
    case 'offered':
      return isMine ? ['save'] : ['save', 'decline']
    case 'sealing':
      return ['cancel']
    case 'queued':
    case 'moving':
      return ['pause', 'cancel']
    case 'paused':
      return ['resume', 'cancel']
    case 'failed':
      return ['retry', 'cancel']
    case 'here':
    case 'freed':
      return ['save']
    case 'declined':
      return ['anyway']
    case 'gone':
      return []
  }
}

function FileButtons({
  file,
  transfer,
  actions,
}: {
  file: FileItem
  transfer: Transfer
  actions: FileActions
}) {
  const { key } = file
  const acts = actsOf(transfer, file.direction === 'out')
  const buttons: Record<Act, [icon: typeof Download, label: string, act: () => void]> = {
    save: [Download, say('save'), () => actions.save(file)],
    decline: [Ban, say('decline'), () => actions.decline(key)],
    pause: [Pause, say('pause'), () => actions.pause(key)],
    resume: [Play, say('resume'), () => actions.fetch(key)],
    cancel: [X, say('cancel'), () => actions.cancel(key)],
    retry: [RotateCw, say('retry'), () => actions.fetch(key)],
    anyway: [Download, say('fetchAfterAll'), () => actions.fetch(key)],
  }
  if (acts.length === 0) return null
  return (
    <div class="file-buttons">
      {acts.map((act) => {
        const [icon, label, run] = buttons[act]
        return (
          <Button key={act} kind="link" icon={icon} onClick={run}>
            {label}
          </Button>
        )
      })}
    </div>
  )
}

/** What its sender says it is; whether it is that, its content tells. */
const mayPlay = ({ mime }: FileItem) => /^(?:audio|video)\//.test(mime)

/** Sound and films by the browser's own player. Large ones when they are asked for. */
function Player({ file, actions }: { file: FileItem; actions: FileActions }) {
  const place = useRef<HTMLDivElement>(null)
  const isNear = useNear(place)
  const [isAsked, setAsked] = useState(file.bytes <= inlineBytesMax)
  const shown = useOpened(() => actions.open(file.key), file.key, isAsked && isNear)
  const kind = shown.type === 'open' ? shown.kind : null
  const isFilm = file.mime.startsWith('video/')
  const isOther = shown.type === 'failed' || (kind !== null && kind.type !== (isFilm ? 'film' : 'sound'))
  return (
    <div ref={place} class={isFilm ? 'player film' : 'player'}>
      {!isAsked && (
        <Button icon={Play} onClick={() => setAsked(true)}>
          {say('play')}
        </Button>
      )}
      {isOther && <p class="file-state failed">{say('failureCannotOpen')}</p>}
      {shown.type === 'open' && !isOther && isFilm && (
        // oxlint-disable-next-line media-has-caption -- what somebody has filmed brings none
        <video controls preload="metadata" src={shown.url} aria-label={file.name} />
      )}
      {shown.type === 'open' && !isOther && !isFilm && (
        // oxlint-disable-next-line media-has-caption -- what somebody has recorded brings none
        <audio controls preload="metadata" src={shown.url} aria-label={file.name} />
      )}
    </div>
  )
}
