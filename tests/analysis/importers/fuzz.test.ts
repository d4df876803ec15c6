/** A small share of `npm run fuzz -- --count 100000`: the command itself, its worker with limits of memory and time. */
import {spawnSync} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {expect, it} from 'vitest'

const script = fileURLToPath(new URL('../../../scripts/fuzz.mjs', import.meta.url))
const fuzz = (...args: string[]) => spawnSync(process.execPath, [script, ...args], {encoding: 'utf8', timeout: 110_000})

it.each([
  'onnx',
  'gguf',
  'safetensors',
  'safetensors-index',
  'hf-config',
])('2,000 mutated files of %s: no crash, no hang, no leak', (format) => {
  const {status, stdout, stderr} = fuzz('--format', format, '--count', '2000', '--seed', '1000000')
  expect({status, stdout, stderr}).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(
      /: 2000 mutated files in .* [1-9]\d* read, [1-9]\d* refused in one line, 0 crashes, 0 hangs/,
    ),
  })
}, 120_000)

it('refuses a format that it does not know', () => {
  expect(fuzz('--format', 'zip').status).toBe(2)
})
