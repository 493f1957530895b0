import { expect, test } from 'vitest'
import { typingTeller } from '../../../extension/stores/typing.ts'

function teller() {
  let now = 0
  let timers: { at: number; run: () => void }[] = []
  const told: string[] = []
  const clock = {
    now: () => now,
    after(ms: number, run: () => void) {
      const timer = { at: now + ms, run }
      timers.push(timer)
      return () => void (timers = timers.filter((other) => other !== timer))
    },
  }
  return {
    ...typingTeller(clock, (state) => told.push(`${now} ${state}`)),
    told,
    pass(ms: number) {
      now += ms
      const due = timers.filter(({ at }) => at <= now)
      timers = timers.filter(({ at }) => at > now)
      for (const { run } of due) run()
    },
  }
}

test('[R-28] composing is told at the first character, again every 10 s, and paused after 5 s of nothing', () => {
  const { changed, pass, told } = teller()
  for (let i = 0; i < 6; i++) {
    changed('x'.repeat(i + 1))
    pass(2000)
  }
  pass(5000)

  expect(told).toEqual(['0 composing', '10000 composing', '17000 paused'])
})

test('[R-28] an empty box pauses at once; a message needs no word that typing is over', () => {
  const { changed, sent, pass, told } = teller()
  changed('a')
  changed(' ')
  changed('b')
  sent()
  pass(60_000)

  expect(told).toEqual(['0 composing', '0 paused', '0 composing'])
})
