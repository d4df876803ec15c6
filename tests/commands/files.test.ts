/** Model files on the command line: every format, folders, pipes, named sizes, what is wrong. */
import {execFileSync, spawn} from 'node:child_process'
import {copyFileSync, mkdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {harmless} from '../../src/commands/shared/output.ts'
import {safetensors, tinyLlama} from '../analysis/importers/support/gguf.ts'
import {model, node, tensor, value} from '../analysis/importers/support/onnx.ts'
import {root, run, sandbox} from './support.ts'

const box = sandbox()
const resnet = join(root, 'tests', 'fixtures', 'onnx', 'light_resnet50.onnx')
const named = () =>
  model({
    nodes: [node('MatMul', 'x w', 'y'), node('Frob', 'y', 'z', {}, 'acme')],
    inputs: [value('x', ['batch', 'seq', 4])],
    initializers: [tensor('w', [4, 5])],
  })

const json = async (...argv: string[]) => {
  const {code, stdout, stderr} = await run('analyze', ...argv, '--machine', 'h100-sxm', '--json')
  return {code, stderr, ...JSON.parse(stdout)}
}

describe('perf analyze FILE', () => {
  it('reads ONNX, GGUF and safetensors under any name', async () => {
    copyFileSync(resnet, box.path('unknown'))
    expect((await json(box.path('unknown'))).result.totals.macs).toBe(4_089_184_256)
    writeFileSync(box.path('unknown'), tinyLlama())
    expect((await json(box.path('unknown'), '--phase', 'decode')).result.model.name).toBe('Tiny Llama')
    writeFileSync(box.path('unknown'), safetensors({w: {dtype: 'F16', shape: [4], bytes: 8}}))
    expect((await json(box.path('unknown'))).result.totals).toMatchObject({complete: false, memory: {weights: 8}})
  })

  it('takes --batch and --dim into the graph', async () => {
    expect((await json(resnet, '--batch', '4')).result.totals.macs).toBe(4 * 4_089_184_256)
    writeFileSync(box.path('named.onnx'), named())
    const {result} = await json(box.path('named.onnx'), '--dim', 'seq=7', '--dim', 'batch=2')
    expect(result.totals.macs).toBe(2 * 7 * 20)
    expect(result.workload.batch).toBe(2)
  })

  it('says what its totals lack, and takes a cost for it', async () => {
    writeFileSync(box.path('named.onnx'), named())
    const lacking = await json(box.path('named.onnx'), '--dim', 'seq=7')
    expect(lacking.result).toMatchObject({unknown: [{op: 'acme.Frob', count: 1}], totals: {complete: false}})
    expect(lacking.warnings).toContainEqual(
      expect.objectContaining({code: 'incomplete', message: expect.stringMatching(/acme\.Frob × 1/)}),
    )
    writeFileSync(box.path('costs.json'), '{"acme.Frob": {"flops": 3}}')
    const whole = await json(box.path('named.onnx'), '--dim', 'seq=7', '--op-cost', box.path('costs.json'))
    expect(whole.result).toMatchObject({unknown: [], totals: {complete: true}})
    expect(whole.result.totals.flops).toBe(lacking.result.totals.flops + 3 * 35)
  })

  it('finds the model of a folder', async () => {
    mkdirSync(box.path('one'))
    copyFileSync(resnet, box.path('one', 'model.onnx'))
    expect((await json(box.path('one'))).result.model.id).toBe('one')
    copyFileSync(resnet, box.path('one', 'other.onnx'))
    expect((await json(box.path('one'))).error.message).toMatch(/has 2 model files and no config\.json/)
  })

  it.skipIf(process.platform === 'win32')('reads a pipe, as <(…) of a shell makes one', async () => {
    execFileSync('mkfifo', [box.path('pipe')])
    const answer = json(box.path('pipe'))
    spawn('sh', ['-c', 'cat "$1" > "$2"', 'sh', resnet, box.path('pipe')], {stdio: 'ignore'})
    expect((await answer).result.totals.macs).toBe(4_089_184_256)
  })

  it.each<[string, () => Uint8Array, string[], number, RegExp]>([
    [
      'a cut file',
      () => tinyLlama().subarray(0, 900),
      [],
      3,
      /the file has|would fill the file|are left|ends at byte|cannot hold/,
    ],
    ['no format', () => Uint8Array.from({length: 64}, (_, i) => (i * 37) % 7), [], 3, /of no known format/],
    ['a named size that is missing', named, [], 2, /"seq" of input "x" has no size/],
    ['a named size that is none', named, ['--dim', 'seq=many'], 2, /--dim "seq=many" is not NAME=N/],
    ['a name that the file lacks', named, ['--dim', 'sec=4'], 2, /no dimension named "sec"/],
    ['a sequence', () => tinyLlama(), ['--batch', '0'], 2, /--batch 0/],
  ])('refuses %s', async (_, file, flags, exit, message) => {
    writeFileSync(box.path('model'), file())
    const {code, error} = await json(box.path('model'), ...flags)
    expect(code).toBe(exit)
    expect(error.message).toMatch(message)
    expect(error.suggestions.length).toBeGreaterThan(0)
  })

  it.skipIf(process.platform === 'win32')('refuses a device', async () => {
    const {code, error} = await json('/dev/zero')
    expect([code, error.code]).toEqual([3, 'bad-file'])
  })
})

describe('names that a terminal would obey', () => {
  const esc = String.fromCharCode(27)
  const evil = `${esc}[2J${esc}]0;title\u0007\r\nx\u202eevil\u009b31m`
  const obeyed = /[^\P{Cc}\n\r]|\r(?!\n)|[\u202a-\u202e]/u
  // an operator by its name, one that is not known, a dimension
  const hostile = () =>
    model({
      nodes: [node('MatMul', 'x w', 'y', {}, '', evil), node(evil, 'y', 'z')],
      inputs: [value('x', [evil, 4])],
      initializers: [tensor('w', [4, 4])],
    })

  it('are shown as one line without anything to obey, in every format', async () => {
    writeFileSync(box.path('evil.onnx'), hostile())
    for (const format of [[], ['--markdown'], ['--csv'], ['--json'], ['--top', '1'], ['--group', 'layer']]) {
      const {code, stdout, stderr} = await run('analyze', box.path('evil.onnx'), '--machine', 'h100-sxm', ...format)
      expect(code).toBe(0)
      expect(`${stdout}${stderr}`).toContain('evil')
      expect(obeyed.exec(`${stdout}${stderr}`)).toBeNull()
    }
    writeFileSync(box.path('evil.json'), JSON.stringify({model_type: evil}))
    const {code, stderr} = await run('analyze', box.path('evil.json'))
    expect(code).toBe(3)
    expect(obeyed.exec(stderr)).toBeNull()
  })

  it('leave the colours of a painted report', () => {
    const painted = `${esc}[31mred${esc}[39m ${esc}[2Kline\n`
    expect(harmless(painted, true)).toBe(`${esc}[31mred${esc}[39m \ufffd[2Kline\n`)
    expect(harmless(painted)).toBe('\ufffdred\ufffd \ufffd[2Kline\n')
    expect(harmless('a,b\r\nc\td')).toBe('a,b\r\nc\td')
  })
})
