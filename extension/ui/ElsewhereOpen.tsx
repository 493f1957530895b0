import { Button } from './Button.tsx'
import './ElsewhereOpen.css'
import { Name } from './Name.tsx'
import { say, sayWith } from './text.ts'

interface Props {
  peer: string
  onShow(): void
}

/** One window for each conversation: this one came second. */
export function ElsewhereOpen({ peer, onShow }: Props) {
  return (
    <main class="elsewhere-open">
      <p>{sayWith('elsewhereOpen', <Name of={peer} />)}</p>
      <Button kind="primary" onClick={onShow}>
        {say('showThatWindow')}
      </Button>
    </main>
  )
}

/** The address names nobody, or nobody is signed in here. */
export function NothingToShow({ text, onOpenOptions }: { text: string; onOpenOptions(): void }) {
  return (
    <main class="elsewhere-open">
      <p>{text}</p>
      <Button kind="primary" onClick={onOpenOptions}>
        {say('openParley')}
      </Button>
    </main>
  )
}
