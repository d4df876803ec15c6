/** Operators of com.microsoft and the rarer ones of ai.onnx, one node each, with their counts by hand. */
import {type Bytes, INT64, node, tensor, value} from './onnx.ts'

export const UINT8 = 2
export const contrib = (op: string, inputs: string, outputs: string, attributes: Parameters<typeof node>[3] = {}) =>
  node(op, inputs, outputs, attributes, 'com.microsoft')

/** Of a node, or several: the shape of `x`, what else the graph holds, and MACs and FLOPs. */
export type Case = readonly [
  name: string,
  x: readonly number[],
  nodes: Bytes | readonly Bytes[],
  initializers: readonly Bytes[],
  macs: number,
  flops: number,
  opset?: number,
  inputs?: readonly Bytes[],
]

const groups = [value('past_k', [1, 2, 6, 4]), value('past_v', [1, 2, 6, 4])]
const kv = [value('k', [1, 4, 8]), value('v', [1, 4, 8])]

export const contribCases: readonly Case[] = [
  // 6 rows of 64 by 10; each weight is scaled, with zero points moved too
  [
    'MatMulNBits',
    [2, 3, 64],
    contrib('MatMulNBits', 'x q s', 'y', {K: 64, N: 10, bits: 4, block_size: 32}),
    [tensor('q', [10, 2, 16], UINT8), tensor('s', [20])],
    3840,
    7680 + 640,
  ],
  [
    'MatMulNBits with zero points',
    [2, 3, 64],
    contrib('MatMulNBits', 'x q s z', 'y', {K: 64, N: 10, bits: 4, block_size: 32}),
    [tensor('q', [10, 2, 16], UINT8), tensor('s', [20]), tensor('z', [10], UINT8)],
    3840,
    7680 + 2 * 640,
  ],
  // a table of 30 rows of 16 values in 4 bits: 7 rows are widened
  [
    'GatherBlockQuantized',
    [7],
    contrib('GatherBlockQuantized', 'q x s', 'y', {bits: 4, block_size: 16, quantize_axis: 1}),
    [tensor('q', [30, 8], UINT8), tensor('s', [30, 1])],
    0,
    7 * 16,
  ],
  // 2·3 heads of 4 channels, 25 pairs: 2 products, 5 per score
  ['MultiHeadAttention', [2, 5, 12], contrib('MultiHeadAttention', 'x x x', 'y', {num_heads: 3}), [], 1200, 2400 + 750],
  [
    'MultiHeadAttention with a bias',
    [2, 5, 12],
    contrib('MultiHeadAttention', 'x x x b', 'y', {num_heads: 3}),
    [tensor('b', [36])],
    1200,
    2400 + 750 + 3 * 120,
  ],
  [
    'MultiHeadAttention across sequences',
    [2, 5, 12],
    contrib('MultiHeadAttention', 'x k k', 'y', {num_heads: 3}),
    [],
    1680,
    3360 + 5 * 210,
    17,
    [value('k', [2, 7, 12])],
  ],
  [
    'MultiHeadAttention, all three packed',
    [2, 5, 3, 3, 4],
    contrib('MultiHeadAttention', 'x', 'y', {num_heads: 3}),
    [],
    1200,
    3150,
  ],
  // the product to queries, keys and values: 10 rows, 12 to 36
  [
    'com.microsoft.Attention',
    [2, 5, 12],
    contrib('Attention', 'x w b', 'y', {num_heads: 3}),
    [tensor('w', [12, 36]), tensor('b', [36])],
    4320 + 1200,
    8640 + 360 + 3150,
  ],
  // 15 of 25 pairs
  [
    'com.microsoft.Attention with a causal mask',
    [2, 5, 12],
    contrib('Attention', 'x w b', 'y', {num_heads: 3, unidirectional: 1}),
    [tensor('w', [12, 36]), tensor('b', [36])],
    4320 + 720,
    8640 + 360 + 1440 + 450,
  ],
  [
    'QAttention',
    [2, 5, 12],
    [node('DynamicQuantizeLinear', 'x', 'q sx zx'), contrib('QAttention', 'q w b sx sw', 'y', {num_heads: 3})],
    [tensor('w', [12, 36], UINT8), tensor('b', [36]), tensor('sw', [1])],
    5520,
    // range 2·120 + 3, quantize 5·120; both scales 2·360
    240 + 3 + 600 + 8640 + 360 + 720 + 3150,
  ],
  // 4 new tokens behind 6: 34 pairs of 4 heads of 4
  [
    'GroupQueryAttention',
    [1, 4, 16],
    contrib('GroupQueryAttention', 'x k v past_k past_v', 'y pk pv', {num_heads: 4, kv_num_heads: 2}),
    [],
    1088,
    2176 + 680,
    17,
    [...kv, ...groups],
  ],
  // rotation: 3 per channel of 6 heads
  [
    'GroupQueryAttention with rotary positions',
    [1, 4, 16],
    contrib('GroupQueryAttention', 'x k v past_k past_v _ _ c s', 'y pk pv', {
      num_heads: 4,
      kv_num_heads: 2,
      do_rotary: 1,
    }),
    [tensor('c', [32, 2]), tensor('s', [32, 2])],
    1088,
    2856 + 288,
    17,
    [...kv, ...groups],
  ],
  // each token sees 3: itself and two before it
  [
    'GroupQueryAttention with a window, all three packed',
    [1, 4, 32],
    contrib('GroupQueryAttention', 'x _ _ past_k past_v', 'y pk pv', {
      num_heads: 4,
      kv_num_heads: 2,
      local_window_size: 3,
    }),
    [],
    384,
    768 + 240,
    17,
    groups,
  ],
  // a mask adds 1 per score, a cap takes 3
  [
    'Attention with mask and cap',
    [1, 2, 5, 4],
    node('Attention', 'x x x m', 'y', {softcap: {float: 50}}),
    [tensor('m', [5, 5])],
    400,
    800 + 50 * (5 + 1 + 3),
    23,
  ],
  // 2 words, places, kinds: two sums, then 7 per value and 5 per row
  [
    'EmbedLayerNormalization',
    [2, 4],
    contrib('EmbedLayerNormalization', 'x t a b c g h', 'y m'),
    [tensor('a', [10, 8]), tensor('b', [16, 8]), tensor('c', [2, 8]), tensor('g', [8]), tensor('h', [8])],
    0,
    128 + 448 + 40,
    17,
    [value('t', [2, 4], INT64)],
  ],
  [
    'FusedConv with an activation',
    [1, 3, 8, 8],
    contrib('FusedConv', 'x w', 'y', {pads: [1, 1, 1, 1], activation: 'Relu'}),
    [tensor('w', [4, 3, 3, 3])],
    6912,
    13_824 + 256,
  ],
  [
    'FusedGemm with an activation',
    [3, 4],
    contrib('FusedGemm', 'x w', 'y', {activation: 'LeakyRelu'}),
    [tensor('w', [4, 5])],
    60,
    120 + 30,
  ],
  // every result: scale, round, zero point, two limits
  [
    'QLinearConv',
    [1, 3, 8, 8],
    node('QLinearConv', 'x s z w s z s z', 'y', {pads: [1, 1, 1, 1]}),
    [tensor('w', [4, 3, 3, 3], UINT8), tensor('s', []), tensor('z', [], UINT8)],
    6912,
    13_824 + 5 * 256,
  ],
  // 64 positions, 3 channels, 9 taps between four neighbours each
  [
    'DeformConv',
    [1, 3, 8, 8],
    node('DeformConv', 'x w o', 'y', {pads: [1, 1, 1, 1]}),
    [tensor('w', [4, 3, 3, 3]), tensor('o', [1, 18, 8, 8])],
    6912,
    13_824 + 9 * 64 * 27,
    19,
  ],
  [
    'QLinearAdd',
    [2, 8],
    contrib('QLinearAdd', 'x s z b s z s z', 'y'),
    [tensor('b', [8], UINT8), tensor('s', []), tensor('z', [], UINT8)],
    0,
    16 * 10,
  ],
  [
    'DynamicQuantizeMatMul',
    [3, 4],
    contrib('DynamicQuantizeMatMul', 'x w s', 'y'),
    [tensor('w', [4, 5], UINT8), tensor('s', [1])],
    60,
    24 + 3 + 60 + 120 + 2 * 15,
  ],
  // 12 rows through 2 of 4 experts: choice 5·24 + 6·4·2, two products, 16 channels of ReLU, sum of two
  [
    'MoE',
    [6, 8],
    contrib('MoE', 'x r a _ b', 'y', {k: 2}),
    [tensor('a', [4, 16, 8]), tensor('b', [4, 8, 16])],
    3072,
    6144 + 120 + 48 + 192 + 144,
    17,
    [value('r', [6, 4])],
  ],
  // the same in 4 bits: 4 experts' weights widened
  [
    'QMoE',
    [6, 8],
    contrib('QMoE', 'x r a s _ b t', 'y', {k: 2, expert_weight_bits: 4}),
    [tensor('a', [4, 16, 4], UINT8), tensor('s', [4, 16]), tensor('b', [4, 8, 8], UINT8), tensor('t', [4, 8])],
    3072,
    6648 + 1024,
    17,
    [value('r', [6, 4])],
  ],
  // 4 of 8 channels of 2 heads and 5 tokens turn
  [
    'RotaryEmbedding of a part',
    [1, 2, 5, 8],
    contrib('RotaryEmbedding', 'x p c s', 'y', {rotary_embedding_dim: 4, num_heads: 2}),
    [tensor('p', [1, 5], INT64), tensor('c', [8, 2]), tensor('s', [8, 2])],
    0,
    3 * 40,
  ],
  // 5·8·3 for 8 complex points, half of it for real ones
  ['DFT', [1, 8, 1], node('DFT', 'x', 'y', {axis: 1}), [], 0, 60],
  ['DFT of complex numbers', [3, 8, 2], node('DFT', 'x _ a', 'y'), [tensor('a', [], INT64, [1])], 0, 360, 20],
  // 4 frames of 8 in 20 samples, 4 apart
  [
    'STFT',
    [1, 20, 1],
    node('STFT', 'x step _ length', 'y'),
    [tensor('step', [], INT64, [4]), tensor('length', [], INT64, [8])],
    0,
    4 * 60,
  ],
  ['RandomNormalLike', [3, 4], node('RandomNormalLike', 'x', 'y'), [], 0, 6 * 12],
  // two coordinates of 20 points of 2 images: 4 each
  ['AffineGrid', [2, 2, 3], node('AffineGrid', 'x s', 'y'), [tensor('s', [4], INT64, [2, 3, 4, 5])], 0, 320, 20],
  ['BitShift', [4], node('BitwiseNot', 'x', 'y'), [], 0, 0, 18],
  // 4 per score and 3 per row, then their mean
  [
    'SoftmaxCrossEntropyLoss',
    [3, 10],
    node('SoftmaxCrossEntropyLoss', 'x l', 'y'),
    [tensor('l', [3], INT64)],
    0,
    4 * 30 + 3 * 3 + 3 + 1,
  ],
  [
    'NegativeLogLikelihoodLoss, not folded',
    [3, 10],
    node('NegativeLogLikelihoodLoss', 'x l', 'y', {reduction: 'none'}),
    [tensor('l', [3], INT64)],
    0,
    0,
  ],
  [
    'GroupNorm with channels last',
    [2, 3, 3, 8],
    contrib('GroupNorm', 'x g b', 'y', {groups: 4, activation: 1}),
    [tensor('g', [8]), tensor('b', [8])],
    0,
    // 7 per value and 5 per group, then a SiLU of 3
    7 * 144 + 5 * 8 + 3 * 144,
  ],
]
