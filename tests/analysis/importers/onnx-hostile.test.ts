import {describe, expect, it} from 'vitest'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {parseOnnx} from '../../../src/analysis/importers/onnx.ts'
import {bytesSource} from '../../../src/analysis/importers/source.ts'
import {fixture, over, problem, run} from './support/lowered.ts'
import {type Bytes, FLOAT, graph, model, node, tensor, value} from './support/onnx.ts'

describe('hostile files', () => {
  const refused = (file: Uint8Array) => problem(() => parseOnnx(bytesSource(file), 'bad.onnx'))

  it.each<[string, Uint8Array, RegExp]>([
    [
      'a length of 2^60',
      Uint8Array.from([0x3a, ...[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]]),
      /a length of 1152921504606847000 bytes where 0 are left/,
    ],
    [
      'a tensor of negative size',
      model({nodes: [], initializers: [tensor('w', [-4, 4])]}),
      /tensor "w" has a dimension of -4/,
    ],
    [
      'a tensor of 2^60 elements',
      model({nodes: [], initializers: [tensor('w', [2 ** 30, 2 ** 30])]}),
      /1\.15e\+18 elements/,
    ],
    ['an input of negative size', model({nodes: [], inputs: [value('x', [-1, 4])]}), /input "x" has a dimension of -1/],
    [
      'a text with a line break in a message',
      model({
        nodes: [node('MoE', 'x r a _ b', 'y', {activation_type: 'a\nb'}, 'com.microsoft')],
        inputs: [value('x', [6, 8]), value('r', [6, 4])],
        initializers: [tensor('a', [4, 16, 8]), tensor('b', [4, 8, 16])],
      }),
      /the activation "a.+b" of 16 channels$/,
    ],
    ['a name of a megabyte', model({nodes: [node('Relu', 'x', 'y'.repeat(2 ** 20))]}), /a name of 1048576 bytes/],
    [
      'a read of what nobody writes',
      model({nodes: [node('Relu', 'y', 'z'), node('Relu', 'z', 'y')]}),
      /reads "y", which nothing before it writes/,
    ],
    ['two graphs', Uint8Array.from([...model({nodes: []}), ...model({nodes: []})]), /two graphs/],
    ['no graph', Uint8Array.from([8, 8]), /no graph/],
    ['bytes that are no field', Uint8Array.from([0x3a, 2, 0x0b, 0]), /no readable ONNX file/],
    [
      'raw data of another length',
      model({nodes: [], initializers: [[...tensor('w', [3], FLOAT, [1, 2])]]}),
      /8 bytes; 3 elements need 12/,
    ],
    [
      'shapes that do not multiply',
      model({nodes: [node('MatMul', 'x w', 'y')], inputs: [value('x', [2, 3])], initializers: [tensor('w', [4, 5])]}),
      /3 is not 4/,
    ],
    [
      'a kernel larger than the image',
      model({
        nodes: [node('Conv', 'x w', 'y')],
        inputs: [value('x', [1, 1, 2, 2])],
        initializers: [tensor('w', [1, 1, 3, 3])],
      }),
      /does not fit 2 elements/,
    ],
  ])('%s', (_, file, message) => {
    const error = refused(file)
    expect(error.code).toBe('bad-file')
    expect(error.message).toMatch(message)
    expect(error.message.length).toBeLessThan(500)
    expect(error.message).not.toContain('\n')
  })

  it('functions that call themselves, or one another twice', () => {
    const self = [{name: 'F', domain: 'my', inputs: 'a', outputs: 'b', nodes: [node('F', 'a', 'b', {}, 'my')]}]
    const parts = {nodes: [node('F', 'x', 'y', {}, 'my')], inputs: [value('x', [2])]}
    expect(problem(() => run(parts, 17, self)).message).toMatch(/functions call one another more than 32 deep/)
    const doubling = Array.from({length: 30}, (_, i) => ({
      name: `F${i}`,
      domain: 'my',
      inputs: 'a',
      outputs: 'c',
      nodes: [node(`F${i + 1}`, 'a', 'b', {}, 'my'), node(`F${i + 1}`, 'b', 'c', {}, 'my')],
    }))
    expect(problem(() => run({...parts, nodes: [node('F0', 'x', 'y', {}, 'my')]}, 17, doubling)).message).toMatch(
      /more than 200000/,
    )
  })

  it('subgraphs deeper than any', () => {
    let inner = graph({nodes: [], outputs: []})
    for (let i = 0; i < 40; i++)
      inner = graph({nodes: [node('If', 'c', 'y', {then_branch: {graph: inner}, else_branch: {graph: []}})]})
    const file = model({
      nodes: [node('If', 'c', 'y', {then_branch: {graph: inner}, else_branch: {graph: []}})],
      inputs: [value('c', [], 9)],
    })
    expect(refused(file).message).toMatch(/deep/)
  })

  it.each([
    '../secret',
    '/etc/passwd',
    'a/../../b',
    'C:\\x',
    '\\\\host\\share',
    '',
  ])('external data in %j', (location) => {
    const outside = [...tensor('w', [4, 5]), ...external(location)]
    expect(refused(model({nodes: [], initializers: [outside]})).message).toMatch(/outside the model's folder/)
  })

  it('external data in the folder are never opened', () => {
    const inside = [...tensor('w', [4, 5]), ...external('weights.bin')]
    expect(over([3, 4], [node('MatMul', 'x w', 'y')], {initializers: [inside]}).macs).toBe(60)
  })

  it('every prefix of a real file is refused in one line, or is one that was cut behind its graph', () => {
    const whole = fixture('squeezenet')
    for (let length = 0; length < whole.length; length += 97) {
      const cut = whole.subarray(0, length)
      try {
        parseOnnx(bytesSource(cut), 'cut.onnx')
      } catch (error) {
        expect(error).toBeInstanceOf(AnalysisError)
        expect((error as AnalysisError).exitCode).toBe(3)
      }
    }
  })
})

/** data_location EXTERNAL and a `location` pair. */
function external(location: string): Bytes {
  const encode = (field: number, content: Bytes | string): Bytes => {
    const data = typeof content === 'string' ? Array.from(new TextEncoder().encode(content)) : content
    return [
      field * 8 + 2,
      ...(data.length < 128 ? [data.length] : [(data.length & 0x7f) | 0x80, data.length >> 7]),
      ...data,
    ]
  }
  return [...encode(13, [...encode(1, 'location'), ...encode(2, location)]), 14 * 8, 1]
}
