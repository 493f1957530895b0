import { Image, Locate } from 'lucide'
import { useEffect, useId, useState } from 'preact/hooks'
import type { Millis } from '#shared/ids'
import type { SharedFile } from '../stores/conversation-files.ts'
import { Button, IconButton } from './Button.tsx'
import type { FileActions } from './file-actions.ts'
import { FileRow } from './FilePart.tsx'
import { shortTime } from './format.ts'
import { Icon } from './Icon.tsx'
import { useModal } from './modal.ts'
import { useThumbnail } from './PicturePart.tsx'
import './SharedHere.css'
import { say } from './text.ts'

interface Props {
  /** Newest first. */
  load(): Promise<SharedFile[]>
  now: Millis
  actions: FileActions
  /** Goes to its message. */
  onShow(key: string): void
  /** In the image viewer, among all of these. */
  onView(shared: readonly SharedFile[], key: string): void
  onClose(): void
}

/** Everything that was shared in a conversation (F9). */
export function SharedHere({ load, now, actions, onShow, onView, onClose }: Props) {
  const modal = useModal(onClose)
  const heading = useId()
  const [shared, setShared] = useState<readonly SharedFile[] | null>(null)
  useEffect(() => {
    void load().then(setShared, (error: unknown) => {
      console.error(error)
      setShared([])
    })
  }, [])
  const pictures = (shared ?? []).filter(({ file }) => file.picture)
  const files = (shared ?? []).filter(({ file }) => !file.picture)
  return (
    <dialog {...modal} class="dialog shared" aria-labelledby={heading}>
      <h2 id={heading}>{say('sharedHere')}</h2>
      <div class="shared-body">
        {shared?.length === 0 && <p class="shared-nothing">{say('sharedNothing')}</p>}
        {pictures.length > 0 && (
          <section aria-label={say('sharedPictures')}>
            <h3>{say('sharedPictures')}</h3>
            <ul class="shared-pictures">
              {pictures.map((one) => (
                <li key={one.file.key}>
                  <PictureTile shared={one} onView={() => onView(pictures, one.file.key)} />
                </li>
              ))}
            </ul>
          </section>
        )}
        {files.length > 0 && (
          <section aria-label={say('sharedFiles')}>
            <h3>{say('sharedFiles')}</h3>
            <ul class="shared-files">
              {files.map(({ file, at }) => (
                <li key={file.key}>
                  <FileRow file={file} />
                  <span class="shared-time">{shortTime(at, now)}</span>
                  <IconButton
                    icon={Locate}
                    size={16}
                    label={say('showInLog')}
                    onClick={() => onShow(file.key)}
                  />
                  <Button kind="link" onClick={() => actions.save(file)}>
                    {say('save')}
                  </Button>
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
      <div class="dialog-buttons">
        <Button autoFocus onClick={onClose}>
          {say('close')}
        </Button>
      </div>
    </dialog>
  )
}

function PictureTile({ shared: { file, caption }, onView }: { shared: SharedFile; onView(): void }) {
  const thumbnail = useThumbnail(file.picture!.thumbnail)
  const alt = caption === '' ? file.name : caption
  return (
    <button type="button" class="shared-picture" title={say('viewPicture', alt)} onClick={onView}>
      {thumbnail === null ? (
        // oxlint-disable-next-line prefer-tag-over-role -- there is no picture that an <img> could show
        <span role="img" aria-label={alt}>
          <Icon of={Image} size={24} />
        </span>
      ) : (
        <img src={thumbnail} alt={alt} draggable={false} />
      )}
    </button>
  )
}
