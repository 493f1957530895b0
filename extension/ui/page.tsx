/** What all pages have in common: styles, language, the place where they are drawn, time. */
import { signal, type ReadonlySignal } from '@preact/signals'
import { render, type ComponentChildren } from 'preact'
import './tokens.css'
import './base.css'
import { localize } from './text.ts'

/** `popup`: the toolbar's own, which takes its size from what is in it. */
export function drawPage(children: ComponentChildren, surface: 'popup' | 'window'): void {
  localize(document)
  document.documentElement.classList.add(`surface-${surface}`)
  render(children, document.getElementById('page')!)
}

/** What the browser thinks of the network. */
export function onlineSignal(): ReadonlySignal<boolean> {
  const isOnline = signal(navigator.onLine)
  const look = () => (isOnline.value = navigator.onLine)
  window.addEventListener('online', look)
  window.addEventListener('offline', look)
  return isOnline
}

/** Time for words such as "idle for 12 min": it goes on every half minute. */
export function slowTime(): ReadonlySignal<number> {
  const time = signal(Date.now())
  setInterval(() => (time.value = Date.now()), 30_000)
  return time
}
