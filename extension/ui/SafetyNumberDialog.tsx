import { ShieldCheck } from 'lucide'
import { useEffect, useId } from 'preact/hooks'
import type { Safety } from '../stores/safety.ts'
import { Button } from './Button.tsx'
import './Dialog.css'
import { Icon } from './Icon.tsx'
import { useModal } from './modal.ts'
import { Name } from './Name.tsx'
import { Notice } from './Notice.tsx'
import { problemWords } from './problem-words.ts'
import { Qr } from './Qr.tsx'
import './SafetyNumberDialog.css'
import { say, sayWith } from './text.ts'

interface Props {
  safety: Safety
  name: string
  onClose(): void
}

/** What two people compare, by whatever way they trust, to know that nobody is in between. */
export function SafetyNumberDialog({ safety, name, onClose }: Props) {
  const modal = useModal(onClose)
  const heading = useId()
  useEffect(() => void safety.load(), [])
  const number = safety.number.value
  const problem = safety.problem.value
  const isVerified = safety.isVerified.value && !number?.isOther

  return (
    // oxlint-disable-next-line no-noninteractive-element-interactions -- Esc of what is in it passes here
    <dialog {...modal} class="dialog safety" aria-labelledby={heading}>
      <h2 id={heading}>{say('safetyNumber')}</h2>
      <div class="dialog-body">
        {problem && <Notice text={problemWords(problem)} />}
        <p>{sayWith(number?.isOther ? 'safetyHowOther' : 'safetyHow', <Name of={name} />)}</p>
        {number && (
          <>
            <Qr text={number.qr} label={say('safetyQr')} />
            <ol class="safety-digits" dir="ltr" aria-label={say('safetyNumber')}>
              {number.digits.map((group, place) => (
                <li key={place}>{group}</li>
              ))}
            </ol>
            <p>{say('safetyWords')}</p>
            <p class="safety-words" dir="ltr" lang="en">
              {number.words.join(' ')}
            </p>
          </>
        )}
        {!number && !problem && <p>{say('safetyWorking')}</p>}
        <output class="safety-mark">
          {isVerified && (
            <>
              <Icon of={ShieldCheck} size={16} />
              {say('safetyVerified')}
            </>
          )}
        </output>
      </div>
      <div class="dialog-buttons">
        <Button autoFocus onClick={onClose}>
          {say('close')}
        </Button>
        {number?.isOther && (
          <Button
            kind="primary"
            onClick={() => {
              void safety.trust()
              onClose()
            }}
          >
            {say('trustAccount')}
          </Button>
        )}
        {number && !number.isOther && isVerified && (
          <Button onClick={() => void safety.verify(false)}>{say('safetyNotAnyMore')}</Button>
        )}
        {number && !number.isOther && !isVerified && (
          <Button kind="primary" onClick={() => void safety.verify(true)}>
            {say('safetyMark')}
          </Button>
        )}
      </div>
    </dialog>
  )
}
