/** How much of something may be under way at a time: `atOnce` of all, `each` of one key. */
export function slots({ atOnce, each }: { atOnce: number; each: number }) {
  const taken = new Map<string, number>()
  let total = 0

  return {
    /** What gives the slot back (once, however often it is called), or null when none is free. */
    take(key: string): (() => void) | null {
      const own = taken.get(key) ?? 0
      if (total >= atOnce || own >= each) return null
      total++
      taken.set(key, own + 1)
      let isTaken = true
      return () => {
        if (!isTaken) return
        isTaken = false
        total--
        const left = taken.get(key)! - 1
        if (left > 0) taken.set(key, left)
        else taken.delete(key)
      }
    },
  }
}
