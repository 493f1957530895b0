import { File, Image, Paperclip, X } from 'lucide'
import { useRef } from 'preact/hooks'
import { chipsMax, type Chip, type Refused } from '../stores/attaching.ts'
import { IconButton } from './Button.tsx'
import './Attachments.css'
import { isolated, refusedWords } from './file-words.ts'
import { fileSize } from './format.ts'
import { Icon } from './Icon.tsx'
import { Notice } from './Notice.tsx'
import { useThumbnail } from './PicturePart.tsx'
import { say } from './text.ts'

export interface Attaching {
  /** What the relay takes. */
  bytesMax: number
  chips: readonly Chip[]
  isLooking: boolean
  refused: readonly Refused[]
  onAdd(files: readonly File[]): void
  onRemove(key: string): void
  onOriginal(key: string, sendsOriginal: boolean): void
  onForgetRefused(): void
}

/** What will be sent with the next Enter, and what was not taken. */
export function Attachments({ chips, isLooking, refused, onRemove, onOriginal, onForgetRefused }: Attaching) {
  const list = useRef<HTMLUListElement>(null)
  // The focus stays where one works: at the next one, or in the field.
  const remove = (key: string, place: number) => {
    const buttons = [...(list.current?.querySelectorAll<HTMLElement>('.chip-remove button') ?? [])]
    const next = buttons[place + 1] ?? buttons[place - 1]
    onRemove(key)
    ;(next ?? document.querySelector<HTMLElement>('.composer textarea'))?.focus()
  }
  return (
    <>
      {refused.length > 0 && (
        <Notice
          text={refused.map((one) => refusedWords(one, chipsMax)).join('\n')}
          onClose={onForgetRefused}
        />
      )}
      {chips.length > 0 && (
        <ul ref={list} class="chips" aria-label={say('attachments')}>
          {chips.map((chip, place) => (
            <ChipItem
              key={chip.key}
              chip={chip}
              onRemove={() => remove(chip.key, place)}
              onOriginal={(isOn) => onOriginal(chip.key, isOn)}
            />
          ))}
        </ul>
      )}
      <output class="chips-looking">{isLooking && say('attachmentLooking')}</output>
    </>
  )
}

function ChipItem({
  chip: { name, bytes, looked, canBeStripped, sendsOriginal },
  onRemove,
  onOriginal,
}: {
  chip: Chip
  onRemove(): void
  onOriginal(isOn: boolean): void
}) {
  const thumbnail = useThumbnail(looked?.thumbnail ?? null)
  return (
    <li class="chip">
      {thumbnail === null ? (
        <span class="chip-picture">
          <Icon of={looked ? Image : File} size={20} />
        </span>
      ) : (
        <img class="chip-picture" src={thumbnail} alt="" draggable={false} />
      )}
      <span class="chip-words">
        <bdi class="chip-name" title={name}>
          {name}
        </bdi>
        <span class="chip-size">{fileSize(bytes)}</span>
        {canBeStripped && (
          <label class="chip-original" title={say('sendOriginalHint')}>
            <input
              type="checkbox"
              checked={sendsOriginal}
              onChange={({ currentTarget }) => onOriginal(currentTarget.checked)}
            />
            {say('sendOriginal')}
          </label>
        )}
      </span>
      <span class="chip-remove">
        <IconButton icon={X} size={16} label={say('removeFile', isolated(name))} onClick={onRemove} />
      </span>
    </li>
  )
}

/** Opens the system's own dialog. */
export function AttachButton({
  isDisabled,
  bytesMax,
  onAdd,
}: {
  isDisabled: boolean
  bytesMax: number
  onAdd(files: readonly File[]): void
}) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        tabIndex={-1}
        aria-hidden="true"
        onChange={({ currentTarget }) => {
          onAdd([...(currentTarget.files ?? [])])
          currentTarget.value = '' // the same file may be chosen again
        }}
      />
      <IconButton
        icon={Paperclip}
        label={say('attach')}
        title={say('attachHint', fileSize(bytesMax))}
        disabled={isDisabled}
        onClick={() => input.current!.click()}
      />
    </>
  )
}
