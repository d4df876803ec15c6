import {spawnSync} from 'node:child_process'
import {mkdtempSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {buildSync} from 'esbuild'
import {afterAll, expect, test} from 'vitest'
import {softwareIsThere} from '../../src/kernels/webgpu/node.ts'

// beside node_modules, where Dawn is
const folder = mkdtempSync('.gpu-sizes-')
afterAll(() => rmSync(folder, {recursive: true, force: true}))

test.runIf(softwareIsThere())(
  'the copy for machines without Node checks kernels until its time is over',
  () => {
    const outfile = join(folder, 'gpu-sizes.mjs')
    buildSync({
      entryPoints: ['scripts/bench/gpu-sizes.ts'],
      ...{outfile, bundle: true, platform: 'node', format: 'esm', external: ['webgpu'], logLevel: 'error'},
    })
    const args = [outfile, '--adapter', 'software', '--seconds', '2']
    const {stdout, status} = spawnSync(process.execPath, args, {encoding: 'utf8'})
    expect(stdout).toMatch(/^ok {2}gemm: \d+ runs, largest error \d/m)
    expect(stdout).toMatch(/ 0 not as they should be; the time was over at size 1 of each kernel/)
    expect(status).toBe(0)
    const none = spawnSync(process.execPath, [outfile, '--adapter', 'nothing of that name'], {encoding: 'utf8'})
    expect(none.status).toBe(4)
  },
  60_000,
)
