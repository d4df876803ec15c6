/**
 * The one oclif plugin there is, made from the manifest. oclif's own loader sorts commands with `localeCompare`, whose first
 * call loads the collation tables (23 ms of a 60 ms start), and looks for TypeScript sources and package folders.
 */
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import type {Interfaces} from '@oclif/core'
import type {Command} from '@oclif/core/command'

/** What oclif reads of package.json. */
export interface PackageJson {
  readonly name: string
  readonly version: string
  readonly oclif: Interfaces.PJSON['oclif']
}

interface Manifest {
  readonly version: string
  readonly commands: Record<string, Command.Cached & {readonly relativePath: string[]}>
}

/** Loads the module of a command by its id. */
export type LoadCommand = (id: string) => Promise<{default: Command.Class}>

/**
 * @param load where commands come from; the built ones when nothing is said
 * @param root folder of package.json and oclif.manifest.json
 * @throws Error where the package was not built
 */
export function manifestPlugin(root: string, pjson: PackageJson, load?: LoadCommand): Interfaces.Plugin {
  const manifest = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as Manifest
  const {name, version} = pjson
  const findCommand = async (id: string): Promise<Command.Class> => {
    const path = join(root, ...manifest.commands[id]!.relativePath)
    const module = load ? await load(id) : ((await import(pathToFileURL(path).href)) as {default: Command.Class})
    const command = module.default
    command.id = id
    command.plugin = plugin
    return command
  }
  const topics = Object.entries(pjson.oclif.topics ?? {}).map(([topic, value]) => ({...value, name: topic}))
  const plugin = {
    _base: '',
    alias: name,
    commandIDs: Object.keys(manifest.commands),
    commands: Object.values(manifest.commands).map((command) => ({
      ...command,
      pluginAlias: name,
      pluginName: name,
      pluginType: 'core',
      load: () => findCommand(command.id),
    })),
    findCommand,
    hasManifest: true,
    hooks: {},
    isRoot: true,
    load: async () => {},
    manifest,
    moduleType: 'module',
    name,
    options: {root},
    pjson,
    root,
    topics,
    type: 'core',
    valid: true,
    version,
  } as unknown as Interfaces.Plugin
  return plugin
}
