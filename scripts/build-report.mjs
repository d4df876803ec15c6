// Builds dist/report/template.html: the views compiled from Vega-Lite to Vega, the Vega runtime, the page's own code and
// its style in one file with a strict Content-Security-Policy. A Vega-Lite warning fails the build.
// Usage: node scripts/build-report.mjs [FOLDER] [--sizes]
import {createHash} from 'node:crypto'
import {mkdir, readFile, rm, writeFile} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {fileURLToPath, pathToFileURL} from 'node:url'
import {build} from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = process.argv.slice(2).find((argument) => !argument.startsWith('--'))
const out = folder ?? join(root, 'dist', 'report')
// inside the project, so that the bundle finds its packages
const scratch = join(root, 'node_modules', '.cache', 'ridgepoint')

/** Loads the TypeScript of the views in this Node, by way of a bundle that is removed again. */
async function loadViews() {
  const file = join(scratch, `views-${process.pid}.mjs`)
  await build({
    stdin: {
      contents: "export {views} from './reports/views/index.ts'\nexport {compileView} from './reports/compile.ts'",
      resolveDir: root,
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    outfile: file,
    logLevel: 'error',
  })
  try {
    return await import(pathToFileURL(file).href)
  } finally {
    await rm(file)
  }
}

async function compiledViews() {
  const {views, compileView} = await loadViews()
  const entries = Object.values(views).map(async (view) => [view.id, await compileView(view)])
  return Object.fromEntries(await Promise.all(entries))
}

async function pageScript(specs) {
  const result = await build({
    entryPoints: [join(root, 'reports', 'runtime', 'main.ts')],
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    legalComments: 'none',
    write: false,
    logLevel: 'error',
    metafile: process.argv.includes('--sizes'),
    plugins: [
      {
        name: 'report',
        setup(builder) {
          builder.onResolve({filter: /^vega$/}, () => ({path: join(root, 'reports', 'runtime', 'vega-lean.mjs')}))
          builder.onResolve({filter: /^d3-(geo|scale-chromatic|time-format)$/}, () => ({
            path: join(root, 'reports', 'runtime', 'vega-absent.mjs'),
          }))
          // pages know no kernels: the one that measures the reader's GPU is put in here
          builder.onResolve({filter: /^ridgepoint:gpu$/}, () => ({
            path: join(root, 'src', 'kernels', 'webgpu', 'page.ts'),
          }))
          builder.onResolve({filter: /^ridgepoint:specs$/}, () => ({path: 'specs', namespace: 'specs'}))
          builder.onLoad({filter: /.*/, namespace: 'specs'}, () => ({
            contents: `export const specs = ${JSON.stringify(specs)}`,
          }))
        },
      },
    ],
  })
  if (result.metafile) {
    const inputs = Object.entries(Object.values(result.metafile.outputs)[0].inputs)
    for (const [name, {bytesInOutput}] of inputs.sort((a, b) => b[1].bytesInOutput - a[1].bytesInOutput).slice(0, 40)) {
      console.error(`${String(bytesInOutput).padStart(8)} ${name}`)
    }
  }
  // a script element ends at the first </script, wherever it stands; in strings and patterns <\/script is the same
  const text = result.outputFiles[0].text.replaceAll('</script', '<\\/script')
  // after <!-- a browser reads <script inside a script as another script's start
  if (text.includes('<!--')) throw new Error('the page script contains <!--')
  return text
}

async function pageStyle() {
  const result = await build({
    entryPoints: [join(root, 'reports', 'page', 'theme.css')],
    bundle: true,
    minify: true,
    write: false,
    logLevel: 'error',
  })
  return result.outputFiles[0].text.trim()
}

await mkdir(out, {recursive: true})
const [page, script, style] = await Promise.all([
  readFile(join(root, 'reports', 'page', 'page.html'), 'utf8'),
  compiledViews().then(pageScript),
  pageStyle(),
])
const hash = createHash('sha256').update(script).digest('base64')
const policy = [
  "default-src 'none'",
  `script-src 'sha256-${hash}'`,
  "style-src 'unsafe-inline'",
  'img-src data: blob:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')
const parts = {policy, style, script}
const html = page.replace(/\/\*(policy|style|script)\*\//g, (_, name) => parts[name])
const file = join(out, 'template.html')
await writeFile(file, html)
console.error(`${file} ${(html.length / 1024).toFixed(0)} kB`)
