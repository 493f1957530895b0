/** The files of an open conversation: what the log asks for, and the windows over it. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { Millis } from '#shared/ids'
import type { ConversationStore } from '../stores/conversation-store.ts'
import type { Attaching } from './Attachments.tsx'
import { useDropping } from './dropping.ts'
import type { FileActions } from './file-actions.ts'
import { isolated } from './file-words.ts'
import { ImageViewer, type ViewedPicture } from './ImageViewer.tsx'
import { Notice } from './Notice.tsx'
import { useSaving } from './saving.tsx'
import { SharedHere } from './SharedHere.tsx'
import { say } from './text.ts'

export function useChatFiles(store: ConversationStore, now: Millis, reveal: (key: string) => void) {
  const { files } = store
  const [viewed, setViewed] = useState<{ pictures: readonly ViewedPicture[]; first: string } | null>(null)
  const [isSharedOpen, setSharedOpen] = useState(false)
  const saving = useSaving(files, store.name.value)

  const actions = useMemo(
    (): FileActions => ({
      transfers: files.transfers,
      save: (file) => saving.save(file),
      fetch: (key) => void files.fetch(key),
      pause: (key) => void files.pause(key),
      cancel(key) {
        saving.forget(key)
        void files.cancel(key)
      },
      decline: (key) => void files.decline(key),
      open: files.open,
      view: (first) => setViewed({ pictures: picturesOf(store), first }),
    }),
    // oxlint-disable-next-line exhaustive-deps -- `saving` is new with every drawing, and does the same
    [store],
  )

  // What is not in the database yet goes with this window.
  const isLeaving = files.leaving.value.length > 0
  useEffect(() => {
    if (!isLeaving) return
    const onLeave = (event: BeforeUnloadEvent) => event.preventDefault()
    window.addEventListener('beforeunload', onLeave)
    return () => window.removeEventListener('beforeunload', onLeave)
  }, [isLeaving])

  return {
    actions,
    openShared: () => setSharedOpen(true),
    notice: saving.failed && (
      <Notice
        text={`${isolated(saving.failed.name)}: ${say('failureCannotOpen')}`}
        onClose={saving.clearFailed}
      />
    ),
    over: (
      <>
        {isSharedOpen && (
          <SharedHere
            load={store.shared}
            now={now}
            actions={actions}
            onShow={(key) => {
              setSharedOpen(false)
              reveal(key)
            }}
            onView={(pictures, first) => setViewed({ pictures: pictures.toReversed(), first })}
            onClose={() => setSharedOpen(false)}
          />
        )}
        {viewed && <ImageViewer {...viewed} actions={actions} onClose={() => setViewed(null)} />}
        {saving.dialog}
      </>
    ),
  }
}

const picturesOf = ({ items }: ConversationStore): ViewedPicture[] =>
  items
    .peek()
    .flatMap((item) =>
      item.type === 'message' && item.file?.picture ? [{ file: item.file, caption: item.text ?? '' }] : [],
    )

/** What the composer shows and takes, and whether files are held over the window just now. */
export function useAttaching(
  store: ConversationStore,
  isOff: boolean,
): { attaching: Attaching | undefined; isOver: boolean } {
  const { files } = store
  const bytesMax = files.bytesMax.value
  const take = useMemo(
    () => ({
      onFiles(chosen: readonly File[]) {
        void files.add(chosen)
        document.querySelector<HTMLElement>('.composer textarea')?.focus()
      },
      onFolder: files.refuseFolder,
    }),
    [files],
  )
  const isOver = useDropping({ isOff: isOff || bytesMax === 0, ...take })
  return {
    isOver,
    attaching:
      bytesMax === 0
        ? undefined
        : {
            bytesMax,
            chips: files.chips.value,
            isLooking: files.isLooking.value,
            refused: files.refused.value,
            onAdd: take.onFiles,
            onRemove: files.remove,
            onOriginal: files.setOriginal,
            onForgetRefused: files.forgetRefused,
          },
  }
}
