/** Writes ONNX files for tests: the protobuf wire format, by hand. Field numbers: onnx/onnx.proto3. */

export type Bytes = number[]

/** A varint; negative numbers as two's complement of 64 bits. */
export function varint(value: number | bigint): Bytes {
  let rest = BigInt.asUintN(64, BigInt(value))
  const out: Bytes = []
  do {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    out.push(rest > 0n ? low | 0x80 : low)
  } while (rest > 0n)
  return out
}

export const int = (field: number, value: number | bigint): Bytes => [...varint(field * 8), ...varint(value)]
export function bytes(field: number, value: ArrayLike<number>): Bytes {
  return [...varint(field * 8 + 2), ...varint(value.length), ...Array.from(value)]
}
export const text = (field: number, value: string): Bytes => bytes(field, new TextEncoder().encode(value))
const float = (field: number, value: number): Bytes => [
  ...varint(field * 8 + 5),
  ...new Uint8Array(new Float32Array([value]).buffer),
]

export const FLOAT = 1
export const INT64 = 7

/** A tensor; `values` only where they are given, as raw bytes. */
export function tensor(name: string, shape: readonly number[], type = FLOAT, values?: readonly number[]): Bytes {
  const raw =
    values &&
    new Uint8Array(type === INT64 ? BigInt64Array.from(values.map(BigInt)).buffer : Float32Array.from(values).buffer)
  return [
    ...shape.flatMap((size) => int(1, size)),
    ...int(2, type),
    ...(name ? text(8, name) : []),
    ...(raw ? bytes(9, raw) : []),
  ]
}

export type Attribute =
  | number
  | string
  | readonly number[]
  | {readonly tensor: Bytes}
  | {readonly graph: Bytes}
  | {readonly float: number}
  | {readonly reference: string}

function attribute(name: string, value: Attribute): Bytes {
  const head = text(1, name)
  if (typeof value === 'number') return [...head, ...int(3, value), ...int(20, 2)]
  if (typeof value === 'string') return [...head, ...text(4, value), ...int(20, 3)]
  if (Array.isArray(value)) return [...head, ...value.flatMap((one) => int(8, one)), ...int(20, 7)]
  if ('tensor' in value) return [...head, ...bytes(5, value.tensor), ...int(20, 4)]
  if ('graph' in value) return [...head, ...bytes(6, value.graph), ...int(20, 5)]
  if ('reference' in value) return [...head, ...text(21, value.reference)]
  return [...head, ...float(2, (value as {float: number}).float), ...int(20, 1)]
}

/** A node: inputs and outputs as names separated by spaces; `_` is an input that is left out. */
export function node(
  op: string,
  inputs: string,
  outputs: string,
  attributes: Record<string, Attribute> = {},
  domain = '',
  name = '',
): Bytes {
  const names = (list: string) => (list === '' ? [] : list.split(' ').map((one) => (one === '_' ? '' : one)))
  return [
    ...names(inputs).flatMap((one) => text(1, one)),
    ...names(outputs).flatMap((one) => text(2, one)),
    ...(name ? text(3, name) : []),
    ...text(4, op),
    ...Object.entries(attributes).flatMap(([key, value]) => bytes(5, attribute(key, value))),
    ...(domain ? text(7, domain) : []),
  ]
}

/** A declared value: numbers, names, or `null` for an open dimension. */
export function value(name: string, shape: readonly (number | string | null)[], type = FLOAT): Bytes {
  const dims = shape.flatMap((dim) =>
    bytes(1, dim === null ? [] : typeof dim === 'number' ? int(1, dim) : text(2, dim)),
  )
  return [...text(1, name), ...bytes(2, bytes(1, [...int(1, type), ...bytes(2, dims)]))]
}

export interface GraphParts {
  readonly nodes: readonly Bytes[]
  readonly inputs?: readonly Bytes[]
  readonly outputs?: readonly Bytes[]
  readonly initializers?: readonly Bytes[]
  readonly values?: readonly Bytes[]
}

export function graph({nodes, inputs = [], outputs = [], initializers = [], values = []}: GraphParts): Bytes {
  return [
    ...nodes.flatMap((one) => bytes(1, one)),
    ...text(2, 'graph'),
    ...initializers.flatMap((one) => bytes(5, one)),
    ...inputs.flatMap((one) => bytes(11, one)),
    ...outputs.flatMap((one) => bytes(12, one)),
    ...values.flatMap((one) => bytes(13, one)),
  ]
}

export interface FunctionParts {
  readonly name: string
  readonly domain: string
  readonly inputs: string
  readonly outputs: string
  readonly nodes: readonly Bytes[]
}

const functionProto = ({name, domain, inputs, outputs, nodes}: FunctionParts): Bytes => [
  ...text(1, name),
  ...inputs.split(' ').flatMap((one) => text(4, one)),
  ...outputs.split(' ').flatMap((one) => text(5, one)),
  ...nodes.flatMap((one) => bytes(7, one)),
  ...text(10, domain),
]

export function model(parts: GraphParts, opset = 17, functions: readonly FunctionParts[] = []): Uint8Array {
  return Uint8Array.from([
    ...int(1, 8),
    ...text(2, 'test'),
    ...bytes(7, graph(parts)),
    ...bytes(8, [...text(1, ''), ...int(2, opset)]),
    ...functions.flatMap((one) => bytes(25, functionProto(one))),
  ])
}

/** A constant of whole numbers as a node. */
export const constant = (name: string, values: readonly number[], shape: readonly number[] = [values.length]): Bytes =>
  node('Constant', '', name, {value: {tensor: tensor('', shape, INT64, values)}})
