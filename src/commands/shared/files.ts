/** Files as random access, so that a model of any size is read by its header alone. */
import {closeSync, constants, fstatSync, openSync, readdirSync, readSync} from 'node:fs'
import {basename, dirname, join} from 'node:path'
import {AnalysisError} from '../../analysis/errors.ts'
import type {ModelFile} from '../../analysis/importers/index.ts'
import type {ByteSource} from '../../analysis/importers/source.ts'
import {systemReason} from '../../analysis/system-reason.ts'

/** Reads `length` bytes from `offset`, fewer at the end of the file. */
function readAt(fd: number, offset: number, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const read = readSync(fd, bytes, filled, length - filled, offset + filled)
    if (read === 0) break
    filled += read
  }
  return bytes.subarray(0, filled)
}

/** Opens files and closes them all together. */
class OpenFiles {
  private readonly open: number[] = []

  /** @throws the system's error where the path cannot be opened; AnalysisError where it is no regular file */
  source(path: string): ByteSource {
    // opening a pipe would wait for its writer, and nothing could interrupt it
    const fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    this.open.push(fd)
    const stat = fstatSync(fd)
    if (stat.isDirectory())
      throw new AnalysisError('bad-file', `${path} is a folder`, [
        'give the file that is meant, not a folder of its name',
      ])
    if (!stat.isFile())
      throw new AnalysisError('bad-file', `${path} is no regular file: its parts cannot be read one by one`, [
        'save it as a file first',
      ])
    return {
      size: stat.size,
      read: (offset, length) => readAt(fd, offset, Math.max(0, Math.min(length, stat.size - offset))),
    }
  }

  close(): void {
    for (const fd of this.open.splice(0)) closeSync(fd)
  }
}

/**
 * Calls `use` with the file at a path and what lies beside it; every file is closed afterwards.
 * @throws AnalysisError `unreachable` where it cannot be read
 */
export async function withModelFile<T>(path: string, use: (file: ModelFile) => Promise<T>): Promise<T> {
  const files = new OpenFiles()
  const source = (at: string): ByteSource => {
    try {
      return files.source(at)
    } catch (error) {
      if (error instanceof AnalysisError) throw error
      throw new AnalysisError('unreachable', `${at} cannot be read: ${systemReason(error)}`, [
        'give the path of a model: config.json, .onnx, .gguf or .safetensors',
      ])
    }
  }
  const beside = (name: string): ByteSource | null => {
    // a plain name: nothing outside the folder is opened
    if (basename(name) !== name || name === '..' || name === '.') return null
    try {
      return files.source(join(dirname(path), name))
    } catch {
      return null
    }
  }
  try {
    return await use({origin: path, source: source(path), beside})
  } finally {
    files.close()
  }
}

const weights = /\.(onnx|gguf|safetensors)$/i
/** the later parts of a model in several files: the first one leads to them */
const laterPart = /-(?!00001)\d{5}-of-\d{5}\.gguf$/i

/**
 * The file of a folder that is the model: its config.json, the index of its shards, or the only file of weights.
 * @throws AnalysisError `unreachable`
 */
export function modelIn(folder: string): string {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    throw new AnalysisError('unreachable', `${folder} cannot be read: ${systemReason(error)}`, ['give another path'])
  }
  for (const name of ['config.json', 'model.safetensors.index.json'])
    if (names.includes(name)) return join(folder, name)
  const models = names.filter((name) => weights.test(name) && !laterPart.test(name))
  if (models.length === 1) return join(folder, models[0]!)
  const problem =
    models.length === 0
      ? 'has no config.json and no .onnx, .gguf or .safetensors file'
      : `has ${models.length} model files and no config.json`
  throw new AnalysisError('unreachable', `${folder} ${problem}`, [
    models.length === 0 ? 'give the folder of a model' : `give one of them, for example ${join(folder, models[0]!)}`,
  ])
}
