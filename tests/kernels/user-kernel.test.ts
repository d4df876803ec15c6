import {spawnSync} from 'node:child_process'
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {Ceiling, Machine} from '../../src/analysis/document/machine.ts'
import {loadNative} from '../../src/kernels/native.ts'
import {benchUserKernel, notLoadable} from '../../src/kernels/user-kernel.ts'

const root = join(import.meta.dirname, '../..')
const source = join(root, 'native/examples/axpy.c')
const machine: Machine = {id: 'local', name: 'no ceilings', identity: {}, ceilings: []}
let folder = ''

/** Builds the example of the docs with definitions that break it. */
const build = (name: string, ...flags: string[]): string => compile(source, name, flags)

function compile(from: string, name: string, flags: readonly string[] = []): string {
  const file = join(folder, `${name}.so`)
  const args = ['-O1', '-shared', '-fPIC', '-I', join(root, 'native/include'), ...flags, from, '-o', file, '-lm']
  const {status, stderr} = spawnSync(process.env.CC ?? 'cc', args, {encoding: 'utf8'})
  expect(status, stderr).toBe(0)
  return file
}

const run = (path: string, dims?: number[]) => benchUserKernel(path, {sizes: dims && [dims], threads: 1, machine})

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ridgepoint-'))
})
afterAll(() => rmSync(folder, {recursive: true, force: true}))

describe("a user's kernel", () => {
  test('the example of the docs is measured and checked', async () => {
    expect(existsSync(join(root, 'dist/kernel-process.js')), 'npm run build comes first').toBe(true)
    const {kernels, warnings} = await run(build('axpy'), [1000])
    expect(kernels).toHaveLength(1)
    expect(kernels[0]).toMatchObject({id: 'axpy', dims: {elements: 1000}, flops: 2000, bytes: 12_000, dtype: 'f32'})
    expect(kernels[0]!.maxError).toBeLessThan(1e-6)
    expect(kernels[0]!.seconds.min).toBeGreaterThan(0)
    expect(warnings.map(({code}) => code)).not.toContain('kernel-unchecked')
  })

  test('stands under the ceilings of its own rounds, in a cache as well', async () => {
    const provenance = {kind: 'measured', source: 'test', date: '2026-11-22'} as const
    const isa = loadNative().cpu().isas.at(-1)!.name
    const ceilings: Ceiling[] = [
      {id: 'read', kind: 'bandwidth', level: 'L1', mix: 'read', threads: 1, value: 1e11, unit: 'B/s', provenance},
      {
        id: 'fma',
        kind: 'compute',
        operation: 'fma',
        dtype: 'f32',
        isa,
        threads: 1,
        value: 3e10,
        unit: 'FLOP/s',
        provenance,
      },
    ]
    const caches = [{level: 'L1', claimed: 2 ** 15, found: null, sharedBy: 1}] as const
    const measured = {...machine, identity: {caches: [...caches]}, ceilings}
    const {kernels} = await benchUserKernel(build('in-turn'), {sizes: [[1000]], threads: 1, machine: measured})
    const {inTurn} = kernels[0]!
    expect(inTurn!.ceilings.map(({id}) => id)).toEqual(['read', 'fma'])
    for (const {best, samples} of inTurn!.ceilings) expect(Math.min(best / 1e8, samples)).toBeGreaterThan(1)
    expect(inTurn!.efficiency).toBeGreaterThan(0)
  })

  test('wrong results are called wrong', async () => {
    const {kernels} = await run(build('wrong', '-DFACTOR=4'), [1000])
    expect(kernels[0]).toMatchObject({
      verdict: 'wrong',
      reason: expect.stringMatching(/^differs from its reference by \d/),
    })
  })

  test('results that are no numbers are wrong, and said to be none', async () => {
    const {kernels, warnings} = await run(build('nan', '-DFACTOR=NAN'), [1000])
    expect(kernels[0]).toMatchObject({
      verdict: 'wrong',
      reason: expect.stringMatching(/^its error is no number: results/),
    })
    expect(warnings.map(({message}) => message).join()).not.toContain('e+308')
  })

  test('a kernel without a check says so', async () => {
    const {kernels, warnings} = await run(build('unchecked', '-DUNCHECKED'), [1000])
    expect(kernels[0]!.maxError).toBeNull()
    expect(warnings[0]).toMatchObject({code: 'kernel-unchecked'})
  })

  test('a crash is a reported failure', async () => {
    await expect(run(build('crash', '-DCRASH'), [1000])).rejects.toMatchObject({
      code: 'kernel-failed',
      message: expect.stringMatching(/SIG(SEGV|BUS).*being checked/),
    })
  })

  test('a write beside its tensors is a reported failure', async () => {
    for (const [name, outside, where] of [
      ['behind', '3', 'outside of tensor 2, behind its 4000 bytes'],
      ['before', '-1001', 'outside of tensor 2, before its first byte'],
    ] as const)
      await expect(run(build(name, `-DOUTSIDE=${outside}`), [1000])).rejects.toMatchObject({
        code: 'kernel-failed',
        message: expect.stringContaining(where),
      })
  })

  test('an early exit is a reported failure', async () => {
    await expect(run(build('exit', '-DEXITS'), [1000])).rejects.toMatchObject({
      code: 'kernel-failed',
      message: expect.stringContaining('code 7'),
    })
  })

  test('its dims are its own, whatever ours of that name may be, and its name stays on a line', async () => {
    const renamed = join(folder, 'renamed.c')
    const changes = {'"axpy"': '"a\\n\\033b"', '"elements"': '"groups", "channels"', '"f32", 1,': '"f32", 2,'}
    const text = Object.entries(changes).reduce((text, [a, b]) => text.replace(a, b), readFileSync(source, 'utf8'))
    writeFileSync(renamed, text.replace('{16777216}', '{16777216, 3}'))
    const {kernels} = await run(compile(renamed, 'renamed'), [700, 3])
    expect(kernels[0]).toMatchObject({id: 'a b', dims: {groups: 700, channels: 3}})
  })

  test('a size without bytes has nothing to measure, one above 2^40 is refused', async () => {
    const file = build('empty')
    await expect(run(file, [0])).rejects.toMatchObject({
      code: 'bad-dimension',
      message: expect.stringContaining('reads and writes no byte at 0'),
    })
    await expect(run(file, [2 ** 41])).rejects.toMatchObject({code: 'bad-dimension'})
    await expect(run(file, [2 ** 40])).rejects.toMatchObject({
      code: 'does-not-fit',
      message: expect.stringContaining('needs 13.2 TB of tensors'),
    })
  })

  test('another version of the header, no such symbol, no object, no file', async () => {
    await expect(run(build('version', '-DVERSION=99'))).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining('version 99'),
    })
    await expect(run(build('symbol', '-Dridgepoint_kernel_get=another_name'))).rejects.toMatchObject({
      message: expect.stringContaining('ridgepoint_kernel_get'),
    })
    const text = join(folder, 'text.so')
    writeFileSync(text, 'hello')
    await expect(run(text)).rejects.toMatchObject({code: 'bad-file'})
    await expect(run(join(folder, 'none.so'))).rejects.toMatchObject({code: 'bad-file'})
  })

  test('what is no shared object of this machine is named as what it is', async () => {
    const head = (type: number, machine: number, order = 1) => {
      const bytes = new Uint8Array(64)
      bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, order])
      bytes.set(order === 1 ? [type, 0, machine, 0] : [0, type, 0, machine], 16)
      return bytes
    }
    expect(notLoadable(head(3, 62), 'x64')).toBeUndefined()
    expect(notLoadable(head(3, 183), 'arm64')).toBeUndefined()
    expect(notLoadable(head(3, 183), 'x64')).toBe('it was built for AArch64, this program runs on x86-64')
    expect(notLoadable(head(3, 62), 'arm64')).toBe('it was built for x86-64, this program runs on AArch64')
    expect(notLoadable(head(3, 21, 2), 'x64')).toBe('it was built for machine 21, this program runs on x86-64')
    // of a processor that is not in the list nothing is known to speak against it
    expect(notLoadable(head(3, 22, 2), 's390x')).toBeUndefined()
    expect(notLoadable(head(1, 62), 'x64')).toMatch(/object file.*-shared/)
    expect(notLoadable(new Uint8Array())).toMatch(/no shared object/)
    await expect(run(folder)).rejects.toMatchObject({code: 'bad-file', message: expect.stringContaining('not a file')})
  })

  test('a library that it needs and that is not there is named once, with its own path', async () => {
    const text = join(folder, 'needs.c')
    writeFileSync(text, 'extern int absent(void); int ridgepoint_kernel_get(void) { return absent(); }')
    const file = join(folder, 'needs.so')
    expect(spawnSync(process.env.CC ?? 'cc', ['-shared', '-fPIC', text, '-o', file]).status).toBe(0)
    await expect(run(file)).rejects.toMatchObject({
      code: 'bad-file',
      message: `${file}: undefined symbol: absent`,
      suggestions: [expect.stringContaining(join('native', 'include'))],
    })
  })

  test('dims that do not fit, sizes that do not', async () => {
    const file = build('sizes')
    await expect(run(file, [1, 2])).rejects.toMatchObject({code: 'bad-dimension'})
    await expect(run(file, [2 ** 39])).rejects.toMatchObject({
      code: 'does-not-fit',
      message: expect.stringContaining('GB'),
    })
  })

  test('a kernel that does not return is given up, checked or measured', async () => {
    for (const [flags, stage] of [
      [['-DENDLESS'], 'being checked'],
      [['-DENDLESS', '-DUNCHECKED'], 'being measured'],
    ] as const)
      await expect(
        benchUserKernel(build(`endless-${flags.length}`, ...flags), {sizes: [[1000]], threads: 1, machine, timeout: 1}),
      ).rejects.toMatchObject({
        code: 'kernel-failed',
        message: expect.stringMatching(new RegExp(`no sign for 1 s while ${stage}`)),
        suggestions: expect.arrayContaining([expect.stringContaining('--timeout 10')]),
      })
  })

  test.runIf(process.platform === 'linux')('processes that it forked end with it', async () => {
    const note = join(folder, 'forked')
    const forks = `
      static int forked;
      if (!forked++ && !fork()) {
        FILE* note = fopen("${note}", "w");
        fprintf(note, "%d", getpid());
        fclose(note);
        for (;;) pause();
      }`
    const from = join(folder, 'forks.c')
    const example = readFileSync(source, 'utf8').replace('float* z = tensors[2];', (line) => line + forks)
    writeFileSync(from, `#include <stdio.h>\n#include <unistd.h>\n${example}`)
    await run(compile(from, 'forks'), [1000])
    const pid = Number(readFileSync(note, 'utf8'))
    expect(pid).toBeGreaterThan(1)
    // gone, or a name that nobody has asked after yet
    const state = () =>
      existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2] : 'Z'
    await expect.poll(state, {timeout: 5000}).toBe('Z')
  })

  test('an abort ends the process', async () => {
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 100)
    const slow = benchUserKernel(build('endless', '-DENDLESS'), {
      sizes: [[1000]],
      threads: 1,
      machine,
      signal: stop.signal,
    })
    await expect(slow).rejects.toMatchObject({code: 'interrupted'})
  })
})
