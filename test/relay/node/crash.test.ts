import { expect, onTestFinished, test } from 'vitest'
import { spawnRelay } from '../../support/processes.ts'
import { befriend, WireClient } from '../../support/wire-client.ts'
import { testSettings } from '../host.contract.ts'
import { temporaryFolder } from './start.ts'

const kills = 7
const pairs = 3
const messagesEach = 90
/** A kill after so many more confirmations: in the middle of a load, wherever that is at the moment. */
const confirmationsBetweenKills = 60

const texts = (from: WireClient) => Array.from({ length: messagesEach }, (_, i) => `${from.user} says ${i}`)

test(`[SN1] [SN2] [LN1] [LN2] [LG2] ${kills} times SIGKILL under load lose nothing confirmed and repeat nothing`, async () => {
  const relay = await spawnRelay({
    data: temporaryFolder(),
    env: { ...testSettings, PARLEY_WAITING_SOCKETS: '100', PARLEY_LOG: 'none', PARLEY_DRAIN_MS: '50' },
  })
  onTestFinished(() => relay.stop())
  const people = await Promise.all(
    Array.from({ length: 2 * pairs }, (_, i) =>
      WireClient.signUp(relay.url, `person-${i}`, { keepFrames: false }),
    ),
  )
  await Promise.all(people.map((one) => one.connect()))
  const peerOf = (i: number) => people[i ^ 1]!
  for (let i = 0; i < people.length; i += 2) await befriend(people[i]!, peerOf(i))

  const run = { ended: false }
  let confirmed = 0
  let killAt = confirmationsBetweenKills
  const due: (() => void)[] = []
  for (const one of people) {
    one.onFrame = ({ type }) => {
      if (type === 'ok' && ++confirmed >= killAt) due.pop()?.()
    }
  }

  /** Stays connected, whatever happens to the relay. */
  const live = people.map(async (one) => {
    while (!run.ended) {
      await one.closed
      if (!run.ended) await one.connectPatiently()
    }
  })
  const sending = people.map(async (one, i) => {
    for (const text of texts(one)) {
      const id = one.send(peerOf(i).user, text)
      if (one.outbox.length >= 8) await one.confirmed(one.outbox[0]!.id, 60_000)
      if (text.endsWith('0')) await one.confirmed(id, 60_000)
    }
    while (one.outbox.length > 0) await one.confirmed(one.outbox[0]!.id, 60_000)
  })

  for (let i = 0; i < kills; i++) {
    if (confirmed < killAt) await new Promise<void>((resolve) => due.push(resolve))
    await relay.restart('SIGKILL')
    killAt = confirmed + confirmationsBetweenKills
  }
  await Promise.all(sending)
  await Promise.all(people.map((one, i) => one.message(texts(peerOf(i)).at(-1)!, 30_000)))

  for (const [i, one] of people.entries()) {
    expect(one.textsFrom(peerOf(i).user).filter((text) => text.includes(' says '))).toEqual(texts(peerOf(i)))
    expect(one.gaps).toEqual([])
    expect(one.refused.size).toBe(0)
  }

  // What the devices have is what the relay has: somebody who comes new sees the same, once.
  const [alice] = people as [WireClient]
  await Promise.all(people.slice(1).map((one) => one.close()))
  const tablet = new WireClient(relay.url, alice.account, alice.device)
  tablet.generation = alice.generation
  run.ended = true
  await tablet.connect()
  await tablet.message(texts(peerOf(0)).at(-1)!)
  expect(tablet.textsFrom(peerOf(0).user)).toEqual(alice.textsFrom(peerOf(0).user))
  await tablet.close()
  await Promise.all(live)
}, 90_000)
