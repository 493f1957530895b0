import type { Log } from '../core/ports.ts'

const levels = ['error', 'warn', 'info'] as const

/**
 * One JSON object a line, on standard error. What is logged is up to the callers, and they never pass contents,
 * names of people or addresses.
 */
export function jsonLog(lowest: (typeof levels)[number] | 'none'): Log {
  const wanted: readonly string[] = lowest === 'none' ? [] : levels.slice(0, levels.indexOf(lowest) + 1)
  return (level, text, fields) => {
    if (!wanted.includes(level)) return
    process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), level, text, ...fields })}\n`)
  }
}
