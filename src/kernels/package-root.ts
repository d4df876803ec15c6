/** Where this package lies, whether it runs from its sources or from the bundle in dist/. */
import {readFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'

export interface PackageRoot {
  path: string
  version: string
}

let found: PackageRoot | undefined

/**
 * The nearest folder above this file whose package.json is ridgepoint's, and its version.
 * @throws {Error} where there is none, which is a broken installation
 */
export function packageRoot(): PackageRoot {
  if (found) return found
  const start = dirname(fileURLToPath(import.meta.url))
  for (let folder = start; ; folder = dirname(folder)) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        name?: unknown
        version?: unknown
      }
      if (manifest.name === 'ridgepoint' && typeof manifest.version === 'string') {
        found = {path: folder, version: manifest.version}
        return found
      }
    } catch {
      // no package.json here: look one folder up
    }
    if (dirname(folder) === folder) throw new Error(`no ridgepoint package.json above ${start}`)
  }
}
