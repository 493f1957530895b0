/** Pictures on their way out: without what a camera writes into them (F8, R-39), and small enough for a message. */
import { toBase64 } from '#shared/bytes'
import { limits } from '#shared/limits'
import type { Kind, PictureType } from './file-types.ts'

export type Picture = Extract<Kind, { type: 'picture' }>

/** As good as the eye can tell; the browser's own default of 0.92 for JPEG is larger without being better. */
const quality = 0.9
/** Sides and qualities of the small picture, tried in turn until it fits. */
const thumbnails: [side: number, quality: number][] = [
  [192, 0.7],
  [160, 0.5],
  [96, 0.5],
  [48, 0.4],
]

/** What a canvas can write. Everything else that can be decoded becomes a WebP. */
const written: Partial<Record<PictureType, PictureType>> = {
  'image/png': 'image/png',
  'image/jpeg': 'image/jpeg',
}

export interface Looked {
  /** As it is shown: turned the way the camera was held. */
  width: number
  height: number
  /** base64url; left out when nothing fits. */
  thumbnail?: string
}

/** Would be another file without its metadata. What moves is sent as it is: a canvas keeps one picture of it. */
export const canBeStripped = ({ mime, isAnimated }: Picture): boolean => mime !== 'image/gif' && !isAnimated

/** Null when this browser cannot decode it: then it is a file like any other. */
export async function lookAtPicture(file: Blob, { mime }: Picture): Promise<Looked | null> {
  const bitmap = await decode(file, mime)
  if (!bitmap) return null
  try {
    const { width, height } = bitmap
    const thumbnail = await thumbnailOf(bitmap)
    return { width, height, ...(thumbnail !== null && { thumbnail }) }
  } finally {
    bitmap.close()
  }
}

/** The pixels alone, in a new file of the same type where a canvas can write it. Null when that fails. */
export async function stripped(file: Blob, { mime }: Picture): Promise<Blob | null> {
  const bitmap = await decode(file, mime)
  if (!bitmap) return null
  try {
    const type = written[mime] ?? 'image/webp'
    const blob = await draw(bitmap, bitmap.width, bitmap.height, type, quality)
    return blob.type === type ? blob : null
  } catch {
    return null // it has more pixels than this machine has room for
  } finally {
    bitmap.close()
  }
}

/** The same name with the ending that fits. */
export function renamed(name: string, type: string): string {
  if (type !== 'image/webp' || /\.webp$/i.test(name)) return name
  return `${name.replace(/\.[^.]+$/, '')}.webp`
}

/** Orientation is the browser's to honour; the type is what we have seen and not what somebody says. */
async function decode(file: Blob, type: PictureType): Promise<ImageBitmap | null> {
  try {
    return await createImageBitmap(new Blob([file], { type }))
  } catch {
    return null // broken, or of a kind that this browser does not know
  }
}

async function thumbnailOf(bitmap: ImageBitmap): Promise<string | null> {
  for (const [side, itsQuality] of thumbnails) {
    const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height))
    const [width, height] = [bitmap.width, bitmap.height].map((length) =>
      Math.max(1, Math.round(length * scale)),
    )
    const blob = await draw(bitmap, width!, height!, 'image/webp', itsQuality)
    if (blob.type === 'image/webp' && blob.size <= limits.thumbnailBytesMax)
      return toBase64(new Uint8Array(await blob.arrayBuffer()))
  }
  return null
}

function draw(bitmap: ImageBitmap, width: number, height: number, type: string, itsQuality: number) {
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d')!
  context.imageSmoothingQuality = 'high'
  context.drawImage(bitmap, 0, 0, width, height)
  return canvas.convertToBlob({ type, quality: itsQuality })
}
