/** Remembers where the conversation's window is, so that it opens there again. */
import { browser } from 'wxt/browser'
import type { UserId } from '#shared/ids'
import type { Db } from '../../db/db.ts'
import { placeKey, type WindowPlace } from '../../platform/windows.ts'

const settledMs = 400

export function rememberPlace(db: Db, peer: UserId): void {
  let timer: ReturnType<typeof setTimeout> | undefined

  async function save() {
    const { type, state, left, top, width, height } = await browser.windows.getCurrent()
    // A conversation in a tab has no place of its own, and one that fills the screen is no place to come back to.
    if (type !== 'popup' || state !== 'normal') return
    if (left === undefined || top === undefined || width === undefined || height === undefined) return
    const {
      availLeft = 0,
      availTop = 0,
      availWidth,
      availHeight,
    } = screen as Screen & {
      availLeft?: number
      availTop?: number
    }
    const place: WindowPlace = {
      left,
      top,
      width,
      height,
      screen: { left: availLeft, top: availTop, width: availWidth, height: availHeight },
    }
    await db.views.put({ key: placeKey(peer), value: place })
  }

  // Moving tells nothing in Firefox, but a window that was moved loses the focus some time.
  const soon = () => {
    clearTimeout(timer)
    timer = setTimeout(() => void save().catch(console.error), settledMs)
  }
  window.addEventListener('resize', soon)
  window.addEventListener('blur', soon)
  browser.windows.onBoundsChanged?.addListener(soon)
}
