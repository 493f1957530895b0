/** Times and lengths as people say them, in the language of the texts. */
import type { Millis } from '#shared/ids'
import { language, say } from './text.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const formats = new Map<string, Intl.DateTimeFormat>()

/** Making one takes longer than using it a hundred times. */
function format(at: Millis, options: Intl.DateTimeFormatOptions): string {
  const key = JSON.stringify(options)
  const known = formats.get(key) ?? new Intl.DateTimeFormat(language(), options)
  formats.set(key, known)
  return known.format(at)
}

export const timeOfDay = (at: Millis): string => format(at, { hour: 'numeric', minute: '2-digit' })

/** In full: what a time says when one asks for more. */
export const fullTime = (at: Millis): string => format(at, { dateStyle: 'full', timeStyle: 'short' })

/** A day, for what is far away. */
export const fullDate = (at: Millis): string => format(at, { dateStyle: 'medium' })

const startOfDay = (at: Millis) => new Date(at).setHours(0, 0, 0, 0)
/** Whole days of the calendar between two times; an hour of summer time makes no day. */
const daysBetween = (from: Millis, to: Millis) => Math.round((startOfDay(to) - startOfDay(from)) / day)

/** Today, Yesterday, a weekday of the last six, or the date. */
export function dayName(at: Millis, now: Millis): string {
  const ago = daysBetween(at, now)
  if (ago === 0) return say('today')
  if (ago === 1) return say('yesterday')
  if (ago > 1 && ago < 7) return format(at, { weekday: 'long' })
  const isThisYear = new Date(at).getFullYear() === new Date(now).getFullYear()
  return format(at, { day: 'numeric', month: 'long', ...(isThisYear ? {} : { year: 'numeric' }) })
}

/** For a narrow column: the time today, a weekday within a week, else the date. */
export function shortTime(at: Millis, now: Millis): string {
  const ago = daysBetween(at, now)
  if (ago <= 0) return timeOfDay(at)
  if (ago < 7) return format(at, { weekday: 'short' })
  const isThisYear = new Date(at).getFullYear() === new Date(now).getFullYear()
  return format(at, isThisYear ? { day: 'numeric', month: 'short' } : { month: 'short', year: 'numeric' })
}

const unit = (count: number, name: 'minute' | 'hour' | 'day' | 'second') =>
  new Intl.NumberFormat(language(), { style: 'unit', unit: name, unitDisplay: 'short' }).format(count)

/** "12 min", "3 hr", "2 days": the largest unit that says enough. */
export function duration(ms: Millis): string {
  if (ms < minute) return unit(Math.max(1, Math.ceil(ms / 1000)), 'second')
  if (ms < hour) return unit(Math.floor(ms / minute), 'minute')
  if (ms < day) return unit(Math.floor(ms / hour), 'hour')
  return unit(Math.floor(ms / day), 'day')
}

export const number = (value: number): string => new Intl.NumberFormat(language()).format(value)

const sizeUnits = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const

/** "12 bytes", "3.4 MB": 1024 of one are one of the next, as in the limits of a relay. */
export function fileSize(bytes: number): string {
  const step = Math.min(sizeUnits.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  const value = bytes / 1024 ** step
  return new Intl.NumberFormat(language(), {
    style: 'unit',
    unit: sizeUnits[step]!,
    unitDisplay: step === 0 ? 'long' : 'short',
    maximumFractionDigits: step > 0 && value < 99.95 ? 1 : 0,
  }).format(value)
}
