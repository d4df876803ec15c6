#!/usr/bin/env node
/**
 * A copy of everything that `npm run bench:gpu` needs, for a Linux machine without Node, npm or a network: `npm run bench:gpu-pack -- FILE.tar.xz`.
 * Holds this Node, the built program, Dawn for this platform and a Vulkan loader. There: unpack it and run `sh bench-gpu.sh [--out FOLDER]`; only the
 * GPU's driver must be installed. Needs `npm run build`.
 */
import {execFileSync} from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {fileURLToPath} from 'node:url'
import {readFlags, refuse} from './flags.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const [file] = readFlags(import.meta.url, {positionals: 1}).positionals
if (!file?.endsWith('.tar.xz')) refuse('usage: npm run bench:gpu-pack -- FILE.tar.xz')
/** Vulkan loaders of Debian: the system's, and the one in its package chromium. */
const loaders = [
  '/usr/lib/x86_64-linux-gnu/libvulkan.so.1',
  '/usr/lib/aarch64-linux-gnu/libvulkan.so.1',
  '/usr/lib/chromium/libvulkan.so.1',
]
const loader = loaders.find((path) => existsSync(path))
const dawn = join(root, 'node_modules', 'webgpu')
const native = `linux-${process.arch}.dawn.node`
for (const [path, next] of [
  [join(root, 'dist', 'perf.js'), 'npm run build'],
  [join(dawn, 'dist', native), 'npm install webgpu'],
])
  if (!existsSync(path)) {
    process.stderr.write(`${path} does not exist: ${next}\n`)
    process.exit(4)
  }

const folder = mkdtempSync(join(tmpdir(), 'ridgepoint-pack-'))
try {
  const to = (...names) => join(folder, ...names)
  const stripped = to('node')
  copyFileSync(realpathSync(process.execPath), stripped)
  chmodSync(stripped, 0o755)
  try {
    execFileSync('strip', [stripped], {stdio: 'ignore'})
  } catch {
    // no strip here: the copy is larger and works
  }
  for (const name of ['package.json', 'oclif.manifest.json', 'bin', 'dist', join('scripts', 'bench')])
    cpSync(join(root, name), to(name), {recursive: true})
  mkdirSync(to('node_modules', 'webgpu', 'dist'), {recursive: true})
  for (const name of ['package.json', 'index.js'])
    if (existsSync(join(dawn, name))) copyFileSync(join(dawn, name), to('node_modules', 'webgpu', name))
  copyFileSync(join(dawn, 'dist', native), to('node_modules', 'webgpu', 'dist', native))
  if (loader) {
    mkdirSync(to('lib'))
    copyFileSync(realpathSync(loader), to('lib', 'libvulkan.so.1'))
  }
  // the system's loader first: ours serves where there is none
  writeFileSync(
    to('bench-gpu.sh'),
    `#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
ldconfig -p 2>/dev/null | grep -q libvulkan.so.1 || export LD_LIBRARY_PATH="$here/lib:$LD_LIBRARY_PATH"
exec "$here/node" "$here/scripts/bench/gpu.mjs" "$@"
`,
  )
  execFileSync('tar', ['-cJf', resolve(file), '-C', folder, '.'], {
    stdio: 'inherit',
    env: {...process.env, XZ_OPT: '-6 -T0'},
  })
  process.stdout.write(`${file}: ${(statSync(file).size / 2 ** 20).toFixed(1)} MiB\n`)
} finally {
  rmSync(folder, {recursive: true, force: true})
}
