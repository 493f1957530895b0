import { useId, useState } from 'preact/hooks'
import type { UserId } from '#shared/ids'
import { filesKept } from '../stores/storage.ts'
import { Button } from './Button.tsx'
import { Dialog } from './Dialog.tsx'
import { fileSize } from './format.ts'
import { Name } from './Name.tsx'
import { Select } from './Select.tsx'
import { switchOf, type SettingEntry, type SettingProps } from './Setting.tsx'
import { say, sayWith } from './text.ts'

const megabyte = 1024 * 1024

/** What is kept of files, and what comes by itself. */
export const storageSettings: SettingEntry[] = [
  {
    id: 'picturesCome',
    title: 'settingPicturesCome',
    hint: 'settingPicturesComeHint',
    isSmall: true,
    Control: switchOf(
      ({ settings }) => settings.value.picturesCome,
      (store, picturesCome) => store.change('picturesCome', { picturesCome }),
    ),
  },
  {
    id: 'filesKept',
    title: 'settingFilesKept',
    hint: 'settingFilesKeptHint',
    isSmall: true,
    Control: ({ store, title, hint }) => (
      <Select
        labelledBy={title}
        describedBy={hint}
        value={store.settings.value.filesKeptMb}
        choices={filesKept.map((value) => ({ value, label: roomOf(value) }))}
        onChoose={(filesKeptMb) => void store.change('filesKept', { filesKeptMb })}
      />
    ),
  },
  { id: 'kept', title: 'settingKept', hint: 'settingKeptHint', also: ['freeSpace'], Control: FilesHere },
]

/** Round as it is chosen: 2,000 of them are two of the next. */
const roomOf = (mb: number) => fileSize((mb >= 1000 ? (mb / 1000) * 1024 : mb) * megabyte)

function FilesHere({ store, title }: SettingProps) {
  const kept = store.storage.kept.value
  const [asked, setAsked] = useState<UserId | 'all' | null>(null)
  if (!kept) return null
  if (kept.bytes === 0) return <p class="setting-note">{say('storageNone')}</p>
  const nameOf = (peer: UserId) => store.settings.value.buddies[peer]?.nickname ?? peer
  return (
    <>
      <div class="setting-row">
        <p>{say('storageAll', fileSize(kept.bytes))}</p>
        <Button onClick={() => setAsked('all')}>{say('freeSpaceAll')}</Button>
      </div>
      <ul class="setting-list" aria-labelledby={title}>
        {kept.of.map(({ peer, bytes }) => (
          <KeptItem key={peer} name={nameOf(peer)} bytes={bytes} onFree={() => setAsked(peer)} />
        ))}
      </ul>
      {asked && (
        <Dialog
          title={
            asked === 'all' ? say('freeSpaceTitle') : sayWith('freeSpaceOf', <Name of={nameOf(asked)} />)
          }
          confirm={say('freeSpace')}
          onConfirm={() => {
            void store.freeFiles(asked === 'all' ? undefined : asked)
            setAsked(null)
          }}
          onClose={() => setAsked(null)}
        >
          <p>{say('freeSpaceText')}</p>
        </Dialog>
      )}
    </>
  )
}

function KeptItem({ name, bytes, onFree }: { name: string; bytes: number; onFree(): void }) {
  const who = useId()
  return (
    <li>
      <span id={who}>
        <Name of={name} />
      </span>
      <span class="setting-amount">{fileSize(bytes)}</span>
      <Button aria-describedby={who} onClick={onFree}>
        {say('freeSpace')}
      </Button>
    </li>
  )
}
