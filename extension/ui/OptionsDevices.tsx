import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { DevicesStore, MyDevice } from '../stores/devices-store.ts'
import { Button } from './Button.tsx'
import { Field } from './Field.tsx'
import { FormDialog } from './FormDialog.tsx'
import { dayName, fullTime, shortTime } from './format.ts'
import './OptionsDevices.css'
import { ProveDialog } from './ProveDialog.tsx'
import { say, sayWith, type TextKey } from './text.ts'

/** What it is found by in the search of settings. */
export const devicesTexts: TextKey[] = ['optionsDevices', 'devicesSentence', 'deviceThis', 'deviceRename']

type Asked = { what: 'rename' | 'remove'; device: MyDevice }

/** Every browser that is signed in, which of them nobody has looked at yet, and the way to throw one out. */
export function OptionsDevices({ devices: store }: { devices: DevicesStore }) {
  const [asked, setAsked] = useState<Asked | null>(null)
  const devices = store.devices.value
  const ids = devices.map(({ id }) => id).join()
  const isConnected = store.isConnected.value
  useEffect(() => void store.refresh(), [isConnected, ids])
  const fresh = devices.filter(({ isNew }) => isNew)
  return (
    <>
      <p class="devices-sentence">{say('devicesSentence')}</p>
      {fresh.length > 0 && (
        <section class="devices-new" role="alert">
          {fresh.map(({ id, name }) => (
            <p key={id}>
              <strong>{sayWith('deviceNew', <bdi>{name || say('deviceUnnamed')}</bdi>)}</strong>
            </p>
          ))}
          <p>{say('deviceNewSentence')}</p>
          <Button onClick={() => void store.seen()}>{say('deviceNewKnown')}</Button>
        </section>
      )}
      <ul class="devices">
        {devices.map((device) => (
          <DeviceRow
            key={device.id}
            device={device}
            now={store.now()}
            onAsk={(what) => setAsked({ what, device })}
          />
        ))}
      </ul>
      {!isConnected && <p class="devices-sentence">{say('devicesOffline')}</p>}
      {asked?.what === 'rename' && (
        <RenameDialog store={store} device={asked.device} onClose={() => setAsked(null)} />
      )}
      {asked?.what === 'remove' && (
        <ProveDialog
          store={store}
          title={sayWith('deviceRemoveQuestion', <bdi>{asked.device.name || say('deviceUnnamed')}</bdi>)}
          confirm={say('deviceRemoveDo')}
          kind="danger"
          orCode
          onProve={(secret) => store.remove(asked.device.id, secret)}
          onClose={() => setAsked(null)}
        >
          <p>{say('deviceRemoveSentence')}</p>
        </ProveDialog>
      )}
    </>
  )
}

interface RowProps {
  device: MyDevice
  now: number
  onAsk(what: Asked['what']): void
}

function DeviceRow({ device, now, onAsk }: RowProps) {
  const { added, seen, isConnected, isThis, isNew } = device
  const name = device.name || say('deviceUnnamed')
  return (
    <li class={isNew ? 'device is-new' : 'device'}>
      <div class="device-words">
        <h2>
          <bdi>{name}</bdi>
          {isThis && <span class="device-this">{say('deviceThis')}</span>}
        </h2>
        <p>
          <span title={fullTime(added)}>{say('deviceAdded', dayName(added, now))}</span>
          {isConnected && <span>{say('deviceHere')}</span>}
          {!isConnected && seen !== null && (
            <span title={fullTime(seen)}>{say('deviceSeen', shortTime(seen, now))}</span>
          )}
        </p>
      </div>
      <div class="device-buttons">
        <Button aria-label={say('deviceRenameOf', name)} onClick={() => onAsk('rename')}>
          {say('deviceRename')}
        </Button>
        {!isThis && (
          <Button aria-label={say('deviceRemoveOf', name)} onClick={() => onAsk('remove')}>
            {say('deviceRemove')}
          </Button>
        )}
      </div>
    </li>
  )
}

interface RenameProps {
  store: DevicesStore
  device: MyDevice
  onClose(): void
}

function RenameDialog({ store, device: { id, name }, onClose }: RenameProps) {
  const [typed, setTyped] = useState(name)
  const field = useRef<HTMLInputElement>(null)
  useLayoutEffect(() => field.current?.select(), [])
  return (
    <FormDialog
      title={say('deviceRename')}
      canSave={store.isNameFine(typed)}
      onSave={() => void store.rename(id, typed)}
      onClose={onClose}
    >
      <Field
        label={say('deviceName')}
        dir="auto"
        autoComplete="off"
        inputRef={field}
        value={typed}
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        hint={say('deviceNameHint')}
        error={!store.isNameFine(typed) && say('deviceNameLong')}
      />
    </FormDialog>
  )
}
