import { EllipsisVertical, type IconNode } from 'lucide'
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { IconButton } from './Button.tsx'
import { Icon } from './Icon.tsx'
import './Menu.css'

export interface MenuEntry {
  label: string
  icon?: IconNode | undefined
  /** In place of an icon. */
  mark?: ComponentChildren
  /** One of several, of which exactly one holds. */
  isChecked?: boolean
  /** Holds or does not, whatever the others do. */
  isOn?: boolean
  isDangerous?: boolean
  onSelect(): void
}

function roleOf({ isChecked, isOn }: Pick<MenuEntry, 'isChecked' | 'isOn'>) {
  if (isChecked !== undefined) return 'menuitemradio'
  return isOn === undefined ? 'menuitem' : 'menuitemcheckbox'
}

/** Up and down, with the ends joined; Home and End; or the entry that begins with the letter. */
function nextEntry(entries: HTMLElement[], key: string): HTMLElement | undefined {
  const at = entries.indexOf(document.activeElement as HTMLElement)
  if (key === 'ArrowDown') return entries[(at + 1) % entries.length]
  if (key === 'ArrowUp') return entries[(at - 1 + entries.length) % entries.length]
  if (key === 'Home') return entries[0]
  if (key === 'End') return entries.at(-1)
  if (key.length !== 1 || key === ' ') return undefined
  const startsWithKey = (entry: HTMLElement) =>
    entry.textContent.trim().toLowerCase().startsWith(key.toLowerCase())
  return [...entries.slice(at + 1), ...entries.slice(0, at + 1)].find(startsWithKey)
}

interface MenuEntriesProps {
  label: string
  entries: MenuEntry[]
  /** Menu items of another shape, above the entries. */
  head?: ComponentChildren
}

/** The entries alone: for a menu that is part of something larger. */
export function MenuEntries({ label, entries, head }: MenuEntriesProps) {
  const list = useRef<HTMLDivElement>(null)
  const onKeyDown = (event: KeyboardEvent) => {
    const next = nextEntry([...list.current!.querySelectorAll<HTMLElement>('[role^=menuitem]')], event.key)
    if (!next) return
    event.preventDefault()
    event.stopPropagation()
    next.focus()
  }
  return (
    <div ref={list} role="menu" aria-label={label} tabIndex={-1} class="menu-entries" onKeyDown={onKeyDown}>
      {head}
      {entries.map(({ label: name, icon, mark, isChecked, isOn, isDangerous, onSelect }, position) => (
        <button
          key={name}
          type="button"
          role={roleOf({ isChecked, isOn })}
          class={isDangerous ? 'menu-entry dangerous' : 'menu-entry'}
          tabIndex={(isChecked ?? position === 0) ? 0 : -1}
          aria-checked={isChecked ?? isOn}
          onClick={onSelect}
        >
          <span class="menu-mark">{mark ?? (icon && <Icon of={icon} size={16} />)}</span>
          {name}
        </button>
      ))}
    </div>
  )
}

interface PopoverProps {
  /** What it hangs on; it goes back there when it closes. */
  anchor: HTMLElement
  onClose(): void
  /** A dialog with this name; left out for a menu, which Tab closes. */
  dialogLabel?: string
  /** Which edges are in one line. */
  align?: 'start' | 'end'
  children: ComponentChildren
  class?: string
}

/** A sheet over everything, under its anchor if there is room and above it if not. Closes by Esc and by a click elsewhere. */
export function Popover({
  anchor,
  onClose,
  dialogLabel,
  align = 'end',
  children,
  class: name = '',
}: PopoverProps) {
  const sheet = useRef<HTMLDivElement>(null)
  const [place, setPlace] = useState<{ left: string; top: string } | null>(null)

  useLayoutEffect(() => {
    const element = sheet.current!
    element.showPopover?.() // the top layer: no list that scrolls cuts it off
    const { width, height } = element.getBoundingClientRect()
    setPlace(placeBy(anchor.getBoundingClientRect(), { width, height }, align))
    return () => {
      if (element.contains(document.activeElement)) anchor.focus({ preventScroll: true })
    }
  }, [anchor])

  // Only now: what is hidden takes no focus.
  useLayoutEffect(() => {
    if (!place) return
    const first = sheet.current!.querySelector<HTMLElement>('[role^=menuitem][tabindex="0"]')
    first?.focus({ preventScroll: true })
  }, [place !== null])

  useEffect(() => {
    const onPointerDown = ({ target }: Event) => {
      const isInside = target instanceof Node && (sheet.current?.contains(target) || anchor.contains(target))
      if (!isInside) onClose()
    }
    document.addEventListener('pointerdown', onPointerDown, true)
    window.addEventListener('resize', onClose)
    window.addEventListener('blur', onClose)
    return () => {
      document.removeEventListener('pointerdown', onPointerDown, true)
      window.removeEventListener('resize', onClose)
      window.removeEventListener('blur', onClose)
    }
  }, [anchor, onClose])

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' && !(event.key === 'Tab' && dialogLabel === undefined)) return
    // Escape would close the browser's whole toolbar popup.
    if (event.key === 'Escape') event.preventDefault()
    event.stopPropagation()
    onClose()
  }
  const onFocusOut = ({ relatedTarget }: FocusEvent) => {
    const isOutside = relatedTarget instanceof Node && !sheet.current?.contains(relatedTarget)
    if (isOutside && !anchor.contains(relatedTarget)) onClose()
  }

  return (
    // oxlint-disable-next-line no-static-element-interactions -- Esc and focus of what is in it pass here
    <div
      ref={sheet}
      popover="manual"
      class={`popover ${name}`}
      role={dialogLabel === undefined ? undefined : 'dialog'}
      aria-label={dialogLabel}
      style={place ?? { visibility: 'hidden' }}
      onKeyDown={onKeyDown}
      onFocusOut={onFocusOut}
    >
      {children}
    </div>
  )
}

/** Keeps this far from the edges of the page. */
const margin = 8
/** And this far from its anchor. */
const gap = 4

function placeBy(
  anchor: DOMRect,
  { width, height }: { width: number; height: number },
  align: 'start' | 'end',
) {
  const isRightToLeft = document.documentElement.dir === 'rtl'
  const wanted = (align === 'end') === isRightToLeft ? anchor.left : anchor.right - width
  const left = Math.max(margin, Math.min(wanted, window.innerWidth - width - margin))
  const below = anchor.bottom + gap
  const fitsBelow = below + height <= window.innerHeight - margin
  const top = fitsBelow ? below : Math.max(margin, anchor.top - height - gap)
  return { left: `${Math.round(left)}px`, top: `${Math.round(top)}px` }
}

interface MenuButtonProps {
  label: string
  entries: MenuEntry[]
  /** Opened from elsewhere too, by the menu key. */
  isOpen: boolean
  onToggle(isOpen: boolean): void
  tabIndex?: number
}

export function MenuButton({ label, entries, isOpen, onToggle, tabIndex }: MenuButtonProps) {
  const place = useRef<HTMLSpanElement>(null)
  const close = () => onToggle(false)
  const closing = entries.map((entry) => ({
    ...entry,
    onSelect() {
      close()
      entry.onSelect()
    },
  }))
  return (
    <span ref={place} class="menu-place">
      <IconButton
        icon={EllipsisVertical}
        label={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        tabIndex={tabIndex}
        onClick={() => onToggle(!isOpen)}
      />
      {isOpen && (
        <Popover anchor={place.current!.querySelector('button')!} onClose={close}>
          <MenuEntries label={label} entries={closing} />
        </Popover>
      )}
    </span>
  )
}
