/** The thread that writes (store-worker.ts): asked one thing after the other, and answering in that order. */
import { Worker } from 'node:worker_threads'
import type { Answer, Ask } from './store-worker.ts'

export interface Writer {
  ask(request: Ask): Promise<Answer>
  ended: Promise<void>
}

export async function startWriter(
  file: string,
  relayId: string,
  onFatal: (error: Error) => void,
): Promise<Writer> {
  const worker = new Worker(new URL('./store-worker.ts', import.meta.url), { workerData: { file, relayId } })
  const asked: ((answer: Answer) => void)[] = []
  const next = () => new Promise<Answer>((resolve) => asked.push(resolve))
  let ending = false
  const first = next()
  worker.on('message', (answer: Answer) => asked.shift()?.(answer))
  const ended = new Promise<void>((done) => worker.on('exit', () => done()))

  const started = await Promise.race([
    first,
    new Promise<never>((_, fail) => worker.once('error', fail)), // a file that is no database, a full disk
  ])
  if (started.type !== 'ready' || started.synchronous !== 2) {
    throw new Error('SQLite would not write through to the disk (synchronous = FULL)')
  }
  worker.on('error', onFatal)
  void ended.then(() => {
    if (!ending) onFatal(new Error('the writer of the database ended'))
  })
  return {
    ended,
    ask(request) {
      if (request.type === 'close') ending = true
      const answer = next()
      // oxlint-disable-next-line require-post-message-target-origin -- a thread is no window
      worker.postMessage(request)
      return answer
    },
  }
}
