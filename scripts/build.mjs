#!/usr/bin/env node
/**
 * Builds dist/: one bundle per command with shared chunks, the library, declarations, JSON Schemas, the report's template, and
 * oclif.manifest.json. Everything that runs is bundled: starting up reads four files, not four hundred.
 */
import {spawnSync} from 'node:child_process'
import {existsSync, readdirSync, rmSync} from 'node:fs'
import {mkdir, writeFile} from 'node:fs/promises'
import {dirname, join, resolve} from 'node:path'
import {fileURLToPath, pathToFileURL} from 'node:url'
import {build} from 'esbuild'
import {lazyRequire} from './lazy-require.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const at = (...parts) => join(root, ...parts)

/** Every command file: the folder is the registry. */
const commandFiles = readdirSync(at('src/commands'), {recursive: true})
  .filter((name) => name.endsWith('.ts') && !name.startsWith('shared'))
  .sort()

/** oclif is CommonJS and asks for `require` and `__dirname`. */
const banner = `import {createRequire as $createRequire} from 'node:module';import {fileURLToPath as $fileURLToPath} from 'node:url';const require=$createRequire(import.meta.url);const __filename=$fileURLToPath(import.meta.url);const __dirname=$fileURLToPath(new URL('.',import.meta.url));`

/**
 * What oclif uses to find commands, plugins and TypeScript sources, and to spin: never reached, since commands come from the
 * manifest. Left out, since V8 reads a byte whether it runs or not (a third of the bundle, 4 ms).
 */
const unreached = {
  name: 'unreached',
  setup(build) {
    const filter = /^(minimatch|tinyglobby|lilconfig|get-package-type|cli-spinners)$/
    build.onResolve({filter}, ({path, importer}) =>
      /@oclif.core/.test(importer) ? {path, namespace: 'unreached'} : undefined,
    )
    build.onLoad({filter: /.*/, namespace: 'unreached'}, ({path}) => ({
      contents: `module.exports = new Proxy({}, {get() { throw new Error('${path} is not part of the bundle') }})`,
    }))
    // only names the platform in `--version`; finding out reads files at every start
    build.onResolve({filter: /^wsl-utils$/}, ({path}) => ({path, namespace: 'wsl'}))
    build.onLoad({filter: /.*/, namespace: 'wsl'}, () => ({contents: 'export const isWsl = false'}))
  },
}

/** Of 250 kB that the GGUF library brings, it uses the names of the types: the rest describes the hub's web pages. */
const ggufTypes = {
  name: 'gguf-types',
  setup(build) {
    build.onResolve({filter: /^@huggingface\/tasks$/}, () => ({
      path: at('node_modules/@huggingface/tasks/dist/esm/gguf.js'),
    }))
  },
}

async function bundle() {
  const entryPoints = {
    perf: at('src/commands/shared/main.ts'),
    index: at('src/index.ts'),
    // a kernel of the user's runs apart, so that its crash is a result
    'kernel-process': at('src/kernels/kernel-process.ts'),
    ...Object.fromEntries(commandFiles.map((name) => [`commands/${name.slice(0, -3)}`, at('src/commands', name)])),
  }
  const result = await build({
    absWorkingDir: root,
    entryPoints,
    outdir: at('dist'),
    bundle: true,
    splitting: true,
    minify: true,
    keepNames: false,
    legalComments: 'none',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    chunkNames: 'chunks/[name]-[hash]',
    banner: {js: banner},
    plugins: [lazyRequire(/@oclif\/core\/lib\/.*\.js$/), unreached, ggufTypes],
    // the rasterizer and Dawn are binaries per platform; zod is a dependency, since the library's types need it
    external: ['@resvg/resvg-js', 'webgpu', 'zod'],
    metafile: true,
    // an old build stays usable when a new one fails
    write: false,
    logLevel: 'warning',
  })
  rmSync(at('dist'), {recursive: true, force: true})
  await Promise.all(
    result.outputFiles.map(async ({path, contents}) => {
      await mkdir(dirname(path), {recursive: true})
      await writeFile(path, contents)
    }),
  )
  return result.metafile
}

/** The manifest saves oclif from loading every command to know one. */
async function manifest() {
  rmSync(at('oclif.manifest.json'), {force: true})
  const {Plugin} = await import('@oclif/core')
  const plugin = new Plugin({
    root,
    isRoot: true,
    ignoreManifest: true,
    errorOnManifestCreate: true,
    respectNoCacheDefault: true,
  })
  await plugin.load()
  await writeFile(at('oclif.manifest.json'), `${JSON.stringify(plugin.manifest)}\n`)
  return Object.keys(plugin.manifest.commands).length
}

/** JSON Schemas of every document, emitted from the zod schemas. */
async function schemas() {
  const out = at('dist/schemas')
  await mkdir(out, {recursive: true})
  const file = join(out, `.emit-${process.pid}.mjs`)
  await build({
    entryPoints: [at('src/analysis/document/index.ts')],
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    outfile: file,
    logLevel: 'warning',
  })
  try {
    const emitted = (await import(pathToFileURL(file).href)).jsonSchemas()
    await Promise.all(
      Object.entries(emitted).map(([kind, schema]) =>
        writeFile(join(out, `${kind}.json`), `${JSON.stringify(schema, null, 2)}\n`),
      ),
    )
    return Object.keys(emitted).length
  } finally {
    rmSync(file)
  }
}

/** Types of the library, for those who import it. */
function declarations() {
  const tsc = at('node_modules/typescript/bin/tsc')
  const run = spawnSync(process.execPath, [tsc, '-p', at('tsconfig.build.json')], {stdio: 'inherit'})
  if (run.status !== 0) throw new Error('tsc failed')
}

// The first `npx perf` in a checkout installs it into npx's own folder and runs this again, 5 s; the manifest is written last.
if (process.env.npm_command === 'exec' && existsSync(at('oclif.manifest.json'))) process.exit()

const started = performance.now()
const step = (text) => process.stderr.write(`build: ${text} (${Math.round(performance.now() - started)} ms)\n`)
await bundle()
step('bundles')
await import('./build-report.mjs')
step('report template')
step(`${await schemas()} schemas`)
declarations()
step('declarations')
step(`manifest of ${await manifest()} commands`)
