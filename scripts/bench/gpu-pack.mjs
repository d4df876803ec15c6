#!/usr/bin/env node
/**
 * A copy of everything that `npm run bench:gpu` needs, for a Linux machine without Node, npm or a network: `npm run bench:gpu-pack -- FILE.tar.xz`.
 * Holds this Node, the built program, Dawn for this platform, a Vulkan loader and the libraries that NVIDIA's driver wants beside it. There: unpack
 * it and run `sh bench-gpu.sh [--out FOLDER]`, `sh sizes.sh` (every kernel at every size of the tests) or `sh perf.sh doctor`; only the GPU's driver
 * must be installed. Needs `npm run build`.
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
import {buildSync} from 'esbuild'
import {readFlags, refuse} from './flags.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const [file] = readFlags(import.meta.url, {positionals: 1}).positionals
if (!file?.endsWith('.tar.xz')) refuse('usage: npm run bench:gpu-pack -- FILE.tar.xz')
/** Where Debian keeps libraries; the last has the Vulkan loader of its package chromium. */
const places = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib/chromium']
/** The Vulkan loader, and what NVIDIA's driver does not load without (nvidia-container-toolkit#16): containers for computing have none of it. */
const libraries = [
  'libvulkan.so.1',
  ...['libX11.so.6', 'libXext.so.6', 'libxcb.so.1', 'libXau.so.6', 'libXdmcp.so.6', 'libbsd.so.0', 'libmd.so.0'],
  'libGLdispatch.so.0',
]
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
  buildSync({
    entryPoints: [join(root, 'scripts', 'bench', 'gpu-sizes.ts')],
    outfile: to('scripts', 'bench', 'gpu-sizes.mjs'),
    ...{bundle: true, platform: 'node', format: 'esm', external: ['webgpu'], logLevel: 'error'},
  })
  for (const name of ['spare', 'lib']) mkdirSync(to(name))
  for (const name of libraries) {
    const path = places.map((place) => join(place, name)).find((each) => existsSync(each))
    if (path) copyFileSync(realpathSync(path), to('spare', name))
    else process.stderr.write(`${name} is not installed here and will not be in the copy\n`)
  }
  // what the system has comes first: ours serves where it has none
  writeFileSync(
    to('here.sh'),
    `here=$(cd "$(dirname "$0")" && pwd)
for file in "$here"/spare/*; do
  name=\${file##*/}
  ldconfig -p 2>/dev/null | grep -q "$name" || ln -sf "$file" "$here/lib/$name"
done
export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/lib"
`,
  )
  for (const [name, script] of [
    ['bench-gpu.sh', 'scripts/bench/gpu.mjs'],
    ['sizes.sh', 'scripts/bench/gpu-sizes.mjs'],
    ['perf.sh', 'bin/perf.js'],
  ])
    writeFileSync(to(name), `#!/bin/sh\n. "$(dirname "$0")/here.sh"\nexec "$here/node" "$here/${script}" "$@"\n`)
  execFileSync('tar', ['-cJf', resolve(file), '-C', folder, '.'], {
    stdio: 'inherit',
    env: {...process.env, XZ_OPT: '-6 -T0'},
  })
  process.stdout.write(`${file}: ${(statSync(file).size / 2 ** 20).toFixed(1)} MiB\n`)
} finally {
  rmSync(folder, {recursive: true, force: true})
}
