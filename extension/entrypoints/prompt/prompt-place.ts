/** Puts the prompt into the corner of the screen the first time, and remembers where the person has moved it. */
import { browser } from 'wxt/browser'
import type { Db } from '../../db/db.ts'
import { cornerOf, promptPlaceKey, promptSize } from '../../platform/prompt-window.ts'
import { workArea, type WindowPlace } from '../../platform/windows.ts'

const settledMs = 400

/** A stranger's words are read before they are answered: the window may grow for them, upwards and so far. */
const growthMax = 160

export async function growBy(px: number): Promise<void> {
  const { id, type, top, height } = await browser.windows.getCurrent()
  if (type !== 'popup' || id === undefined || top === undefined || height === undefined) return
  const more = Math.min(Math.ceil(px), growthMax)
  const area = workArea()
  const isBelow = top + height + more > area.top + area.height
  await browser.windows.update(id, {
    height: height + more,
    ...(isBelow && { top: Math.max(area.top, top - more) }),
  })
  await settle()
}

/** Where the window stands unless the person moves it: not quite where it was asked to be, because it has a frame. */
let stood: { left: number; top: number } | null = null
/** Less is no move: it would creep over the screen by its frame, each time it opens. */
const movedPx = 12

async function settle(): Promise<void> {
  stood = null
  await new Promise((over) => setTimeout(over, 3 * settledMs))
  const { left, top } = await browser.windows.getCurrent()
  if (left !== undefined && top !== undefined) stood = { left, top }
}

export async function keepPlace(db: Db): Promise<void> {
  const { id, type, width, height } = await browser.windows.getCurrent()
  if (type !== 'popup' || id === undefined) return // somebody has opened it in a tab

  const save = ({ left, top }: { left: number; top: number }) => {
    const place: WindowPlace = { left, top, ...promptSize, screen: workArea() }
    return db.views.put({ key: promptPlaceKey, value: place })
  }
  if (!(await db.views.get(promptPlaceKey))) {
    const size = { width: width ?? promptSize.width, height: height ?? promptSize.height }
    const { left, top } = cornerOf(workArea(), size)
    await browser.windows.update(id, { left, top })
    await save({ left, top })
  }
  await settle()

  let timer: ReturnType<typeof setTimeout> | undefined
  async function look() {
    const { state, left, top } = await browser.windows.getCurrent()
    if (!stood || state !== 'normal' || left === undefined || top === undefined) return
    if (Math.abs(left - stood.left) < movedPx && Math.abs(top - stood.top) < movedPx) return
    stood = { left, top }
    await save(stood)
  }
  // Moving tells nothing in Firefox, but a window that was moved loses the focus some time.
  const soon = () => {
    clearTimeout(timer)
    timer = setTimeout(() => void look().catch(console.error), settledMs)
  }
  window.addEventListener('blur', soon)
  browser.windows.onBoundsChanged?.addListener((changed) => changed.id === id && soon())
}
