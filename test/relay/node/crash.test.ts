import { expect, onTestFinished, test } from 'vitest'
import { spawnRelay } from '../../support/processes.ts'
import { startTraffic } from '../../support/traffic.ts'
import { WireClient } from '../../support/wire-client.ts'
import { testSettings } from '../host.contract.ts'
import { temporaryFolder } from './start.ts'

/** `PARLEY_KILLS=50` for the long run by hand. */
const kills = Number(process.env['PARLEY_KILLS'] ?? 10)
/** A kill after so many more confirmations: in the middle of a load, wherever that is at the moment. */
const confirmationsBetweenKills = 40
/** Everybody's ping would go unanswered for as long. */
const stoppedMs = 400

test(`[SN1] [SN2] [LN1] [LN2] [LG2] ${kills} times SIGKILL and pauses under load lose nothing confirmed and repeat nothing`, async () => {
  const relay = await spawnRelay({
    data: temporaryFolder(),
    env: { ...testSettings, PARLEY_WAITING_SOCKETS: '100', PARLEY_LOG: 'none', PARLEY_DRAIN_MS: '50' },
  })
  onTestFinished(() => relay.stop())
  const traffic = await startTraffic(relay.url, { pairs: 3 })

  for (let i = 0; i < kills; i++) {
    await traffic.confirmations(confirmationsBetweenKills)
    if (i % 5 === 0) {
      process.kill(relay.pid, 'SIGSTOP')
      await new Promise((resume) => setTimeout(resume, stoppedMs)) // the fault itself
      process.kill(relay.pid, 'SIGCONT')
      await traffic.confirmations(1)
    }
    await relay.restart('SIGKILL')
  }
  await traffic.confirmations(confirmationsBetweenKills)
  const result = await traffic.end()

  console.log(`${kills} kills: ${JSON.stringify(result)}`)
  expect(result).toMatchObject({ acked: result.attempted, lost: 0, duplicated: 0, disordered: 0 })
  expect(result.acked).toBeGreaterThan(kills * confirmationsBetweenKills)
  for (const one of traffic.people) {
    expect(one.gaps).toEqual([])
    expect(one.refused.size).toBe(0)
  }

  // What the devices have is what the relay has: somebody who comes new sees the same, once.
  const [alice, bob] = traffic.people as [WireClient, WireClient]
  const tablet = new WireClient(relay.url, alice.account, alice.device)
  tablet.generation = alice.generation
  await tablet.connect()
  await tablet.entry(({ seq }) => seq === alice.head)
  expect(tablet.textsFrom(bob.user)).toEqual(alice.textsFrom(bob.user))
  await tablet.close()
}, 240_000)
