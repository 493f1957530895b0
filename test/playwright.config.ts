import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: 'e2e',
  testMatch: '*.e2e.ts',
  outputDir: '../.output/e2e',
  workers: 3, // on two cores: much of the time is spent on waiting
  fullyParallel: false, // tests of one file share a relay, and Firefox starts once a worker
  timeout: 60_000,
  retries: process.env.CI ? 1 : 0, // what passes the second time only is listed as flaky, to be looked into
  globalTimeout: 13 * 60_000, // something hangs: on a quiet machine it is half of that
  use: { actionTimeout: 30_000 }, // or what hangs ends with its test, and nothing tells where
  expect: { timeout: 10_000 },
  reporter: [['list'], ['json', { outputFile: '../.output/playwright.json' }]],
})
