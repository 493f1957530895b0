import type { IconNode } from 'lucide'
import type { ButtonHTMLAttributes } from 'preact'
import './Button.css'
import { Icon } from './Icon.tsx'

interface Props extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'icon' | 'class'> {
  /** `primary`: what one most likely wants, once a screen. `danger`: cannot be taken back. `link`: in a line of text. */
  kind?: 'primary' | 'secondary' | 'danger' | 'link'
  icon?: IconNode
}

export function Button({ kind = 'secondary', icon, children, type = 'button', ...rest }: Props) {
  return (
    <button {...rest} type={type} class={`button ${kind}`}>
      {icon && <Icon of={icon} size={16} />}
      {children}
    </button>
  )
}

interface IconButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'icon' | 'label' | 'class'> {
  icon: IconNode
  /** Its name for everybody who does not see the picture, and for who wonders what it means: `title` may say more. */
  label: string
  kind?: 'quiet' | 'primary'
  mirrors?: boolean
  size?: number
}

export function IconButton({
  icon,
  label,
  kind = 'quiet',
  mirrors,
  size,
  title = label,
  type = 'button',
  ...rest
}: IconButtonProps) {
  return (
    <button {...rest} type={type} class={`icon-button ${kind}`} aria-label={label} title={title}>
      <Icon of={icon} mirrors={mirrors} size={size} />
    </button>
  )
}
