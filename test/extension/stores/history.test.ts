import { pageEnds } from '../../support/page-ends.ts'
import { afterEach, expect, test, vi } from 'vitest'
import { historyOf } from '../../../extension/stores/history.ts'

const close: (() => void)[] = []
afterEach(() => {
  for (const end of close.splice(0)) end()
})

async function start() {
  const { db } = await pageEnds()
  close.push(() => db.close())
  const history = historyOf(db)
  const line = () => history.line.value
  close.push(history.line.subscribe(() => {}))
  return { db, history, line }
}
const settles = (assert: () => void) => vi.waitFor(assert, { timeout: 3000 })

test('while history comes it is told how much of it is here, and then nothing', async () => {
  const { db, line } = await start()

  await db.status.put({ key: 'restore', done: 0, total: 0 })
  await settles(() => expect(line()).toMatchObject({ type: 'coming', part: null }))
  await db.status.put({ key: 'restore', done: 1, total: 4, left: ['b', 'c', 'd'] })
  await settles(() => expect(line()).toEqual({ type: 'coming', part: 0.25, isWaiting: false }))
  await db.status.put({ key: 'connection', state: 'waiting', heardAt: 0, skew: 0, live: false })
  await settles(() => expect(line()).toMatchObject({ isWaiting: true }))
  await db.status.delete('restore')
  await settles(() => expect(line()).toBeNull())
})

test('a problem of the archive stays until it is closed, and comes again when it is another one', async () => {
  const { db, history, line } = await start()

  await db.status.put({ key: 'archive', problem: 'full', at: 1 })
  await settles(() => expect(line()).toEqual({ type: 'full' }))
  await history.close()
  await settles(() => expect(line()).toBeNull())
  await db.status.put({ key: 'archive', problem: 'unreadable', at: 2 })
  await settles(() => expect(line()).toEqual({ type: 'unreadable' }))
})
