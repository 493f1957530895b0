/** Reading MLS structures with nothing left over. ts-mls' own `decode` ignores what comes after. */
import { encode, mlsMessageDecoder, type Decoder, type Encoder, type MlsMessage } from 'ts-mls'
import { Refusal } from '../refusal.ts'

/** @throws Refusal `malformed` */
export function decodeWhole<T>(decoder: Decoder<T>, bytes: Uint8Array): T {
  let read: [T, number] | undefined
  try {
    read = decoder(bytes, 0)
  } catch (cause) {
    throw new Refusal('malformed', 'not an MLS structure', { cause })
  }
  if (read === undefined) throw new Refusal('malformed', 'not an MLS structure')
  if (read[1] !== bytes.length) throw new Refusal('malformed', `${bytes.length - read[1]} bytes left over`)
  return read[0]
}

type Wireformat = MlsMessage['wireformat']

/** @throws Refusal `malformed`, also for a message of another kind */
export function decodeMessage<Wanted extends Wireformat>(
  bytes: Uint8Array,
  wireformat: Wanted,
): Extract<MlsMessage, { wireformat: Wanted }> {
  const message = decodeWhole(mlsMessageDecoder, bytes)
  if (message.wireformat !== wireformat) {
    throw new Refusal('malformed', `MLS message of kind ${message.wireformat} instead of ${wireformat}`)
  }
  return message as Extract<MlsMessage, { wireformat: Wanted }>
}

export const encodeBytes = <T>(encoder: Encoder<T>, value: T): Uint8Array => encode(encoder, value)
