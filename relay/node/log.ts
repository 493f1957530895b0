import pino from 'pino'
import type { Log, Metric } from '../core/ports.ts'

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

/** Counts which limits held somebody back, for a line now and then: an attack must not fill the log as well. */
export function countLimits(metric: Metric, log: Log): { metric: Metric; tell(): void } {
  const hits: Record<string, number> = {}
  return {
    metric(name, labels, value) {
      metric(name, labels, value)
      if (name === 'limits_hit') hits[labels!.limit!] = (hits[labels!.limit!] ?? 0) + 1
    },
    tell() {
      if (Object.keys(hits).length === 0) return
      log('warn', 'limits held somebody back', { hits: { ...hits } })
      for (const limit of Object.keys(hits)) delete hits[limit]
    },
  }
}
