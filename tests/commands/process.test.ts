import {execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, it, vi} from 'vitest'
import {bin, documentOf, run, sandbox, spawned} from './support.ts'

const {path} = sandbox()
const h100 = ['--machine', 'h100-sxm']
/** A pipe that says it is a terminal: progress is chosen by that alone. */
const terminal = {NODE_OPTIONS: '--import=data:text/javascript,process.stderr.isTTY=true', TERM: 'xterm'}

describe('the program as a process', () => {
  it('prints what the command in process prints, with the same exit codes', async () => {
    for (const args of [
      ['analyze', 'gpt2', ...h100, '--json'],
      ['analyze', 'gpt2', ...h100],
      ['analyze', 'gpt3'],
      ['analyze', 'gpt2', '--batch', '0', '--json'],
      ['nonsense', '--json'],
      ['op'],
    ]) {
      const outcome = await spawned(args)
      expect(outcome).toEqual(await run(...args))
    }
  })

  it('uses no colour in a pipe, and none for NO_COLOR, TERM=dumb and --no-color', async () => {
    const escapeCode = String.fromCharCode(27)
    for (const env of [{}, {NO_COLOR: '1'}, {TERM: 'dumb'}, {FORCE_COLOR: '0'}]) {
      const {stdout, stderr} = await spawned(['analyze', 'gpt2', ...h100], {env})
      expect(stdout + stderr).not.toContain(escapeCode)
    }
  })

  it('prints plain ASCII where the locale has nothing else: answers, help, warnings and errors, but no document', async () => {
    for (const LC_ALL of ['C', 'POSIX', 'de_DE.ISO-8859-1']) {
      const env = {LC_ALL}
      const {stdout, stderr} = await spawned(['analyze', 'gpt2', ...h100, '--seq', '64'], {env})
      expect(stdout + stderr).toMatch(/^[\n\x20-\x7e]+$/)
      expect(stdout).toContain('time >=')
    }
    const env = {LC_ALL: 'C'}
    const texts = [await spawned(['explain', 'gelu'], {env}), await spawned(['analyze', '--help'], {env})]
    for (const {stdout} of texts) expect(stdout).toMatch(/^[\n\x20-\x7e]+$/)
    expect((await spawned(['analyze', 'gpt2', '--machine', 'é'], {env})).stderr).toMatch(/^[\n\x20-\x7e]+$/)
    const json = ['analyze', 'gpt2', ...h100, '--json']
    expect((await spawned(json, {env})).stdout).toBe((await spawned(json)).stdout)
    const file = path('table.txt')
    await spawned(['analyze', 'gpt2', ...h100, '--output', file], {env})
    expect(readFileSync(file, 'utf8')).toContain('time ≥')
  })

  it('draws progress where standard error is a terminal, in the signs of its locale', async () => {
    for (const [LC_ALL, sign] of [
      ['C', '='],
      ['C.UTF-8', '█'],
    ] as const) {
      const env = {LC_ALL, ...terminal}
      const {code, stdout, stderr} = await spawned(['bench', 'add', '--dims', '64', '--json'], {env})
      expect(stderr).toContain(sign.repeat(24))
      expect([code, JSON.parse(stdout).ok]).toEqual([0, true])
    }
  })

  it('stays quiet when its reader goes away', async () => {
    const child = spawn(process.execPath, [bin, 'sweep', 'gpt2', ...h100, '--batch', '1:1000', '--json'])
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    await once(child.stdout, 'data')
    child.stdout.destroy()
    await once(child, 'close')
    expect(stderr).not.toMatch(/EPIPE|Error/)
  })

  it.runIf(existsSync('/dev/full')).each([[[]], [['--json']]])(
    'says in one line when the disk of its output is full %j',
    async (more) => {
      const full = openSync('/dev/full', 'w')
      const child = spawn(process.execPath, [bin, 'sweep', 'gpt2', ...h100, '--batch', '1:100', ...more], {
        stdio: ['ignore', full, 'pipe'],
      })
      let stderr = ''
      child.stderr!.on('data', (chunk) => {
        stderr += chunk
      })
      const [code] = await once(child, 'close')
      closeSync(full)
      expect(stderr).toContain('Error: the answer cannot be written: the disk is full\n')
      expect(stderr).not.toMatch(/ {4}at |node:/)
      expect(code).toBe(3)
    },
  )

  it.each([[[]], [['--json']]])('exits 130 when interrupted %j', async (more) => {
    // standard input stays open: the program waits
    const child = spawn(process.execPath, [bin, 'analyze', '-', ...h100, ...more], {stdio: ['pipe', 'pipe', 'pipe']})
    let stdout = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    const poll = setInterval(() => child.kill('SIGINT'), 700)
    const [code] = await once(child, 'close')
    clearInterval(poll)
    expect(code).toBe(130)
    if (more.length > 0) expect(documentOf({stdout}).error.code).toBe('interrupted')
  })

  it.skipIf(process.platform !== 'linux').each(['SIGINT', 'SIGKILL'] as const)(
    'takes the process of a loaded kernel along on %s',
    async (signal) => {
      const root = join(import.meta.dirname, '../..')
      const loaded = path('endless.so')
      const args = ['-O1', '-shared', '-fPIC', '-DENDLESS', '-I', join(root, 'native/include')]
      execFileSync(process.env.CC ?? 'cc', [...args, join(root, 'native/examples/axpy.c'), '-o', loaded, '-lm'])
      const child = spawn(process.execPath, [bin, 'bench', '--load', loaded], {stdio: 'ignore'})
      const children = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
      // without a profile the machine is measured first
      await vi.waitUntil(() => children() !== '', {timeout: 60_000, interval: 50})
      const kernel = Number(children())
      // forked and not yet started, it is still called as we are
      const called = () => readFileSync(`/proc/${kernel}/cmdline`, 'utf8')
      await vi.waitUntil(() => called().includes('kernel-process.js'), {timeout: 5000, interval: 50})
      // it is loaded by then, and does not return
      await new Promise((done) => setTimeout(done, 500))
      child.kill(signal)
      expect(await once(child, 'close')).toEqual(signal === 'SIGINT' ? [130, null] : [null, signal])
      const state = () => (existsSync(`/proc/${kernel}/stat`) ? readFileSync(`/proc/${kernel}/stat`, 'utf8') : 'gone')
      // what has ended may wait as a zombie for whoever inherits it
      await vi.waitUntil(() => /^gone$|\) [ZX] /.test(state()), {timeout: 1000, interval: 50})
    },
  )

  it('leaves a terminal as it was when progress is interrupted', async () => {
    const child = spawn(process.execPath, [bin, 'bench', 'gemm'], {env: {...process.env, ...terminal}})
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
      if (/\d %/.test(stderr)) child.kill('SIGINT')
    })
    const [code] = await once(child, 'close')
    expect(code).toBe(130)
    const modes = stderr.split(String.fromCharCode(27)).filter((part) => part.startsWith('[?7'))
    expect(modes.map((part) => part.slice(0, 4))).toEqual(['[?7l', '[?7h'])
    expect(stderr).toMatch(/Error: interrupted\n$/)
  })

  it('does not wait for standard input that it does not need', async () => {
    const child = spawn(process.execPath, [bin, 'compare'], {stdio: ['pipe', 'ignore', 'ignore']})
    const [code] = await once(child, 'close')
    expect(code).toBe(2)
  })

  it('shows a stack only for RIDGEPOINT_DEBUG=1', async () => {
    const {stderr} = await spawned(['analyze', 'gpt3'], {env: {RIDGEPOINT_DEBUG: '1'}})
    expect(stderr).toMatch(/^\s+at /m)
    expect((await spawned(['analyze', 'gpt3'])).stderr).not.toMatch(/^\s+at /m)
  })
})

describe('without the native addon', () => {
  it('analyzes a datasheet machine, and one line says what is missing', async () => {
    // a package root without build/: what an install without a compiler leaves
    const fake = path('package')
    mkdirSync(fake)
    const {root} = await import('./support.ts')
    const {cpSync, readFileSync} = await import('node:fs')
    for (const part of ['bin', 'dist']) cpSync(`${root}/${part}`, `${fake}/${part}`, {recursive: true})
    for (const part of ['package.json', 'oclif.manifest.json'])
      writeFileSync(`${fake}/${part}`, readFileSync(`${root}/${part}`))
    const child = spawn(process.execPath, [`${fake}/bin/perf.js`, 'analyze', 'gpt2', '--json'])
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
    const {result, warnings} = documentOf({stdout})
    expect(result.machine.id).toBe('h100-sxm')
    expect(warnings.map((w: {code: string}) => w.code)).toEqual(['no-addon'])
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).toMatch(/npm (run build:native|rebuild)/)

    // nor is there a GPU of this name: each is skipped by name, and nothing was measured
    for (const words of [['measure'], ['measure', 'all', '--adapter', 'no such GPU']]) {
      const measure = spawn(process.execPath, [`${fake}/bin/perf.js`, ...words])
      let said = ''
      measure.stderr.on('data', (chunk) => {
        said += chunk
      })
      const [exit] = await once(measure, 'close')
      expect(exit).toBe(4)
      if (words.includes('all')) expect(said).toMatch(/cpu was skipped: the native addon.*webgpu was skipped: /s)
    }
  })
})
