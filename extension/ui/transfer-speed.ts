/** How fast something goes, over the last seconds: parts come in bursts. */
import { useEffect, useRef, useState } from 'preact/hooks'

const windowMs = 4000

/** Bytes in a second; null while nothing can be said. */
export function useSpeed(done: number, isMoving: boolean): number | null {
  const samples = useRef<{ at: number; done: number }[]>([])
  const [perSecond, setPerSecond] = useState<number | null>(null)
  useEffect(() => {
    if (!isMoving) {
      samples.current = []
      setPerSecond(null)
      return
    }
    const at = performance.now()
    const recent = samples.current.filter((sample) => at - sample.at <= windowMs && sample.done <= done)
    samples.current = [...recent, { at, done }]
    const first = samples.current[0]!
    const ms = at - first.at
    if (ms > 500 && done > first.done) setPerSecond(Math.round(((done - first.done) * 1000) / ms))
  }, [done, isMoving])
  return perSecond
}
