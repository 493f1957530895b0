/**
 * What a file is, by its first bytes and not by its name. Only what is known here is ever decoded or played: five
 * kinds of pictures, and sound and films that every browser has a player for.
 *
 * The sizes of a picture are read from its header before anything decodes it. Strictly, and therefore here: libraries for
 * this look for what might be a header, and can be shown a small one while a decoder finds another.
 */
import { limits } from '#shared/limits'

export type Kind =
  | { type: 'picture'; mime: PictureType; width: number; height: number; isAnimated: boolean }
  | { type: 'sound' | 'film'; mime: string }
  /** Looks like a picture and is none that may be decoded: broken, or of too many pixels. */
  | { type: 'unsafe-picture' }
  /** Something that a system runs, whatever its name says. */
  | { type: 'program' }
  | { type: 'other' }

export type PictureType = 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp' | 'image/avif'

/** So much of a file is looked at: cameras put more than a megabyte before the header of a picture. */
export const headBytes = 2 * 1024 * 1024

interface Raster {
  width: number
  height: number
  isAnimated?: boolean
}

const textAt = (bytes: Uint8Array, from: number, length: number) =>
  String.fromCharCode(...bytes.subarray(from, from + length))
const startsWith = (bytes: Uint8Array, ...first: number[]) => first.every((byte, at) => bytes[at] === byte)

const rasters: [PictureType, (bytes: Uint8Array) => boolean, (bytes: Uint8Array) => Raster | null][] = [
  ['image/png', (bytes) => startsWith(bytes, 0x89, 0x50, 0x4e, 0x47), png],
  ['image/jpeg', (bytes) => startsWith(bytes, 0xff, 0xd8, 0xff), jpeg],
  ['image/gif', (bytes) => textAt(bytes, 0, 4) === 'GIF8', gif],
  ['image/webp', (bytes) => textAt(bytes, 0, 4) === 'RIFF' && textAt(bytes, 8, 4) === 'WEBP', webp],
  ['image/avif', (bytes) => textAt(bytes, 4, 4) === 'ftyp' && /^avi[fs]/.test(textAt(bytes, 8, 4)), avif],
]

export function kindOf(head: Uint8Array): Kind {
  for (const [mime, isIt, read] of rasters) {
    if (!isIt(head)) continue
    const raster = readSafely(read, head)
    if (!raster || raster.width < 1 || raster.height < 1) return { type: 'unsafe-picture' }
    const { width, height, isAnimated = false } = raster
    if (width * height > limits.pixelsMax) return { type: 'unsafe-picture' }
    return { type: 'picture', mime, width, height, isAnimated }
  }
  if (isProgram(head)) return { type: 'program' }
  return mediaOf(head) ?? { type: 'other' }
}

/** Looks at a file without reading all of it. */
export async function look(file: Blob): Promise<Kind> {
  return kindOf(new Uint8Array(await file.slice(0, headBytes).arrayBuffer()))
}

/** A header that ends too early is none. */
function readSafely(read: (bytes: Uint8Array) => Raster | null, bytes: Uint8Array): Raster | null {
  try {
    return read(bytes)
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** PNG (Third Edition) §11.2.1: the header is the first chunk. One with `acTL` before its pixels moves. */
function png(bytes: Uint8Array): Raster | null {
  const data = view(bytes)
  if (data.getUint32(8) !== 13 || textAt(bytes, 12, 4) !== 'IHDR') return null
  const size = { width: data.getUint32(16), height: data.getUint32(20) }
  for (let at = 33; at + 8 <= bytes.length; at += 12 + data.getUint32(at)) {
    const type = textAt(bytes, at + 4, 4)
    if (type === 'IDAT' || type === 'acTL') return { ...size, isAnimated: type === 'acTL' }
  }
  return null
}

/** ISO/IEC 10918-1 B.2: segments up to the frame header; nothing may stand between them. */
function jpeg(bytes: Uint8Array): Raster | null {
  const data = view(bytes)
  for (let at = 2; ; at += 2 + data.getUint16(at + 2)) {
    while (data.getUint8(at) === 0xff && data.getUint8(at + 1) === 0xff) at++
    const marker = data.getUint16(at)
    if (marker < 0xffc0 || (marker >= 0xffd0 && marker <= 0xffda) || data.getUint16(at + 2) < 2) return null
    const isFrame = marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker)
    if (isFrame) return { height: data.getUint16(at + 5), width: data.getUint16(at + 7) }
  }
}

/** GIF89a §18 and §20: the screen, which decoders widen to the first picture. A second one makes it move. */
function gif(bytes: Uint8Array): Raster | null {
  const data = view(bytes)
  const table = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0)
  let size = { width: data.getUint16(6, true), height: data.getUint16(8, true) }
  let pictures = 0
  let at = 13 + table(data.getUint8(10))
  const skipBlocks = () => {
    while (data.getUint8(at) !== 0) at += 1 + data.getUint8(at)
    at++
  }
  while (at < bytes.length) {
    const block = data.getUint8(at)
    if (block === 0x3b) break
    if (block === 0x21) at += 2
    else if (block === 0x2c) {
      if (++pictures > 1) break
      const [left, top] = [data.getUint16(at + 1, true), data.getUint16(at + 3, true)]
      const [width, height] = [data.getUint16(at + 5, true), data.getUint16(at + 7, true)]
      size = { width: Math.max(size.width, left + width), height: Math.max(size.height, top + height) }
      at += 11 + table(data.getUint8(at + 9))
      // The first picture is longer than what was read: whether there are more is not known.
      if (bytes.length === headBytes && !endsWithin(bytes, at)) return { ...size, isAnimated: true }
    } else return null
    skipBlocks()
  }
  return pictures > 0 ? { ...size, isAnimated: pictures > 1 } : null
}

function endsWithin(bytes: Uint8Array, from: number): boolean {
  let at = from
  while (at < bytes.length && bytes[at] !== 0) at += 1 + bytes[at]!
  return at < bytes.length
}

/** RFC 9649 §2.5 to §2.7: one picture, or the canvas that all others have to fit into. */
function webp(bytes: Uint8Array): Raster | null {
  const data = view(bytes)
  const uint24 = (at: number) => data.getUint16(at, true) | (data.getUint8(at + 2) << 16)
  switch (textAt(bytes, 12, 4)) {
    case 'VP8X':
      return { width: uint24(24) + 1, height: uint24(27) + 1, isAnimated: (data.getUint8(20) & 2) !== 0 }
    case 'VP8L': {
      if (data.getUint8(20) !== 0x2f) return null
      const bits = data.getUint32(21, true)
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
    }
    case 'VP8 ':
      if (uint24(23) !== 0x2a019d) return null
      return { width: data.getUint16(26, true) & 0x3fff, height: data.getUint16(28, true) & 0x3fff }
    default:
      return null
  }
}

/** ISO/IEC 23008-12 §6.5.3: the greatest of the sizes that it states; decoders refuse one that states another. */
function avif(bytes: Uint8Array): Raster | null {
  const data = view(bytes)
  const size = { width: 0, height: 0 }
  for (let at = 8; at + 16 <= Math.min(bytes.length, 64 * 1024); at++) {
    if (bytes[at] !== 0x69 || textAt(bytes, at, 4) !== 'ispe') continue
    size.width = Math.max(size.width, data.getUint32(at + 8))
    size.height = Math.max(size.height, data.getUint32(at + 12))
  }
  return { ...size, isAnimated: textAt(bytes, 8, 4) === 'avis' }
}

function mediaOf(bytes: Uint8Array): Kind | null {
  const first = textAt(bytes, 0, 4)
  if (first === 'fLaC') return { type: 'sound', mime: 'audio/flac' }
  if (first === 'OggS') return { type: 'sound', mime: 'audio/ogg' }
  if (first === 'RIFF' && textAt(bytes, 8, 4) === 'WAVE') return { type: 'sound', mime: 'audio/wav' }
  if (first.startsWith('ID3') || isMp3Frame(bytes)) return { type: 'sound', mime: 'audio/mpeg' }
  if (startsWith(bytes, 0x1a, 0x45, 0xdf, 0xa3)) {
    return textAt(bytes, 4, 60).includes('webm') ? { type: 'film', mime: 'video/webm' } : null
  }
  if (textAt(bytes, 4, 4) !== 'ftyp') return null
  const brand = textAt(bytes, 8, 4)
  if (brand === 'M4A ') return { type: 'sound', mime: 'audio/mp4' }
  // Others of the family are pictures of phones (HEIC), or need a player that not all browsers have.
  return /^(?:iso[m2-9]|mp4[12]|avc1|M4V |dash|MSNV|f4v )/.test(brand)
    ? { type: 'film', mime: 'video/mp4' }
    : null
}

/** ISO/IEC 11172-3 §2.4.2.3: layer III, with a rate that exists. */
const isMp3Frame = (bytes: Uint8Array): boolean =>
  bytes[0] === 0xff &&
  (bytes[1]! & 0xe6) === 0xe2 &&
  (bytes[1]! & 0x18) !== 0x08 &&
  (bytes[2]! & 0xf0) !== 0xf0 &&
  (bytes[2]! & 0x0c) !== 0x0c

/** Windows, Linux, macOS (both orders and fat ones), and what names its own interpreter. */
function isProgram(bytes: Uint8Array): boolean {
  if (textAt(bytes, 0, 2) === 'MZ' || textAt(bytes, 0, 2) === '#!' || textAt(bytes, 1, 3) === 'ELF')
    return true
  if (bytes.length < 4) return false
  return [0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe, 0xcafebabe].includes(view(bytes).getUint32(0))
}
