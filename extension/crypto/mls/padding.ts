/** Content is sealed in a few sizes only, so that its length says little: 256, 512, 1 Ki, … 32 Ki bytes. */
import { concat } from '#shared/bytes'
import { reader, u32 } from '../binary.ts'
import { Refusal } from '../refusal.ts'

const smallest = 256
const largest = 32 * 1024
/** In front of the content: its own length. */
const head = 4

export const contentBytesMax = largest - head

const bucketFor = (length: number) => {
  let bucket = smallest
  while (bucket < length + head) bucket *= 2
  return bucket
}

/** @throws Refusal `too-large` */
export function pad(content: Uint8Array): Uint8Array {
  if (content.length > contentBytesMax) throw new Refusal('too-large', `content of ${content.length} bytes`)
  const zeros = new Uint8Array(bucketFor(content.length) - head - content.length)
  return concat(u32(content.length), content, zeros)
}

/** @throws Refusal `malformed` for every form that `pad` does not make: there is one for each content */
export function unpad(padded: Uint8Array): Uint8Array {
  const input = reader(padded)
  const content = input.sized()
  const zeros = input.take(padded.length - head - content.length)
  if (padded.length !== bucketFor(content.length) || zeros.some((byte) => byte !== 0)) {
    throw new Refusal('malformed', 'wrongly padded')
  }
  return content
}
