import { ChevronLeft, ChevronRight, Copy, Download, Maximize, X, ZoomIn, ZoomOut } from 'lucide'
import { useComputed } from '@preact/signals'
import { useRef, useState } from 'preact/hooks'
import { transferOf, type FileItem } from '../stores/conversation-files.ts'
import { IconButton } from './Button.tsx'
import type { FileActions } from './file-actions.ts'
import { stateWords } from './file-words.ts'
import { number } from './format.ts'
import './ImageViewer.css'
import { useModal } from './modal.ts'
import { useOpened } from './opened-file.ts'
import { useThumbnail } from './PicturePart.tsx'
import { say } from './text.ts'

export interface ViewedPicture {
  file: FileItem
  caption: string
}

interface Props {
  /** Of the conversation, oldest first. */
  pictures: readonly ViewedPicture[]
  /** The one to begin with. */
  first: string
  actions: FileActions
  onClose(): void
}

/** As large as it is, or as large as the window: null. */
const zooms = [0.25, 0.5, 1, 1.5, 2, 3, 4]

/** One picture in the whole window. Arrows lead to the others, Esc back. */
export function ImageViewer({ pictures, first, actions, onClose }: Props) {
  const modal = useModal(onClose)
  const [key, setKey] = useState(first)
  const [zoom, setZoom] = useState<number | null>(null)
  const picture = useRef<HTMLImageElement>(null)
  const [copied, setCopied] = useState<'pictureCopied' | 'pictureNotCopied' | null>(null)
  const place = pictures.findIndex(({ file }) => file.key === key)
  const shownNow = pictures[place]

  const go = (step: number) => {
    const next = pictures[place + step]
    if (!next) return
    setKey(next.file.key)
    setZoom(null)
    setCopied(null)
  }
  const zoomBy = (step: 1 | -1) => {
    const element = picture.current
    if (!element || element.naturalWidth === 0) return
    const now = zoom ?? element.clientWidth / element.naturalWidth
    const next = step > 0 ? zooms.find((one) => one > now * 1.01) : zooms.findLast((one) => one < now * 0.99)
    if (next !== undefined) setZoom(next)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const isRightToLeft = document.documentElement.dir === 'rtl'
    const act = {
      ArrowLeft: () => go(isRightToLeft ? 1 : -1),
      ArrowRight: () => go(isRightToLeft ? -1 : 1),
      '+': () => zoomBy(1),
      '=': () => zoomBy(1),
      '-': () => zoomBy(-1),
      '0': () => setZoom(null),
    }[event.key]
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return modal.onKeyDown(event)
    if (zoom !== null && event.key.startsWith('Arrow')) return // the picture scrolls
    event.preventDefault()
    act()
  }

  if (!shownNow) return null
  const { file, caption } = shownNow
  return (
    <dialog {...modal} class="viewer" aria-label={say('imageViewer')} onKeyDown={onKeyDown}>
      <header>
        <p class="viewer-name">
          <bdi>{file.name}</bdi>
          {pictures.length > 1 && (
            <span aria-live="polite">{say('pictureOf', number(place + 1), number(pictures.length))}</span>
          )}
        </p>
        <IconButton icon={ZoomOut} label={say('zoomOut')} onClick={() => zoomBy(-1)} />
        <IconButton icon={ZoomIn} label={say('zoomIn')} onClick={() => zoomBy(1)} />
        <IconButton icon={Maximize} label={say('zoomFit')} onClick={() => setZoom(null)} />
        <IconButton
          icon={Copy}
          label={say('copy')}
          onClick={() =>
            void copyPicture(actions, file.key).then(
              () => setCopied('pictureCopied'),
              (error: unknown) => {
                console.error(error)
                setCopied('pictureNotCopied')
              },
            )
          }
        />
        <IconButton icon={Download} label={say('save')} onClick={() => actions.save(file)} />
        <IconButton icon={X} label={say('close')} autoFocus onClick={onClose} />
      </header>
      <Stage
        key={file.key}
        file={file}
        alt={caption === '' ? file.name : caption}
        zoom={zoom}
        actions={actions}
        element={picture}
      />
      <footer>
        {pictures.length > 1 && (
          <IconButton
            icon={ChevronLeft}
            mirrors
            label={say('previousPicture')}
            disabled={place === 0}
            onClick={() => go(-1)}
          />
        )}
        <p dir="auto">{caption}</p>
        {pictures.length > 1 && (
          <IconButton
            icon={ChevronRight}
            mirrors
            label={say('nextPicture')}
            disabled={place === pictures.length - 1}
            onClick={() => go(1)}
          />
        )}
      </footer>
      <output class={copied ? 'viewer-note' : 'visually-hidden'}>{copied && say(copied)}</output>
    </dialog>
  )
}

interface StageProps {
  file: FileItem
  alt: string
  zoom: number | null
  actions: FileActions
  element: { current: HTMLImageElement | null }
}

function Stage({ file, alt, zoom, actions, element }: StageProps) {
  const transfer = useComputed(() => transferOf(actions.transfers.value, file.key)).value
  const shown = useOpened(() => actions.open(file.key), file.key, transfer.isHere)
  const thumbnail = useThumbnail(file.picture?.thumbnail ?? null)
  const [isBroken, setBroken] = useState(false)
  const [width, setWidth] = useState(0)
  const isPicture = shown.type === 'open' && shown.kind.type === 'picture' && !isBroken
  const isFalse = shown.type === 'failed' || isBroken || (shown.type === 'open' && !isPicture)
  const src = isPicture ? shown.url : isFalse ? null : thumbnail
  const size = zoom === null || !isPicture || width === 0 ? undefined : { inlineSize: `${width * zoom}px` }
  return (
    // oxlint-disable-next-line no-noninteractive-tabindex -- whoever has no wheel scrolls it by keys
    <div class={size ? 'viewer-stage zoomed' : 'viewer-stage'} tabIndex={size ? 0 : undefined}>
      {src !== null && (
        <img
          ref={element}
          class={isPicture ? undefined : 'small'}
          src={src}
          alt={alt}
          style={size ?? { inlineSize: '' }}
          draggable={false}
          onLoad={({ currentTarget }) => setWidth(currentTarget.naturalWidth)}
          onError={() => setBroken(true)}
        />
      )}
      {isFalse && <p>{say('failureCannotOpen')}</p>}
      {!transfer.isHere && (
        <p class="viewer-state">
          {say('pictureNotHere')} {stateWords(transfer, file)}
        </p>
      )}
    </div>
  )
}

/** As PNG, which is what every clipboard takes. */
async function copyPicture(actions: FileActions, key: string): Promise<void> {
  // The promise is handed over as it is: a browser that waits for it still knows that somebody has clicked.
  const png = actions.open(key).then(async ({ blob, kind }) => {
    if (kind.type !== 'picture') throw new Error('no picture')
    const bitmap = await createImageBitmap(new Blob([blob], { type: kind.mime }))
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
    canvas.getContext('2d')!.drawImage(bitmap, 0, 0)
    bitmap.close()
    return canvas.convertToBlob({ type: 'image/png' })
  })
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })])
}
