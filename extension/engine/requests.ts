/** Asks of the room that are answered by `ok` or `error`: changes of the roster, of the policy, of settings. */
import { v7 } from 'uuid'
import type { ClientFrameOf, ServerFrameOf } from '#shared/frames'
import { CommandError } from '../bus/commands.ts'
import type { Signed } from './state.ts'

type Ask = { [Type in 'roster' | 'policy' | 'preferences']: Omit<ClientFrameOf<Type>, 'request'> }[
  | 'roster'
  | 'policy'
  | 'preferences']

export interface Requests {
  /** Resolves when the room has done it. @throws CommandError with its code, or `unreachable`. */
  ask(frame: Ask): Promise<void>
  onOk(frame: ServerFrameOf<'ok'>): void
  onError(frame: ServerFrameOf<'error'>): void
  /** There is no connection any more: nobody will answer. */
  lost(): void
}

const withinMs = 10_000

export function createRequests({ send, isWelcome, timers }: Signed): Requests {
  const waiting = new Map<string, { done: () => void; fail: (error: CommandError) => void }>()

  function settle(
    request: string | undefined,
    how: (waiter: { done: () => void; fail: (error: CommandError) => void }) => void,
  ) {
    const waiter = request === undefined ? undefined : waiting.get(request)
    if (!waiter) return
    waiting.delete(request!)
    how(waiter)
  }

  return {
    async ask(frame) {
      const request = v7()
      if (!isWelcome() || !send({ ...frame, request })) throw new CommandError('unreachable')
      let cancel = () => {}
      try {
        await new Promise<void>((done, fail) => {
          waiting.set(request, { done, fail })
          cancel = timers.after(withinMs, () =>
            settle(request, (waiter) => waiter.fail(new CommandError('unreachable'))),
          )
        })
      } finally {
        cancel()
      }
    },
    onOk: ({ request }) => settle(request, ({ done }) => done()),
    onError: ({ request, code, detail, retryAfterMs }) =>
      settle(request, ({ fail }) => fail(new CommandError(code, detail, retryAfterMs))),
    lost() {
      for (const request of waiting.keys())
        settle(request, ({ fail }) => fail(new CommandError('unreachable')))
    },
  }
}
