import {spawnSync} from 'node:child_process'
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {expect, test} from 'vitest'
// @ts-expect-error scripts have no types
import {leadingComment} from '../../scripts/bench/flags.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const {scripts} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {scripts: Record<string, string>}
/** What is run by hand: a word for each, and its file with the first argument that it may need. */
const byHand: [string, string[]][] = Object.entries(scripts).flatMap(([name, line]) => {
  const file = /^node (scripts\/\S+\.mjs)$/.exec(line)?.[1]
  return file && /^(bench|gallery|fuzz)/.test(name) ? [[name, [file]]] : []
})
const all = [
  ...byHand,
  ...['gemm', 'gemm-steps', 'ort'].map((peer) => [
    `bench:peers ${peer}`,
    [...scripts['bench:peers']!.split(' ').slice(1), peer],
  ]),
] as [string, string[]][]

const run = (words: string[]) => {
  const folder = mkdtempSync(join(tmpdir(), 'ridgepoint-flags-'))
  try {
    const result = spawnSync(process.execPath, words, {
      cwd: root,
      encoding: 'utf8',
      timeout: 20_000,
      env: {...process.env, TMPDIR: folder},
    })
    return {...result, left: readdirSync(folder)}
  } finally {
    rmSync(folder, {recursive: true, force: true})
  }
}

test('there are scripts to look at', () => {
  expect(byHand.length).toBeGreaterThanOrEqual(9)
})

test.each(all)(
  'npm run %s: --help says what it is for, a flag that it has not is one line and exit 2',
  (_, words) => {
    const help = run([...words, '--help'])
    expect(help.status, help.stderr).toBe(0)
    expect(help.stdout).toMatch(/npm run (bench|gallery|fuzz)/)
    expect(help.stdout).not.toMatch(/^\s*(\*|\/\/)/m)
    const wrong = run([...words, '--no-such-flag'])
    expect(wrong.status, wrong.stderr).toBe(2)
    expect(wrong.stdout).toBe('')
    expect(wrong.stderr).toMatch(/^[^\n]*'--no-such-flag'[^\n]*--help[^\n]*\n$/)
    // nothing was begun
    expect(wrong.left).toEqual([])
  },
  60_000,
)

test('a peer that there is not, and an argument too many', () => {
  expect(run(['scripts/bench/peers.mjs', 'gem'])).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/no peer 'gem'; there are gemm/),
  })
  expect(run(['scripts/gallery.mjs', 'all'])).toMatchObject({status: 2, stderr: expect.stringMatching(/'all'/)})
  expect(run(['scripts/bench/gpu.mjs', '--seconds', 'soon'])).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/'soon'/),
  })
  expect(run(['scripts/fuzz.mjs', '--count', 'x'])).toMatchObject({status: 2, stderr: expect.stringMatching(/--count/)})
}, 60_000)

test('the comment that a file begins with, without its marks', () => {
  expect(leadingComment('#!/usr/bin/env node\n/**\n * One.\n *   two\n */\nimport x')).toBe('One.\n  two')
  expect(leadingComment('// One.\n//   two\nimport x\n// three')).toBe('One.\n  two')
})
