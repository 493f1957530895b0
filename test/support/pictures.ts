/** Small pictures for tests, made here: whole ones, and headers that promise more than they keep. */
import { crc32, deflateSync } from 'node:zlib'

const ascii = (text: string) => [...text].map((letter) => letter.charCodeAt(0))
const uint = (value: number, length: number) =>
  Array.from({ length }, (_, at) => Math.floor(value / 256 ** (length - 1 - at)) % 256)
const little = (value: number, length: number) => uint(value, length).toReversed()
export const bytes = (...parts: (number[] | Uint8Array | string)[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(parts.flatMap((part) => (typeof part === 'string' ? ascii(part) : [...part])))

function chunk(type: string, data: number[] | Uint8Array): Uint8Array {
  const body = bytes(type, data)
  return bytes(uint(data.length, 4), body, uint(crc32(body), 4))
}

const pngStart = [0x89, ...ascii('PNG\r\n'), 0x1a, 0x0a]
const header = (width: number, height: number) =>
  chunk('IHDR', [...uint(width, 4), ...uint(height, 4), 8, 2, 0, 0, 0])

type Colour = readonly [red: number, green: number, blue: number]

/** With a colour for each place, from 0 to 1 both ways. `note` stands in a text chunk; `level` of the compression. */
export function painted(
  width: number,
  height: number,
  colour: (x: number, y: number) => Colour,
  { note = '', level = 6 } = {},
) {
  const rows = Buffer.alloc(height * (1 + 3 * width))
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) rows.set(colour(x / width, y / height), y * (1 + 3 * width) + 1 + 3 * x)
  const text = note === '' ? [] : chunk('tEXt', bytes('Comment\0', note))
  const data = deflateSync(rows, { level })
  return bytes(pngStart, header(width, height), text, chunk('IDAT', data), chunk('IEND', []))
}
export const png = (width: number, height: number, note = '') =>
  painted(width, height, (x, y) => [255 * x, 255 * y, 96], { note })
export const pngHeader = (width: number, height: number) =>
  bytes(pngStart, header(width, height), chunk('IDAT', [0]))
export const movingPng = () =>
  bytes(pngStart, header(4, 4), chunk('acTL', [0, 0, 0, 2, 0, 0, 0, 0]), chunk('IDAT', [0]))

const segment = (marker: number, data: number[] | Uint8Array) =>
  bytes([0xff, marker], uint(data.length + 2, 2), data)
const frame = (width: number, height: number) => segment(0xc0, [8, ...uint(height, 2), ...uint(width, 2), 3])
export const jpegHeader = (width: number, height: number, between: Uint8Array = bytes()) =>
  bytes([0xff, 0xd8], segment(0xe0, bytes('JFIF\0')), between, frame(width, height))
/** A frame header where only a reader that guesses finds it: inside another segment. */
export const hiddenFrame = (width: number, height: number) => segment(0xe1, frame(width, height))

/** As a camera writes it that was held on its side, with a note of its own in the metadata (Exif 2.3 §4.5.2). */
export const turned = (jpeg: Uint8Array, note: string) => {
  const entry = [little(0x0112, 2), little(3, 2), little(1, 4), little(6, 4)].flat()
  const directory = bytes('II*\0', little(8, 4), little(1, 2), entry, little(0, 4))
  return bytes(jpeg.slice(0, 2), segment(0xe1, bytes('Exif\0\0', directory, note)), jpeg.slice(2))
}

const gifFrame = (width: number, height: number) =>
  bytes([0x2c], little(0, 4), little(width, 2), little(height, 2), [0, 2, 2, 0x4c, 0x01, 0])
export const gif = (frames: number, width = 1, height = 1, screen = 1) =>
  bytes(
    'GIF89a',
    little(screen, 2),
    little(screen, 2),
    [0x80, 0, 0, 0, 0, 0, 255, 255, 255],
    bytes(...Array.from({ length: frames }, () => gifFrame(width, height))),
    [0x3b],
  )

const riff = (type: string, data: number[] | Uint8Array) =>
  bytes('RIFF', little(data.length + 12, 4), 'WEBP', type, little(data.length, 4), data)
export const webpCanvas = (width: number, height: number, moves = false) =>
  riff('VP8X', [moves ? 2 : 0, 0, 0, 0, ...little(width - 1, 3), ...little(height - 1, 3)])
export const webpLossy = (width: number, height: number) =>
  riff('VP8 ', [0, 0, 0, 0x9d, 0x01, 0x2a, ...little(width, 2), ...little(height, 2)])
export const webpLossless = (width: number, height: number) =>
  riff('VP8L', [0x2f, ...little((width - 1) | ((height - 1) << 14), 4), 0])

export const avif = (width: number, height: number, brand = 'avif') =>
  bytes(
    uint(24, 4),
    'ftyp',
    brand,
    uint(0, 4),
    'mif1',
    uint(20, 4),
    'ispe',
    uint(0, 4),
    uint(width, 4),
    uint(height, 4),
  )

/** A second of quiet: 8 bits, 8 kHz. */
export const wav = () =>
  bytes(
    'RIFF', little(8036, 4), 'WAVEfmt ', little(16, 4), little(1, 2), little(1, 2), little(8000, 4), little(8000, 4),
    little(1, 2), little(8, 2), 'data', little(8000, 4), new Uint8Array(8000).fill(128),
  ) // prettier-ignore
