import { Dialog } from './Dialog.tsx'
import { Name } from './Name.tsx'
import { say, sayWith } from './text.ts'

/** What there is to know as long as there is no number to compare: a made-up one would be worse than none. */
export function SafetyNumberDialog({ name, onClose }: { name: string; onClose(): void }) {
  return (
    <Dialog title={say('safetyNumber')} onClose={onClose}>
      <p>{say('safetyNumberNotYet')}</p>
      <p>{sayWith('safetyNumberLater', <Name of={name} />)}</p>
    </Dialog>
  )
}
