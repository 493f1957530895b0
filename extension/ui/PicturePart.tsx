import { Image } from 'lucide'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { fromBase64 } from '#shared/bytes'
import type { FileItem } from '../stores/conversation-files.ts'
import { kindOf } from '../stores/file-types.ts'
import { inlineBytesMax, type FileActions } from './file-actions.ts'
import { Icon } from './Icon.tsx'
import { useNear, useOpened } from './opened-file.ts'
import './PicturePart.css'
import { say } from './text.ts'

interface Props {
  file: FileItem
  picture: NonNullable<FileItem['picture']>
  /** Its caption or its name. */
  alt: string
  isHere: boolean
  actions: Pick<FileActions, 'open' | 'view'>
  /** It is no picture after all. */
  onBroken(): void
}

/** The room that a picture gets at most, and what is still seen of a very thin one. */
const widthMax = 280
const heightMax = 320
const sideMin = 56

/** What it takes is known from the start, so nothing moves when it comes. */
export function boxOf({ width, height }: { width: number; height: number }) {
  const scale = Math.min(1, widthMax / width, heightMax / height)
  const [w, h] = [width, height].map((side) => Math.max(sideMin, Math.round(side * scale)))
  return { inlineSize: `${w}px`, aspectRatio: `${w} / ${h}` }
}

/** A small one that came with the message, if it is what it should be. */
export function useThumbnail(thumbnail: string | null): string | null {
  return useMemo(() => thumbnailUrl(thumbnail), [thumbnail])
}

const thumbnailSideMax = 512

function thumbnailUrl(thumbnail: string | null): string | null {
  if (thumbnail === null) return null
  let bytes: Uint8Array
  try {
    bytes = fromBase64(thumbnail)
  } catch {
    return null // somebody sent something else
  }
  const kind = kindOf(bytes)
  if (kind.type !== 'picture' || kind.isAnimated || Math.max(kind.width, kind.height) > thumbnailSideMax)
    return null
  if (kind.mime !== 'image/webp' && kind.mime !== 'image/jpeg') return null
  return `data:${kind.mime};base64,${btoa(String.fromCharCode(...bytes))}`
}

export function PicturePart({ file, picture, alt, isHere, actions, onBroken }: Props) {
  const place = useRef<HTMLButtonElement>(null)
  const isNear = useNear(place)
  const isInline = file.bytes <= inlineBytesMax
  const shown = useOpened(() => actions.open(file.key), file.key, isHere && isNear && isInline)
  const thumbnail = useThumbnail(picture.thumbnail)
  const isFalse = shown.type === 'failed' || (shown.type === 'open' && shown.kind.type !== 'picture')
  useEffect(() => {
    if (isFalse) onBroken()
  }, [isFalse])
  const url = shown.type === 'open' && !isFalse ? shown.url : null
  return (
    <button
      ref={place}
      type="button"
      class="picture"
      style={boxOf(picture)}
      title={say('viewPicture', alt)}
      onClick={() => actions.view(file.key)}
    >
      {(url ?? thumbnail) === null ? (
        // oxlint-disable-next-line prefer-tag-over-role -- there is no picture yet that an <img> could show
        <span class="picture-none" role="img" aria-label={alt}>
          <Icon of={Image} size={24} />
        </span>
      ) : (
        <img
          class={url === null ? 'blurred' : undefined}
          src={url ?? thumbnail!}
          alt={alt}
          draggable={false}
          onError={() => {
            if (url !== null) onBroken()
          }}
        />
      )}
    </button>
  )
}
