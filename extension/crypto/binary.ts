/** Small binary forms: fixed fields and parts with a 32-bit length in front, read strictly. */
import { concat } from '#shared/bytes'
import { Refusal } from './refusal.ts'

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

export const sized = (part: Uint8Array): Uint8Array => concat(u32(part.length), part)

/** @throws Refusal `malformed` as soon as something is missing or, at `end`, left over. */
export function reader(bytes: Uint8Array) {
  let at = 0

  function take(length: number): Uint8Array {
    if (length > bytes.length - at) throw new Refusal('malformed', `${length} bytes missing at ${at}`)
    at += length
    return bytes.slice(at - length, at)
  }
  const u8 = () => take(1)[0]!
  const readU32 = () => new DataView(take(4).buffer).getUint32(0)

  return {
    take,
    u8,
    u32: readU32,
    sized: () => take(readU32()),
    rest: () => take(bytes.length - at),
    done: () => at === bytes.length,
    end() {
      if (at !== bytes.length) throw new Refusal('malformed', `${bytes.length - at} bytes left over`)
    },
  }
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

/** For the platform's own functions, which want to know that the memory is not shared. Ours never is. */
export const source = (bytes: Uint8Array) => bytes as Uint8Array<ArrayBuffer>
