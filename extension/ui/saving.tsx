/** Files on their way to the disk. What could run there, or wants to be taken for something else, is asked about first. */
import { useSignalEffect, type ReadonlySignal } from '@preact/signals'
import { useRef, useState } from 'preact/hooks'
import {
  transferOf,
  type ConversationFiles,
  type FileItem,
  type Transfer,
} from '../stores/conversation-files.ts'
import { riskOf, type Risk } from '../stores/file-names.ts'
import { Dialog } from './Dialog.tsx'
import { Name } from './Name.tsx'
import { say, sayWith, type TextKey } from './text.ts'

type Files = Pick<ConversationFiles, 'fetch' | 'open'> & {
  transfers: ReadonlySignal<ReadonlyMap<string, Transfer>>
}

interface Question {
  file: FileItem
  risk: Risk | 'disguise'
  onSave(): void
}

const riskWords: Record<Question['risk'], TextKey> = {
  program: 'saveRiskProgram',
  'double-ending': 'saveRiskDouble',
  disguise: 'saveRiskDisguise',
}

/** What saves a file, fetching it first where it is not here, and the question that it may ask. */
export function useSaving(files: Files, peerName: string) {
  const [question, setQuestion] = useState<Question | null>(null)
  const [failed, setFailed] = useState<FileItem | null>(null)
  /** Those that are saved as soon as they are here: if this page is still open then. */
  const waiting = useRef(new Map<string, { file: FileItem; isSure: boolean }>())

  async function toDisk(file: FileItem, isSure: boolean): Promise<void> {
    const { blob, kind } = await files.open(file.key)
    if (kind.type === 'program' && !isSure) {
      setQuestion({ file, risk: 'disguise', onSave: () => download(blob, file.name) })
    } else download(blob, file.name)
  }
  const save = (file: FileItem, isSure: boolean) => {
    setFailed(null)
    if (transferOf(files.transfers.peek(), file.key).isHere) {
      void toDisk(file, isSure).catch((error: unknown) => {
        console.error(error)
        setFailed(file)
      })
      return
    }
    waiting.current.set(file.key, { file, isSure })
    void files.fetch(file.key)
  }

  useSignalEffect(() => {
    const transfers = files.transfers.value
    for (const [key, { file, isSure }] of waiting.current) {
      const { state, isHere } = transferOf(transfers, key)
      if (isHere || state === 'declined' || state === 'gone') waiting.current.delete(key)
      if (isHere) save(file, isSure)
    }
  })

  return {
    save(file: FileItem) {
      const risk = riskOf(file.name)
      if (risk && file.direction === 'in') setQuestion({ file, risk, onSave: () => save(file, true) })
      else save(file, false)
    },
    /** A fetch that was cancelled is not saved when it is fetched for another reason. */
    forget: (key: string) => void waiting.current.delete(key),
    failed,
    clearFailed: () => setFailed(null),
    dialog: question && (
      <Dialog
        title={sayWith('saveRiskTitle', <Name of={question.file.name} />)}
        confirm={say('saveAnyway')}
        onConfirm={() => {
          question.onSave()
          setQuestion(null)
        }}
        onClose={() => setQuestion(null)}
      >
        <p>{sayWith(riskWords[question.risk], <Name of={peerName} />)}</p>
      </Dialog>
    ),
  }
}

/** So long a browser may take until it has begun to read what it was given. */
const readWithinMs = 60_000

/** Under a name that is safe, and of a type that nothing opens by itself. */
function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob.slice(0, blob.size, 'application/octet-stream'))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), readWithinMs)
}
