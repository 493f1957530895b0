import { spawn, type ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'

/** A child process in a process group of its own: PartyKit and browsers have children that must end with them. */
export type Group = ChildProcess & { stdout: Readable; stderr: Readable }

/** Groups do not end with their parent: whatever a failed test left behind ends when this process does. */
const running = new Set<Group>()
process.on('exit', () => {
  for (const group of running) signal(group, 'SIGKILL')
})

export function spawnGroup(
  [file, ...args]: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
) {
  const group = spawn(file!, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  running.add(group)
  return group
}

export const hasEnded = (group: Group) => group.exitCode !== null || group.signalCode !== null

/** Ends a group and resolves when it is gone: SIGKILL follows when somebody is still there after five seconds. */
export async function endGroup(group: Group, by: NodeJS.Signals = 'SIGTERM') {
  if (!running.has(group)) return // its number may already belong to somebody else
  const startedAt = performance.now()
  const passedMs = () => performance.now() - startedAt
  signal(group, by)
  while ((signal(group, 0) || !hasEnded(group)) && passedMs() < 7000) {
    if (passedMs() > 5000) signal(group, 'SIGKILL')
    await new Promise((resume) => setTimeout(resume, 10))
  }
  running.delete(group)
}

/** False when nobody is left in the group. */
function signal({ pid }: Group, name: NodeJS.Signals | 0) {
  try {
    return pid !== undefined && process.kill(-pid, name)
  } catch {
    return false // ESRCH
  }
}
