import type {Format} from '../index.ts'
import type {ByteSource} from '../source.ts'

/** Fields of ModelProto by number, with their wire type (onnx/onnx.proto3). */
const fields: Readonly<Record<number, number>> = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2}

/** Walks the fields of the outermost message: each must be one of a model's and end inside the file; one is the graph. */
function looksLikeModel(source: ByteSource): boolean {
  let at = 0
  let graph = false
  for (let i = 0; i < 64 && at < source.size; i++) {
    const head = source.read(at, 20)
    const tag = head[0]!
    const two = tag >= 0x80
    const number = two ? ((tag & 0x7f) | ((head[1] ?? 0) << 7)) >> 3 : tag >> 3
    if (fields[number] !== (tag & 7) || (two && (head[1] ?? 0x80) >= 0x80)) return graph && i > 2
    let length = 0
    let scale = 1
    let position = two ? 2 : 1
    for (; position < head.length; position++) {
      length += (head[position]! & 0x7f) * scale
      scale *= 128
      if (head[position]! < 0x80) break
    }
    at += position + 1 + (fields[number] === 2 ? length : 0)
    if (number === 7) graph = true
    // a file that was cut inside its graph is still one, and its reader says where it ends
    if (at > source.size) return graph
  }
  return graph
}

export const onnxFormat: Format = {
  id: 'onnx',
  title: 'ONNX',
  sniff: (_, source) => looksLikeModel(source),
  async read({source, origin}, options) {
    const {parseOnnx} = await import('../onnx.ts')
    return parseOnnx(source, origin, options)
  },
}
