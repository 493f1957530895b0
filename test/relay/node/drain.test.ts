import { expect, onTestFinished, test } from 'vitest'
import { closeCodes } from '#shared/errors'
import { spawnRelay } from '../../support/processes.ts'
import { startTraffic } from '../../support/traffic.ts'
import { testSettings } from '../host.contract.ts'
import { temporaryFolder } from './start.ts'

const stops = 2
const confirmationsBetween = 40

test('[SN1] [SN2] [LN1] [LN2] [LG2] stopped in good order under load, again and again: nobody is cut off, nothing is lost or repeated', async () => {
  const relay = await spawnRelay({
    data: temporaryFolder(),
    env: { ...testSettings, PARLEY_WAITING_SOCKETS: '100', PARLEY_LOG: 'info', PARLEY_DRAIN_MS: '300' },
  })
  onTestFinished(() => relay.stop())
  const traffic = await startTraffic(relay.url, { pairs: 3 })

  for (let i = 1; i <= stops; i++) {
    await traffic.confirmations(confirmationsBetween)
    // Who is on the way in at that moment may find nobody there; all others are sent away with a word.
    await Promise.all(traffic.people.map((one) => one.connected()))
    const goodbyes = traffic.people.map(({ closed }) => closed)
    await relay.restart('SIGTERM')
    const codes = (await Promise.all(goodbyes)).map(({ code }) => code)
    expect(codes).toEqual(codes.map(() => closeCodes.drain))
    // It has come to its end by itself, with everything stored that it had taken.
    expect(relay.log().match(/"text":"stopped"/g)).toHaveLength(i)
  }
  await traffic.confirmations(confirmationsBetween)
  const result = await traffic.end()

  console.log(`${stops} stops: ${JSON.stringify(result)}`)
  expect(result).toMatchObject({ acked: result.attempted, lost: 0, duplicated: 0, disordered: 0 })
  expect(result.acked).toBeGreaterThan(stops * confirmationsBetween)
  expect(relay.log()).not.toMatch(/"level":"error"/)
  for (const one of traffic.people) {
    expect(one.gaps).toEqual([])
    expect(one.refused.size).toBe(0)
  }
}, 60_000)
