/** ONNX files of tests → graphs that are checked, with what they add up to. */
import {readFileSync} from 'node:fs'
import {expect} from 'vitest'
import {AnalysisError} from '../../../../src/analysis/errors.ts'
import {validateGraph} from '../../../../src/analysis/graph.ts'
import {type OnnxOptions, parseOnnx} from '../../../../src/analysis/importers/onnx.ts'
import {bytesSource} from '../../../../src/analysis/importers/source.ts'
import {buildGraph} from '../../../../src/analysis/models/types.ts'
import {resolveWorkload} from '../../../../src/analysis/workload.ts'
import {type Bytes, type FunctionParts, type GraphParts, model, value} from './onnx.ts'

export const fixture = (name: string) =>
  readFileSync(new URL(`../../../fixtures/onnx/light_${name}.onnx`, import.meta.url))

export function graphOf(file: Uint8Array, options: OnnxOptions = {}) {
  const {model: imported, warnings} = parseOnnx(bytesSource(file), 'test.onnx', options)
  const built = buildGraph(imported, resolveWorkload(imported, {}))
  validateGraph(built)
  const sum = (of: 'macs' | 'flops') => built.nodes.reduce((n, one) => n + one.cost[of] * one.repeat, 0)
  return {imported, warnings, graph: built, macs: sum('macs'), flops: sum('flops'), ids: built.nodes.map(({id}) => id)}
}

export const run = (
  parts: GraphParts,
  opset = 17,
  functions: readonly FunctionParts[] = [],
  options: OnnxOptions = {},
) => graphOf(model(parts, opset, functions), options)

/** A model of one input `x` and the nodes given. */
export const over = (
  shape: readonly (number | string)[],
  nodes: readonly Bytes[],
  more: Partial<GraphParts> = {},
  options: OnnxOptions = {},
  opset = 17,
) => run({nodes, inputs: [value('x', shape)], outputs: [], ...more}, opset, [], options)

export function problem(make: () => unknown): {code: string; message: string; suggestions: readonly string[]} {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(AnalysisError)
    return error as AnalysisError
  }
  throw new Error('nothing was thrown')
}
