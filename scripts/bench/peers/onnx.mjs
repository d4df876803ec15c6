// ONNX models as bytes: protobuf's wire format; field numbers: onnx/onnx.proto3 of https://github.com/onnx/onnx.

const types = {float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7}
export const arrays = {
  float32: Float32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int32: Int32Array,
  int64: BigInt64Array,
}

function varint(value) {
  const out = []
  let rest = BigInt.asUintN(64, BigInt(value))
  do {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    out.push(rest > 0n ? low | 0x80 : low)
  } while (rest > 0n)
  return Buffer.from(out)
}
const int = (field, value) => Buffer.concat([varint(field * 8), varint(value)])
const bytes = (field, ...parts) => {
  const body = Buffer.concat(parts)
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body])
}
const text = (field, value) => bytes(field, Buffer.from(value))
const float = (field, value) => Buffer.concat([varint(field * 8 + 5), Buffer.from(Float32Array.of(value).buffer)])

/** A whole number, a list of them, a string, or `{float}`. */
function attribute([name, value]) {
  if (typeof value === 'string') return bytes(5, text(1, name), text(4, value), int(20, 3))
  if (Array.isArray(value)) return bytes(5, text(1, name), ...value.map((one) => int(8, one)), int(20, 7))
  if (typeof value === 'number') return bytes(5, text(1, name), int(3, value), int(20, 2))
  return bytes(5, text(1, name), float(2, value.float), int(20, 1))
}

/** Dimensions have names and no sizes: nothing that hangs on shapes alone is computed when the model is loaded. */
const declared = (field, {name, shape, type}) =>
  bytes(
    field,
    text(1, name),
    bytes(2, bytes(1, int(1, types[type]), bytes(2, ...shape.map((_, i) => bytes(1, text(2, `${name} ${i}`)))))),
  )

const constant = ({name, shape, type, values}) =>
  bytes(
    5,
    ...shape.map((dim) => int(1, dim)),
    int(2, types[type]),
    text(8, name),
    bytes(9, Buffer.from(values.buffer, values.byteOffset, values.byteLength)),
  )

/**
 * @param nodes `{op, domain, attributes, in, out}`, an absent tensor is ''
 * @param inputs, outputs `{name, shape, type}`
 * @param constants `{name, shape, type, values}`: known when the model is loaded, so that it may lay them out as it likes
 */
export const model = ({nodes, inputs, outputs, constants = []}) =>
  new Uint8Array(
    Buffer.concat([
      int(1, 8),
      bytes(
        7,
        ...nodes.map(({op, domain = '', attributes = {}, in: from, out}) =>
          bytes(
            1,
            ...from.map((name) => text(1, name)),
            ...out.map((name) => text(2, name)),
            text(4, op),
            ...Object.entries(attributes).map(attribute),
            text(7, domain),
          ),
        ),
        text(2, 'graph'),
        ...constants.map(constant),
        ...inputs.map((one) => declared(11, one)),
        ...outputs.map((one) => declared(12, one)),
      ),
      bytes(8, text(1, ''), int(2, 17)),
      bytes(8, text(1, 'com.microsoft'), int(2, 1)),
    ]),
  )
