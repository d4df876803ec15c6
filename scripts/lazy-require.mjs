/**
 * An esbuild plugin that makes CommonJS written by the TypeScript compiler load its imports when they are first used, and not
 * at the top: most of oclif (help, templates, globbing, version checks) is never used by a command that just runs.
 *
 * `const fs_1 = require("node:fs")` disappears, and every `fs_1` becomes a property that requires once. TypeScript reads imports
 * through such bindings only, so nothing else has to change. A file whose imports do not have that form is left as it is.
 */
import {readFile} from 'node:fs/promises'

const importLine =
  /^const (\w+_\d+) = (require\("[^"]+"\)|__importDefault\(require\("[^"]+"\)\)|__importStar\(require\("[^"]+"\)\));$/gm

/** @param {string} source */
export function makeLazy(source) {
  const names = new Map()
  const rest = source.replace(importLine, (_, name, load) => {
    names.set(name, load)
    return ''
  })
  if (names.size === 0) return source
  const used = new RegExp(`\\b(${[...names.keys()].join('|')})\\b`, 'g')
  const body = rest.replace(used, (name) => `$imports.${name}`)
  const getters = [...names].map(
    ([name, load]) =>
      `get ${name}() { const value = ${load}; Object.defineProperty(this, "${name}", {value}); return value; }`,
  )
  // getters on an object and not calls: `new errors_1.CLIError()` must stay a construction of what the property holds
  return body.replace(/^("use strict";\n)?/, (strict) => `${strict}const $imports = {${getters.join(', ')}};\n`)
}

/** @param {RegExp} filter which files */
export const lazyRequire = (filter) => ({
  name: 'lazy-require',
  setup(build) {
    build.onLoad({filter}, async ({path}) => ({contents: makeLazy(await readFile(path, 'utf8')), loader: 'js'}))
  },
})
