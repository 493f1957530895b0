import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'

// Everything CI runs. One part's failure does not hide the others': all of them run, the counts are
// added up, and the last line says how it went.

type Counts = { passed: number; failed: number; skipped: number }
type Part = {
  name: string
  command: string
  /** Longer than this is a failure: something hangs. */
  minutesMax: number
  /** Where the tool writes its results, and how to count them. A part without is one check. */
  report?: { file: string; count: (json: string) => Counts }
}

const root = resolve(import.meta.dirname, '..')
const output = join(root, '.output')

const parts: Part[] = [
  { name: 'types', command: 'npm run -s types', minutesMax: 2 },
  { name: 'format', command: 'npm run -s format -- --check', minutesMax: 1 },
  { name: 'lint', command: 'npm run -s lint', minutesMax: 1 },
  { name: 'build for Chrome', command: 'wxt build -b chrome', minutesMax: 2 },
  { name: 'build for Firefox', command: 'wxt build -b firefox', minutesMax: 2 },
  {
    name: 'unit, contract, simulator',
    command:
      'vitest run --config test/vitest.config.ts --reporter=default --reporter=json --outputFile.json=.output/vitest.json',
    minutesMax: 10,
    report: { file: join(output, 'vitest.json'), count: countVitest },
  },
  {
    name: 'end to end',
    command: 'playwright test --config test/playwright.config.ts',
    minutesMax: 14,
    report: { file: join(output, 'playwright.json'), count: countPlaywright },
  },
]

/** What vitest's JSON reporter writes, as far as it is counted here. */
type VitestReport = {
  testResults: { status: string; assertionResults: { status: string }[] }[]
}

/** A file that does not load has no tests in the report: it counts as one failure. */
function countVitest(json: string): Counts {
  const { testResults } = JSON.parse(json) as VitestReport
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const { status, assertionResults } of testResults) {
    const failures = assertionResults.filter((test) => test.status === 'failed').length
    const passes = assertionResults.filter((test) => test.status === 'passed').length
    counts.passed += passes
    counts.failed += status === 'failed' ? Math.max(failures, 1) : failures
    counts.skipped += assertionResults.length - passes - failures
  }
  return counts
}

/** What Playwright's JSON reporter writes, as far as it is counted here. */
type PlaywrightReport = {
  stats: { expected: number; unexpected: number; flaky: number; skipped: number }
}

function countPlaywright(json: string): Counts {
  const { stats } = JSON.parse(json) as PlaywrightReport
  return { passed: stats.expected + stats.flaky, failed: stats.unexpected, skipped: stats.skipped }
}

/** Runs one part in a process group of its own, so that a part that hangs ends with all its children. */
async function exitCodeOf({ command, minutesMax }: Part): Promise<number> {
  const [file, ...args] = command.split(' ')
  const path = `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`
  const windows = process.platform === 'win32' // the tools are scripts there, and there are no groups
  const child = spawn(file!, args, {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: !windows,
    shell: windows,
  })
  const end = (signal: NodeJS.Signals) => {
    if (windows || !child.pid) child.kill(signal)
    else process.kill(-child.pid, signal)
  }
  const interrupt = () => {
    end('SIGTERM')
    process.exit(130)
  }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  const limit = setTimeout(() => {
    console.error(`Ended after ${minutesMax} minutes.`)
    end('SIGKILL')
  }, minutesMax * 60_000)

  const code = await new Promise<number>((done) => {
    child.on('exit', (status) => done(status ?? 1))
    child.on('error', (error) => {
      console.error(error.message)
      done(1)
    })
  })
  clearTimeout(limit)
  process.off('SIGINT', interrupt)
  process.off('SIGTERM', interrupt)
  return code
}

async function countsOf(part: Part): Promise<Counts> {
  const { report } = part
  if (report) rmSync(report.file, { force: true }) // yesterday's results must not be counted
  const ok = (await exitCodeOf(part)) === 0
  const counts =
    report && existsSync(report.file)
      ? report.count(readFileSync(report.file, 'utf8'))
      : { passed: ok && !report ? 1 : 0, failed: 0, skipped: 0 }
  // A tool that fails without a failed test (an error outside of tests, no tests found) is a failure too.
  if (!ok && counts.failed === 0) counts.failed = 1
  return counts
}

const summary = ({ passed, failed, skipped }: Counts) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`

mkdirSync(output, { recursive: true })
const total = { passed: 0, failed: 0, skipped: 0 }
const rows: string[] = []
for (const part of parts) {
  console.log(`\n=== ${part.name}`)
  const startedAt = performance.now()
  const counts = await countsOf(part)
  total.passed += counts.passed
  total.failed += counts.failed
  total.skipped += counts.skipped
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  rows.push(`${part.name.padEnd(28)}${`${seconds} s`.padStart(6)}   ${summary(counts)}`)
}

console.log(`\n${rows.join('\n')}\n\n${summary(total)}`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
