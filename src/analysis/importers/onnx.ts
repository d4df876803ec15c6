/** ONNX file → model: a list of operators with exact sizes. https://onnx.ai/onnx/repo-docs/IR.html */
import type {OperatorsSpec} from '../architectures/operators.ts'
import type {ComputeDType} from '../dtype.ts'
import {AnalysisError, quoted, type Warning} from '../errors.ts'
import type {ModelOf} from '../models/types.ts'
import {ops} from '../ops/index.ts'
import type {OpDef} from '../ops/types.ts'
import {echoed} from '../units.ts'
import {idFrom} from './names.ts'
import type {SuppliedCosts} from './onnx/costs.ts'
import {dtypeOf} from './onnx/element-types.ts'
import {Lowering} from './onnx/lower.ts'
import {readOnnx} from './onnx/read.ts'
import type {OnnxModel, OnnxValue} from './onnx/types.ts'
import type {Value} from './onnx/values.ts'
import {type ByteSource, badFile, placeOf} from './source.ts'

/** Versions of the operator set that shapes and attributes are read for. */
const OPSETS = {first: 6, last: 23}

export interface OnnxOptions {
  /** sizes of named dimensions */
  readonly dims?: Readonly<Record<string, number>> | undefined
  /** size of the leading dimension of the inputs where the file leaves it open, or to put in place of the file's */
  readonly batch?: number | undefined
  /** costs of operators that are not known here, by name */
  readonly costs?: SuppliedCosts | undefined
}

export interface ImportedOnnx {
  readonly model: ModelOf<'operators'>
  readonly warnings: readonly Warning[]
}

/** Inputs that a run gives: those without a value in the file. */
function inputsOf(model: OnnxModel): OnnxValue[] {
  const given = new Set(model.graph.initializers.map(({name}) => name))
  return model.graph.inputs.filter(({name}) => !given.has(name))
}

/** The leading dimension that inputs share is the batch: its name where it has one. */
function leadingOf(inputs: readonly OnnxValue[]): OnnxValue | undefined {
  return inputs.find(({shape}) => shape !== null && shape.length > 0)
}

/** Sizes of named dimensions: what the caller gives, and the batch. */
function sizesOf(inputs: readonly OnnxValue[], options: OnnxOptions): Map<string, number> {
  const sizes = new Map(Object.entries(options.dims ?? {}))
  const name = leadingOf(inputs)?.shape?.[0]
  if (typeof name === 'string' && !sizes.has(name)) sizes.set(name, options.batch ?? 1)
  return sizes
}

/** Named dimensions of the file, in the order of their appearance. */
function namesOf(model: OnnxModel): string[] {
  const names = new Set<string>()
  for (const {shape} of model.graph.inputs) for (const dim of shape ?? []) if (typeof dim === 'string') names.add(dim)
  return [...names]
}

function checkDims(model: OnnxModel, options: OnnxOptions, origin: string): void {
  const names = namesOf(model)
  for (const [name, size] of Object.entries(options.dims ?? {})) {
    if (!Number.isSafeInteger(size) || size < 1 || size > 1e9)
      throw new AnalysisError('bad-flag', `--dim ${name}=${echoed(size)} is not a whole number from 1 to 1e9`, [
        `give a whole number, for example --dim ${name}=8`,
      ])
    if (!names.includes(name))
      throw new AnalysisError('bad-dimension', `${origin} has no dimension named ${quoted(name)}`, [
        names.length > 0
          ? `it has ${names
              .slice(0, 8)
              .map((n) => quoted(n))
              .join(', ')}`
          : 'all of its sizes are numbers',
      ])
  }
}

/** The sizes of one input. The leading one is the batch; every other name needs a size. */
function shapeOf(
  input: OnnxValue,
  sizes: ReadonlyMap<string, number>,
  batch: number | undefined,
  first: unknown,
  origin: string,
): number[] {
  return (input.shape ?? []).map((dim, axis) => {
    // the batch replaces the file's own where every input leads with the same size
    if (axis === 0 && batch !== undefined && dim === first && typeof dim !== 'string') return batch
    if (typeof dim === 'number') {
      if (dim < 0)
        badFile(origin, `input ${quoted(input.name)} has a dimension of ${dim}`, 'sizes are whole numbers from 0')
      return dim
    }
    if (axis === 0 && dim === null) return batch ?? 1
    const size = dim === null ? undefined : sizes.get(dim)
    if (size !== undefined) return size
    throw new AnalysisError(
      'bad-dimension',
      `${placeOf(origin)}: dimension ${dim === null ? axis : quoted(dim)} of input ${quoted(input.name)} has no size in the file`,
      [
        dim === null
          ? 'export the model with sizes or names for its inputs'
          : `give it, for example --dim ${dim.slice(0, 60)}=128`,
      ],
    )
  })
}

/**
 * Reads an ONNX model without its weights.
 *
 * Named dimensions take their size from `dims`; the leading dimension of the inputs is the batch, 1 where nobody says.
 * @param origin what messages call the file
 * @throws AnalysisError `bad-file` for every mistake in the file; `bad-dimension` for a dimension without a size or a
 * name that the file does not have; `bad-flag` for a size that is none
 */
export function parseOnnx(source: ByteSource, origin: string, options: OnnxOptions = {}): ImportedOnnx {
  const place = placeOf(origin)
  const onnx = readOnnx(source, place)
  checkDims(onnx, options, place)
  const inputs = inputsOf(onnx)
  const sizes = sizesOf(inputs, options)
  const lowering = new Lowering(onnx, place, sizes, options.costs)
  const first = leadingOf(inputs)?.shape?.[0]
  const values = new Map<string, Value>()
  for (const input of inputs) {
    const shape = shapeOf(input, sizes, options.batch, first, place)
    values.set(input.name, lowering.input(input.name, input.type || 1, shape))
  }
  const leading =
    typeof first === 'string' ? sizes.get(first) : typeof first === 'number' ? (options.batch ?? first) : options.batch
  const batch = Math.max(1, leading ?? 1)
  const {spec, warnings} = lowering.run(values, batch, rebatchOf(first, options.batch))
  checkCounts(spec, place)
  const id = idFrom(place, 'onnx')
  const model: ModelOf<'operators'> = {
    id,
    name: id,
    source: `${place} (ONNX, opset ${onnx.opset}${onnx.producer ? `, ${quoted(onnx.producer).slice(1, -1)}` : ''})`,
    architecture: 'operators',
    spec,
    dtype: (dtypeOf(lowering.main) ?? 'f32') as ComputeDType,
  }
  return {model, warnings: [...versionRemarks(onnx, place), ...warnings]}
}

/** Counts are exact integers below 2^53: a file whose sizes go beyond is no model. */
function checkCounts(spec: OperatorsSpec, origin: string): void {
  for (const {id, kind, dims} of spec.operators) {
    const {macs, flops, matrix, vector, reads, writes} = (ops as Readonly<Record<string, OpDef>>)[kind]!.cost(dims)
    const counts = [macs, flops, matrix + vector, ...[...reads, ...writes].map(({elements}) => elements * 8)]
    if (counts.every((count) => Number.isSafeInteger(count) && count >= 0)) continue
    badFile(origin, `the counts of operator ${quoted(id)} exceed 2^53 (${flops.toExponential(2)} FLOP)`)
  }
}

/** A batch that takes the place of a number in the file. */
const rebatchOf = (first: unknown, batch: number | undefined) =>
  typeof first === 'number' && batch !== undefined && batch !== first ? {from: first, to: batch} : null

function versionRemarks({opset}: OnnxModel, origin: string): Warning[] {
  if (opset >= OPSETS.first && opset <= OPSETS.last) return []
  return [
    {
      code: 'opset',
      message: `${origin}: opset ${opset} is outside ${OPSETS.first}–${OPSETS.last}, which this tool knows: operators may have changed their meaning`,
    },
  ]
}
