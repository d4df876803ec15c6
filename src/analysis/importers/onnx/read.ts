/** ModelProto and what it holds, read by seeking. Field numbers: onnx/onnx.proto3 (https://github.com/onnx/onnx). */
import {quoted} from '../../errors.ts'
import {type ByteSource, ByteWindow, badFile} from '../source.ts'
import {readTensor} from './tensor.ts'
import type {
  DeclaredDim,
  OnnxAttribute,
  OnnxFunction,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValue,
} from './types.ts'
import {Message} from './wire.ts'

/** Bounds of what is kept, far above real files (the largest exported decoders have some 30,000 nodes). */
const MAX_NODES = 100_000
const MAX_NAMES = 1_000_000
const MAX_DEPTH = 16

/** Reads one file; counts what it keeps, so that memory is bounded whatever the file says. */
class Reader {
  readonly origin: string
  private nodes = 0
  private names = 0

  constructor(origin: string) {
    this.origin = origin
  }

  private name(at: Message): string {
    this.kept()
    return at.text()
  }

  private kept(): void {
    if (++this.names > MAX_NAMES) badFile(this.origin, `has more than ${MAX_NAMES} names, values and attributes`)
  }

  /** type → tensor_type, or what an optional holds; sequences and maps have no size */
  private typeOf(at: Message, depth = 0): {type: number; shape: DeclaredDim[] | null} {
    let found: {type: number; shape: DeclaredDim[] | null} = {type: 0, shape: null}
    while (at.next()) {
      if (at.field === 1) found = this.tensorType(at.message())
      else if (at.field === 9 && depth < MAX_DEPTH) {
        const inner = at.message()
        while (inner.next()) {
          if (inner.field === 1) found = this.typeOf(inner.message(), depth + 1)
          else inner.skip()
        }
      } else at.skip()
    }
    return found
  }

  private tensorType(at: Message): {type: number; shape: DeclaredDim[] | null} {
    let type = 0
    let shape: DeclaredDim[] | null = null
    while (at.next()) {
      if (at.field === 1) type = at.int()
      else if (at.field === 2) {
        shape = []
        const dims = at.message()
        while (dims.next()) {
          if (dims.field !== 1) {
            dims.skip()
            continue
          }
          if (shape.length === 64) badFile(this.origin, 'a value has more than 64 dimensions')
          shape.push(this.dim(dims.message()))
        }
      } else at.skip()
    }
    return {type, shape}
  }

  private dim(at: Message): DeclaredDim {
    let dim: DeclaredDim = null
    while (at.next()) {
      if (at.field === 1) dim = at.int()
      else if (at.field === 2) dim = this.name(at) || null
      else at.skip()
    }
    return dim
  }

  private value(at: Message): OnnxValue {
    let name = ''
    let declared: {type: number; shape: DeclaredDim[] | null} = {type: 0, shape: null}
    while (at.next()) {
      if (at.field === 1) name = this.name(at)
      else if (at.field === 2) declared = this.typeOf(at.message())
      else at.skip()
    }
    return {name, ...declared}
  }

  private attribute(at: Message, depth: number): OnnxAttribute {
    this.kept()
    const floats: number[] = []
    const ints: number[] = []
    let name = ''
    let float: number | null = null
    let int: number | null = null
    let text: string | null = null
    let tensor: OnnxTensor | null = null
    let graph: OnnxGraph | null = null
    let reference: string | null = null
    while (at.next()) {
      if (at.field === 1) name = at.text()
      else if (at.field === 2) float = at.float()
      else if (at.field === 3) int = at.int()
      else if (at.field === 4) text = at.textOf(at.blob())
      else if (at.field === 5) tensor = readTensor(at.message())
      else if (at.field === 6) graph = this.graph(at.message(), depth + 1)
      else if (at.field === 7) at.floats(floats)
      else if (at.field === 8) at.ints(ints)
      else if (at.field === 21) reference = at.text()
      else if (at.field === 22) tensor = this.sparse(at.message())
      else at.skip()
    }
    return {name, float, int, text, tensor, graph, floats, ints, reference}
  }

  /** A sparse tensor takes the place of a dense one of its dims. */
  private sparse(at: Message): OnnxTensor {
    const shape: number[] = []
    let values: OnnxTensor | null = null
    while (at.next()) {
      if (at.field === 1) values = readTensor(at.message())
      else if (at.field === 3) at.ints(shape)
      else at.skip()
    }
    if (shape.length > 64) badFile(this.origin, 'a sparse tensor has more than 64 dimensions')
    return {name: values?.name ?? '', type: values?.type ?? 1, shape, values: null, external: null}
  }

  private node(at: Message, depth: number): OnnxNode {
    if (++this.nodes > MAX_NODES) badFile(this.origin, `has more than ${MAX_NODES} nodes`)
    const inputs: string[] = []
    const outputs: string[] = []
    const attributes: OnnxAttribute[] = []
    let [name, op, domain, overload] = ['', '', '', '']
    while (at.next()) {
      if (at.field === 1) inputs.push(this.name(at))
      else if (at.field === 2) outputs.push(this.name(at))
      else if (at.field === 3) name = at.text()
      else if (at.field === 4) op = at.text()
      else if (at.field === 5) attributes.push(this.attribute(at.message(), depth))
      else if (at.field === 7) domain = at.text()
      else if (at.field === 8) overload = at.text()
      else at.skip()
    }
    return {name, op, domain: domain === 'ai.onnx' ? '' : domain, overload, inputs, outputs, attributes}
  }

  graph(at: Message, depth: number): OnnxGraph {
    if (depth > MAX_DEPTH) badFile(this.origin, `has subgraphs more than ${MAX_DEPTH} deep`)
    const nodes: OnnxNode[] = []
    const initializers: OnnxTensor[] = []
    const inputs: OnnxValue[] = []
    const outputs: OnnxValue[] = []
    const values: OnnxValue[] = []
    while (at.next()) {
      if (at.field === 1) nodes.push(this.node(at.message(), depth))
      else if (at.field === 5) {
        this.kept()
        initializers.push(readTensor(at.message()))
      } else if (at.field === 11) inputs.push(this.value(at.message()))
      else if (at.field === 12) outputs.push(this.value(at.message()))
      else if (at.field === 13) values.push(this.value(at.message()))
      else if (at.field === 15) {
        this.kept()
        initializers.push(this.sparse(at.message()))
      } else at.skip()
    }
    return {nodes, initializers, inputs, outputs, values}
  }

  private function(at: Message): OnnxFunction {
    const inputs: string[] = []
    const outputs: string[] = []
    const nodes: OnnxNode[] = []
    const attributes: OnnxAttribute[] = []
    let [name, domain, overload] = ['', '', '']
    let opset: number | null = null
    while (at.next()) {
      if (at.field === 1) name = at.text()
      else if (at.field === 4) inputs.push(this.name(at))
      else if (at.field === 5) outputs.push(this.name(at))
      else if (at.field === 7) nodes.push(this.node(at.message(), 1))
      else if (at.field === 9) opset = this.opset(at.message()) ?? opset
      else if (at.field === 10) domain = at.text()
      else if (at.field === 11) attributes.push(this.attribute(at.message(), 1))
      else if (at.field === 13) overload = at.text()
      else at.skip()
    }
    return {name, domain: domain === 'ai.onnx' ? '' : domain, overload, inputs, outputs, nodes, attributes, opset}
  }

  /** The version of the default domain, if it is the one. */
  private opset(at: Message): number | null {
    let domain = ''
    let version = 1
    while (at.next()) {
      if (at.field === 1) domain = at.text()
      else if (at.field === 2) version = at.int()
      else at.skip()
    }
    return domain === '' || domain === 'ai.onnx' ? version : null
  }

  model(source: ByteSource): OnnxModel {
    const at = new Message(new ByteWindow(source, this.origin), 0, source.size)
    const functions: OnnxFunction[] = []
    let graph: OnnxGraph | null = null
    let opset: number | null = null
    let producer = ''
    while (at.next()) {
      if (at.field === 2) producer = at.text()
      else if (at.field === 7) {
        if (graph) badFile(this.origin, 'has two graphs')
        graph = this.graph(at.message(), 0)
      } else if (at.field === 8) opset = this.opset(at.message()) ?? opset
      else if (at.field === 25) functions.push(this.function(at.message()))
      else at.skip()
    }
    if (!graph) badFile(this.origin, 'is no ONNX model: it has no graph')
    // without an import of the default domain, version 1 is meant (IR version 2 and before)
    return {opset: opset ?? 1, producer, graph, functions}
  }
}

/**
 * Reads an ONNX file without its weights.
 * @throws AnalysisError `bad-file` naming the byte or the tensor
 */
export function readOnnx(source: ByteSource, origin: string): OnnxModel {
  const model = new Reader(origin).model(source)
  checkExternal(model.graph, origin)
  return model
}

/** External data must lie in the model's folder. The data themselves are never opened. */
function checkExternal(graph: OnnxGraph, origin: string): void {
  const check = ({name, external}: OnnxTensor) => {
    if (external === null) return
    const parts = external.split(/[\\/]/)
    const outside =
      external === '' || /^([\\/]|[A-Za-z]:)/.test(external) || parts.includes('..') || external.includes('\0')
    if (outside)
      badFile(
        origin,
        `the data of tensor ${quoted(name)} are said to lie in ${quoted(external)}, outside the model's folder`,
        'external data lie in the folder of the .onnx file',
      )
  }
  graph.initializers.forEach(check)
  for (const node of graph.nodes) {
    for (const {tensor, graph: inner} of node.attributes) {
      if (tensor) check(tensor)
      if (inner) checkExternal(inner, origin)
    }
  }
}
