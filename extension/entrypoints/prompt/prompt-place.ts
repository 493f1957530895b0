/** Puts the prompt into the corner of the screen the first time, and remembers where the person has moved it. */
import { browser } from 'wxt/browser'
import type { Db } from '../../db/db.ts'
import { cornerOf, promptPlaceKey, promptSize } from '../../platform/prompt-window.ts'
import type { Area, WindowPlace } from '../../platform/windows.ts'

const settledMs = 400

/** What a window may cover; `availLeft` and `availTop` are in every browser and in no standard. */
function workArea(): Area {
  const {
    availLeft = 0,
    availTop = 0,
    availWidth,
    availHeight,
  } = screen as Screen & {
    availLeft?: number
    availTop?: number
  }
  return { left: availLeft, top: availTop, width: availWidth, height: availHeight }
}

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
}

export async function keepPlace(db: Db): Promise<void> {
  const { id, type, left, top, width, height } = await browser.windows.getCurrent()
  if (type !== 'popup' || id === undefined) return // somebody has opened it in a tab
  if (!(await db.views.get(promptPlaceKey))) {
    const size = { width: width ?? promptSize.width, height: height ?? promptSize.height }
    const corner = cornerOf(workArea(), size)
    // Not its size: Chrome and the window's manager do not mean the same by it.
    if (corner.left !== left || corner.top !== top)
      await browser.windows.update(id, { left: corner.left, top: corner.top })
  }

  let timer: ReturnType<typeof setTimeout> | undefined
  async function save() {
    const now = await browser.windows.getCurrent()
    if (now.state !== 'normal' || now.left === undefined || now.top === undefined) return
    const place: WindowPlace = { left: now.left, top: now.top, ...promptSize, screen: workArea() }
    await db.views.put({ key: promptPlaceKey, value: place })
  }
  // Moving tells nothing in Firefox, but a window that was moved loses the focus some time.
  const soon = () => {
    clearTimeout(timer)
    timer = setTimeout(() => void save().catch(console.error), settledMs)
  }
  window.addEventListener('blur', soon)
  browser.windows.onBoundsChanged?.addListener((changed) => changed.id === id && soon())
  soon()
}
