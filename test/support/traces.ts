/** Looks for texts where they must not be: as they are, as UTF-16, and inside base64 at whatever place they begin. */

const byteTexts = (text: string): Buffer[] => [
  Buffer.from(text, 'utf8'),
  Buffer.from(text, 'utf16le'),
  Buffer.from(text, 'utf16le').swap16(),
]

/** The part of its base64 that does not depend on what stands before and after it. */
function insideBase64(bytes: Buffer, before: number): string {
  const whole = Buffer.concat([Buffer.alloc(before), bytes])
  const from = Math.ceil((before * 8) / 6)
  const to = Math.floor((whole.length * 8) / 6)
  return whole.toString('base64').slice(from, to)
}

/** Everything that gives `text` away, as bytes to look for. */
export function tracesOf(text: string): Buffer[] {
  const plain = byteTexts(text)
  const encoded = plain.flatMap((bytes) => [0, 1, 2].map((before) => insideBase64(bytes, before)))
  const both = encoded.flatMap((base64) => [base64, base64.replaceAll('+', '-').replaceAll('/', '_')])
  return [...plain, ...[...new Set(both)].map((base64) => Buffer.from(base64, 'utf8'))]
}

/** Which of the texts are in there, in any of these forms. */
export const found = (texts: readonly string[], haystack: Buffer): string[] =>
  texts.filter((text) => tracesOf(text).some((trace) => haystack.includes(trace)))
