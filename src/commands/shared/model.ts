/** What MODEL on the command line means: a built-in id, a path, or `-`. */
import {closeSync, createReadStream, fstatSync, openSync, readFileSync, readSync, type Stats, statSync} from 'node:fs'
import {AnalysisError, type Warning} from '../../analysis/errors.ts'
import type {ImportOptions} from '../../analysis/importers/index.ts'
import {refuseOptions} from '../../analysis/importers/options.ts'
import {models} from '../../analysis/models/index.ts'
import type {ModelDef} from '../../analysis/models/types.ts'
import {systemReason} from '../../analysis/system-reason.ts'

export interface FoundModel {
  readonly model: ModelDef
  readonly warnings: readonly Warning[]
}

/** a config.json is a few kilobytes; this much is something else */
const largest = 16 * 2 ** 20
/** what standard input may bring: it cannot be read in parts */
const largestInput = 256 * 2 ** 20

const tooLarge = (name: string, what: string, most: number): AnalysisError =>
  new AnalysisError('bad-file', `${name} has more than ${most} bytes; ${what} has less`, ['is it the right file?'])

/** All that an open file gives: a pipe or a device has no size, and some never end. */
function readBounded(fd: number, path: string, what: string, most: number): string {
  const chunks: Buffer[] = []
  for (let size = 0; ; ) {
    const chunk = Buffer.allocUnsafe(65_536)
    const read = readSync(fd, chunk)
    if (read === 0) return Buffer.concat(chunks).toString('utf8')
    chunks.push(chunk.subarray(0, read))
    size += read
    if (size > most) throw tooLarge(path, what, most)
  }
}

/**
 * Reads a text file, a device or a pipe.
 * @throws AnalysisError `unreachable`, `bad-file`
 */
export function readFileText(path: string, what: string, most = largest): string {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    const stat = fstatSync(fd)
    if (!stat.isFile()) return readBounded(fd, path, what, most)
    if (stat.size > most)
      throw new AnalysisError('bad-file', `${path} has ${stat.size} bytes; ${what} has at most ${most}`, [
        'is it the right file?',
      ])
    return readFileSync(fd, 'utf8')
  } catch (error) {
    if (error instanceof AnalysisError) throw error
    throw new AnalysisError('unreachable', `${path} cannot be read: ${systemReason(error)}`, [
      `give the path of ${what}`,
    ])
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Waits for all of a stream without blocking: Ctrl-C must reach the program meanwhile. */
async function readStream(stream: AsyncIterable<Buffer>, name: string, what: string, most: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    size += chunk.length
    if (size > most) throw tooLarge(name, what, most)
  }
  return Buffer.concat(chunks)
}

const readStandardInput = (what: string, most: number): Promise<Buffer> =>
  readStream(process.stdin, 'standard input', what, most)

/**
 * Reads a text file, or standard input for `-`.
 * @param most bytes that it may have
 * @throws AnalysisError `unreachable`, `bad-file`
 */
export async function readInput(path: string, what: string, most = largest): Promise<string> {
  return path === '-' ? (await readStandardInput(what, most)).toString('utf8') : readFileText(path, what, most)
}

/** What comes in one stream (standard input, a pipe) as a file of its own: a model of any format, whole. */
async function fromStream(stream: AsyncIterable<Buffer>, origin: string, options: ImportOptions): Promise<FoundModel> {
  const {importModel} = await import('../../analysis/importers/index.ts')
  const {bytesSource} = await import('../../analysis/importers/source.ts')
  const bytes = await readStream(stream, origin, 'a model file that is read from a pipe', largestInput)
  return importModel({origin, source: bytesSource(bytes), beside: () => null}, options)
}

async function fromFile(path: string, options: ImportOptions): Promise<FoundModel> {
  const {importModel} = await import('../../analysis/importers/index.ts')
  const {withModelFile} = await import('./files.ts')
  return withModelFile(path, (file) => importModel(file, options))
}

async function fromFolder(path: string, options: ImportOptions): Promise<FoundModel> {
  const {modelIn} = await import('./files.ts')
  return fromFile(modelIn(path), options)
}

/** What lies at a path, if it is a path at all: too long or impossible names are names, not errors. */
function look(path: string): Stats | undefined {
  try {
    return path === '' ? undefined : statSync(path, {throwIfNoEntry: false})
  } catch {
    return undefined
  }
}

/** Whether the text can only be a path. */
const looksLikePath = (text: string): boolean => /^[./~]|\\|\.(json|onnx|gguf|safetensors)$/i.test(text)

/**
 * Resolves MODEL. Built-in ids win over files of the same name, files over hub ids: ids are stable.
 * @throws AnalysisError `unknown-model`, `unreachable`, `bad-file`, `bad-json`, `bad-config`, `bad-dimension`, `bad-flag`
 */
export async function findModel(asked: string, options: ImportOptions = {}): Promise<FoundModel> {
  const known: Readonly<Record<string, ModelDef>> = models
  const builtIn = (model: ModelDef): FoundModel => {
    refuseOptions(model.id, options)
    return {model, warnings: []}
  }
  if (Object.hasOwn(known, asked)) return builtIn(known[asked]!)
  if (asked === '-') return fromStream(process.stdin, 'standard input', options)
  const stat = look(asked)
  if (stat?.isDirectory()) return fromFolder(asked, options)
  // `<(…)` of a shell
  if (stat?.isFIFO()) return fromStream(createReadStream(asked), asked, options)
  if (stat || looksLikePath(asked)) return fromFile(asked, options)
  const {hubConfig, hubId} = await import('./hub.ts')
  const id = hubId(asked)
  if (id) {
    refuseOptions(asked, options)
    const {text, origin} = await hubConfig(id)
    const {parseConfig} = await import('../../analysis/importers/hf-config.ts')
    return parseConfig(text, origin)
  }
  const catalog = await import('../../analysis/catalog.ts')
  return builtIn(catalog.findModel(asked))
}
