/** One sound. Chrome's background has no audio: there a page without a window plays it, and goes (`offscreen.html`). */
import { browser } from 'wxt/browser'
import { isFirefox } from './browser-name.ts'
import { playTone } from './tone.ts'

let opening: Promise<void> | null = null

export async function playSound(): Promise<void> {
  if (isFirefox) return playTone()
  opening ??= openPlayer().finally(() => (opening = null))
  return opening
}

/** There can be one only: whoever comes while it plays has been heard with it. */
async function openPlayer(): Promise<void> {
  const players = await browser.runtime.getContexts({ contextTypes: ['OFFSCREEN_DOCUMENT'] })
  if (players.length > 0) return
  await browser.offscreen.createDocument({
    url: '/offscreen.html',
    reasons: ['AUDIO_PLAYBACK'],
    justification: 'Plays a short sound when a message has come in.',
  })
}
