/** Asks of the room that are answered one by one: changes of the roster, of the policy, of settings; keys; room for files. */
import { v7 } from 'uuid'
import type { SealedSegment } from '#shared/archive'
import type { ClientFrameOf, ServerFrameOf } from '#shared/frames'
import type { Vault } from '#shared/keys'
import { CommandError } from '../bus/commands.ts'
import type { Signed } from './state.ts'

type Asked = 'roster' | 'policy' | 'preferences' | 'keys' | 'archive' | 'unarchive' | 'archived' | 'release'
type Ask = { [Type in Asked]: Omit<ClientFrameOf<Type>, 'request'> }[Asked]

export interface Requests {
  /** Resolves when the room has done it. @throws CommandError with its code, or `unreachable`. */
  ask(frame: Ask): Promise<void>
  /** Lists and key packages. @throws CommandError likewise */
  askKeys(frame: Omit<ClientFrameOf<'claim'>, 'request'>): Promise<ServerFrameOf<'keys'>>
  /** When each of my devices was last here. @throws CommandError likewise */
  askDevices(): Promise<ServerFrameOf<'devices'>['devices']>
  /** What whoever signs in gets. @throws CommandError likewise */
  askVault(): Promise<Vault>
  /** A page of the archive's index, behind the line `after`. @throws CommandError likewise */
  askSegments(after: number): Promise<ServerFrameOf<'segments'>>
  /** @throws CommandError likewise, `item-not-found` for one that was deleted */
  askSegment(segId: string): Promise<SealedSegment>
  /** Room for a file of so many bytes. @throws CommandError likewise, `resource-constraint` when there is none left */
  askRoom(bytes: number): Promise<ServerFrameOf<'reserved'>>
  onAnswer(frame: Answer): void
  onOk(frame: ServerFrameOf<'ok'>): void
  onError(frame: ServerFrameOf<'error'>): void
  /** There is no connection any more: nobody will answer. */
  lost(): void
}

const withinMs = 10_000

/** What says more than that it is done. */
type Answer = ServerFrameOf<'keys' | 'devices' | 'segments' | 'segment' | 'vault' | 'reserved'>
type Question = Omit<ClientFrameOf<'claim'>, 'request'> | { type: 'devices' | 'vault' } | Segments | Room
type Room = { type: 'reserve'; bytes: number }
type Segments = { type: 'segments'; after: number } | { type: 'segment'; segId: string }

type AnswerOf<Type extends Answer['type']> = Extract<Answer, { type: Type }>

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

  async function ask(frame: Ask | Question) {
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

  async function askFor<Type extends Answer['type']>(type: Type, frame: Question): Promise<AnswerOf<Type>> {
    const answer = await ask(frame)
    if (answer?.type !== type) throw new CommandError('internal-server-error', `no ${type} in the answer`)
    return answer as AnswerOf<Type>
  }

  return {
    async ask(frame) {
      await ask(frame)
    },
    askKeys: (frame) => askFor('keys', frame),
    askDevices: async () => (await askFor('devices', { type: 'devices' })).devices,
    askVault: () => askFor('vault', { type: 'vault' }),
    askSegments: (after) => askFor('segments', { type: 'segments', after }),
    askSegment: async (segId) => (await askFor('segment', { type: 'segment', segId })).segment,
    askRoom: (bytes) => askFor('reserved', { type: 'reserve', bytes }),
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
