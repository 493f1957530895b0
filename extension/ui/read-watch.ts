/** Watches eyes and hands as far as a page can, and tells the store what has been read and who is there. */
import { useEffect, useMemo } from 'preact/hooks'
import type { ConversationStore } from '../stores/conversation-store.ts'
import { readJudge } from './read-judge.ts'

export function useReadWatch(store: ConversationStore, isGuarded: boolean) {
  const judge = useMemo(
    () =>
      readJudge({
        now: () => Date.now(),
        after(ms: number, run: () => void) {
          const timer = setTimeout(run, ms)
          return () => clearTimeout(timer)
        },
        hasFocus: () => document.hasFocus(),
        onRead: (ts) => void store.markRead(ts),
      }),
    [store],
  )
  const state = useMemo(() => ({ isAtEnd: true }), [])

  useEffect(() => {
    if (isGuarded) return
    const watch = () => (store.isWatching.value = state.isAtEnd && document.hasFocus())
    const onInput = () => judge.input()
    const look = () => {
      judge.focusChanged()
      watch()
    }
    const onFocus = () => {
      look()
      store.arrive()
    }
    const onBlur = () => {
      look()
      void store.leave()
    }
    const inputs = ['pointerdown', 'pointermove', 'keydown', 'wheel'] as const
    for (const type of inputs) window.addEventListener(type, onInput, { passive: true })
    window.addEventListener('focus', onFocus)
    window.addEventListener('blur', onBlur)
    window.addEventListener('pagehide', onBlur)
    // Whoever opened this window, or has just acted in it, is here.
    onInput()
    watch()
    if (document.hasFocus()) store.arrive()
    return () => {
      for (const type of inputs) window.removeEventListener(type, onInput)
      window.removeEventListener('focus', onFocus)
      window.removeEventListener('blur', onBlur)
      window.removeEventListener('pagehide', onBlur)
      judge.stop()
    }
  }, [judge, isGuarded])

  return {
    sight: judge.sight,
    onEnd(isAtEnd: boolean) {
      state.isAtEnd = isAtEnd
      store.isWatching.value = isAtEnd && !isGuarded && document.hasFocus()
    },
  }
}
