import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: 'e2e',
  testMatch: '*.e2e.ts',
  outputDir: '../.output/e2e',
  workers: 2,
  fullyParallel: false, // tests of one file share a relay, and Firefox starts once a worker
  timeout: 60_000,
  globalTimeout: 10 * 60_000, // `npm test` as a whole has 15 minutes
  expect: { timeout: 10_000 },
  reporter: [['list'], ['json', { outputFile: '../.output/playwright.json' }]],
})
