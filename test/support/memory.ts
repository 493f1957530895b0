import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Bytes of memory that a process and the others of its group hold. */
export async function memoryOf({ pid }: { pid: number }): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pgid=,rss='])
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [group: number, kilobytes: number])
    .filter(([group]) => group === pid)
    .reduce((sum, [, kilobytes]) => sum + kilobytes * 1024, 0)
}
