/** Remembers where the conversation's window is, so that it opens there again. */
import { browser } from 'wxt/browser'
import type { UserId } from '#shared/ids'
import type { Db } from '../../db/db.ts'
import { placeKey, workArea, type Area, type WindowPlace } from '../../platform/windows.ts'

const settledMs = 400
/** It does not stand where it was asked to, because it has a frame: less is no move, or it would creep. */
const movedPx = 12

export function rememberPlace(db: Db, peer: UserId): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let stood: Area | null = null

  async function placeNow(): Promise<Area | null> {
    const { type, state, left, top, width, height } = await browser.windows.getCurrent()
    // A conversation in a tab has no place of its own, and one that fills the screen is no place to come back to.
    if (type !== 'popup' || state !== 'normal') return null
    if (left === undefined || top === undefined || width === undefined || height === undefined) return null
    return { left, top, width, height }
  }

  async function save() {
    const now = await placeNow()
    if (!now || !stood || !isMoved(stood, now)) return
    stood = now
    await db.views.put({ key: placeKey(peer), value: { ...now, screen: workArea() } satisfies WindowPlace })
  }

  // Moving tells nothing in Firefox, but a window that was moved loses the focus some time.
  const soon = () => {
    clearTimeout(timer)
    timer = setTimeout(() => void save().catch(console.error), settledMs)
  }
  setTimeout(() => void placeNow().then((place) => (stood = place), console.error), 3 * settledMs)
  window.addEventListener('resize', soon)
  window.addEventListener('blur', soon)
  browser.windows.onBoundsChanged?.addListener(soon)
}

const isMoved = (a: Area, b: Area): boolean =>
  (['left', 'top', 'width', 'height'] as const).some((side) => Math.abs(a[side] - b[side]) >= movedPx)
