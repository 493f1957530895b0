import pino from 'pino'
import type { Log } from '../core/ports.ts'

export const levels = ['error', 'warn', 'info', 'debug'] as const

/**
 * One JSON object a line, on standard error, written before the call returns: the last line of a relay that dies is
 * the one that matters. Callers never pass contents, addresses, or names of people.
 */
export function jsonLog(lowest: (typeof levels)[number] | 'none'): Log {
  const logger = pino(
    {
      level: lowest === 'none' ? 'silent' : lowest,
      base: null, // no process id, no name of the machine
      messageKey: 'text',
      timestamp: () => `,"at":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 2, sync: true }),
  )
  return (level, text, fields) => logger[level](fields ?? {}, text)
}
