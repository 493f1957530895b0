/** Asks of the room that are answered one by one: changes of the roster, of the policy, of settings; keys. */
import { v7 } from 'uuid'
import type { ClientFrameOf, ServerFrameOf } from '#shared/frames'
import { CommandError } from '../bus/commands.ts'
import type { Signed } from './state.ts'

type Asked = 'roster' | 'policy' | 'preferences' | 'keys'
type Ask = { [Type in Asked]: Omit<ClientFrameOf<Type>, 'request'> }[Asked]

export interface Requests {
  /** Resolves when the room has done it. @throws CommandError with its code, or `unreachable`. */
  ask(frame: Ask): Promise<void>
  /** Lists and key packages. @throws CommandError likewise */
  askKeys(frame: Omit<ClientFrameOf<'claim'>, 'request'>): Promise<ServerFrameOf<'keys'>>
  /** When each of my devices was last here. @throws CommandError likewise */
  askDevices(): Promise<ServerFrameOf<'devices'>['devices']>
  onAnswer(frame: Answer): void
  onOk(frame: ServerFrameOf<'ok'>): void
  onError(frame: ServerFrameOf<'error'>): void
  /** There is no connection any more: nobody will answer. */
  lost(): void
}

const withinMs = 10_000

/** What says more than that it is done. */
type Answer = ServerFrameOf<'keys' | 'devices'>

interface Waiter {
  done(answer: Answer | null): void
  fail(error: CommandError): void
}

export function createRequests({ send, isWelcome, timers }: Signed): Requests {
  const waiting = new Map<string, Waiter>()

  function settle(request: string | undefined, how: (waiter: Waiter) => void) {
    const waiter = request === undefined ? undefined : waiting.get(request)
    if (!waiter) return
    waiting.delete(request!)
    how(waiter)
  }

  async function ask(frame: Ask | Omit<ClientFrameOf<'claim'>, 'request'> | { type: 'devices' }) {
    const request = v7()
    if (!isWelcome() || !send({ ...frame, request })) throw new CommandError('unreachable')
    let cancel = () => {}
    try {
      return await new Promise<Answer | null>((done, fail) => {
        waiting.set(request, { done, fail })
        cancel = timers.after(withinMs, () =>
          settle(request, (waiter) => waiter.fail(new CommandError('unreachable'))),
        )
      })
    } finally {
      cancel()
    }
  }

  return {
    async ask(frame) {
      await ask(frame)
    },
    async askKeys(frame) {
      const answer = await ask(frame)
      if (answer?.type !== 'keys') throw new CommandError('internal-server-error', 'no keys in the answer')
      return answer
    },
    async askDevices() {
      const answer = await ask({ type: 'devices' })
      if (answer?.type !== 'devices')
        throw new CommandError('internal-server-error', 'no devices in the answer')
      return answer.devices
    },
    onAnswer: (frame) => settle(frame.request, ({ done }) => done(frame)),
    onOk: ({ request }) => settle(request, ({ done }) => done(null)),
    onError: ({ request, code, detail, retryAfterMs }) =>
      settle(request, ({ fail }) => fail(new CommandError(code, detail, retryAfterMs))),
    lost() {
      for (const request of waiting.keys())
        settle(request, ({ fail }) => fail(new CommandError('unreachable')))
    },
  }
}
