import type { World } from './world.ts'

/** How likely everything is that goes wrong. Delays are the most, in milliseconds. */
export interface Faults {
  linkDrop: number
  linkAnswerDrop: number
  linkDuplicate: number
  linkDelayMs: number
  /** At an event of a room: before it is committed, or while it is. */
  roomCrash: number
  /** Before an effect is performed. */
  effectCrash: number
  hibernate: number
  commitDelayMs: number
  /** Of a commit: nothing can be stored for a while. */
  diskFull: number
  alarmLate: number
  alarmTwice: number
  /** A crash loses the alarm, as `partykit dev` does. */
  alarmLost: number
  /** Of a frame's socket. */
  breakOff: number
  wireDelayMs: number
  deviceCrash: number
  /** A send is refused for no reason. */
  refuse: number
  /** How far the clocks of rooms are apart; and of an operation: one of them jumps. */
  clockSkewMs: number
  clockJump: number
  /** Of a frame or a call: whoever sends it is of a version that is to come. */
  newer: number
}

export const calm: Faults = {
  linkDrop: 0,
  linkAnswerDrop: 0,
  linkDuplicate: 0,
  linkDelayMs: 20,
  roomCrash: 0,
  effectCrash: 0,
  hibernate: 0,
  commitDelayMs: 2,
  diskFull: 0,
  alarmLate: 0,
  alarmTwice: 0,
  alarmLost: 0,
  breakOff: 0,
  wireDelayMs: 20,
  deviceCrash: 0,
  refuse: 0,
  clockSkewMs: 0,
  clockJump: 0,
  newer: 0,
}

const minute = 60_000

/** Each history has a mix of its own, with some kinds of misfortune switched off. */
export function drawFaults({ pick }: World): Faults {
  return {
    linkDrop: pick([0, 0.05, 0.2]),
    linkAnswerDrop: pick([0, 0.05, 0.2]),
    linkDuplicate: pick([0, 0.1, 0.3]),
    linkDelayMs: pick([20, 200, 3000]),
    roomCrash: pick([0, 0.002, 0.01]),
    effectCrash: pick([0, 0.005, 0.02]),
    hibernate: pick([0, 0.02]),
    commitDelayMs: pick([2, 20, 200]),
    diskFull: pick([0, 0, 0.005]),
    alarmLate: pick([0, 0.2]),
    alarmTwice: pick([0, 0.1]),
    alarmLost: pick([0, 0, 0.3]),
    breakOff: pick([0, 0.01, 0.05]),
    wireDelayMs: pick([20, 200, 1000]),
    deviceCrash: pick([0, 0.005, 0.02]),
    refuse: pick([0, 0.1]),
    clockSkewMs: pick([0, 0, 2000, 5 * minute]),
    clockJump: pick([0, 0, 0.02]),
    newer: pick([0, 0, 0.05]),
  }
}
