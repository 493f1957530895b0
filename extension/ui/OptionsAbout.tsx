import { say, type TextKey } from './text.ts'

const ticks: [name: TextKey, means: TextKey][] = [
  ['tickPending', 'tickPendingMeans'],
  ['tickStored', 'tickStoredMeans'],
  ['tickDelivered', 'tickDeliveredMeans'],
  ['tickRead', 'tickReadMeans'],
]

/** What it is found by in the search of settings. */
export const aboutTexts: TextKey[] = [
  'optionsAbout',
  'aboutVersion',
  'aboutRelayHeading',
  'aboutSealed',
  'aboutTicksHeading',
]

export function OptionsAbout({ version }: { version: string }) {
  return (
    <>
      <p>{say('aboutVersion', version)}</p>
      <h2>{say('aboutRelayHeading')}</h2>
      <p>{say('aboutSealed')}</p>
      <p>{say('aboutRelaySees')}</p>
      <ul class="bullets">
        <li>{say('aboutSeesWho')}</li>
        <li>{say('aboutSeesWhen')}</li>
        <li>{say('aboutSeesPresence')}</li>
        <li>{say('aboutSeesAddress')}</li>
      </ul>
      <p>{say('aboutNeverSees')}</p>
      <h2>{say('aboutTicksHeading')}</h2>
      <dl class="facts">
        {ticks.map(([name, means]) => (
          <div key={name}>
            <dt>{say(name)}</dt>
            <dd>{say(means, say('yourBuddy'))}</dd>
          </div>
        ))}
      </dl>
    </>
  )
}
