/** A page without a window, of Chrome only: it plays the sound that the background cannot, and goes. */
import { playTone } from '../../platform/tone.ts'

void playTone()
  .catch(console.error)
  .finally(() => window.close())
