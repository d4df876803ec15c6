import {defineConfig} from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // tests that start the program or a browser share two slow cores with everything else in CI
    testTimeout: 120_000,
    hookTimeout: 180_000,
    // vitest leaves one processor to itself, and of two that is half of all; no test depends on how long anything takes
    maxWorkers: '100%',
    // what is expected of texts is in UTF-8, whatever the machine speaks
    env: {NO_COLOR: '1', LC_ALL: 'C.UTF-8'},
    reporters: process.env.CI ? ['default', ['json', {outputFile: 'coverage/tests.json'}]] : ['default'],
    coverage: {
      provider: 'v8',
      reporter: ['text', 'text-summary'],
      include: ['src/**/*.ts', 'reports/**/*.ts'],
      // runs in the browser test's page, where this coverage cannot look; types have nothing to cover
      exclude: ['tests/**', 'reports/runtime/**', '**/*.d.ts', '**/types.ts'],
      thresholds: {statements: 90, branches: 80, functions: 90, lines: 90},
    },
  },
})
