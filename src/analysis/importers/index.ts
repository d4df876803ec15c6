/** Every format of model files, one line each, recognised by content: the name of a file is never asked. */
import type {Warning} from '../errors.ts'
import type {ModelDef} from '../models/types.ts'
import {ggufFormat} from './formats/gguf.ts'
import {hfConfigFormat} from './formats/hf-config.ts'
import {onnxFormat} from './formats/onnx.ts'
import {safetensorsFormat} from './formats/safetensors.ts'
import {safetensorsIndexFormat} from './formats/safetensors-index.ts'
import type {SuppliedCosts} from './onnx/costs.ts'
import {refuseOptions} from './options.ts'
import {type ByteSource, badFile, placeOf, textOf} from './source.ts'

/** What a caller may say about the file. */
export interface ImportOptions {
  /** sizes of named dimensions (ONNX) */
  readonly dims?: Readonly<Record<string, number>> | undefined
  /** samples processed together, for files whose sizes are for one batch (ONNX) */
  readonly batch?: number | undefined
  /** costs of operators that are not known here, by name (ONNX) */
  readonly costs?: SuppliedCosts | undefined
}

export interface Imported {
  readonly model: ModelDef
  readonly warnings: readonly Warning[]
}

/** A file and what lies beside it. */
export interface ModelFile {
  /** what messages call it */
  readonly origin: string
  readonly source: ByteSource
  /** a file of the same folder by its plain name; `null` where there is none */
  beside(name: string): ByteSource | null
}

export interface Format {
  readonly id: string
  readonly title: string
  /** whether the file begins like one; `head` is its first 4,096 bytes */
  sniff(head: Uint8Array, source: ByteSource): boolean
  read(file: ModelFile, options: ImportOptions): Promise<Imported>
}

/** In the order they are tried: the surest marks first. */
export const importers = {
  gguf: ggufFormat,
  safetensors: safetensorsFormat,
  'safetensors-index': safetensorsIndexFormat,
  'hf-config': hfConfigFormat,
  onnx: onnxFormat,
} as const satisfies Record<string, Format>

/** The format of a file, from its content; `undefined` where it is none of them. */
export function sniff(source: ByteSource): Format | undefined {
  const head = source.read(0, Math.min(4096, source.size))
  return Object.values(importers).find((format) => format.sniff(head, source))
}

/** What is downloaded in the place of a model, by how it begins: its name is the model's, its content tells what to do. */
const instead: readonly (readonly [begins: RegExp, is: string, next: string])[] = [
  [
    /^version https:\/\/git-lfs\.github\.com\//,
    'is a pointer of Git LFS, not the file itself',
    '`git lfs pull` in its folder brings the file',
  ],
  [
    /^\s*<(!doctype html|html)\b/i,
    'is a web page, not a model',
    'download the file itself: on a hub the link that says download or raw',
  ],
]

/**
 * Reads a model from a file of any known format.
 * @throws AnalysisError `bad-file`, or what the format's reader throws
 */
export async function importModel(file: ModelFile, options: ImportOptions = {}): Promise<Imported> {
  if (file.source.size === 0) badFile(file.origin, 'is empty')
  const format = sniff(file.source)
  if (!format) {
    const text = textOf(file.source.read(0, Math.min(256, file.source.size)))
    const found = instead.find(([begins]) => begins.test(text))
    if (found) badFile(file.origin, found[1], found[2])
    const titles = Object.values(importers).map(({title}) => title)
    badFile(file.origin, `is of no known format: ${titles.join(', ')} are read`, 'give the path of one of those')
  }
  if (format !== onnxFormat) refuseOptions(placeOf(file.origin), options)
  return format.read(file, options)
}
