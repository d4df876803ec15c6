/** An ONNX model as this tool sees it: structure and shapes; weights are sizes. https://onnx.ai/onnx/repo-docs/IR.html */

/** `TensorProto.DataType`: bits of one element. 0 for types without a fixed width. */
export const elementBits: readonly number[] = [
  0, 32, 8, 8, 16, 16, 32, 64, 0, 8, 16, 64, 32, 64, 64, 128, 16, 8, 8, 8, 8, 4, 4, 4, 8, 2, 2,
]

/** Types that shapes, positions and conditions are made of: uint8, int8, uint16, int16, int32, int64, bool, uint32, uint64. */
const integers: readonly number[] = [2, 3, 4, 5, 6, 7, 9, 12, 13]
export const isInteger = (type: number): boolean => integers.includes(type)

/** A tensor in the file. `values` only where it is small: shape arithmetic needs those. */
export interface OnnxTensor {
  readonly name: string
  readonly type: number
  readonly shape: readonly number[]
  readonly values: readonly number[] | null
  /** a file beside the model, relative to its folder */
  readonly external: string | null
}

/** A dimension as declared: a size, a name, or nothing. */
export type DeclaredDim = number | string | null

export interface OnnxValue {
  readonly name: string
  readonly type: number
  /** `null` where the file does not say */
  readonly shape: readonly DeclaredDim[] | null
}

export interface OnnxAttribute {
  readonly name: string
  readonly float: number | null
  readonly int: number | null
  readonly text: string | null
  readonly tensor: OnnxTensor | null
  readonly graph: OnnxGraph | null
  readonly floats: readonly number[]
  readonly ints: readonly number[]
  /** inside a function: the attribute of the call that gives the value */
  readonly reference: string | null
}

export interface OnnxNode {
  readonly name: string
  readonly op: string
  readonly domain: string
  readonly overload: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: readonly OnnxAttribute[]
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[]
  readonly initializers: readonly OnnxTensor[]
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  readonly values: readonly OnnxValue[]
}

export interface OnnxFunction {
  readonly name: string
  readonly domain: string
  readonly overload: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly OnnxNode[]
  /** defaults of attributes that a call leaves out */
  readonly attributes: readonly OnnxAttribute[]
  /** version of the default domain inside */
  readonly opset: number | null
}

export interface OnnxModel {
  readonly opset: number
  readonly producer: string
  readonly graph: OnnxGraph
  readonly functions: readonly OnnxFunction[]
}
