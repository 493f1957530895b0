/**
 * The safety number: what two people compare to know that nobody sits between them. It follows from both account
 * keys alone, so it stays the same when a device is added. Signal's numeric scheme.
 */
import { sha512 } from '@noble/hashes/sha2.js'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { concat, utf8 } from '#shared/bytes'
import { accountOf } from '#shared/account'

export interface SafetyNumber {
  /** Twelve groups of five digits. */
  digits: string[]
  /** Ten words for reading aloud: five for each side, in the order of the digits. */
  words: string[]
  /** What the QR code holds: capitals and digits only, the code's densest alphabet. */
  qr: string
}

/** Makes every guess at a key with the same number that much dearer; 130 ms for both sides. */
const iterations = 5200

/** @param one @param other the account keys (AIK) of both, in any order */
export function safetyNumber(one: Uint8Array, other: Uint8Array): SafetyNumber {
  const [first, second] = [half(one), half(other)].toSorted((a, b) => (a.digits < b.digits ? -1 : 1)) as [
    Half,
    Half,
  ]
  const digits = first.digits + second.digits
  return {
    digits: digits.match(/.{5}/g)!,
    words: [...first.words, ...second.words],
    qr: `${qrHead}${digits}`,
  }
}

interface Half {
  digits: string
  words: string[]
}

function half(key: Uint8Array): Half {
  let hash = concat(Uint8Array.of(0, 0), key, utf8(accountOf(key)))
  for (let i = 0; i < iterations; i++) hash = sha512(concat(hash, key))
  return { digits: digitsOf(hash), words: wordsOf(hash) }
}

/** 30 digits, 99 bits: six groups, each from five bytes. */
function digitsOf(hash: Uint8Array): string {
  const groups = Array.from({ length: 6 }, (_, group) => {
    const number = hash.slice(group * 5, group * 5 + 5).reduce((sum, byte) => sum * 256 + byte, 0)
    return String(number % 100_000).padStart(5, '0')
  })
  return groups.join('')
}

/** The first 55 bits of the same hash: five of the 2048 words of BIP-39, which differ within four letters. */
function wordsOf(hash: Uint8Array): string[] {
  const bits = Array.from(hash.slice(0, 7), (byte) => byte.toString(2).padStart(8, '0')).join('')
  return Array.from({ length: 5 }, (_, i) => wordlist[Number.parseInt(bits.slice(i * 11, i * 11 + 11), 2)]!)
}

const qrHead = 'PARLEY1:'

/** What scanning the other person's code says; `other` is no safety number at all. */
export function compareQr(scanned: string, mine: SafetyNumber): 'same' | 'different' | 'other' {
  if (!/^PARLEY1:\d{60}$/.test(scanned)) return 'other'
  return scanned === mine.qr ? 'same' : 'different'
}
