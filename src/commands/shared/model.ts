/** What MODEL on the command line means: a built-in id, a path, or `-`. */
import {readFileSync, type Stats, statSync} from 'node:fs'
import {extname, join} from 'node:path'
import {AnalysisError, type Warning} from '../../analysis/errors.ts'
import {models} from '../../analysis/models/index.ts'
import type {ModelDef} from '../../analysis/models/types.ts'
import {systemReason} from './failure.ts'

export interface FoundModel {
  readonly model: ModelDef
  readonly warnings: readonly Warning[]
}

/** a config.json is a few kilobytes; this much is something else */
const largest = 16 * 2 ** 20
const laterFormats = new Set(['.onnx', '.gguf', '.safetensors'])

/**
 * Reads a text file.
 * @throws AnalysisError `unreachable`, `bad-file`
 */
export function readFileText(path: string, what: string): string {
  try {
    const {size} = statSync(path)
    if (size > largest)
      throw new AnalysisError('bad-file', `${path} has ${size} bytes; ${what} has at most ${largest}`, [
        'is it the right file?',
      ])
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof AnalysisError) throw error
    throw new AnalysisError('unreachable', `${path} cannot be read: ${systemReason(error)}`, [
      `give the path of ${what}`,
    ])
  }
}

/** Waits for all of standard input without blocking: Ctrl-C must reach the program meanwhile. */
async function readStandardInput(what: string): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin) {
    chunks.push(chunk)
    size += chunk.length
    if (size > largest)
      throw new AnalysisError('bad-file', `standard input has more than ${largest} bytes; ${what} has less`, [
        'is it the right file?',
      ])
  }
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * Reads a text file, or standard input for `-`.
 * @throws AnalysisError `unreachable`, `bad-file`
 */
export async function readInput(path: string, what: string): Promise<string> {
  return path === '-' ? readStandardInput(what) : readFileText(path, what)
}

async function fromConfig(path: string): Promise<FoundModel> {
  const text = await readInput(path, 'a Hugging Face config.json')
  const {parseConfig} = await import('../../analysis/importers/hf-config.ts')
  return parseConfig(text, path === '-' ? 'standard input' : path)
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
const looksLikePath = (text: string): boolean => /^[./~]|\\|\.json$/.test(text)

/**
 * Resolves MODEL. Built-in ids win over files of the same name: ids are stable.
 * @throws AnalysisError `unknown-model`, `unreachable`, `bad-file`, `bad-json`, `bad-config`
 */
export async function findModel(asked: string): Promise<FoundModel> {
  const known: Readonly<Record<string, ModelDef>> = models
  if (Object.hasOwn(known, asked)) return {model: known[asked]!, warnings: []}
  if (asked === '-') return fromConfig('-')
  const stat = look(asked)
  const extension = extname(asked).toLowerCase()
  if (laterFormats.has(extension))
    throw new AnalysisError('bad-file', `${asked}: ${extension} files are not read yet`, [
      "give the path of the model's Hugging Face config.json",
      '`perf model list` shows the built-in models',
    ])
  if (stat?.isDirectory()) return fromConfig(join(asked, 'config.json'))
  if (stat || looksLikePath(asked)) return fromConfig(asked)
  if (/^[\w.-]+\/[\w.-]+$/.test(asked))
    throw new AnalysisError('unknown-model', `${asked} is no file here, and models are not fetched from a hub yet`, [
      'download its config.json and give that path',
      '`perf model list` shows the built-in models',
    ])
  const catalog = await import('../../analysis/catalog.ts')
  return {model: catalog.findModel(asked), warnings: []}
}
