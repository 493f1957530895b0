import { Paperclip } from 'lucide'
import './DropTarget.css'
import { Icon } from './Icon.tsx'
import { Name } from './Name.tsx'
import { sayWith } from './text.ts'

/** Over the whole window while files are held over it. */
export function DropTarget({ name }: { name: string }) {
  return (
    <div class="drop-target">
      <p>
        <Icon of={Paperclip} size={24} />
        <span>{sayWith('attachTo', <Name of={name} />)}</span>
      </p>
    </div>
  )
}
