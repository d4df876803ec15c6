import {existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync} from 'node:fs'
import {describe, expect, it, vi} from 'vitest'
import {documentOf, expectNoInternals, run, sandbox} from './support.ts'

const {path} = sandbox()
const h100 = ['--machine', 'h100-sxm']

/** Arguments (files by name, made below), exit code, error code, and what the message must name. */
const cases: [args: string[], exit: number, code: string, names: RegExp][] = [
  [['analyze', 'gpt2', '--batch', '0'], 2, 'bad-flag', /--batch 0 .*1 to/],
  [['analyze', 'gpt2', '--batch', '-1'], 2, 'bad-flag', /--batch -1/],
  [['analyze', 'gpt2', '--batch=-1'], 2, 'bad-flag', /--batch -1/],
  [['analyze', 'gpt2', '--batch', '1.5'], 2, 'bad-flag', /--batch 1\.5/],
  [['analyze', 'gpt2', '--batch', '1e30'], 2, 'bad-flag', /--batch 1e\+?30/],
  [['analyze', 'gpt2', '--batch', 'NaN'], 2, 'bad-flag', /--batch "NaN"/],
  [['analyze', 'gpt2', '--batch', '0x10'], 2, 'bad-flag', /--batch "0x10"/],
  [['analyze', 'gpt2', '--batch', ''], 2, 'bad-flag', /--batch ""/],
  [['analyze', 'gpt2', '--batch', 'four'], 2, 'bad-flag', /(^|: )--batch "four" is not a number$/m],
  [['analyze', 'gpt2', '--batch', '1152921504606846976'], 2, 'bad-flag', /(^|: )--batch about 1\.15e\+18 is not/],
  [['check', 'new.json'], 2, 'bad-flag', /(^|: )--baseline is missing$/m],
  [['report', '/dev/zero'], 3, 'bad-file', /(^|: )\/dev\/zero has more than \d+ bytes/],
  [['place', '--points', '/dev/zero'], 3, 'bad-file', /\/dev\/zero has more than/],
  [['analyze', 'gpt2', '--batch'], 2, 'bad-flag', /--batch/],
  [['analyze', 'gpt2', '--seq', '0'], 2, 'bad-flag', /--seq 0/],
  [['analyze', 'gpt2', '--context', '-5'], 2, 'bad-flag', /--context -5/],
  [['analyze', 'gpt2', '--top', '0'], 2, 'bad-flag', /--top 0/],
  [['analyze', 'gpt2', '--group', 'colour'], 2, 'bad-flag', /--group=colour.*layer, kind/],
  [['analyze', 'gpt2', '--fusion', 'some'], 2, 'bad-flag', /--fusion=some.*attention/],
  [['analyze', 'gpt2', '--dtype', 'f17'], 2, 'bad-flag', /--dtype=f17.*bf16/],
  [['analyze', 'gpt2', '--phase', 'learn'], 2, 'bad-phase', /does not apply to gpt2/],
  [['analyze', 'bert-base', '--phase', 'decode'], 2, 'bad-phase', /decode.*does not generate/],
  [['analyze', 'gpt2', '--batch', '1000000000', '--seq', '1000000000', ...h100], 2, 'bad-dimension', /2\^53/],
  [['analyze', 'gpt2', '--layers', '3'], 2, 'bad-flag', /--layers.*gpt2.*fixed/],
  [['analyze', 'transformer', '--heads', '7'], 2, 'bad-dimension', /--heads 7.*--hidden 768/],
  [['analyze', 'transformer', '--kv-heads', '5'], 2, 'bad-dimension', /--kv-heads 5.*--heads 12/],
  [['analyze', 'transformer', '--encoder', '--decoder'], 2, 'bad-flag', /encoder/],
  [['analyze', 'gpt2', '--tp', '5', ...h100], 2, 'bad-dimension', /--tp 5.*heads/],
  [['analyze', 'gpt2', '--launch-overhead', '5 apples', ...h100], 2, 'bad-quantity', /5 apples/],
  [['analyze', 'gpt2', '--power', '10kg', ...h100], 2, 'bad-quantity', /--power "10kg" is not a quantity in W/],
  // what only a file has is not passed over where the model is none
  [['analyze', 'gpt2', '--dim', 'batch=3', ...h100], 2, 'bad-flag', /--dim batch=3 does not apply to gpt2/],
  [
    ['analyze', '@gpt2.json', '--dim', 'batch=3', ...h100],
    2,
    'bad-flag',
    /--dim batch=3 does not apply to .*gpt2\.json/,
  ],
  [['analyze', 'acme/gpt2', '--dim', 'batch=3', ...h100], 2, 'bad-flag', /--dim batch=3 does not apply to acme\/gpt2/],
  [['sweep', 'gpt2', '--op-cost', '@costs.json', ...h100], 2, 'bad-flag', /--op-cost does not apply to gpt2/],
  [['analyze', 'gpt2', '--launch-overhead=-5us', ...h100], 2, 'bad-flag', /negative/],
  [['check'], 2, 'bad-flag', /--baseline is missing/],
  [['place', '--flops', '1e9'], 2, 'bad-flag', /--bytes and --seconds are missing$/m],
  [['place', '--flops', '1e9', '--bytes', '1'], 2, 'bad-flag', /: --seconds is missing$/m],
  [['bench', 'zzzzzzzzz'], 3, 'unknown-kernel', /kernel "zzzzzzzzz" is not known; there are gemm, /],
  [['compare', '--fused', 'zzzzzzzzz'], 3, 'unknown-kernel', /pair "zzzzzzzzz" is not known; there are /],
  // all beside a name is all
  [['compare', '--fused', 'swiglu,all', '--dims', '8'], 2, 'bad-dimension', /dequantize-int8.gemv has 2 dimensions/],
  [['measure', '--sustain', 'x'], 2, 'bad-flag', /--sustain "x" is not a number/],
  [['measure', '--sustain', '86401'], 2, 'bad-flag', /--sustain 86401.* to 86,400/],
  [['analyze', 'gpt2', '--price', '0', ...h100], 2, 'bad-flag', /--price 0/],
  [['analyze', 'gpt2', '--csv', '--markdown'], 2, 'bad-flag', /csv|markdown/],
  [['analyze', 'gpt2', '--bacth', '3'], 2, 'bad-flag', /--bacth/],
  [['analyze'], 2, 'bad-flag', /MODEL is missing/],
  [['analyze', 'gpt2', 'gpt3'], 2, 'bad-flag', /gpt3/],
  [['analyze', 'gpt3'], 3, 'unknown-model', /"gpt3"/],
  [['analyze', ''], 3, 'unknown-model', /""/],
  [['analyze', 'meta/llama'], 3, 'unreachable', /meta\/llama.*cannot be reached/],
  [['analyze', 'model.onnx'], 3, 'unreachable', /model\.onnx cannot be read/],
  [['analyze', 'model.gguf'], 3, 'unreachable', /model\.gguf/],
  [['analyze', './nowhere.json'], 3, 'unreachable', /nowhere\.json.*no such file/],
  [['analyze', '@folder'], 3, 'unreachable', /folder has no config\.json/],
  [['analyze', '@not-json.json', ...h100], 3, 'bad-json', /not-json\.json/],
  [['analyze', '@lacks.json', ...h100], 3, 'bad-config', /n_head|heads/],
  [['analyze', '@indivisible.json', ...h100], 3, 'bad-config', /12.*770|770.*12/],
  [['analyze', 'gpt2', '--machine', 'h100'], 3, 'unknown-machine', /"h100"/],
  [['analyze', 'gpt2', '--machine', 'h100-sxm,'], 2, 'bad-flag', /empty/],
  // only analyze ranks: the others would answer for the first, and not say so
  [['sweep', 'gpt2', '--machine', 'h100-sxm,l4'], 2, 'bad-flag', /names 2 machines, and this takes one/],
  [['machine', 'show', 'h100-sxm,l4'], 2, 'bad-flag', /names 2 machines/],
  [
    ['place', '--flops', '1', '--bytes', '1', '--seconds', '1', '--machine', 'h100-sxm,l4'],
    2,
    'bad-flag',
    /names 2 machines/,
  ],
  [['analyze', 'gpt2', '--machine', './none.json'], 3, 'unreachable', /none\.json/],
  [['analyze', 'gpt2', '--machine', '@sparse.json'], 3, 'sparse-peak', /sparse/i],
  [['analyze', 'gpt2', '--machine', '@unitless.json'], 3, 'bad-machine', /ceilings\[0\].*unit/],
  [['analyze', 'gpt2', '--machine', 'local-gpu'], 4, 'no-profile', /local-gpu/],
  [
    ['analyze', 'gpt2', ...h100, '--report', '@missing/r.html'],
    3,
    'cannot-write',
    /missing\/r\.html cannot be written: there is no folder/,
  ],
  [['analyze', 'gpt2', ...h100, '--report', '-'], 2, 'bad-flag', /--report - would mix/],
  [['analyze', 'gpt2', ...h100, '--output', `${'n'.repeat(300)}.json`], 3, 'cannot-write', /the name is too long/],
  [['analyze', 'gpt2', ...h100, '--output', '@folder'], 3, 'cannot-write', /directory/],
  [['sweep', 'gpt2', '--batch', '1:8:x1', ...h100], 2, 'bad-range', /factor/],
  [['sweep', 'gpt2', '--batch', '8:1', ...h100], 2, 'bad-range', /above its end/],
  [['sweep', 'gpt2', '--max-ttft', '0', ...h100], 2, 'bad-flag', /max-ttft/],
  [['explain', 'rooflien'], 3, 'unknown-concept', /rooflien/],
  [['explain', 'gemm+bias+gelu'], 3, 'unknown-concept', /kernel of perf bench.* linear, add, gelu/],
  [['measure', 'webgpu', '--sustain', '3'], 2, 'bad-flag', /--sustain is of processors/],
  [['bench', 'gemm', '--dims', '9007199254740993x1x1'], 2, 'bad-flag', /at most 15 digits/],
  [['bench', 'gemm', '--csv', '--markdown'], 2, 'bad-flag', /--csv and --markdown exclude each other/],
  [['explain', 'linear', '--dim', 'm'], 2, 'bad-flag', /"m"/],
  [['op', 'show', 'lineer'], 3, 'unknown-operator', /lineer/],
  [['op'], 2, 'unknown-command', /op needs one of list, show/],
  [['op', 'shwo'], 2, 'unknown-command', /"shwo"/],
  [['analyse', 'gpt2'], 2, 'unknown-command', /"analyse"/],
  [['machine', 'add', '@unitless.json'], 3, 'bad-machine', /unit/],
  [['machine', 'add', '@taken.json'], 3, 'bad-machine', /h100-sxm.*taken/],
  [['compare', '@not-json.json', '@not-json.json'], 3, 'bad-json', /not-json/],
  [['compare', '@empty.json', '@empty.json'], 3, 'bad-document', /empty\.json/],
  [['compare', '@empty.json'], 2, 'bad-flag', /two documents/],
  [['check', '--baseline', '@empty.json'], 3, 'bad-document', /empty\.json/],
  [['check'], 2, 'bad-flag', /baseline/],
  [['place', '--flops', '1', ...h100], 2, 'bad-flag', /--bytes/],
  [['place', '--flops', '1', '--bytes', '1', '--seconds', '0', ...h100], 2, 'bad-flag', /--seconds "0" is not/],
  [['place', '--points', '@points.csv', '--join', '@empty.json'], 3, 'bad-document', /empty\.json/],
  [['place', '--points', '@points.csv', '--join', '@unitless.json'], 3, 'bad-document', /unitless\.json/],
  [['place', '--points', '@points.csv', '--report', '@folder', ...h100], 3, 'cannot-write', /directory/],
  [['place', '--points', '@points.csv', ...h100], 3, 'bad-points', /line 2/],
  [['report', '@empty.json'], 3, 'bad-document', /empty\.json: there is no "schema": no command of this tool wrote it/],
  [['report', '@gpt2.json'], 3, 'bad-document', /gpt2\.json: there is no "schema"/],
  [['measure', 'webgpu', '--adapter', 'no-such-gpu'], 4, 'no-adapter', /WebGPU/],
  [['measure', 'gpu'], 2, 'bad-flag', /gpu/],
  [['bench', '--backend', 'webgpu', '--adapter', 'no-such-gpu'], 4, 'no-adapter', /WebGPU/],
  [['bench', 'gemm', '--dims', '1x-1x2'], 2, 'bad-flag', /--dims/],
]

function makeFiles(): void {
  mkdirSync(path('folder'))
  const gpt2 = {model_type: 'gpt2', n_embd: 768, n_layer: 12, n_head: 12, n_positions: 1024, vocab_size: 50257}
  const ceiling = {id: 'matrix', kind: 'compute', operation: 'fma', dtype: 'bf16', engine: 'matrix', value: '1 PFLOP/s'}
  const dram = {id: 'dram', kind: 'bandwidth', mix: 'read', level: 'DRAM', value: '3 TB/s'}
  const machine = {id: 'mine', name: 'Mine', source: 'its data sheet', date: '2026-01-01'}
  const {n_head: _, ...lacks} = gpt2
  const files = {
    'not-json.json': '{oops',
    'empty.json': '{}',
    'gpt2.json': JSON.stringify(gpt2),
    'costs.json': '{"acme.Frob": {"flops": 3}}',
    'lacks.json': JSON.stringify(lacks),
    'indivisible.json': JSON.stringify({...gpt2, n_embd: 770}),
    'sparse.json': JSON.stringify({...machine, ceilings: [{...ceiling, id: 'matrix-sparse'}, dram]}),
    'unitless.json': JSON.stringify({...machine, ceilings: [{...ceiling, value: 5}, dram]}),
    'taken.json': JSON.stringify({...machine, id: 'h100-sxm', ceilings: [ceiling, dram]}),
    'points.csv': 'name,flops,bytes,seconds\na,1,1,-1\n',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(path(name), text)
}

describe.each(cases)('perf %j', (args, exit, code, names) => {
  const argv = () => {
    makeFiles()
    return args.map((arg) => (arg.startsWith('@') ? path(arg.slice(1)) : arg))
  }

  it(`exits ${exit} with one readable message, and the same in JSON`, async () => {
    const words = argv()
    const text = await run(...words)
    expect(text.stderr).toMatch(names)
    expect(text.code).toBe(exit)
    expect(text.stdout).toBe('')
    expectNoInternals(text.stderr)

    const json = await run(...words, '--json')
    expect(json.code).toBe(exit)
    const document = documentOf(json)
    expect(document.ok).toBe(false)
    expect(document.error.code).toBe(code)
    expect(document.error.message).toMatch(names)
    expect(document.error.message).not.toMatch(/\n|^Parsing|error occurred/)
    expect(document.error.suggestions.length).toBeGreaterThan(0)
    expectNoInternals(json.stdout)
  })
})

describe('nearest names', () => {
  it.each([
    [['analyze', 'lama-3-8b'], 'llama-3-8b'],
    [['analyze', 'gpt2', '--machine', 'h100'], 'h100-sxm'],
    [['op', 'show', 'atention'], 'attention'],
    [['analyse', 'gpt2'], 'perf analyze'],
    [['modle', 'list'], 'perf model'],
    [['model', 'lst'], 'perf model list'],
    [['analyze', 'gpt2', '--bacth', '3'], '--batch'],
    [['explain', 'rigde'], 'ridge'],
  ])('%j suggests %s', async (args, near) => {
    const {stderr} = await run(...args)
    expect(stderr).toContain(`did you mean ${near}`)
  })
})

it('a value from the environment that is no number: whose it is, on one line', async () => {
  vi.stubEnv('RIDGEPOINT_BATCH', 'four')
  const {error} = JSON.parse((await run('analyze', 'gpt2', ...h100, '--json')).stdout)
  expect(error.message).toMatch(/^--batch "four" is not a number \(set by environment RIDGEPOINT_BATCH.*\)$/)
})

it('a value that a setting brought: which one, in the message', async () => {
  vi.stubEnv('RIDGEPOINT_MACHINE', 'h100-sxm,zzz')
  const {stderr, code} = await run('analyze', 'gpt2')
  expect(code).toBe(3)
  expect(stderr).toMatch(/^Error: "zzz" .*\(machine is set by environment RIDGEPOINT_MACHINE\)\n/)
  // what the command line says is its own
  expect((await run('analyze', 'gpt2', '--machine', 'yyy')).stderr).not.toContain('RIDGEPOINT_MACHINE')
  expect((await run('analyze', 'gpt3')).stderr).not.toContain('RIDGEPOINT_MACHINE')
})

it.each([
  [['bench', 'gem'], 'unknown-kernel'],
  [['bench', 'add', '--dims', '0'], 'bad-dimension'],
  [['bench', 'add', '--dtype', 'fp8'], 'bad-flag'],
  [['compare', '--fused', 'atention'], 'unknown-kernel'],
])('%j is refused before the machine is measured for it', async (argv, code) => {
  const {stdout} = await run(...argv, '--json')
  expect(JSON.parse(stdout).error.code).toBe(code)
  expect(existsSync(path('cache'))).toBe(false)
})

it('a kernel and a pair that are not known come with those that are near', async () => {
  for (const [argv, near] of [
    [['bench', 'gem'], 'did you mean gemm, gemm-nt, gemm-tn?'],
    [['compare', '--fused', 'atention'], 'did you mean attention, attention-gqa?'],
  ] as const) {
    const {stdout} = await run(...argv, '--json')
    expect(JSON.parse(stdout).error.suggestions).toContain(near)
  }
})

it.each([
  [['analyze'], 'for example `perf analyze transformer --batch 32 --report report.html`'],
  [['explain'], 'for example `perf explain linear --dim m=1 --dim n=4096 --dim k=4096`'],
  [['check'], 'for example `perf check --baseline before.json after.json`'],
  [['compare', '--fused'], 'for example `perf compare --fused all`'],
  [['measure', '--sustain'], 'for example `perf measure --sustain 60`'],
  [['doctor', '--fused'], undefined],
] as const)('%j comes with a line that works, where something was left out', async (argv, example) => {
  const {error} = JSON.parse((await run(...argv, '--json')).stdout)
  expect(error.suggestions).toEqual([...(example ? [example] : []), `\`perf ${argv[0]} --help\` shows what is allowed`])
})

it('a share that is no number: an example that is one', async () => {
  const {error} = JSON.parse((await run('check', '--baseline', 'b.json', '--max-regression', 'x', '--json')).stdout)
  expect(error.suggestions).toEqual(['give a share, for example --max-regression 10%'])
})

it.each([
  [['help', 'nope'], '"nope" is not a command'],
  [['nope', '--help'], '"nope" is not a command'],
  [['machine', 'nope', '--help'], 'perf machine has no command "nope"'],
  [['help', 'analyse'], 'did you mean perf analyze?'],
])('%j: help for what there is none of', async (argv, said) => {
  const {stderr, stdout, code} = await run(...argv)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(said)
})

it.each([
  ['help', 'machine'],
  ['help', 'machine', 'show'],
  ['machine', '--help'],
  ['analyze', 'nope', '--help'],
  ['help'],
])('%s %s %s: help for what there is', async (...argv) => {
  const {stderr, stdout, code} = await run(...argv)
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/USAGE|COMMANDS/)
})

describe('what an error leaves behind', () => {
  it('keeps an existing report whole when the analysis fails', async () => {
    writeFileSync(path('r.html'), 'before')
    const {code} = await run('analyze', 'gpt3', ...h100, '--report', path('r.html'))
    expect(code).toBe(3)
    expect(readFileSync(path('r.html'), 'utf8')).toBe('before')
  })

  it('refuses one file for two outputs, whatever it is called', async () => {
    symlinkSync(path(), path('link'))
    for (const second of [path('x.html'), path('.', 'link', '..', 'x.html'), path('link', 'x.html')]) {
      const {stderr, code} = await run('analyze', 'gpt2', ...h100, '--report', path('x.html'), '--output', second)
      expect(code).toBe(2)
      expect(stderr).toContain(`--output and --report both write ${second}`)
      expect(existsSync(path('x.html'))).toBe(false)
    }
    const devices = await run('analyze', 'gpt2', ...h100, '--report', '/dev/null', '--output', '/dev/null')
    expect(devices.code).toBe(0)
  })

  it('refuses an unwritable report before anything else is done', async () => {
    const {stderr, code} = await run('analyze', 'gpt3', '--report', path('none', 'r.html'))
    expect(code).toBe(3)
    expect(stderr).toContain('cannot be written')
    expect(existsSync(path('none'))).toBe(false)
  })

  it('keeps no machine that it refused', async () => {
    writeFileSync(path('m.json'), '{"id": "x"}')
    expect((await run('machine', 'add', path('m.json'))).code).toBe(3)
    expect(existsSync(path('config'))).toBe(false)
    expect(readdirSync(path())).toEqual(['m.json'])
  })

  it('passes no control characters on to the terminal', async () => {
    for (const args of [['analyze', 'a\u001b[31mb'], ['analyze', 'gpt2', '--\u001b[31mx'], ['\u001b[31m']]) {
      const {stderr} = await run(...args)
      expect(stderr).not.toContain('\u001b')
    }
  })
})
