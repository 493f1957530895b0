import { expect, onTestFinished, test } from 'vitest'
import { spawnRelay } from '../../support/processes.ts'
import { startProxy } from '../../support/proxy.ts'
import { startTraffic } from '../../support/traffic.ts'
import { testSettings } from '../host.contract.ts'
import { temporaryFolder } from './start.ts'

const between = 12

test('[SN1] [SN2] [LG2] [LG4] slow, cut, half-open and byte by byte: a bad network loses and repeats nothing', async () => {
  const env = { ...testSettings, PARLEY_WAITING_SOCKETS: '100', PARLEY_LOG: 'none' }
  const relay = await spawnRelay({ data: temporaryFolder(), env })
  const proxy = await startProxy(relay.url)
  onTestFinished(async () => {
    await proxy.close()
    await relay.stop()
  })
  const traffic = await startTraffic(relay.url, { pairs: 3, through: proxy.url })

  for (let round = 0; round < 2; round++) {
    await traffic.confirmations(between)
    proxy.delay(30)
    await traffic.confirmations(between)
    proxy.delay(0)
    proxy.trickle(true)
    await traffic.confirmations(between)
    proxy.cut() // in the middle of a frame, as likely as not
    await traffic.confirmations(between)
    proxy.trickle(false)
    // Half open: the relay hears and is not heard, so what it confirms now is confirmed again later.
    proxy.holdAnswers()
    await new Promise((resume) => setTimeout(resume, 100)) // the fault itself
    proxy.cut()
    proxy.release()
    await traffic.confirmations(between)
  }
  const result = await traffic.end()

  expect(result).toMatchObject({ acked: result.attempted, lost: 0, duplicated: 0, disordered: 0 })
  for (const one of traffic.people) expect(one.gaps).toEqual([])
}, 60_000)
