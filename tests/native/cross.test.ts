import {spawnSync} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {expect, it} from 'vitest'

const script = fileURLToPath(new URL('cross.sh', import.meta.url))
const compiler = 'aarch64-linux-gnu-g++'
const emulator = 'qemu-aarch64'
const found = (command: string) => spawnSync(command, ['--version']).status === 0
const absent = [compiler, emulator].filter((command) => !found(command))
const required = process.env.RIDGEPOINT_CROSS === 'required'
const sveProbes = 'fma-f32 fma-f64 fma-f16 add-f32 mul-f64 dot-int8 dot-int16 dot-bf16 exp-f32 tanh-f32 erf-f32'.split(
  ' ',
)
const missing = `${absent.join(' and ')} not found (Debian: apt-get install g++-aarch64-linux-gnu qemu-user)`

if (absent.length > 0) {
  if (required) it('finds a compiler and an emulator for aarch64', () => expect.fail(missing))
  else it.skip(`aarch64 under emulation: ${missing}`)
}

it.runIf(absent.length === 0)(
  'NEON and SVE of every vector length compute what they are credited with, under emulation',
  () => {
    const {status, stdout, stderr} = spawnSync('sh', [script, compiler, emulator], {encoding: 'utf8'})
    expect(stderr).toBe('')
    expect(stdout).not.toContain('FAIL')
    expect(status).toBe(0)
    const sets = stdout.split(/^-cpu /m).slice(1)
    const isas = sets.map((text) =>
      [...text.matchAll(/^(\w+) checked, vectors of (\d+) B$/gm)].map(([, isa, n]) => `${isa} ${n}`),
    )
    expect(isas).toEqual([
      ['scalar 8', 'neon 16'],
      ...[16, 32, 64, 48].map((bytes) => ['scalar 8', 'neon 16', `sve ${bytes}`]),
    ])
    for (const text of sets.slice(1)) for (const probe of sveProbes) expect(text).toContain(`sve ${probe}`)
  },
  600_000,
)
