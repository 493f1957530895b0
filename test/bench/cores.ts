/** The relay on one core and the load on another, so that neither takes from the other: where the system lets us. */
import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const relayCore = '0'
const loadCore = '1'

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const canPin = availableParallelism() >= 2 && hasTaskset()
export const pinning = canPin ? 'The relay has a core of its own.' : 'The relay and the load share the cores.'

/** To be put before the command of a relay. */
export const onRelayCore = canPin ? ['taskset', '-c', relayCore] : []

/** From here on this process, all its threads and what it starts stay on the other core. */
export function keepToLoadCore() {
  if (!canPin) return
  for (let triesLeft = 5; ; triesLeft--) {
    try {
      execFileSync('taskset', ['-a', '-c', '-p', loadCore, String(process.pid)], { stdio: 'ignore' })
      return
    } catch (error) {
      if (triesLeft === 0) throw error // a thread had ended before its turn came
    }
  }
}
