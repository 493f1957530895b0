import { TriangleAlert, X } from 'lucide'
import { IconButton } from './Button.tsx'
import { Icon } from './Icon.tsx'
import './Notice.css'
import { say } from './text.ts'

/** Something that was asked for did not work. It stays until it is closed or something else is asked for. */
export function Notice({ text, onClose }: { text: string; onClose?: () => void }) {
  return (
    <div class="notice" role="alert">
      <Icon of={TriangleAlert} size={16} />
      <p>{text}</p>
      {onClose && <IconButton icon={X} label={say('close')} size={16} onClick={onClose} />}
    </div>
  )
}
