import { Archive, History as Clock, X } from 'lucide'
import type { ArchiveProblem, History } from '../stores/history.ts'
import { IconButton } from './Button.tsx'
import './HistoryLine.css'
import { Icon } from './Icon.tsx'
import { say, type TextKey } from './text.ts'

export const archiveProblemWords: Record<ArchiveProblem, TextKey> = {
  full: 'historyFull',
  unsupported: 'historyUnsupported',
  unreadable: 'historyUnreadable',
}

/** That what was said before is on its way to this device; with `tellsProblems` also what is wrong with its archive. */
export function HistoryLine({ history, tellsProblems }: { history: History; tellsProblems?: boolean }) {
  const line = history.line.value
  if (!line || (line.type !== 'coming' && !tellsProblems)) return null
  if (line.type !== 'coming') {
    return (
      <div class="history-line problem">
        <Icon of={Archive} size={14} />
        <output>{say(archiveProblemWords[line.type])}</output>
        <IconButton icon={X} label={say('close')} size={14} onClick={() => void history.close()} />
      </div>
    )
  }
  const words = say(line.isWaiting ? 'historyWaiting' : 'historyComing')
  return (
    <div class="history-line">
      <Icon of={Clock} size={14} />
      <output>{words}</output>
      <progress aria-label={words} value={line.part ?? undefined} />
    </div>
  )
}
