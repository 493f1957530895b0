/**
 * Light formatting, for display only: *bold*, _italic_, `code`, blocks between three backticks, and the links in what
 * is left. The parts of a text are exactly the text: nothing is lost, added or moved, whatever somebody wrote. Each
 * character is looked at a fixed number of times.
 */
import { partsOf, type Part } from './links.ts'

export type Span =
  | Part
  /** `mark` stands before and after it. */
  | { type: 'code'; text: string; isBlock: boolean; mark: string }
  | { type: 'bold' | 'italic'; spans: Span[]; mark: '*' | '_' }

const fence = '```'

export function formatted(text: string): Span[] {
  const spans: Span[] = []
  for (const piece of withoutCode(text)) {
    if (piece.type === 'code') spans.push(piece)
    else spans.push(...partsOf(piece.text).reduce(withoutMark, []))
  }
  return emphasized(spans)
}

/** An address takes a mark at its end for its own; it is not, when the same one stands right before it. */
function withoutMark(parts: Part[], part: Part): Part[] {
  const before = parts.at(-1)?.text.at(-1)
  const last = part.text.at(-1)!
  if (part.type === 'link' && last === before && last in marks) {
    parts.push(...partsOf(part.text.slice(0, -1)), { type: 'text', text: last })
  } else if (part.type === 'text' && parts.at(-1)?.type === 'text') {
    parts[parts.length - 1] = { type: 'text', text: parts.at(-1)!.text + part.text }
  } else parts.push(part)
  return parts
}

/** The very text again: what the tests hold the parser to, and what is copied. */
export const plainOf = (spans: readonly Span[]): string =>
  spans
    .map((span) => {
      if ('spans' in span) return span.mark + plainOf(span.spans) + span.mark
      return span.type === 'code' ? span.mark + span.text + span.mark : span.text
    })
    .join('')

type Piece = Extract<Span, { type: 'code' }> | { type: 'text'; text: string }

/** Cuts out what is code: in it nothing else means anything. */
function withoutCode(text: string): Piece[] {
  const pieces: Piece[] = []
  let start = 0
  let hasFences = true
  let at = text.indexOf('`')
  while (at !== -1) {
    const code = (hasFences && blockAt(at)) || inlineAt(at)
    if (code) {
      if (at > start) pieces.push({ type: 'text', text: text.slice(start, at) })
      pieces.push(code)
      start = at + code.text.length + 2 * code.mark.length
    }
    at = text.indexOf('`', code ? start : at + 1)
  }
  if (start < text.length) pieces.push({ type: 'text', text: text.slice(start) })
  return pieces

  function blockAt(from: number): (Piece & { type: 'code' }) | null {
    if (!text.startsWith(fence, from)) return null
    const end = text.indexOf(fence, from + fence.length + 1)
    if (end === -1) {
      hasFences = false // and so none that begins later has an end either
      return null
    }
    return { type: 'code', text: text.slice(from + fence.length, end), isBlock: true, mark: fence }
  }

  /** On one line, and not empty. The search ends at the next backtick, where the next one begins. */
  function inlineAt(from: number): (Piece & { type: 'code' }) | null {
    const end = text.indexOf('`', from + 1)
    const inside = end === -1 ? '' : text.slice(from + 1, end)
    if (inside.trim() === '' || inside.includes('\n')) return null
    return { type: 'code', text: inside, isBlock: false, mark: '`' }
  }
}

const marks = { '*': 'bold', _: 'italic' } as const
type Mark = keyof typeof marks

const isLetter = (character: string) => /[\p{L}\p{N}]/u.test(character)
const isSpace = (character: string) => character === '' || /\s/u.test(character)

/** One level of what is open: its mark, and what has been found in it. */
interface Level {
  mark: Mark | null
  spans: Span[]
}

/**
 * A mark opens at the beginning of a word and closes at the end of one, on the same line: `2*3*4` and
 * `snake_case_name` stay as they are. Links and code are passed over as if they were one letter.
 */
function emphasized(parts: readonly Span[]): Span[] {
  const levels: Level[] = [{ mark: null, spans: [] }]

  for (const [place, part] of parts.entries()) {
    if (part.type !== 'text') {
      levels.at(-1)!.spans.push(part)
      continue
    }
    const { text } = part
    let start = 0
    for (let at = 0; at < text.length; at++) {
      const character = text[at]!
      if (character === '\n') {
        add(text.slice(start, at))
        start = at
        unwind(1)
      }
      if (!(character in marks)) continue
      const mark = character as Mark
      const before = at > 0 ? text[at - 1]! : place > 0 ? 'x' : ''
      const after = at + 1 < text.length ? text[at + 1]! : place + 1 < parts.length ? 'x' : ''
      const level = levels.findIndex((open) => open.mark === mark)
      if (level > 0 && !isSpace(before) && !isLetter(after) && !isEmpty(level, start, at)) {
        add(text.slice(start, at))
        start = at + 1
        close(level, mark)
      } else if (level === -1 && !isLetter(before) && !isSpace(after) && after !== mark) {
        add(text.slice(start, at))
        start = at + 1
        levels.push({ mark, spans: [] })
      }
    }
    add(text.slice(start))
  }
  unwind(1)
  return levels[0]!.spans

  function add(text: string) {
    if (text === '') return
    const { spans } = levels.at(-1)!
    const last = spans.at(-1)
    if (last?.type === 'text') spans[spans.length - 1] = { type: 'text', text: last.text + text }
    else spans.push({ type: 'text', text })
  }
  function isEmpty(level: number, from: number, to: number): boolean {
    return from === to && level === levels.length - 1 && levels[level]!.spans.length === 0
  }
  /** What is open from this level on turns out to be plain text. */
  function unwind(level: number) {
    while (levels.length > level) {
      const { mark, spans } = levels.pop()!
      add(mark!)
      for (const span of spans) {
        if (span.type === 'text') add(span.text)
        else levels.at(-1)!.spans.push(span)
      }
    }
  }
  function close(level: number, mark: Mark) {
    unwind(level + 1)
    const { spans } = levels.pop()!
    levels.at(-1)!.spans.push({ type: marks[mark], spans, mark })
  }
}
