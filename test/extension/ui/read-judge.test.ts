import { expect, test } from 'vitest'
import { presentForMs, readJudge, seenForMs } from '../../../extension/ui/read-judge.ts'

/** A judge with a clock moved by hand. */
function judge() {
  let now = 1_000_000
  let timers: { at: number; run: () => void }[] = []
  let focus = true
  const read: number[] = []
  const one = readJudge({
    now: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run }
      timers.push(timer)
      return () => void (timers = timers.filter((other) => other !== timer))
    },
    hasFocus: () => focus,
    onRead: (ts) => read.push(ts),
  })
  return {
    ...one,
    read,
    focus(has: boolean) {
      focus = has
      one.focusChanged()
    },
    pass(ms: number) {
      now += ms
      const due = timers.filter(({ at }) => at <= now)
      timers = timers.filter(({ at }) => at > now)
      for (const { run } of due) run()
    },
  }
}

test('[R-21] what somebody sees for a second in a focused window is read, up to the newest', () => {
  const { input, sight, pass, read } = judge()
  input()
  sight(10, true)
  sight(20, true)

  pass(seenForMs - 1)
  expect(read).toEqual([])
  pass(1)
  expect(read).toEqual([20])
})

test('[R-21] what leaves the screen before that is not read', () => {
  const { input, sight, pass, read } = judge()
  input()
  sight(10, true)
  pass(seenForMs - 1)
  sight(10, false)
  pass(seenForMs)

  expect(read).toEqual([])
})

test('[R-21] a window without the focus, or without anybody there, reads nothing', () => {
  const { input, sight, pass, focus, read } = judge()
  focus(false)
  input()
  sight(10, true)
  pass(10 * seenForMs)
  expect(read).toEqual([])

  pass(presentForMs)
  focus(true)
  pass(seenForMs)
  expect(read).toEqual([])

  input()
  pass(seenForMs)
  expect(read).toEqual([10])
})
