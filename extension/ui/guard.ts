/**
 * The keystroke guard. A window that opened by itself may have taken the keyboard from a password field: what
 * is typed into it goes nowhere until the person acts in it, by a click or by Tab. Not after a pause: passwords have
 * pauses. Tab is not led to the composer either: user name, Tab, password, Enter is what people type elsewhere.
 */
import { useEffect, useState } from 'preact/hooks'

export function useGuard(isGuardedAtFirst: boolean): boolean {
  const [isGuarded, setGuarded] = useState(isGuardedAtFirst)
  useEffect(() => {
    if (!isGuarded) return
    const onPointerDown = () => setGuarded(false)
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key === 'Tab') setGuarded(false)
      // Closing the window and the browser's other shortcuts stay what they are.
      if (event.key === 'Tab' || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      event.stopPropagation()
    }
    window.addEventListener('pointerdown', onPointerDown, true)
    window.addEventListener('keydown', onKeyDown, true)
    return () => {
      window.removeEventListener('pointerdown', onPointerDown, true)
      window.removeEventListener('keydown', onKeyDown, true)
    }
  }, [isGuarded])
  return isGuarded
}
