/** Polls until the condition holds; an error counts as 'not yet' and is told at the end. */
export async function until(condition: () => Promise<boolean>, what = 'the condition', withinMs = 10_000) {
  const giveUpAt = performance.now() + withinMs
  let last: unknown
  for (;;) {
    try {
      if (await condition()) return
    } catch (error) {
      last = error
    }
    if (performance.now() > giveUpAt) throw new Error(`not within ${withinMs} ms: ${what}`, { cause: last })
    await new Promise((resume) => setTimeout(resume, 20))
  }
}
