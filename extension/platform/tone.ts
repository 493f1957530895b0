/** The sound of a message: two soft tones, made and not recorded. Needs a page, or Firefox's background. */

/** A fourth up, low enough to be friendly. */
const tones = [
  { hertz: 587.33, at: 0 },
  { hertz: 783.99, at: 0.11 },
]
const toneSeconds = 0.34
const loudness = 0.12
/** It is over by then whether or not the machine has a loudspeaker to tell it by. */
export const soundMs = 700

/** Resolves when it is over. */
export async function playTone(): Promise<void> {
  const audio = new AudioContext()
  try {
    for (const { hertz, at } of tones) {
      const start = audio.currentTime + 0.02 + at
      const tone = new OscillatorNode(audio, { type: 'sine', frequency: hertz })
      const volume = new GainNode(audio, { gain: 0 })
      // In and out without a click.
      volume.gain.setValueAtTime(0, start)
      volume.gain.linearRampToValueAtTime(loudness, start + 0.015)
      volume.gain.exponentialRampToValueAtTime(0.0005, start + toneSeconds)
      tone.connect(volume).connect(audio.destination)
      tone.start(start)
      tone.stop(start + toneSeconds)
    }
    await new Promise((over) => setTimeout(over, soundMs))
  } finally {
    await audio.close()
  }
}
