/**
 * The keystroke guard. A window that opened by itself may have taken the keyboard from a password field: what
 * is typed into it goes nowhere until the person acts in it, by a click or by Tab. Not after a pause: passwords have
 * pauses. Tab is not led to a field or a button either: user name, Tab, password, Enter is what people type elsewhere.
 *
 * It goes by who opened the window, and not by the focus: an open window that the system brings forward is guarded
 * still if nobody has acted in it yet, and is the person's own if they opened it or have used it.
 */
import { useLayoutEffect, useState } from 'preact/hooks'

/** Everything by which a keyboard, or what stands for one, changes something. */
const strokes = [
  'keydown',
  'keypress',
  'keyup',
  'beforeinput',
  'compositionstart',
  'compositionupdate',
  'compositionend',
  'paste',
  'submit',
] as const

/** Closing the window and the browser's other shortcuts stay what they are; what types or presses a button does not. */
function isShortcut(event: KeyboardEvent): boolean {
  if (event.key === 'Enter' || event.key === ' ' || event.getModifierState?.('AltGraph')) return false
  return event.ctrlKey || event.metaKey || event.altKey || /^F\d+$/.test(event.key)
}

/** One that is held down since before the window came was not pressed in it, and with Alt it is the system's. */
const isTab = ({ type, key, repeat, altKey, ctrlKey, metaKey }: KeyboardEvent): boolean =>
  type === 'keydown' && key === 'Tab' && !repeat && !altKey && !ctrlKey && !metaKey

export function useGuard(isGuardedAtFirst: boolean): boolean {
  const [isGuarded, setGuarded] = useState(isGuardedAtFirst)
  // Before anything is painted: no key may come in between.
  useLayoutEffect(() => {
    if (!isGuarded) return
    const onPointerDown = () => setGuarded(false)
    const onStroke = (event: Event) => {
      const isKey = event.type === 'keydown' || event.type === 'keypress' || event.type === 'keyup'
      const key = isKey ? (event as KeyboardEvent) : null
      if (key && isTab(key)) setGuarded(false)
      event.stopImmediatePropagation()
      if (!key || !isShortcut(key)) event.preventDefault()
    }
    window.addEventListener('pointerdown', onPointerDown, true)
    for (const type of strokes) window.addEventListener(type, onStroke, true)
    return () => {
      window.removeEventListener('pointerdown', onPointerDown, true)
      for (const type of strokes) window.removeEventListener(type, onStroke, true)
    }
  }, [isGuarded])
  return isGuarded
}
