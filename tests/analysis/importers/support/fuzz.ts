/** Mutated model files: the same seed makes the same file, so that a failure can be made again. */
import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {evaluateModel} from '../../../../src/analysis/analyze.ts'
import {AnalysisError} from '../../../../src/analysis/errors.ts'
import {importers} from '../../../../src/analysis/importers/index.ts'
import {bytesSource} from '../../../../src/analysis/importers/source.ts'
import {machines} from '../../../../src/analysis/machines/index.ts'
import {llamaLike} from '../../../../src/analysis/models/types.ts'
import {prepareRoof} from '../../../../src/analysis/roofline.ts'
import {resolveWorkload} from '../../../../src/analysis/workload.ts'
import {type GgufEntry, gguf, safetensors, tinyLlama, tinyParts, U32} from './gguf.ts'
import {gating, mamba2File, transformerFile, type WrittenFile} from './gguf-families.ts'
import {constant, graph, INT64, model, node, tensor, value} from './onnx.ts'

export type FuzzFormat = keyof typeof importers

/** A generator of whole numbers below `n`: a counter, mixed as MurmurHash3 ends (Appleby 2011). */
function generator(seed: number): (n: number) => number {
  let state = Math.imul(seed + 1, 0x9e3779b1)
  return (n) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return ((mixed ^ (mixed >>> 16)) >>> 0) % n
  }
}

/** A graph with every kind of subgraph, a function, shape arithmetic, an attention and a recurrent layer. */
function everything(): Uint8Array {
  const branch = graph({nodes: [node('Relu', 'x', 'o')], outputs: [value('o', [2, 4])]})
  const body = graph({
    nodes: [node('MatMul', 'h w', 'h2'), node('Identity', 'c', 'c2')],
    inputs: [value('i', [], INT64), value('c', [], 9), value('h', [2, 4])],
    outputs: [value('c2', [], 9), value('h2', [2, 4])],
  })
  const block = {
    name: 'Block',
    domain: 'my',
    inputs: 'a',
    outputs: 'b',
    nodes: [node('Softmax', 'a', 'b', {axis: {reference: 'axis'}})],
  }
  const nodes = [
    constant('one', [1], []),
    constant('shape', [0, -1]),
    node('If', 'one', 'y0', {then_branch: {graph: branch}, else_branch: {graph: branch}}),
    node('Loop', 'one _ y0', 'y1', {body: {graph: body}}),
    node('Block', 'y1', 'y2', {axis: -1}, 'my'),
    node('Shape', 'y2', 's'),
    node('Gather', 's one', 'g'),
    node('Unsqueeze', 'g axes', 'u'),
    node('Concat', 'u u', 'cc', {axis: 0}),
    node('Reshape', 'y2 shape', 'y3'),
    node('Einsum', 'y3 w', 'y4', {equation: 'ij,jk->ik'}),
    node('Unsqueeze', 'y4 axes', 'y5'),
    node('Attention', 'y5 y5 y5', 'y6', {q_num_heads: 2, kv_num_heads: 2, is_causal: 1}),
    node('LSTM', 'y6 lw lr', 'y7', {hidden_size: 4}),
    node('ReduceMean', 'y7', 'y8', {axes: [1, 2]}),
    node('Frob', 'y8', 'y9', {}, 'acme'),
  ]
  const initializers = [
    tensor('w', [4, 4]),
    tensor('lw', [1, 16, 4]),
    tensor('lr', [1, 16, 4]),
    tensor('axes', [1], INT64, [0]),
  ]
  return model({nodes, inputs: [value('x', ['batch', 4])], outputs: [value('y9', [1])], initializers}, 23, [block])
}

/** Operators of com.microsoft, few-bit weights, experts, transforms and selections. */
function contributed(): Uint8Array {
  const ms = (op: string, inputs: string, outputs: string, attributes: Parameters<typeof node>[3] = {}) =>
    node(op, inputs, outputs, attributes, 'com.microsoft')
  const nodes = [
    ms('GatherBlockQuantized', 'q ids s', 'e', {bits: 4, block_size: 16, quantize_axis: 1}),
    ms('SkipSimplifiedLayerNormalization', 'e e g', 'n _ _ r'),
    ms('Attention', 'n w b', 'a', {num_heads: 2, unidirectional: 1}),
    ms('MultiHeadAttention', 'a a a', 'm', {num_heads: 2}),
    ms('GroupQueryAttention', 'm m m pk pk', 'o', {num_heads: 2, kv_num_heads: 2, do_rotary: 0, local_window_size: 3}),
    ms('RotaryEmbedding', 'o', 'ro', {rotary_embedding_dim: 4, num_heads: 2}),
    ms('QMoE', 'ro router fa fs _ fb ft', 'x', {k: 1, expert_weight_bits: 4, activation_type: 'silu'}),
    node('DFT', 'x _ axis', 'f', {onesided: 1}),
    ms('MatMulNBits', 'x q s', 'l', {K: 16, N: 30, bits: 4, block_size: 16}),
    node('NonZero', 'l', 'z'),
    node('SplitToSequence', 'l axis', 'parts', {axis: 2}),
    node('SequenceAt', 'parts axis', 'part'),
    node('SequenceConstruct', 'part part', 'pair'),
    node('ConcatFromSequence', 'pair', 'joined', {axis: 1, new_axis: 1}),
    node('TopK', 'joined one', 'v i'),
  ]
  const initializers = [
    tensor('q', [30, 8], 2),
    tensor('s', [30]),
    tensor('g', [16]),
    tensor('w', [16, 48]),
    tensor('b', [48]),
    tensor('router', [3, 4]),
    tensor('fa', [4, 8, 8], 2),
    tensor('fs', [4, 8]),
    tensor('fb', [4, 16, 4], 2),
    tensor('ft', [4, 16]),
    tensor('axis', [], INT64, [1]),
    tensor('one', [1], INT64, [1]),
  ]
  const inputs = [value('ids', [1, 3], INT64), value('pk', [1, 2, 5, 8])]
  return model({nodes, inputs, outputs: [value('v', [1])], initializers}, 20)
}

const convolutions = () =>
  model({
    nodes: [
      node('Conv', 'x w b', 'c', {pads: [1, 1, 1, 1], strides: [2, 2]}),
      node('MaxPool', 'c', 'p', {kernel_shape: [2, 2], ceil_mode: 1}),
      node('ConvTranspose', 'p t', 'u', {strides: [2, 2]}),
      node('Resize', 'u _ _ z', 'r', {mode: 'linear'}),
      node('Flatten', 'r', 'f'),
    ],
    inputs: [value('x', [1, 3, 16, 16])],
    initializers: [
      tensor('w', [4, 3, 3, 3]),
      tensor('b', [4]),
      tensor('t', [4, 2, 2, 2]),
      tensor('z', [4], INT64, [1, 2, 20, 20]),
    ],
  })

/** A mixture, latent attention with leading dense layers, a state-space model: headers of small models with their zeros. */
function families(): Uint8Array[] {
  const write = ({entries, tensors}: WrittenFile) => gguf(entries, tensors)
  const dims = {layers: 3, hidden: 64, heads: 4, kvHeads: 2, headDim: 16, ffn: 32, vocab: 10, positions: 64}
  const mixture = {experts: 4, topK: 2, ffn: 32, sharedFfn: 32, gate: 'softmax', normalized: true} as const
  const rest = {...mixture, selectionBias: false, routerBias: false, expertBias: false}
  const latent = {queryRank: 8, rank: 8, nopeDim: 8, ropeDim: 4, valueDim: 8}
  const groups = [{name: 'dense', layers: 1, dense: true}]
  const leading: GgufEntry = ['deepseek2.leading_dense_block_count', U32, 1]
  return [
    write(transformerFile('qwen2moe', {...llamaLike, ...dims, mixture: {...rest, sharedGate: true}})),
    write(
      transformerFile('deepseek2', {...llamaLike, ...dims, groups, latent, mixture: rest}, [
        leading,
        ['deepseek2.expert_shared_count', U32, 1],
        ...gating('deepseek2', true, true),
      ]),
    ),
    write(
      mamba2File({
        ...dims,
        headDim: 32,
        state: 8,
        groups: 1,
        taps: 4,
        convBias: true,
        bias: false,
        tied: true,
      }),
    ),
  ]
}

/** The second of two parts; the fuzzed file is the first. */
function secondPart(): Uint8Array {
  return gguf([['split.count', U32, 2]], tinyParts()[1].slice(9))
}

function firstPart(): Uint8Array {
  const [entries, tensors] = tinyParts()
  return gguf([...entries, ['split.count', U32, 2]], tensors.slice(0, 9))
}

const text = (content: unknown) => new TextEncoder().encode(JSON.stringify(content))

/** A file of its own memory: `slice` of a Buffer would share it, and changes would pile up. */
const fileOf = (path: string): Uint8Array => new Uint8Array(readFileSync(path))

/** Files to begin from, by format. @param root the repository */
export function corpora(root: string): Record<FuzzFormat, readonly Uint8Array[]> {
  const fixtures = join(root, 'tests', 'fixtures')
  const configs = readdirSync(join(fixtures, 'hf')).filter((name) => name.endsWith('.json'))
  return {
    onnx: [everything(), contributed(), convolutions(), fileOf(join(fixtures, 'onnx', 'light_squeezenet.onnx'))],
    gguf: [tinyLlama().slice(0, 4096), tinyLlama(), firstPart(), ...families()],
    safetensors: [
      safetensors({
        a: {dtype: 'BF16', shape: [10, 20], bytes: 400},
        b: {dtype: 'F8_E4M3', shape: [3, 3], bytes: 9},
        c: {dtype: 'I64', shape: [], bytes: 8},
      }),
    ],
    'safetensors-index': [text({metadata: {total_size: 8}, weight_map: {a: 'one.safetensors', b: 'two.safetensors'}})],
    'hf-config': configs.map((name) => fileOf(join(fixtures, 'hf', name))),
  }
}

const interesting = [0, 1, 2, 0x0a, 0x10, 0x22, 0x3a, 0x7b, 0x7f, 0x80, 0xfe, 0xff]
const numbers = ['-1', '0', '1e18', '1e308', '9007199254740993', '0.5', 'null', '[]', '"x"', 'true', '{}']

/** Kinds of changes; those that leave every length as it is reach deeper. */
const kinds = [0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8]

/** One change at a random place. */
function change(file: Uint8Array, random: (n: number) => number, other: Uint8Array): Uint8Array {
  const at = random(file.length + 1)
  const count = 1 + random(random(4) === 0 ? 256 : 8)
  const join2 = (...parts: readonly ArrayLike<number>[]) => {
    const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0))
    let next = 0
    for (const part of parts) {
      out.set(part, next)
      next += part.length
    }
    return out
  }
  const copy = file.slice()
  switch (kinds[random(kinds.length)]) {
    case 0:
      if (at < copy.length) copy[at]! ^= 1 << random(8)
      return copy
    case 1:
      if (at < copy.length) copy[at] = interesting[random(interesting.length)]!
      return copy
    case 2:
      return join2(
        file.subarray(0, at),
        Uint8Array.from({length: count}, () => random(256)),
        file.subarray(at),
      )
    case 3:
      return join2(file.subarray(0, at), file.subarray(at + count))
    case 4:
      return join2(file.subarray(0, at), file.subarray(at, at + count), file.subarray(at))
    case 5:
      return random(4) === 0 ? file.slice(0, at) : copy
    case 6: {
      // a count or length that nothing can fill
      const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, random(2) === 0 ? 0x7f : 0x10]
      for (let i = 0; i < 8 && at + i < copy.length; i++) copy[at + i] = huge[i]!
      return copy
    }
    case 7: {
      const from = random(other.length)
      return join2(
        file.subarray(0, at),
        other.subarray(from, from + count),
        file.subarray(Math.min(file.length, at + count)),
      )
    }
    default: {
      // another number in a text
      let start = at
      while (start < file.length && !(file[start]! >= 0x30 && file[start]! <= 0x39)) start++
      let end = start
      while (end < file.length && file[end]! >= 0x30 && file[end]! <= 0x39) end++
      return join2(
        file.subarray(0, start),
        new TextEncoder().encode(numbers[random(numbers.length)]!),
        file.subarray(end),
      )
    }
  }
}

/** The file of a seed. */
export function mutated(files: readonly Uint8Array[], seed: number): Uint8Array {
  const random = generator(seed)
  let file = files[random(files.length)]!
  const other = files[random(files.length)]!
  for (let i = random(2) === 0 ? 1 : 2 + random(5); i > 0; i--) file = change(file, random, other)
  return file
}

const shard = safetensors({a: {dtype: 'BF16', shape: [10, 20], bytes: 400}})
const part = secondPart()
/** Every shard lies beside its index, the second part beside the first, and no config.json. */
const beside = (name: string) =>
  name.endsWith('.safetensors') ? bytesSource(shard) : name.endsWith('.gguf') ? bytesSource(part) : null
const roof = prepareRoof(machines['h100-sxm'])

/**
 * Reads a file and analyzes what comes out.
 * @returns whether it was read or refused in one clear line
 * @throws Error for anything else: a crash, a bug, a message of many lines
 */
export async function attempt(format: FuzzFormat, bytes: Uint8Array): Promise<'read' | 'refused'> {
  try {
    const file = {origin: 'fuzzed-00001-of-00002.gguf', source: bytesSource(bytes), beside}
    const {model: read} = await importers[format].read(file, {})
    const {operators} = evaluateModel(read, resolveWorkload(read, {}), roof)
    for (const {flops, time} of operators)
      if (!Number.isFinite(flops) || !Number.isFinite(time.lower) || flops < 0)
        throw new Error(`FLOPs ${flops}, time ${time.lower}`)
    return 'read'
  } catch (error) {
    if (!(error instanceof AnalysisError) || error.code === 'internal') throw error
    if (error.message.includes('\n') || error.message.length > 1000)
      throw new Error(`a message of ${error.message.length} characters`)
    return 'refused'
  }
}
