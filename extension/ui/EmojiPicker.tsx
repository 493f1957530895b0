import { Apple, Cat, Clock, Flag, Hand, Lightbulb, Plane, Shapes, Smile, Trophy, type IconNode } from 'lucide'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { groupNames, loadEmoji, searched, type Emoji, type EmojiList, type GroupName } from './emoji.ts'
import './EmojiPicker.css'
import { Icon } from './Icon.tsx'
import { Popover } from './Menu.tsx'
import { say, type TextKey } from './text.ts'

/** In a row; the style has as many columns. */
const columns = 8
const foundMax = 64

type Tab = GroupName | 'recent'
const tabs: Record<Tab, { icon: IconNode; label: TextKey }> = {
  recent: { icon: Clock, label: 'emojiRecent' },
  'smileys-emotion': { icon: Smile, label: 'emojiSmileys' },
  'people-body': { icon: Hand, label: 'emojiPeople' },
  'animals-nature': { icon: Cat, label: 'emojiNature' },
  'food-drink': { icon: Apple, label: 'emojiFood' },
  'travel-places': { icon: Plane, label: 'emojiTravel' },
  activities: { icon: Trophy, label: 'emojiActivities' },
  objects: { icon: Lightbulb, label: 'emojiObjects' },
  symbols: { icon: Shapes, label: 'emojiSymbols' },
  flags: { icon: Flag, label: 'emojiFlags' },
}

interface Props {
  anchor: HTMLElement
  /** Used lately, the last one first. */
  recent: readonly string[]
  onPick(emoji: string): void
  onClose(): void
}

/** All emoji: searched, or by subject. One subject at a time, so that it opens at once. */
export function EmojiPicker({ anchor, recent, onPick, onClose }: Props) {
  const [list, setList] = useState<EmojiList | null>(null)
  const [typed, setTyped] = useState('')
  const [tab, setTab] = useState<Tab>(recent.length > 0 ? 'recent' : 'smileys-emotion')
  const search = useRef<HTMLInputElement>(null)
  const grid = useRef<HTMLFieldSetElement>(null)

  useEffect(() => {
    let isOpen = true
    loadEmoji().then((loaded) => isOpen && setList(loaded), console.error)
    search.current?.focus({ preventScroll: true })
    return () => void (isOpen = false)
  }, [])

  const shown = useMemo((): Emoji[] => {
    if (!list) return []
    if (typed.trim() !== '') return searched(list, typed, foundMax)
    return tab === 'recent' ? recent.flatMap((emoji) => list.byEmoji.get(emoji) ?? []) : list.groups[tab]
  }, [list, typed, tab, recent])

  const focusFirst = () => grid.current?.querySelector('button')?.focus()

  return (
    <Popover anchor={anchor} dialogLabel={say('emoji')} class="emoji-picker" onClose={onClose}>
      <input
        ref={search}
        type="text"
        class="emoji-search"
        aria-label={say('emojiSearch')}
        placeholder={say('emojiSearch')}
        autoComplete="off"
        value={typed}
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.isComposing || (event.key !== 'Enter' && event.key !== 'ArrowDown')) return
          event.preventDefault()
          if (event.key === 'ArrowDown') focusFirst()
          else if (shown[0] && typed.trim() !== '') onPick(shown[0].emoji)
        }}
      />
      {typed.trim() === '' && <Tabs current={tab} hasRecent={recent.length > 0} onChange={setTab} />}
      <Grid
        key={`${tab} ${typed}`}
        root={grid}
        emoji={shown}
        label={typed.trim() === '' ? say(tabs[tab].label) : say('emojiFound')}
        onPick={onPick}
        onLeave={() => search.current?.focus()}
      />
      <output class={list && shown.length === 0 ? 'emoji-none' : 'visually-hidden'}>
        {list && shown.length === 0 && say('emojiNone')}
      </output>
    </Popover>
  )
}

interface TabsProps {
  current: Tab
  hasRecent: boolean
  onChange(tab: Tab): void
}

function Tabs({ current, hasRecent, onChange }: TabsProps) {
  const names: Tab[] = hasRecent ? ['recent', ...groupNames] : [...groupNames]
  const onKeyDown = (event: KeyboardEvent) => {
    const isForward = event.key === (document.documentElement.dir === 'rtl' ? 'ArrowLeft' : 'ArrowRight')
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
    event.preventDefault()
    const next = names[(names.indexOf(current) + (isForward ? 1 : -1) + names.length) % names.length]!
    onChange(next)
    const list = event.currentTarget as HTMLElement
    list.querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus()
  }
  return (
    <div
      role="tablist"
      aria-label={say('emojiSubjects')}
      class="emoji-tabs"
      tabIndex={-1}
      onKeyDown={onKeyDown}
    >
      {names.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          class="emoji-tab"
          data-tab={name}
          aria-selected={name === current}
          aria-label={say(tabs[name].label)}
          title={say(tabs[name].label)}
          tabIndex={name === current ? 0 : -1}
          onClick={() => onChange(name)}
        >
          <Icon of={tabs[name].icon} size={16} />
        </button>
      ))}
    </div>
  )
}

interface GridProps {
  root: { current: HTMLFieldSetElement | null }
  emoji: readonly Emoji[]
  label: string
  onPick(emoji: string): void
  /** Up from the first row. */
  onLeave(): void
}

function Grid({ root, emoji, label, onPick, onLeave }: GridProps) {
  const [current, setCurrent] = useState(0)
  const onKeyDown = (event: KeyboardEvent) => {
    const isRightToLeft = document.documentElement.dir === 'rtl'
    const step = {
      ArrowRight: isRightToLeft ? -1 : 1,
      ArrowLeft: isRightToLeft ? 1 : -1,
      ArrowDown: columns,
      ArrowUp: -columns,
      Home: -current,
      End: emoji.length - 1 - current,
    }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const next = current + step
    if (event.key === 'ArrowUp' && next < 0) onLeave()
    else root.current?.querySelectorAll('button')[Math.max(0, Math.min(next, emoji.length - 1))]?.focus()
  }
  return (
    // oxlint-disable-next-line no-noninteractive-element-interactions -- its buttons have the focus, their keys pass here
    <fieldset ref={root} aria-label={label} class="emoji-grid" onKeyDown={onKeyDown}>
      {emoji.map((one, position) => (
        <button
          key={one.emoji}
          type="button"
          class="emoji-choice"
          aria-label={one.label}
          title={one.names[0] ? `:${one.names[0]}:` : one.label}
          tabIndex={position === current ? 0 : -1}
          onFocus={() => setCurrent(position)}
          onClick={() => onPick(one.emoji)}
        >
          {one.emoji}
        </button>
      ))}
    </fieldset>
  )
}
