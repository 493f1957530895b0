/** Files that are dropped on the window, or pasted into it. */
import { useEffect, useState } from 'preact/hooks'

interface Listener {
  /** Nothing is taken: but nothing may lead the window away either. */
  isOff: boolean
  onFiles(files: readonly File[]): void
  onFolder(name: string): void
}

/** Where nobody can be written to. */
export const nothingIsTaken: Listener = { isOff: true, onFiles() {}, onFolder() {} }

const hasFiles = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes('Files') ?? false

/** True while files are held over the window. */
export function useDropping({ isOff, onFiles, onFolder }: Listener): boolean {
  const [isOver, setOver] = useState(false)
  useEffect(() => {
    /** Entering a child comes before leaving its parent. */
    let depth = 0
    const set = (next: number) => {
      depth = Math.max(0, next)
      setOver(depth > 0 && !isOff)
    }
    const onEnter = (event: DragEvent) => {
      if (hasFiles(event)) set(depth + 1)
    }
    const onLeave = (event: DragEvent) => {
      if (hasFiles(event)) set(depth - 1)
    }
    const onOver = (event: DragEvent) => {
      if (!hasFiles(event)) return
      event.preventDefault()
      event.dataTransfer!.dropEffect = isOff ? 'none' : 'copy'
    }
    const onDrop = (event: DragEvent) => {
      set(0)
      if (!hasFiles(event)) return
      event.preventDefault() // or the window shows the file instead of the conversation
      if (!isOff) take(event.dataTransfer!)
    }
    function take(data: DataTransfer) {
      const files: File[] = []
      for (const item of data.items) {
        if (item.kind !== 'file') continue
        const entry = item.webkitGetAsEntry?.()
        const file = item.getAsFile()
        if (entry?.isDirectory) onFolder(entry.name)
        else if (file) files.push(file)
      }
      if (files.length > 0) onFiles(files)
    }
    const onPaste = (event: ClipboardEvent) => {
      const data = event.clipboardData
      // Cells of a table come as a picture too: what has a text is a text (F5).
      if (isOff || !data || data.files.length === 0 || data.types.includes('text/plain')) return
      event.preventDefault()
      onFiles([...data.files])
    }
    window.addEventListener('dragenter', onEnter)
    window.addEventListener('dragleave', onLeave)
    window.addEventListener('dragover', onOver)
    window.addEventListener('drop', onDrop)
    document.addEventListener('paste', onPaste)
    return () => {
      window.removeEventListener('dragenter', onEnter)
      window.removeEventListener('dragleave', onLeave)
      window.removeEventListener('dragover', onOver)
      window.removeEventListener('drop', onDrop)
      document.removeEventListener('paste', onPaste)
    }
  }, [isOff, onFiles, onFolder])
  return isOver
}
