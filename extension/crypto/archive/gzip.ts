/** gzip by the platform's own streams, with an end to what may come out of it. */
import { concat } from '#shared/bytes'
import { source } from '../binary.ts'
import { Refusal } from '../refusal.ts'

/** A segment of 200 messages has about 30 kB before; Welcomes among its rows make it some MB. */
export const unzippedBytesMax = 8 * 1024 * 1024

const through = (bytes: Uint8Array, transform: CompressionStream | DecompressionStream) =>
  new Blob([source(bytes)]).stream().pipeThrough(transform)

export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await new Response(through(bytes, new CompressionStream('gzip'))).arrayBuffer())
}

/**
 * Stops as soon as more than `bytesMax` came out, since 8 kB of gzip can hold 8 MB.
 * @throws Refusal `too-large`, `malformed`
 */
export async function gunzip(bytes: Uint8Array, bytesMax = unzippedBytesMax): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of through(bytes, new DecompressionStream('gzip'))) {
      length += chunk.length
      if (length > bytesMax) throw new Refusal('too-large', `more than ${bytesMax} bytes out of gzip`)
      chunks.push(chunk)
    }
  } catch (cause) {
    throw cause instanceof Refusal ? cause : new Refusal('malformed', 'not gzip', { cause })
  }
  return concat(...chunks)
}
