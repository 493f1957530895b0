import { assert, oneof, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { riskOf, safeName } from '../../../extension/stores/file-names.ts'

test.each([
  ['notes.txt', 'notes.txt'],
  ['Résumé (final) – v2.pdf', 'Résumé (final) – v2.pdf'],
  ['תמונה.jpg', 'תמונה.jpg'],
  ['صورة من البيت.png', 'صورة من البيت.png'],
  ['写真.webp', '写真.webp'],
  ['archive.tar.gz', 'archive.tar.gz'],
  ['no ending', 'no ending'],
  ['👩‍👩‍👧 family.jpg', '👩‍👩‍👧 family.jpg'],
])('[R-40] %j stays as it is', (name, safe) => {
  expect(safeName(name)).toBe(safe)
})

test.each([
  // Folders.
  ['../../etc/passwd', '_.._etc_passwd'],
  ['..\\..\\windows\\system32\\a.dll', '_.._windows_system32_a.dll'],
  ['/etc/passwd', '_etc_passwd'],
  ['C:\\autoexec.bat', 'C_autoexec.bat'],
  ['a/b.txt', 'a_b.txt'],
  // What turns a name round: it would read "photo_exe.jpg".
  ['photo_\u202Egpj.exe', 'photo__gpj.exe'],
  ['\u2067a\u2069.txt', '_a_.txt'],
  ['\u200Fa\u200E.txt', '_a_.txt'],
  ['a\uFEFFb\u200Bc.txt', 'a b_c.txt'],
  // Control characters and lines.
  ['a\0.txt', 'a_.txt'],
  ['a\nb\r\n\tc.txt', 'a b c.txt'],
  ['a\u2028b.txt', 'a b.txt'],
  ['a\u001B[31m.txt', 'a_[31m.txt'],
  // What Windows keeps for itself.
  ['con', 'con_'],
  ['NUL.txt', 'NUL_.txt'],
  ['com1.log', 'com1_.log'],
  ['a<b>c:"d|e?f*.txt', 'a_b_c_d_e_f_.txt'],
  // Dots and spaces.
  ['invoice.pdf. . .', 'invoice.pdf'],
  ['  spaced  .txt', 'spaced .txt'],
  ['photo.jpg                                                    .exe', 'photo.jpg .exe'],
  ['.bashrc', '_bashrc'],
  ['...hidden', '_hidden'],
  // Nothing.
  ['', 'file'],
  ['   ', 'file'],
  ['.', 'file'],
  ['..', 'file'],
  ['/', 'file'],
  ['\u202E', 'file'],
  ['\uD800', 'file'],
])('[R-40] %j becomes %j', (name, safe) => {
  expect(safeName(name)).toBe(safe)
})

test('[R-40] a name that is too long keeps its ending, and one with an endless ending has none', () => {
  expect(safeName(`${'x'.repeat(500)}.pdf`)).toMatch(/^x{100,116}\.pdf$/)
  expect(new TextEncoder().encode(safeName(`${'写'.repeat(190)}.pdf`)).length).toBeLessThanOrEqual(240)
  expect(safeName(`${'写'.repeat(190)}.pdf`)).toMatch(/\.pdf$/)
  expect(safeName(`a.${'x'.repeat(500)}`)).toMatch(/^a_x{50,118}$/)
})

test('[R-40] whatever a name is, what becomes of it can be saved, and stays what it is', () => {
  assert(
    property(oneof(string({ unit: 'binary' }), string({ unit: 'binary-ascii' })), (name) => {
      const safe = safeName(name)

      expect(safe).not.toMatch(/[/\\:*?"<>|\p{Cc}\u202A-\u202E\u2066-\u2069\u200E\u200F]/u)
      expect(safe).toMatch(/^[^.\s]/)
      expect(safe).toMatch(/[^.\s]$/)
      expect(safe.length).toBeLessThanOrEqual(121)
      expect(safeName(safe)).toBe(safe)
    }),
    { numRuns: 200 },
  )
})

test.each(
  'setup.exe SETUP.EXE a.msi a.bat run.js a.vbs a.scr a.dmg page.html p.htm x.svg a.lnk a.ps1 a.jar b.pdf.exe report.docm a.desktop a.command'.split(
    ' ',
  ),
)('[R-40] %s asks twice: it can be run', (name) => {
  expect(riskOf(name)).toBe('program')
})

test('[R-40] an ending behind another one, and one that was pushed out of sight, ask twice', () => {
  expect(riskOf('invoice.pdf.xyz')).toBe('double-ending')
  expect(riskOf('photo.jpg                            .exe')).toBe('program')
  expect(riskOf('photo_\u202Egpj.exe')).toBe('program')
  expect(riskOf('a.exe. . ')).toBe('program')
  expect(riskOf('a.e\u200Bxe')).toBeNull() // it is saved as a.e_xe, which nothing runs
})

test.each(
  'a.pdf b.txt photo.jpg archive.tar.gz notes.pdf.zip data.bin v1.2.txt letter.docx song.mp3 nothing'.split(
    ' ',
  ),
)('%s asks nothing', (name) => {
  expect(riskOf(name)).toBeNull()
})
